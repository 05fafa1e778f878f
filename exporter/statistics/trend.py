"""Gradual drift: a steady rise or fall in a history of scores that no single check finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ..errors import InsufficientDataError, ObservationError
from .sample import Floats

# Below four scores no order is rare enough to reach 5 %, so the test could not find anything.
LEAST_SCORES = 4
# Pairs are compared in a matrix; this many scores make one of 32 MB.
MOST_SCORES = 2000


@dataclass(frozen=True, slots=True)
class Trend:
    """Result of `mann_kendall`.

    Attributes
    ----------
    slope : float
        Theil and Sen's: the median change per unit of time over all pairs of scores.
    tau : float
        Kendall's, from -1 (every score below the one before) to 1.
    statistic : int
        Pairs that rise less pairs that fall.
    z : float
        The same, one step nearer to zero, in standard errors.
    p_value : float
        Two-sided.
    n : int
        Scores that take part.
    """

    slope: float
    tau: float
    statistic: int
    z: float
    p_value: float
    n: int


def mann_kendall(scores: npt.ArrayLike, times: npt.ArrayLike | None = None, *, lag: int = 0) -> Trend:
    """Mann-Kendall test for a monotone trend, with the Theil-Sen slope.

    Parameters
    ----------
    scores : array-like of shape (n_scores,)
        In the order of time, the oldest first; at most 2,000. NaN marks a check without a score and is left
        out.
    times : array-like of shape (n_scores,), optional
        When each was taken, strictly increasing, in any unit. Without it, their numbers: 0, 1, 2, ...
    lag : int
        Scores over which neighbours depend on each other, as where windows overlap: six for daily windows
        that move by four hours. The variance is then raised by the rank correlations up to this lag (Hamed
        and Rao). Without it, dependent scores look like a trend far too often.

    Returns
    -------
    Trend
        tau and p-value agree with ``scipy.stats.kendalltau(times, scores)`` up to the continuity correction
        that belongs to this test.

    Raises
    ------
    InsufficientDataError
        If fewer than four scores are left.
    ObservationError
        If there are too many, or times do not rise.

    References
    ----------
    H. B. Mann, Nonparametric tests against trend, Econometrica 13, 1945; M. G. Kendall, Rank Correlation
    Methods, 1975; P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat.
    Assoc. 63, 1968; K. H. Hamed, A. R. Rao, A modified Mann-Kendall trend test for autocorrelated data, J.
    Hydrology 204, 1998.

    Examples
    --------
    >>> trend = mann_kendall([0.01, 0.02, 0.02, 0.04, 0.05, 0.07])
    >>> round(trend.slope, 4), trend.p_value < 0.05
    (0.01, True)
    """
    y, t = _in_time(scores, times)
    n = y.size
    later, earlier = np.tril_indices(n, -1)
    rises = y[later] - y[earlier]
    statistic = int(np.sign(rises).sum())
    slope = float(np.median(rises / (t[later] - t[earlier])))
    _, ties = np.unique(y, return_counts=True)
    pairs = n * (n - 1) / 2
    tied = float((ties * (ties - 1)).sum()) / 2
    if tied == pairs:
        return Trend(0.0, 0.0, 0, 0.0, 1.0, n)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    variance *= _inflation(y - slope * t, lag)
    z = math.copysign(max(abs(statistic) - 1, 0), statistic) / math.sqrt(variance)
    tau = statistic / math.sqrt(pairs * (pairs - tied))
    return Trend(slope, tau, statistic, z, min(2.0 * float(ndtr(-abs(z))), 1.0), n)


def _in_time(scores: npt.ArrayLike, times: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Known scores and when they were taken."""
    y = np.asarray(scores, dtype=np.float64).ravel()
    t = np.arange(y.size, dtype=np.float64) if times is None else np.asarray(times, dtype=np.float64).ravel()
    if t.shape != y.shape:
        raise ObservationError(
            f"mann_kendall: found {y.size} scores and {t.size} times, need as many of both"
        )
    known = ~np.isnan(y)
    y, t = y[known], t[known]
    if y.size < LEAST_SCORES:
        raise InsufficientDataError(f"mann_kendall: found {y.size} scores, need at least {LEAST_SCORES}")
    if y.size > MOST_SCORES:
        raise ObservationError(
            f"mann_kendall: found {y.size} scores, need at most {MOST_SCORES}; take every other"
        )
    if not (np.diff(t) > 0.0).all():
        raise ObservationError("mann_kendall: found times that do not rise, need the oldest score first")
    return y, t


def _inflation(residuals: Floats, lag: int) -> float:
    """Factor by which dependence between neighbours raises the variance; at least 1."""
    if lag < 1:
        return 1.0
    n = residuals.size
    ranks = residuals.argsort(kind="stable").argsort(kind="stable") - (n - 1) / 2
    power = float((ranks**2).sum())
    lags = np.arange(1, min(lag, n - 2) + 1)
    correlations = np.array([float((ranks[k:] * ranks[:-k]).sum()) for k in lags]) / power
    weights = (n - lags) * (n - lags - 1) * (n - lags - 2)
    return max(1.0 + 2.0 / (n * (n - 1) * (n - 2)) * float((weights * correlations).sum()), 1.0)
