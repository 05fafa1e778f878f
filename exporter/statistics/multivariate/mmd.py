"""Maximum mean discrepancy with a radial kernel, and its permutation test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..sample import Floats
from .matrices import as_pair, drawn

# The unbiased statistic needs two rows.
LEAST_ROWS = 2
# The test costs the square of the rows: 5,000 against 5,000 rows of 20 columns take about a second.
MOST_ROWS = 5000
# One in 101 is the smallest p-value that 100 permutations can show.
PERMUTATIONS = 100
# Rows whose pairwise distances the bandwidth is the median of: 500 make 125,000 pairs, whose median varies
# by well under 1 %, and the kernel's reach matters to far less than that.
_BANDWIDTH_ROWS = 500
# Far below any difference that matters between sums of kernel values of about 1, far above their rounding.
_ROUNDING = 1e-12
# Blocks of the kernel matrix: 1,000 x 1,000 float64 are 8 MB. Not 1,024: rows a power of two apart share
# the same few lines of the processor's cache.
_BLOCK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class MaximumMeanDiscrepancy:
    """Result of `mmd`.

    Attributes
    ----------
    unbiased, biased : float
        MMD squared: the unbiased estimate, which may be slightly negative without drift, and the biased
        one, the squared distance of the two mean embeddings.
    p_value : float
        Share of the permutations, the data's own order among them, with at least the unbiased estimate.
    bandwidth : float
        Of the kernel ``exp(-distance**2 / (2 * bandwidth**2))``.
    permutations : int
        How many were drawn.
    rows_reference, rows_current : int
        Rows that were compared.
    sampled : bool
        Whether these are a sample of more.
    """

    unbiased: float
    biased: float
    p_value: float
    bandwidth: float
    permutations: int
    rows_reference: int
    rows_current: int
    sampled: bool


def mmd(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    permutations: int = PERMUTATIONS,
    bandwidth: float | None = None,
    most_rows: int = MOST_ROWS,
) -> MaximumMeanDiscrepancy:
    """Two-sample test by maximum mean discrepancy, for rows of several columns.

    Parameters
    ----------
    reference, current : array-like of shape (n_rows, n_columns)
        Finite numbers in comparable units (see `standardise`).
    rng : numpy.random.Generator
        Draws the permutations, and the rows where there are too many.
    permutations : int
        The smallest p-value is one over this and one.
    bandwidth : float, optional
        Without it, the median distance between rows of both samples together (over at most 500 of them).
    most_rows : int
        Of each sample. A larger one is represented by that many rows drawn at random, and the result says so.

    Returns
    -------
    MaximumMeanDiscrepancy
        In memory for a few blocks of 1,000 x 1,000 numbers, whatever the number of rows.

    Raises
    ------
    InsufficientDataError
        If either sample has fewer than two rows.
    ObservationError
        If the columns differ or a value is not finite.

    References
    ----------
    A. Gretton et al., A kernel two-sample test, J. Machine Learning Research 13, 2012.
    """
    x, y = as_pair(reference, current, least_rows=LEAST_ROWS, name="mmd")
    first, second = drawn(x, most_rows, rng), drawn(y, most_rows, rng)
    rows = np.concatenate([first, second])
    rows = rows - rows.mean(axis=0)  # distances come from products, which lose precision far from the origin
    width = _median_distance(drawn(rows, _BANDWIDTH_ROWS, rng)) if bandwidth is None else bandwidth
    if not width > 0.0:
        raise ValueError(f"mmd: found bandwidth={bandwidth!r}, need a number above 0")
    n, m = len(first), len(second)
    # One row for each way to call n of the rows the reference: the true one first, then the permuted.
    chosen = np.zeros((permutations + 1, n + m))
    chosen[:, :n] = 1.0
    rng.permuted(chosen[1:], axis=1, out=chosen[1:])
    inside, across, total = _kernel_sums(rows / width, chosen)
    outside = total - inside - 2.0 * across
    unbiased = (inside - n) / (n * (n - 1)) + (outside - m) / (m * (m - 1)) - 2.0 * across / (n * m)
    biased = inside[0] / n**2 + outside[0] / m**2 - 2.0 * across[0] / (n * m)
    # Sums in another order differ in their last bits; without the margin, equal samples could look unlike
    # themselves.
    least = unbiased[0] - _ROUNDING
    return MaximumMeanDiscrepancy(
        unbiased=float(unbiased[0]),
        biased=max(float(biased), 0.0),
        p_value=float(np.count_nonzero(unbiased >= least)) / (permutations + 1),
        bandwidth=float(width),
        permutations=permutations,
        rows_reference=n,
        rows_current=m,
        sampled=n < len(x) or m < len(y),
    )


def _median_distance(rows: Floats) -> float:
    """Median distance between different rows; 1 where all are equal, and the kernel has no scale to find."""
    squares = (rows**2).sum(axis=1)
    between = squares[:, None] + squares - 2.0 * (rows @ rows.T)
    distances = np.sqrt(np.maximum(between[np.tril_indices(len(rows), -1)], 0.0))
    # Among many equal rows the median is 0, which is no width; that of the unequal ones is.
    apart = distances[distances > 0.0]
    if apart.size == 0:
        return 1.0
    median = float(np.median(distances))
    return median if median > 0.0 else float(np.median(apart))


def _kernel_sums(rows: Floats, chosen: Floats) -> tuple[Floats, Floats, float]:
    """Kernel summed over all pairs of chosen rows, over pairs of a chosen and another, and over all pairs.

    The first two for each row of `chosen`, of shape (n_choices, n_rows), which holds ones and zeros. The
    kernel matrix is symmetric and exists one block of its upper half at a time.
    """
    squares = 0.5 * (rows**2).sum(axis=1, keepdims=True)
    ones = np.ones_like(squares)
    # One product gives the exponent: a.b - a.a / 2 - b.b / 2.
    left, right = np.hstack([rows, -squares, ones]), np.hstack([rows, ones, -squares])
    inside = np.zeros(len(chosen))
    sums = np.zeros(len(rows))
    for i in range(0, len(rows), _BLOCK_ROWS):
        own = slice(i, i + _BLOCK_ROWS)
        for j in range(i, len(rows), _BLOCK_ROWS):
            other = slice(j, j + _BLOCK_ROWS)
            kernel = left[own] @ right[other].T
            np.exp(kernel, out=kernel)
            mirrored = j > i
            inside += (1.0 + mirrored) * np.einsum("ij,ij->i", chosen[:, own] @ kernel, chosen[:, other])
            sums[own] += kernel.sum(axis=1)
            if mirrored:
                sums[other] += kernel.sum(axis=0)
    return inside, chosen @ sums - inside, float(sums.sum())
