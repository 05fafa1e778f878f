"""Tests between a reference and a current sample: a statistic, its effect size, its p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, stdtr

from ..errors import InsufficientDataError
from .distances import Counts, shares
from .ecdf import cdf_difference
from .moments import Moments
from .sample import Floats, Sample

# W. G. Cochran, The chi-square test of goodness of fit, Ann. Math. Stat. 23(3), 1952: the chi-square
# approximation of a table needs expected counts of about five.
LEAST_EXPECTED_COUNT = 5.0


def ks_statistic(reference: Sample, current: Sample) -> float:
    """Two-sample Kolmogorov-Smirnov statistic: the largest distance between the distribution functions.

    Parameters
    ----------
    reference, current : Sample
        For compressed ones the statistic is within ``reference.ks_error + current.ks_error`` of the exact one;
        a p-value is taken at the statistic less that bound, so that compression cannot raise an alarm.

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
class ChiSquare:
    """Result of `chi_square`.

    Attributes
    ----------
    statistic : float
        Pearson's, after pooling.
    p_value : float
        Upper tail of the chi-square distribution.
    degrees_of_freedom : int
        Categories after pooling, less one; 0 when nothing is left to compare.
    cramers_v : float
        Effect size from 0 to 1 of the table as given, without pooling, both samples weighing the same, so that
        it does not shrink with the ratio of their sizes.
    pooled : int
        Number of categories that were put together because they are rare.
    """

    statistic: float
    p_value: float
    degrees_of_freedom: int
    cramers_v: float
    pooled: int


def chi_square(reference: Counts, current: Counts) -> ChiSquare:
    """Pearson's chi-square test of homogeneity of two sets of category counts.

    Parameters
    ----------
    reference, current : array-like of shape (n_categories,)
        Counts of the same categories. Rare ones are pooled, rarest first, until each cell of the table expects
        at least five observations. Only the sums over both samples decide what is pooled.

    Returns
    -------
    ChiSquare
        Agrees with ``scipy.stats.chi2_contingency(correction=False)`` where nothing is pooled.

    Raises
    ------
    InsufficientDataError
        If either sample is empty.

    References
    ----------
    K. Pearson, On the criterion ..., Philosophical Magazine 50, 1900; H. Cramer, Mathematical Methods of
    Statistics, 1946.
    """
    p, q, n, m = shares(reference, current)
    effect = _balanced_v(p, q)
    pooled, (a, b) = _pool_rare(p * n, q * m, n, m)
    degrees = a.size - 1
    if degrees < 1:
        return ChiSquare(0.0, 1.0, 0, effect, pooled)
    difference = a / n - b / m
    # For two rows the cells' terms add up to this.
    statistic = float(n * m * (difference**2 / (a + b)).sum())
    return ChiSquare(statistic, float(chdtrc(degrees, statistic)), degrees, effect, pooled)


def _balanced_v(p: Floats, q: Floats) -> float:
    """Cramer's V of two equally weighted samples with these shares."""
    total = p + q
    occupied = total > 0.0
    return min(math.sqrt(0.5 * float(((p - q)[occupied] ** 2 / total[occupied]).sum())), 1.0)


def _pool_rare(a: Floats, b: Floats, n: float, m: float) -> tuple[int, tuple[Floats, Floats]]:
    """How many categories were pooled, and both samples' counts with the rarest put together at the front."""
    totals = a + b
    order = totals.argsort(kind="stable")
    order = order[totals[order] > 0.0]
    a, b, totals = a[order], b[order], totals[order]
    needed = LEAST_EXPECTED_COUNT * (n + m) / min(n, m)
    rare = int(np.searchsorted(totals, needed, side="left"))
    if rare == 0:
        return 0, (a, b)
    if rare < totals.size and totals[:rare].sum() < needed:
        rare += 1
    return rare, (np.append(a[rare:], a[:rare].sum()), np.append(b[rare:], b[:rare].sum()))


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
