from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from scipy import stats

from exporter.statistics import Sample, ks_noise_floor, ks_p_value, ks_statistic
from exporter.statistics import kolmogorov as module

columns = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40)
tied = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=40)


@given(st.one_of(columns, tied), st.one_of(columns, tied))
def test_agrees_with_scipy_exactly(a: list[float], b: list[float]) -> None:
    """Statistic and exact p-value are SciPy's, with and without ties."""
    try:
        theirs = stats.ks_2samp(a, b, method="exact")
    except (
        RuntimeWarning
    ):  # SciPy's sum for samples of one size may round to more than 1 and is then given up
        reject()
    d = ks_statistic(Sample.of(a), Sample.of(b))
    assert d == pytest.approx(theirs.statistic, abs=1e-15)
    assert ks_p_value(d, len(a), len(b)) == pytest.approx(theirs.pvalue, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(37, 190), (200, 200), (61, 300)])
def test_exact_up_to_four_hundred(rng: np.random.Generator, n: int, m: int) -> None:
    """Middle-sized samples agree too, far out in the tail."""
    a, b = rng.normal(size=n), rng.normal(1.1, size=m)
    theirs = stats.ks_2samp(a, b, method="exact")
    assert theirs.pvalue < 1e-6
    assert ks_p_value(ks_statistic(Sample.of(a), Sample.of(b)), n, m) == pytest.approx(
        theirs.pvalue, rel=1e-11
    )


def test_large_samples_use_the_limit_distribution(rng: np.random.Generator) -> None:
    """Beyond, the p-value is that of SciPy's kstwobign."""
    a, b = Sample.of(rng.normal(size=3000)), Sample.of(rng.normal(0.05, size=2000))
    d = ks_statistic(a, b)
    assert d == pytest.approx(stats.ks_2samp(rep(a), rep(b)).statistic, abs=1e-15)
    expected = stats.kstwobign.sf(d * math.sqrt(1200.0))
    assert ks_p_value(d, 3000, 2000) == pytest.approx(expected, rel=1e-12)


def rep(sample: Sample) -> np.ndarray:
    """The observations of a sample."""
    return np.repeat(sample.values, sample.counts)


@pytest.mark.parametrize(("n", "m"), [(201, 200), (100, 500), (50, 1000), (300, 301)])
def test_the_limit_is_close_and_safe_in_the_tail(n: int, m: int) -> None:
    """From 1 % down to 1e-6 it is at least the exact p-value, and at most 2.1 times it."""
    for target in (1e-2, 1e-3, 1e-4, 1e-6):
        d = math.sqrt(-0.5 * math.log(target / 2) * (1 / n + 1 / m))
        least = math.ceil(d * math.lcm(n, m))
        exact = module._exact(least, n, m)
        assert 1.0 <= ks_p_value(least / math.lcm(n, m), n, m) / exact < 2.1


def test_identity_and_its_opposite() -> None:
    """Equal samples: 0 and 1. Separate ones: 1 and the smallest p-value there is."""
    same, other = Sample.of([1.0, 2.0, 3.0]), Sample.of([7.0, 8.0, 9.0])
    assert (ks_statistic(same, same), ks_p_value(0.0, 3, 3)) == (0.0, 1.0)
    assert ks_statistic(same, other) == 1.0
    assert ks_p_value(1.0, 3, 3) == pytest.approx(0.1)


@given(columns, columns)
def test_symmetric(a: list[float], b: list[float]) -> None:
    """Which sample is the reference does not matter."""
    x, y = Sample.of(a), Sample.of(b)
    assert ks_statistic(x, y) == ks_statistic(y, x)
    assert ks_p_value(0.4, len(a), len(b)) == pytest.approx(ks_p_value(0.4, len(b), len(a)), rel=1e-10)


def test_a_statistic_between_two_steps_counts_as_the_next() -> None:
    """Less its error bound, a statistic need not be a multiple of 1 / lcm."""
    assert ks_p_value(0.39, 10, 10) == ks_p_value(0.4, 10, 10)
    assert ks_p_value(0.41, 10, 10) == ks_p_value(0.5, 10, 10)


def test_one_outlier_neither_hides_nor_alarms(rng: np.random.Generator) -> None:
    """One value of 1e6 moves the statistic by at most 1 / n."""
    reference = Sample.of(rng.normal(size=10_000))
    for shift in (0.0, 1.0):
        values = rng.normal(shift, size=999)
        clean = ks_statistic(reference, Sample.of(values))
        spoilt = ks_statistic(reference, Sample.of(np.append(values, 1e6)))
        assert abs(clean - spoilt) <= 1e-3
        assert (ks_p_value(spoilt, 10_000, 1000) < 1e-6) is (shift == 1.0)


def test_extreme_values() -> None:
    """The ends of the float range, -0.0 and integers beyond 2**53 are values like others."""
    top = float(np.finfo(np.float64).max)
    assert ks_statistic(Sample.of([-top, top]), Sample.of([top])) == 0.5
    assert ks_statistic(Sample.of([-0.0]), Sample.of([0.0])) == 0.0
    assert ks_statistic(Sample.of([2**53]), Sample.of([2**53 + 2])) == 1.0


def test_compression_moves_the_statistic_by_at_most_its_error(rng: np.random.Generator) -> None:
    """A compressed reference gives the statistic to within the stated bound."""
    values, current = rng.exponential(size=20_000), Sample.of(rng.exponential(1.1, size=3000))
    exact, small = Sample.of(values), Sample.of(values).compress(100)
    difference = abs(ks_statistic(exact, current) - ks_statistic(small, current))
    assert 0.0 < difference <= small.ks_error


def test_more_observations_than_an_integer_holds() -> None:
    """Counts whose product passes 2**62 still compare, in floats."""
    many = Sample(np.array([0.0, 1.0]), np.array([2**40, 2**40]))
    other = Sample(np.array([0.0, 1.0]), np.array([2**38, 3 * 2**38]))
    assert ks_statistic(many, other) == pytest.approx(0.25, abs=1e-15)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (100, 10_000), (5000, 5000)])
def test_noise_floor_is_where_the_p_value_is_alpha(n: int, m: int) -> None:
    """The floor's p-value is alpha; exactly so for large samples, and not above it for small ones."""
    floor = ks_noise_floor(0.01, n, m)
    assert ks_p_value(floor, n, m) <= 0.01 * (1 + 1e-9)
    assert ks_p_value(0.9 * floor, n, m) > 0.01


def test_noise_floor_is_at_most_one() -> None:
    """Two observations cannot be further apart than 1."""
    assert ks_noise_floor(1e-6, 1, 1) == 1.0
