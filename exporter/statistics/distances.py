"""How different two distributions are: distances without a verdict.

PSI, Jensen-Shannon and Hellinger compare counts on the same bins; Wasserstein compares samples. A huge value
moves one count from one bin to another and no more, so it can neither hide a shift from the binned distances
nor raise an alarm by itself. The Wasserstein distance is linear in the size of an outlier: one value of 1e6
among 1,000 adds 1,000. Where that is not wanted, `Sample.clip` both at the reference's range first.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from ..errors import InsufficientDataError, ObservationError
from .ecdf import cdf_difference
from .moments import Moments
from .sample import Floats, Sample

Counts: TypeAlias = npt.ArrayLike
"""Non-negative numbers, whole or (from counters that are extrapolated) fractional."""

# An empty bin counts as half an observation: the usual continuity correction. Less would let one empty bin
# own the result (a floor of 1e-10 in one of ten bins gives a PSI of 2), more would hide real change.
EMPTY_BIN_COUNT = 0.5


def shares(reference: Counts, current: Counts) -> tuple[Floats, Floats, float, float]:
    """Both sets of counts as shares, and their totals; refuses what cannot be compared."""
    p, q = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if p.ndim != 1 or p.shape != q.shape:
        raise ObservationError(
            f"counts: found shapes {p.shape} and {q.shape}, need two lists of one length, on the same bins"
        )
    n, m = float(p.sum()), float(q.sum())
    for name, total, values in (("reference", n, p), ("current", m, q)):
        if not math.isfinite(total) or (values < 0.0).any():
            raise ObservationError(
                f"{name} counts: found negative or infinite ones, need finite numbers >= 0"
            )
        if total == 0.0:
            raise InsufficientDataError(f"{name} counts: found 0 observations, need at least 1")
    return p / n, q / m, n, m


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index between two sets of bin counts: ``sum((p - q) * ln(p / q))``.

    Parameters
    ----------
    reference, current : array-like of shape (n_bins,)
        Counts on the same bin edges. A bin that is empty in one sample is given half a count there, but never
        a larger share than the other sample has in it; one that is empty in both adds nothing.

    Returns
    -------
    float
        In nats; 0 for equal proportions, no upper bound. Larger is more different. Symmetric.

    Raises
    ------
    InsufficientDataError
        If either sample is empty.
    ObservationError
        If the shapes differ or a count is negative.

    References
    ----------
    N. Siddiqi, Credit Risk Scorecards, Wiley, 2006.

    Examples
    --------
    >>> round(psi(np.array([50, 50]), np.array([60, 40])), 4)
    0.0405
    """
    return float(psi_of_shares(*shares(reference, current)))


def psi_of_shares(p: Floats, q: Floats, n: float | Floats, m: float | Floats) -> Floats:
    """PSI of shares of shape (..., n_bins) in samples of n and m observations, of shape (...)."""
    n, m = np.expand_dims(n, -1), np.expand_dims(m, -1)
    padded_p = np.where(p == 0.0, np.minimum(EMPTY_BIN_COUNT / n, q), p)
    padded_q = np.where(q == 0.0, np.minimum(EMPTY_BIN_COUNT / m, p), q)
    # What is empty in both samples is still zero; any number in its place adds nothing.
    empty = padded_p == 0.0
    ratio = np.log(np.where(empty, 1.0, padded_p) / np.where(empty, 1.0, padded_q))
    value: Floats = ((padded_p - padded_q) * ratio).sum(axis=-1)
    return value


def jensen_shannon_divergence(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon divergence between two sets of bin counts, in bits.

    Half the Kullback-Leibler divergence of each from the average of both, averaged. Exact for empty bins:
    none is padded.

    Parameters
    ----------
    reference, current : array-like of shape (n_bins,)
        Counts on the same bins.

    Returns
    -------
    float
        From 0 (equal proportions) to 1 (no bin in common). Symmetric.

    Raises
    ------
    InsufficientDataError
        If either sample is empty.

    References
    ----------
    J. Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37(1), 1991.

    Examples
    --------
    >>> jensen_shannon_divergence([10, 0], [0, 10])
    1.0
    """
    p, q, _, _ = shares(reference, current)
    return float(jensen_shannon_of_shares(p, q))


def jensen_shannon_of_shares(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence in bits of shares of shape (..., n_bins)."""
    middle = 0.5 * (p + q)
    nats = 0.5 * (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1)
    bits: Floats = np.clip(nats / math.log(2.0), 0.0, 1.0)  # rounding alone leaves [0, 1]
    return bits


def jensen_shannon_distance(reference: Counts, current: Counts) -> float:
    """Square root of the Jensen-Shannon divergence in bits: a metric, from 0 to 1.

    As ``scipy.spatial.distance.jensenshannon(p, q, base=2)``.
    """
    return math.sqrt(jensen_shannon_divergence(reference, current))


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance between two sets of bin counts: ``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``.

    Parameters
    ----------
    reference, current : array-like of shape (n_bins,)
        Counts on the same bins; empty ones need no padding.

    Returns
    -------
    float
        From 0 (equal proportions) to 1 (no bin in common). A metric.

    Raises
    ------
    InsufficientDataError
        If either sample is empty.

    References
    ----------
    L. Le Cam, Asymptotic Methods in Statistical Decision Theory, Springer, 1986.

    Examples
    --------
    >>> hellinger([10, 0], [0, 10])
    1.0
    """
    p, q, _, _ = shares(reference, current)
    return min(math.sqrt(0.5 * float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum())), 1.0)


def wasserstein(reference: Sample, current: Sample) -> float:
    """First Wasserstein (earth mover's) distance between two samples, in the unit of the column.

    The area between the two distribution functions, as ``scipy.stats.wasserstein_distance``.

    Parameters
    ----------
    reference, current : Sample
        For a compressed one the distance is that to its values.

    Returns
    -------
    float
        0 for equal distributions, no upper bound; infinite where it passes the largest float. A metric.

    Examples
    --------
    >>> wasserstein(Sample.of([0.0, 1.0]), Sample.of([2.0, 3.0]))
    2.0
    """
    return cdf_difference(reference, current).ks_and_area()[1]


def normalised_wasserstein(distance: float, reference: Moments) -> float:
    """A Wasserstein distance in standard deviations of the reference.

    0.0 for a distance of 0, infinite for any other from a constant reference.
    """
    if distance == 0.0:
        return 0.0
    return distance / reference.std if reference.std > 0.0 else math.inf
