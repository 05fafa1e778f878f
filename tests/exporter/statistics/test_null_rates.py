"""False alarms without drift, counted: each test keeps its level.

The docstrings of the modules give tables from larger simulations; these repeat the cases that went wrong
before the corrections, small enough to run each time. Bounds leave four standard errors above the promise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from exporter.statistics import (
    Moments,
    Sample,
    chi_square,
    hellinger,
    hellinger_p_value,
    homogeneity_p_value,
    jensen_shannon_divergence,
    jensen_shannon_p_value,
    ks_p_value,
    ks_statistic,
    mean_shift,
    psi,
    psi_p_value,
    variance_ratio,
)

Shares = np.ndarray


def rate(p_values: list[float], alpha: float) -> float:
    """Share of p-values at or below alpha, in units of alpha."""
    return float(np.mean(np.array(p_values) <= alpha)) / alpha


def allowed(trials: int, alpha: float, factor: float = 1.0) -> float:
    """The promise in units of alpha, and what four standard errors add to it."""
    return factor + 4.0 * math.sqrt(factor / (trials * alpha))


def equal(k: int) -> Shares:
    """Bins of one size."""
    return np.full(k, 1 / k)


def unequal(k: int) -> Shares:
    """Shares that fall with the square of their rank."""
    weights: Shares = 1.0 / np.arange(1, k + 1) ** 2
    return weights / float(weights.sum())


def tables(
    rng: np.random.Generator, shares: Shares, n: int, m: int, trials: int
) -> list[tuple[np.ndarray, ...]]:
    """Reference and current counts without drift."""
    return list(zip(rng.multinomial(m, shares, trials), rng.multinomial(n, shares, trials), strict=True))


@pytest.mark.parametrize(
    "shares", [equal(10), equal(20), unequal(10)], ids=["equal10", "equal20", "unequal10"]
)
@pytest.mark.parametrize(("n", "m"), [(50, 50), (100, 1000), (100, 10**7)])
def test_counts(rng: np.random.Generator, shares: Shares, n: int, m: int) -> None:
    """The p-value of counts keeps its rate at 1 % and at 0.1 %."""
    trials = 5000
    p_values = [homogeneity_p_value(a, b) for a, b in tables(rng, shares, n, m, trials)]
    assert rate(p_values, 1e-2) < allowed(trials, 1e-2, 1.1)
    assert rate(p_values, 1e-3) < allowed(trials, 1e-3, 1.1)


@pytest.mark.parametrize(("n", "m", "k"), [(50, 1000, 10), (100, 1000, 20), (200, 200, 10)])
def test_counts_on_quantile_bins(rng: np.random.Generator, n: int, m: int, k: int) -> None:
    """It also does on bins that the reference made equal, whose true shares are then uncertain."""
    trials = 5000
    reference = np.diff(np.arange(k + 1) * m // k)
    shares = rng.dirichlet(reference, size=trials)
    p_values = [homogeneity_p_value(reference, rng.multinomial(n, each)) for each in shares]
    assert rate(p_values, 1e-2) < allowed(trials, 1e-2, 1.1)
    assert rate(p_values, 1e-3) < allowed(trials, 1e-3, 1.1)


def test_pearsons_test_needs_its_guard(rng: np.random.Generator) -> None:
    """With one bin that expects five, Pearson's test has over twice its level; the guarded one keeps it."""
    trials = 20_000
    results = [chi_square([900_000, 100_000], [50 - x, x]) for x in rng.binomial(50, 0.1, trials)]
    assert rate([r.p_value for r in results], 1e-3) > 2.0
    assert rate([r.guarded_p_value for r in results], 1e-3) < allowed(trials, 1e-3)


@pytest.mark.parametrize(
    ("distance", "p_value"),
    [
        (psi, psi_p_value),
        (jensen_shannon_divergence, jensen_shannon_p_value),
        (hellinger, hellinger_p_value),
    ],
)
@pytest.mark.parametrize(("n", "m", "k"), [(100, 10**7, 10), (50, 50, 5), (200, 2000, 20)])
def test_values_alone(
    rng: np.random.Generator,
    distance: Callable[..., float],
    p_value: Callable[..., float],
    n: int,
    m: int,
    k: int,
) -> None:
    """The p-values of the distances themselves keep their rate on equal bins."""
    trials = 4000
    p_values = [p_value(distance(a, b), n, m, k) for a, b in tables(rng, equal(k), n, m, trials)]
    assert rate(p_values, 1e-2) < allowed(trials, 1e-2)
    assert rate(p_values, 1e-3) < allowed(trials, 1e-3)


def test_values_alone_on_unequal_bins(rng: np.random.Generator) -> None:
    """On unequal bins they need the smallest share to keep it."""
    shares, trials = unequal(10), 4000
    values = [hellinger(a, b) for a, b in tables(rng, shares, 200, 2000, trials)]
    assumed = [hellinger_p_value(v, 200, 2000, 10) for v in values]
    told = [hellinger_p_value(v, 200, 2000, 10, float(shares.min())) for v in values]
    assert rate(assumed, 1e-2) > 3.0
    assert rate(told, 1e-2) < allowed(trials, 1e-2)


@pytest.mark.parametrize("draw", ["standard_exponential", "lognormal", "standard_cauchy"])
def test_means_and_spreads_of_skewed_columns(rng: np.random.Generator, draw: str) -> None:
    """Mean and spread of 100 skewed or heavy-tailed values against many keep their rates."""
    trials = 3000
    column = getattr(rng, draw)
    reference = Sample.of(column(size=20_000))
    moments = Moments.of_sample(reference)
    shifts, spreads = [], []
    for values in column(size=(trials, 100)):
        shifts.append(mean_shift(moments, Moments.of(values)))
        spreads.append(variance_ratio(reference, Sample.of(values)))
    assert rate([s.guarded_p_value for s in shifts], 1e-2) < allowed(trials, 1e-2, 1.1)
    assert rate([s.guarded_p_value for s in spreads], 1e-2) < allowed(trials, 1e-2, 1.1)
    if draw == "lognormal":
        assert rate([s.p_value for s in shifts], 1e-2) > 2.5


@pytest.mark.parametrize("digits", [8, 0])
def test_kolmogorov_smirnov(rng: np.random.Generator, digits: int) -> None:
    """KS keeps its rate, exact or from the limit; with ties it stays below."""
    trials = 3000
    for n, m in ((60, 90), (100, 2000)):
        reference = [Sample.of(np.round(rng.normal(size=m), digits)) for _ in range(trials // 10)]
        p_values = [
            ks_p_value(ks_statistic(reference[i % len(reference)], Sample.of(values)), m, n)
            for i, values in enumerate(np.round(rng.normal(size=(trials, n)), digits))
        ]
        assert rate(p_values, 0.05) < (allowed(trials, 0.05) if digits else 0.75)
