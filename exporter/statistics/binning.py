"""Bin edges from a reference and counts of a column on them.

Edges come from the reference alone and stay fixed, so counts add up over processes, replicas and time.
Bins are open at both ends and closed on the right, ``(lo, hi]``, as the `le` of a Prometheus histogram.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..errors import ObservationError
from .sample import Floats, Integers, Sample

# Ten bins are the convention of the PSI literature (N. Siddiqi, Credit Risk Scorecards, 2006), for which the
# usual readings 0.1 / 0.2 were coined; more bins raise the noise floor in proportion.
DEFAULT_BINS = 10


def quantile_edges(sample: Sample, n_bins: int = DEFAULT_BINS) -> Floats:
    """Interior edges that cut a reference into bins of about equal count.

    A value that holds more than one part in `n_bins` of the observations gets an edge on both sides (the
    lower one is the next smaller float). So a constant reference has a bin of its own between two empty
    ones, and a change to either side is seen.

    Parameters
    ----------
    sample : Sample
        The reference.
    n_bins : int
        At least 2: number of bins aimed at. Ties make them fewer, atoms more.

    Returns
    -------
    ndarray of shape (n_edges,)
        Strictly increasing and finite. ``n_edges + 1`` bins: the first is ``(-inf, edges[0]]``, the last
        ``(edges[-1], inf)``.

    Examples
    --------
    >>> quantile_edges(Sample.of([1.0, 2.0, 3.0, 4.0]), 4).tolist()
    [1.0, 2.0, 3.0]
    """
    if n_bins < 2:
        raise ValueError(f"quantile_edges: found n_bins={n_bins!r}, need an integer of at least 2")
    cumulative = sample.cumulative
    n = int(cumulative[-1])
    # Ranks in integers: ceil(j * n / n_bins) without rounding.
    ranks = np.array([-(-j * n // n_bins) for j in range(1, n_bins)], dtype=np.int64)
    at_quantiles = sample.values[np.searchsorted(cumulative, np.maximum(ranks, 1), side="left")]
    atoms = sample.values[sample.counts * n_bins > n]
    # Below the most negative float there is no value, and no edge.
    below = np.nextafter(atoms[atoms > np.finfo(np.float64).min], -math.inf)
    return np.unique(np.concatenate([at_quantiles, atoms, below]))


def bin_counts(values: npt.ArrayLike, edges: Floats) -> Integers:
    """How many values lie in each bin.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Numbers in any order; none at all gives zeros. NaN is refused: missing values have a bin of their own
        elsewhere. Infinities fall into the open ends.
    edges : ndarray of shape (n_edges,)
        Interior edges, strictly increasing.

    Returns
    -------
    ndarray of shape (n_edges + 1,)
        Counts per bin ``(lo, hi]``.

    Examples
    --------
    >>> bin_counts([1.0, 2.0, 2.5, 9.0], np.array([1.0, 2.0])).tolist()
    [1, 1, 2]
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(array).any():
        raise ObservationError("bin_counts: found NaN, need numbers; count missing values apart first")
    return np.bincount(np.searchsorted(edges, array, side="left"), minlength=edges.size + 1).astype(np.int64)


def bin_counts_sorted(sorted_values: Floats, edges: Floats) -> Integers:
    """The same counts for an ascending array, by looking up the few edges in it."""
    ends = np.zeros(edges.size + 2, dtype=np.int64)
    ends[1:-1] = np.searchsorted(sorted_values, edges, side="right")
    ends[-1] = sorted_values.size
    return ends[1:] - ends[:-1]


def bin_counts_sample(sample: Sample, edges: Floats) -> Integers:
    """The same counts for a sample.

    For a compressed sample they are exact on edges that are among its values, and off by at most
    ``ks_error * n`` for each edge elsewhere.
    """
    before = np.zeros(sample.values.size + 1, dtype=np.int64)
    np.cumsum(sample.counts, out=before[1:])
    at_edges = before[np.searchsorted(sample.values, edges, side="right")]
    return np.diff(at_edges, prepend=0, append=before[-1])


def occupied_bins(reference: npt.ArrayLike, current: npt.ArrayLike) -> int:
    """Number of bins that hold anything in either set of counts: the `n_bins` of a null distribution."""
    return int(np.count_nonzero(np.asarray(reference) + np.asarray(current)))
