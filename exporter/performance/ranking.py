"""How well scores order the rows: area under the ROC curve and average precision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .measure import Measure, Z, around, unknown

ONE_CLASS = "only one class among the outcomes"


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Rows by distinct score, in ascending order.

    Attributes
    ----------
    positives, negatives : ndarray of shape (n_distinct,)
        Rows of either class with that score.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    @classmethod
    def of(cls, positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Ranked:
        """Counts from rows; scores must not be NaN."""
        order = np.argsort(scores)
        ordered = scores[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        above = np.concatenate([[0], np.cumsum(positive[order])])
        ends = np.append(starts[1:], len(ordered))
        positives = above[ends] - above[starts]
        return cls(positives, ends - starts - positives)


def roc_auc(ranked: Ranked) -> Measure:
    """Probability that a positive row has a higher score than a negative one, ties counting half.

    The interval is DeLong's, from the variance of each row's share of rows of the other class below it.

    References
    ----------
    E. DeLong, D. DeLong, D. Clarke-Pearson, Comparing the areas under two or more correlated ROC curves,
    Biometrics 44, 1988.
    """
    positives, negatives = ranked.positives, ranked.negatives
    n_pos, n_neg = int(positives.sum()), int(negatives.sum())
    n = n_pos + n_neg
    if n_pos == 0 or n_neg == 0:
        return unknown(ONE_CLASS, n)
    below = np.cumsum(negatives) - negatives + negatives / 2.0
    above = n_pos - (np.cumsum(positives) - positives + positives / 2.0)
    auc = float(np.dot(positives, below) / (n_pos * n_neg))
    if n_pos < 2 or n_neg < 2:
        return Measure(value=auc, n=n)
    of_positives = float(np.dot(positives, (below / n_neg - auc) ** 2)) / (n_pos - 1)
    of_negatives = float(np.dot(negatives, (above / n_pos - auc) ** 2)) / (n_neg - 1)
    return around(auc, math.sqrt(of_positives / n_pos + of_negatives / n_neg), n, least=0.0, most=1.0)


def average_precision(ranked: Ranked) -> Measure:
    """Precision at each threshold, weighted by the recall that it adds; as scikit-learn computes it."""
    n_pos, n = int(ranked.positives.sum()), int(ranked.positives.sum() + ranked.negatives.sum())
    if n_pos == 0:
        return unknown("no outcome of the positive class", n)
    found = np.cumsum(ranked.positives[::-1])
    chosen = found + np.cumsum(ranked.negatives[::-1])
    value = float(np.dot(ranked.positives[::-1], found / chosen) / n_pos)
    return logit_interval(value, n_pos, n)


def logit_interval(value: float, n_pos: int, n: int) -> Measure:
    """A mean precision with its interval on the logit scale, by the number of positives.

    References
    ----------
    K. Boyd, K. Eng, C. D. Page, Area under the precision-recall curve: point estimates and confidence
    intervals, ECML PKDD 2013.
    """
    if not 0.0 < value < 1.0:
        return Measure(value=value, n=n)
    logit, width = math.log(value / (1 - value)), 1.0 / math.sqrt(n_pos * value * (1 - value))
    low, high = (1.0 / (1.0 + math.exp(-(logit + side * Z * width))) for side in (-1.0, 1.0))
    return Measure(value=value, low=low, high=high, standard_error=width * value * (1 - value), n=n)
