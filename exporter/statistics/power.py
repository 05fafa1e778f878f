"""How large a change must be for a test to find it.

First-order approximations of the power of each test: non-central chi-square for what is computed on bins, a
normal distribution for KS at the point of the largest difference, for the mean and for the spread of normal
columns. For power 0.8 the simulated frequencies are 0.70 to 0.80 on bins, 0.75 to 0.80 for the mean and
0.76 to 0.81 for the spread of normal columns (100 to 5,000 against 100 to 50,000 observations, alpha 0.01
to 0.0001). KS is given as a guarantee for any change of that size; a shifted normal column is found with
0.95 to 0.97.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from scipy.special import chdtri, chndtrinc, ndtri

from .nulls import ks_noise_floor, require_level

DetectableTest: TypeAlias = Literal[
    "psi", "jensen_shannon", "hellinger", "chi_square", "ks", "mean_shift", "variance_ratio"
]

# Of a normal column, abs(x - median) has a standard deviation of 0.76 times its mean.
_SPREAD_OF_DISTANCES = math.sqrt(math.pi / 2.0 - 1.0)
# The spread found so is a fixed point that few steps come close to; one this large is out of reach.
_STEPS, _LARGEST_SPREAD = 100, 1e6


def minimum_detectable(
    test: DetectableTest | str, alpha: float, power: float, n: int, m: int, n_bins: int = 10
) -> float:
    """The smallest true effect that a test at level `alpha` finds with probability `power`.

    Parameters
    ----------
    test : str
        One of `DetectableTest`. Wasserstein has no test of its own; KS stands for it.
    alpha : float
        Level of the single test. Among t tests of which one is true, Benjamini and Hochberg's procedure
        works at alpha / t.
    power : float
        Between 0 and 1; 0.8 by convention.
    n, m : int
        Numbers of observations of the current sample and of the reference.
    n_bins : int
        Bins that hold anything, for tests on counts.

    Returns
    -------
    float
        In the unit of the test's effect: PSI; Jensen-Shannon divergence in bits; Hellinger distance;
        Cramer's V of equally weighted samples; KS statistic; Cohen's d; ratio of variances above 1 (below,
        its reciprocal).

    Raises
    ------
    ValueError
        For another test, or a level or power that is not a probability.

    Examples
    --------
    >>> round(minimum_detectable("mean_shift", 0.05, 0.8, 64, 64), 2)
    0.5
    """
    require_level("alpha", alpha)
    require_level("power", power)
    rate = 1.0 / n + 1.0 / m
    if test == "ks":
        # At the point of the largest difference, a share has a standard error of at most sqrt(rate) / 2.
        return float(min(ks_noise_floor(alpha, n, m) + ndtri(power) * math.sqrt(rate) / 2.0, 1.0))
    level, reach = float(-ndtri(alpha / 2.0)), float(ndtri(power))
    if test == "mean_shift":
        return (level + reach) * math.sqrt(rate)
    if test == "variance_ratio":
        return _detectable_spread(level, reach, n, m) ** 2
    freedom = max(n_bins - 1, 1)
    psi = float(chndtrinc(chdtri(freedom, alpha), freedom, 1.0 - power)) * rate
    # To second order all of these are one quadratic form of the change.
    effects = {
        "psi": psi,
        "jensen_shannon": psi / (8.0 * math.log(2.0)),
        "hellinger": math.sqrt(psi / 8.0),
        "chi_square": math.sqrt(psi) / 2.0,
    }
    if test not in effects:
        known = ", ".join(["ks", "mean_shift", "variance_ratio", *effects])
        raise ValueError(f"minimum_detectable: found test={test!r}, need one of {known}")
    return effects[test] if test == "psi" else min(effects[test], 1.0)


def _detectable_spread(level: float, reach: float, n: int, m: int) -> float:
    """Ratio of standard deviations that `variance_ratio` finds; infinite if there is none."""
    ratio = 1.0
    for _ in range(_STEPS):
        # A current sample that is wider is also measured less precisely.
        own = math.sqrt(ratio**2 / n + 1.0 / m)
        pooled = math.sqrt((n * ratio**2 + m) / (n + m) * (1.0 / n + 1.0 / m))
        ratio = 1.0 + _SPREAD_OF_DISTANCES * (level * max(own, pooled) + reach * own)
        if ratio > _LARGEST_SPREAD:
            return math.inf
    return ratio
