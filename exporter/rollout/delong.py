"""Difference of the AUC of two scores on the same rows, with DeLong's standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InsufficientDataError, ObservationError
from ..performance.ranking import ONE_CLASS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AucDifference:
    """Areas under the ROC curves of two scores.

    Attributes
    ----------
    champion, challenger : float
        Their areas.
    standard_errors : tuple of float
        Of each.
    standard_error : float
        Of the difference, which is smaller the more the scores agree.
    """

    champion: float
    challenger: float
    standard_errors: tuple[float, float]
    standard_error: float


def auc_difference(positive: NDArray[np.bool_], champion: Floats, challenger: Floats) -> AucDifference:
    """Areas of two scores and how sure their difference is, in O(n log n).

    Parameters
    ----------
    positive : ndarray of shape (n_rows,)
        Rows of the positive class.
    champion, challenger : ndarray of shape (n_rows,)
        Scores; higher for the positive class.

    Raises
    ------
    InsufficientDataError
        If either class has fewer than two rows.
    ObservationError
        If a score is NaN, which has no place in an order.

    References
    ----------
    E. DeLong, D. DeLong, D. Clarke-Pearson, Comparing the areas under two or more correlated ROC curves,
    Biometrics 44, 1988. X. Sun, W. Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing
    Letters 21, 2014.

    Examples
    --------
    >>> truth = np.array([False, False, True, True])
    >>> found = auc_difference(truth, np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.1, 0.2, 0.3, 0.4]))
    >>> found.champion, found.challenger
    (0.75, 1.0)
    """
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if n_pos == 0 or n_neg == 0:
        raise InsufficientDataError(f"AUC: found {ONE_CLASS}, need both")
    if n_pos < 2 or n_neg < 2:
        raise InsufficientDataError(
            f"AUC: found {min(n_pos, n_neg)} row of one class, need at least 2 of each"
        )
    if np.isnan(champion).any() or np.isnan(challenger).any():
        raise ObservationError("AUC: found NaN among the scores, need a number for each row")
    of_positives, of_negatives = zip(
        *(_placements(positive, scores) for scores in (champion, challenger)), strict=True
    )
    covariance = np.cov(of_positives) / n_pos + np.cov(of_negatives) / n_neg
    variance = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
    return AucDifference(
        champion=float(of_positives[0].mean()),
        challenger=float(of_positives[1].mean()),
        standard_errors=(math.sqrt(covariance[0, 0]), math.sqrt(covariance[1, 1])),
        # Equal scores leave a rounding error that may lie below zero.
        standard_error=math.sqrt(max(variance, 0.0)),
    )


def _placements(positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """For each positive row the share of negative ones below it; for each negative one of positive above."""
    positives, negatives = scores[positive], scores[~positive]
    return _share_below(negatives, positives), 1.0 - _share_below(positives, negatives)


def _share_below(others: Floats, values: Floats) -> Floats:
    """Share of `others` below each value, ties counting half."""
    ordered = np.sort(others)
    both = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(both / (2.0 * len(others)))
