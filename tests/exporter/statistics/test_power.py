from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from exporter.statistics import (
    Moments,
    Sample,
    homogeneity_p_value,
    ks_p_value,
    ks_statistic,
    mean_shift,
    minimum_detectable,
    psi,
    variance_ratio,
)

N, M, BINS, ALPHA, POWER = 500, 5000, 10, 0.001, 0.8
TESTS = ["psi", "jensen_shannon", "hellinger", "chi_square", "ks", "mean_shift", "variance_ratio"]


def test_a_psi_of_this_size_is_found(rng: np.random.Generator) -> None:
    """Bins tilted to the detectable PSI are called different in about four of five samples."""
    wanted = minimum_detectable("psi", ALPHA, POWER, N, M, BINS)
    equal = np.full(BINS, 1 / BINS)
    tilt = np.linspace(-1.0, 1.0, BINS)

    weights = np.exp(np.linspace(0.0, 1.0, 1001)[:, None] * tilt)
    tilted = weights / weights.sum(axis=1, keepdims=True)
    shares = tilted[np.searchsorted([psi(equal, each) for each in tilted], wanted)]
    found = [
        homogeneity_p_value(rng.multinomial(M, equal), rng.multinomial(N, shares)) <= ALPHA
        for _ in range(1500)
    ]
    assert 0.65 < np.mean(found) < 0.87


def test_a_shift_of_this_size_is_found_by_ks_at_least(rng: np.random.Generator) -> None:
    """A normal column shifted to the detectable distance is found more often than promised."""
    distance = minimum_detectable("ks", ALPHA, POWER, N, M)
    shift = 2 * stats.norm.ppf((distance + 1) / 2)
    found = []
    for _ in range(200):
        d = ks_statistic(Sample.of(rng.normal(size=M)), Sample.of(rng.normal(shift, size=N)))
        found.append(ks_p_value(d, N, M) <= ALPHA)
    assert np.mean(found) > POWER


def test_means_and_spreads_of_this_size_are_found(rng: np.random.Generator) -> None:
    """Normal columns with the detectable mean or variance are found in about four of five samples."""
    d = minimum_detectable("mean_shift", ALPHA, POWER, N, M)
    ratio = minimum_detectable("variance_ratio", ALPHA, POWER, N, M)
    shifted, widened = [], []
    for _ in range(400):
        reference, current = rng.normal(size=M), rng.normal(size=N)
        shift = mean_shift(Moments.of(reference), Moments.of(current + d))
        shifted.append(shift.guarded_p_value <= ALPHA)
        spread = variance_ratio(Sample.of(reference), Sample.of(current * math.sqrt(ratio)))
        widened.append(spread.guarded_p_value <= ALPHA)
    assert 0.7 < np.mean(shifted) < 0.9
    assert 0.7 < np.mean(widened) < 0.9


def test_textbook_value() -> None:
    """Two groups of 64 find half a standard deviation at 5 % with a power of 0.8 (Cohen, 1988)."""
    assert minimum_detectable("mean_shift", 0.05, 0.8, 64, 64) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("test", TESTS)
def test_more_data_find_less(test: str) -> None:
    """The detectable effect falls with the sample size and rises with power and strictness."""
    base = minimum_detectable(test, ALPHA, POWER, N, M)
    assert minimum_detectable(test, ALPHA, POWER, 10 * N, 10 * M) < base
    assert minimum_detectable(test, ALPHA, 0.95, N, M) > base
    assert minimum_detectable(test, 1e-5, POWER, N, M) > base


def test_one_quadratic_form() -> None:
    """The effects on bins are one change in four units."""
    index = minimum_detectable("psi", ALPHA, POWER, N, M)
    assert minimum_detectable("jensen_shannon", ALPHA, POWER, N, M) == pytest.approx(index / 8 / math.log(2))
    assert minimum_detectable("hellinger", ALPHA, POWER, N, M) ** 2 == pytest.approx(index / 8)
    assert minimum_detectable("chi_square", ALPHA, POWER, N, M) ** 2 == pytest.approx(index / 4)


def test_out_of_reach() -> None:
    """Few observations find no KS beyond 1, and no spread at all."""
    assert minimum_detectable("ks", 1e-6, 0.8, 5, 5) == 1.0
    assert minimum_detectable("variance_ratio", 1e-6, 0.8, 5, 5) == math.inf


def test_refuses_what_it_does_not_know() -> None:
    """Another test or level is a mistake of the caller."""
    with pytest.raises(ValueError, match="test='wasserstein', need one of ks"):
        minimum_detectable("wasserstein", 0.01, 0.8, 100, 100)
    with pytest.raises(ValueError, match="power: found 1"):
        minimum_detectable("psi", 0.01, 1.0, 100, 100)
