"""Quality of a window beyond single columns: correlations that changed, outliers, repeated and old rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .blocks import distinct
from .statistics.multiple import benjamini_hochberg

Floats = NDArray[np.float64]

ROBUST_Z: Final = 6.0
"""Robust standard deviations from the median from which a value is an outlier: two of a billion normal
values. Iglewicz and Hoaglin (1993) propose 3.5 for small samples by eye, which calls one value in 2,000 of a
normal column, and many of a skewed one."""

MAD_TO_SIGMA: Final = 1.4826
"""Median absolute deviation to standard deviation of a normal column."""

ROWS_A_BLOCK: Final = 10_000
"""Rows of one matrix product: 4 MB at fifty columns."""

MAX_CORRELATED: Final = 50
"""Numeric columns whose correlations are kept, the first ones: 1,225 pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Correlations:
    """Rank correlations of numeric columns.

    Attributes
    ----------
    names : tuple of str
        The columns.
    matrix : ndarray of shape (n_columns, n_columns)
        Spearman's correlation of each pair on the rows where both are there; NaN where it is not defined.
    rows : ndarray of shape (n_columns, n_columns)
        Rows behind each.
    """

    names: tuple[str, ...]
    matrix: Floats
    rows: Floats

    @classmethod
    def of(cls, columns: Mapping[str, Floats]) -> Correlations:
        """Correlations of float64 columns of equal length."""
        names = tuple(columns)[:MAX_CORRELATED]
        if not names:
            return cls(names, np.empty((0, 0)), np.empty((0, 0)))
        known = np.column_stack([np.isfinite(columns[name]) for name in names]).astype(np.float64)
        ranks = np.column_stack([_ranks(columns[name]) for name in names])
        matrix, rows = _pairwise_pearson(ranks, known)
        return cls(names, matrix, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationChange:
    """How correlations of a window differ from the reference's.

    Attributes
    ----------
    largest : float
        Largest significant change of a pair, 0 to 2; 0 where none is significant.
    pairs : tuple of (str, str, float, float)
        Significant pairs with their correlation before and now, the largest change first.
    tested : int
        Pairs that could be compared.
    """

    largest: float
    pairs: tuple[tuple[str, str, float, float], ...]
    tested: int


def correlation_change(
    reference: Correlations, current: Correlations, alpha: float, min_samples: int
) -> CorrelationChange | None:
    """Pairs whose correlation changed, by Fisher's z corrected for their number; None if none is known.

    References
    ----------
    E. C. Fieller, H. O. Hartley, E. S. Pearson, Tests for rank correlation coefficients, Biometrika 44, 1957:
    the variance of Fisher's z of Spearman's correlation is 1.06 / (n - 3).
    """
    at = {name: i for i, name in enumerate(current.names)}
    common = [(name, i, at[name]) for i, name in enumerate(reference.names) if name in at]
    found: list[tuple[str, str, float, float]] = []
    p_values: list[float] = []
    for second, (b, i, k) in enumerate(common):
        for a, j, m in common[:second]:
            before, now = reference.matrix[i, j], current.matrix[k, m]
            n_before, n_now = reference.rows[i, j], current.rows[k, m]
            if min(n_before, n_now) < max(min_samples, 4) or not (np.isfinite(before) and np.isfinite(now)):
                continue
            z = (_fisher(now) - _fisher(before)) / math.sqrt(1.06 / (n_before - 3) + 1.06 / (n_now - 3))
            found.append((a, b, float(before), float(now)))
            p_values.append(2.0 * float(ndtr(-abs(z))))
    if not found:
        return None
    significant = np.flatnonzero(benjamini_hochberg(p_values) <= alpha).tolist()
    pairs = sorted((found[i] for i in significant), key=lambda pair: -abs(pair[3] - pair[2]))
    largest = abs(pairs[0][3] - pairs[0][2]) if pairs else 0.0
    return CorrelationChange(largest=largest, pairs=tuple(pairs), tested=len(found))


def robust_outliers(values: Floats, median: float, mad: float) -> NDArray[np.bool_]:
    """Which values lie beyond `ROBUST_Z` robust standard deviations; none without a spread."""
    if mad <= 0.0:
        return np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.abs(values - median) > ROBUST_Z * MAD_TO_SIGMA * mad)


def repeated_rows(columns: Sequence[NDArray[np.generic] | NDArray[np.object_]]) -> int:
    """Rows that are equal to an earlier one in every column."""
    if not columns or not len(columns[0]):
        return 0
    # NaN differs from itself and repeats all the same.
    comparable = [
        [None if value != value else value for value in column.tolist()]  # noqa: PLR0124
        for column in columns
    ]
    rows = list(zip(*comparable, strict=True))
    try:
        return len(rows) - len(distinct(rows))
    except TypeError:  # a column of lists or dicts, whose text can be compared
        return len(rows) - len(set(map(str, rows)))


def robust_spread(values: Floats, weights: NDArray[np.int64]) -> tuple[float, float]:
    """Median and median absolute deviation of a distribution given by ascending values and their weights."""
    median = _weighted_median(values, weights)
    distances = np.abs(values - median)
    order = np.argsort(distances, kind="stable")
    return median, _weighted_median(distances[order], weights[order])


def _weighted_median(ascending: Floats, weights: NDArray[np.int64]) -> float:
    cumulative = np.cumsum(weights)
    return float(ascending[np.searchsorted(cumulative, cumulative[-1] / 2.0)])


def _ranks(values: Floats) -> Floats:
    """Average ranks; those of NaN are never used."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(values) else order
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends - 1) / 2.0, ends - starts)
    return ranks


def _pairwise_pearson(values: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Correlation of each pair of columns over the rows where both are known, and how many those are.

    Four matrix products in blocks of rows stand for a loop over pairs, seconds long at a hundred columns.
    """
    # Centred and within one, so that the sums lose no digits.
    scaled = np.where(known > 0.0, (values + 0.5) / max(len(values), 1) - 0.5, 0.0)
    n_columns = values.shape[1]
    rows, sums, squares, products = (np.zeros((n_columns, n_columns)) for _ in range(4))
    for start in range(0, len(values), ROWS_A_BLOCK):
        part, there = scaled[start : start + ROWS_A_BLOCK], known[start : start + ROWS_A_BLOCK]
        rows += there.T @ there
        sums += part.T @ there
        squares += (part * part).T @ there
        products += part.T @ part
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = squares - sums * sums / rows
        # What is left of a constant column is rounding.
        spread[spread <= squares * len(values) * np.finfo(float).eps] = 0.0
        matrix = (products - sums * sums.T / rows) / np.sqrt(spread * spread.T)
    matrix[~np.isfinite(matrix)] = np.nan
    np.fill_diagonal(matrix, np.nan)
    np.fill_diagonal(rows, 0.0)
    return np.clip(matrix, -1.0, 1.0), rows


def _fisher(correlation: float) -> float:
    return math.atanh(max(min(correlation, 1.0 - 1e-9), -1.0 + 1e-9))
