"""PSI, KS, Jensen-Shannon and Wasserstein for all columns of a table against fitted references.

All four are exact and come from one sort of each current column. What depends on the reference alone is
computed when it is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import ObservationError
from .binning import bin_counts_sample, bin_counts_sorted
from .cells import ReferenceCells
from .distances import jensen_shannon_of_shares, psi_of_shares
from .sample import Floats, Integers, Sample

# Columns of a row-major table are copied this many at a time: a cache line holds eight float64.
_COLUMNS_PER_COPY = 8


@dataclass(frozen=True, slots=True, eq=False)
class FittedColumn:
    """What one column of the reference needs for many comparisons.

    Attributes
    ----------
    cells : ReferenceCells
        Its distribution.
    edges : ndarray of shape (n_edges,)
        Interior bin edges.
    counts : ndarray of int64 of shape (n_edges + 1,)
        The reference's observations in each bin.
    """

    cells: ReferenceCells
    edges: Floats
    counts: Integers

    @classmethod
    def of(cls, sample: Sample, edges: Floats, counts: Integers | None = None) -> Self:
        """Fits a column; counts are taken from the sample unless exact ones are given."""
        own = bin_counts_sample(sample, edges) if counts is None else counts
        return cls(ReferenceCells.of(sample), edges, own)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnComparison:
    """Four statistics of one current column against its reference; NaN when it holds no finite number.

    Attributes
    ----------
    n : int
        Finite values, on which everything here rests.
    dropped : int
        Values that are NaN or infinite.
    counts : ndarray of int64 of shape (n_bins,)
        Finite values in each bin of the reference.
    psi, ks, jensen_shannon, wasserstein : float
        As the functions of these names return, Jensen-Shannon as the divergence in bits.
    """

    n: int
    dropped: int
    counts: Integers
    psi: float
    ks: float
    jensen_shannon: float
    wasserstein: float


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    n: int
    dropped: int
    counts: Integers
    ks: float
    wasserstein: float


def compare_columns(
    references: Sequence[FittedColumn], columns: Floats | Sequence[Floats], *, threads: int = 1
) -> list[ColumnComparison]:
    """PSI, KS, Jensen-Shannon and Wasserstein of each column of a table against its reference.

    Parameters
    ----------
    references : sequence of FittedColumn
        One for each column.
    columns : ndarray of shape (n_samples, n_columns) or sequence of ndarrays of shape (n_samples,)
        Numbers. NaN and infinities are left out and counted.
    threads : int
        Columns that are worked on at a time. NumPy sorts and merges without holding the interpreter's lock.
        One is right inside a process that serves; as many as there are processors for a batch.

    Returns
    -------
    list of ColumnComparison
        In the order of the columns. Beside the input it takes memory for a few columns per thread.

    Raises
    ------
    ObservationError
        If there are not as many references as columns.
    """
    count = columns.shape[1] if isinstance(columns, np.ndarray) else len(columns)
    if count != len(references):
        raise ObservationError(
            f"compare_columns: found {count} columns, need {len(references)}, one per reference"
        )
    blocks = list(range(0, count, _COLUMNS_PER_COPY))

    def work(start: int) -> list[_Measured]:
        stop = start + _COLUMNS_PER_COPY
        return [
            _measure(reference, column)
            for reference, column in zip(references[start:stop], _copies(columns, start, stop), strict=True)
        ]

    measured = [one for block in _map(work, blocks, threads) for one in block]
    return _with_distances(references, measured)


def _map(
    work: Callable[[int], list[_Measured]], blocks: list[int], threads: int
) -> Iterator[list[_Measured]]:
    """Results of the work on each block, in order."""
    if threads <= 1 or len(blocks) <= 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="driftgauge-statistics") as pool:
        yield from pool.map(work, blocks)


def _copies(columns: Floats | Sequence[Floats], start: int, stop: int) -> list[Floats]:
    """Contiguous copies of some columns."""
    if isinstance(columns, np.ndarray):
        return list(np.array(columns[:, start:stop].T, dtype=np.float64, order="C"))
    return [np.array(column, dtype=np.float64) for column in columns[start:stop]]


def _measure(reference: FittedColumn, column: Floats) -> _Measured:
    """Counts, KS and Wasserstein of one column, which is sorted in place."""
    column.sort()
    # Sorting puts -inf first, +inf and then NaN last.
    finite = column
    if column.size and not (math.isfinite(column[0]) and math.isfinite(column[-1])):
        first = np.searchsorted(column, -math.inf, side="right")
        finite = column[first : np.searchsorted(column, math.inf, side="left")]
    counts = bin_counts_sorted(finite, reference.edges)
    if finite.size == 0:
        return _Measured(0, column.size, counts, math.nan, math.nan)
    ks, wasserstein = reference.cells.compare(finite)
    return _Measured(finite.size, column.size - finite.size, counts, ks, wasserstein)


def _with_distances(references: Sequence[FittedColumn], measured: list[_Measured]) -> list[ColumnComparison]:
    """The measured columns with their binned distances, computed for all at once."""
    if not measured:
        return []
    width = max(one.counts.size for one in measured)
    # Bins that are empty in both samples add nothing, so columns with fewer bins are filled up with them.
    before, after = np.zeros((len(measured), width)), np.zeros((len(measured), width))
    for i, (reference, one) in enumerate(zip(references, measured, strict=True)):
        before[i, : one.counts.size] = reference.counts
        after[i, : one.counts.size] = one.counts
    n, m = before.sum(axis=1), after.sum(axis=1)
    empty = m == 0.0
    p, q = before / n[:, None], after / np.where(empty, 1.0, m)[:, None]
    psi = np.where(empty, np.nan, psi_of_shares(p, q, n, np.where(empty, 1.0, m)))
    jensen_shannon = np.where(empty, np.nan, jensen_shannon_of_shares(p, q))
    return [
        ColumnComparison(
            n=one.n,
            dropped=one.dropped,
            counts=one.counts,
            psi=float(psi[i]),
            ks=one.ks,
            jensen_shannon=float(jensen_shannon[i]),
            wasserstein=one.wasserstein,
        )
        for i, one in enumerate(measured)
    ]
