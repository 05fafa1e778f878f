"""Tests between a reference and a current sample: a statistic, its effect size, its p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from ..errors import InsufficientDataError
from .contingency import ChiSquare as ChiSquare  # noqa: PLC0414  # one door to the two-sample tests
from .contingency import chi_square as chi_square  # noqa: PLC0414  # same
from .ecdf import cdf_difference
from .moments import Moments
from .sample import Sample


def ks_statistic(reference: Sample, current: Sample) -> float:
    """Two-sample Kolmogorov-Smirnov statistic: the largest distance between the distribution functions.

    Parameters
    ----------
    reference, current : Sample
        For compressed ones the statistic is within ``reference.ks_error + current.ks_error`` of the exact
        one; take a p-value at the statistic less that bound, so that compression cannot raise an alarm.

    Returns
    -------
    float
        From 0 to 1, as ``scipy.stats.ks_2samp(...).statistic``. One observation moves it by at most 1 / n,
        however large the value.

    Examples
    --------
    >>> ks_statistic(Sample.of([1.0, 2.0]), Sample.of([2.0, 3.0]))
    0.5
    """
    return cdf_difference(reference, current).ks()


@dataclass(frozen=True, slots=True)
class MeanShift:
    """Result of `mean_shift`.

    Attributes
    ----------
    cohens_d : float
        Difference in pooled standard deviations, signed; infinite between different constants.
    difference : float
        Current mean less reference mean, in the unit of the column.
    z : float
        Difference in its own standard errors (Welch's t).
    p_value : float
        Two-sided.
    """

    cohens_d: float
    difference: float
    z: float
    p_value: float


def mean_shift(reference: Moments, current: Moments) -> MeanShift:
    """Welch's test of equal means."""
    n, m = reference.n, current.n
    if min(n, m) < 2:
        raise InsufficientDataError(f"mean_shift: found {n} and {m} observations, need at least 2 in each")
    difference = current.mean - reference.mean
    if difference == 0.0:
        return MeanShift(0.0, 0.0, 0.0, 1.0)
    unit = max(reference.std, current.std)
    if unit == 0.0:
        return MeanShift(
            math.copysign(math.inf, difference), difference, math.copysign(math.inf, difference), 0.0
        )
    s, t = (reference.std / unit) ** 2, (current.std / unit) ** 2
    pooled = math.sqrt((n * s + m * t) / (n + m - 2))
    d = difference / unit
    a, b = s / (n - 1), t / (m - 1)
    z = d / math.sqrt(a + b)
    freedom = (a + b) ** 2 / (a * a / (n - 1) + b * b / (m - 1))
    return MeanShift(d / pooled, difference, z, float(2.0 * stdtr(freedom, -abs(z))))


@dataclass(frozen=True, slots=True)
class VarianceRatio:
    """Result of `variance_ratio`.

    Attributes
    ----------
    ratio : float
        Variance of the current sample over that of the reference.
    p_value : float
        Two-sided.
    """

    ratio: float
    p_value: float


def variance_ratio(reference: Moments, current: Moments) -> VarianceRatio:
    """Test of equal variances that allows for the kurtosis of both samples (Layard)."""
    n, m = reference.n, current.n
    if min(n, m) < 2:
        raise InsufficientDataError(
            f"variance_ratio: found {n} and {m} observations, need at least 2 in each"
        )
    if reference.std == current.std:
        return VarianceRatio(1.0, 1.0)
    if reference.std == 0.0 or current.std == 0.0:
        return VarianceRatio(math.inf if reference.std == 0.0 else 0.0, 0.0)
    relative = current.std / reference.std
    ratio = relative**2 * (m / (m - 1)) / (n / (n - 1))
    kurtosis = (n * reference.kurtosis + m * current.kurtosis) / (n + m)
    error = math.sqrt(max(kurtosis - 1.0, 0.0) * (1.0 / n + 1.0 / m))
    z = math.log(ratio) / error if error > 0.0 else math.copysign(math.inf, math.log(ratio))
    return VarianceRatio(ratio, float(2.0 * ndtr(-abs(z))))
