"""Performance of the newest outcomes of two classes, kept up to date as they come.

What a batch costs depends on its own size and hardly on the window's: counts and sums change by the rows that
come and go, and the area under the ROC curve by the rows of the other class that each of them passes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .classification import from_confusion, one_class
from .measure import Measure, unknown
from .probability import CALIBRATION_BINS, CalibrationCurve, problem_of
from .ranking import ONE_CLASS

Floats = NDArray[np.float64]

MERGE_BELOW = 65_536
"""Sorted runs of scores are joined up to this size, which takes a millisecond."""


class _Sorted:
    """A multiset of scores that answers how many of them lie below others; it is only added to."""

    def __init__(self) -> None:
        self._runs: list[Floats] = []

    def add(self, scores: Floats) -> None:
        """Add scores in ascending order."""
        self._runs.append(scores)
        while len(self._runs) > 1 and len(self._runs[-2]) <= len(self._runs[-1]) < MERGE_BELOW:
            newest = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], newest]), kind="stable")

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def twice_below(self, scores: Floats) -> int:
        """Pairs of one of these ascending scores above one of ours, counted twice, and ties once."""
        return sum(
            int(run.searchsorted(scores, "left").sum()) + int(run.searchsorted(scores, "right").sum())
            for run in self._runs
        )


class RollingPerformance:
    """Measures of the newest outcomes of two classes.

    Parameters
    ----------
    max_rows : int
        Outcomes in the window.
    classes : tuple of str
        The two classes; the second is the positive one.
    """

    def __init__(self, max_rows: int, classes: tuple[str, str] = ("0", "1")) -> None:
        self._max_rows = max_rows
        self._classes = classes
        self._truth = np.empty(max_rows, dtype=np.int8)
        self._predicted = np.empty(max_rows, dtype=np.int8)
        self._scores = np.empty(max_rows)
        self._start = self.n_rows = 0
        self._clear()

    def update(self, truth: NDArray[np.int64], predicted: NDArray[np.int64], scores: Floats) -> None:
        """Add outcomes in the order in which they came; of too many the oldest go.

        Parameters
        ----------
        truth, predicted : ndarray of shape (n_rows,)
            0 or 1.
        scores : ndarray of shape (n_rows,)
            Probabilities of 1; others are refused.

        Raises
        ------
        ValueError
            If a score is no probability.
        """
        if np.isnan(scores).any() or problem_of(scores) is not None:
            raise ValueError("scores: found values outside 0 to 1 or NaN, need probabilities")
        newest = slice(-self._max_rows, None)
        truth, predicted, scores = truth[newest], predicted[newest], scores[newest]
        surplus = self.n_rows + len(truth) - self._max_rows
        if surplus > 0:
            places = (self._start + np.arange(surplus)) % self._max_rows
            self._count(self._truth[places], self._predicted[places], self._scores[places], -1)
            self._start, self.n_rows = (self._start + surplus) % self._max_rows, self.n_rows - surplus
        places = (self._start + self.n_rows + np.arange(len(truth))) % self._max_rows
        self._truth[places], self._predicted[places], self._scores[places] = truth, predicted, scores
        self.n_rows += len(truth)
        self._count(truth.astype(np.int8), predicted.astype(np.int8), scores, 1)
        if self._gone > self._max_rows:
            self._recount()

    def measures(self) -> dict[str, Measure]:
        """All measures of `classify` but average precision; AUC and losses come without an interval."""
        n = self.n_rows
        confusion = np.zeros((2, 3), dtype=np.int64)
        confusion[:, :2] = self._confusion
        per_class = {name: one_class(confusion, i) for i, name in enumerate(self._classes)}
        found = from_confusion(confusion, per_class, self._classes)
        positives = int(self._confusion[1].sum())
        pairs = positives * (n - positives)
        found["auc"] = Measure(value=self._twice_u / 2 / pairs, n=n) if pairs else unknown(ONE_CLASS, n)
        if n:
            found["brier_score"] = Measure(value=self._squares / n, n=n)
            found["log_loss"] = Measure(value=self._logs / n, n=n)
        # Of a bin that all rows have left, a rest of rounding would stay: below zero it has no root.
        held = self._rows > 0
        sums, hits, variance = (
            np.where(held, kept, 0.0) for kept in (self._sums, self._hits, self._variance)
        )
        curve = CalibrationCurve(self._rows, sums, hits, np.maximum(variance, 0.0))
        found["calibration_error"] = curve.error()
        return found

    def _clear(self) -> None:
        self._confusion = np.zeros((2, 2), dtype=np.int64)
        self._squares = self._logs = 0.0
        self._rows = np.zeros(CALIBRATION_BINS, dtype=np.int64)
        self._sums, self._hits, self._variance = (np.zeros(CALIBRATION_BINS) for _ in range(3))
        # Rows that left stay in the sorted runs, and as many are counted off: removing would move a million.
        self._came = (_Sorted(), _Sorted())
        self._left = (_Sorted(), _Sorted())
        self._twice_u = self._gone = 0

    def _recount(self) -> None:
        """Begin anew once as many rows have left as there are: sums shed their rounding, runs their dead."""
        places = (self._start + np.arange(self.n_rows)) % self._max_rows
        self._clear()
        self._count(self._truth[places], self._predicted[places], self._scores[places], 1)

    def _count(self, truth: NDArray[np.int8], predicted: NDArray[np.int8], scores: Floats, sign: int) -> None:
        positive = truth == 1
        pairs = np.bincount(truth * np.int64(2) + predicted, minlength=4).reshape(2, 2)
        self._confusion += sign * pairs
        eps = np.finfo(np.float64).eps
        self._squares += sign * float(((scores - truth) ** 2).sum())
        self._logs -= sign * float(
            np.log(np.clip(np.where(positive, scores, 1.0 - scores), eps, 1 - eps)).sum()
        )
        curve = CalibrationCurve.of(positive, scores)
        self._rows = self._rows + sign * curve.rows
        self._sums = self._sums + sign * curve.predicted
        self._hits = self._hits + sign * curve.observed
        self._variance = self._variance + sign * curve.variance
        # In ascending order each search ends near the last one, in the same lines of the cache.
        self._rank(np.sort(scores[positive]), np.sort(scores[~positive]), sign)

    def _rank(self, up: Floats, down: Floats, sign: int) -> None:
        """Change twice the number of pairs in which the positive row has the higher score."""
        if sign > 0:
            self._twice_u += self._beside(up, down)
            self._came[1].add(up)
            self._came[0].add(down)
            self._twice_u += self._among(up, down)
        else:
            self._left[1].add(up)
            self._left[0].add(down)
            self._gone += len(up) + len(down)
            self._twice_u -= self._beside(up, down) + self._among(up, down)

    def _beside(self, up: Floats, down: Floats) -> int:
        """Twice the pairs of these rows with those of the window, in which the positive one is higher."""
        below = self._came[0].twice_below(up) - self._left[0].twice_below(up)
        positives = self._held(1)
        not_above = self._came[1].twice_below(down) - self._left[1].twice_below(down)
        return below + 2 * positives * len(down) - not_above

    def _held(self, code: int) -> int:
        return len(self._came[code]) - len(self._left[code])

    @staticmethod
    def _among(up: Floats, down: Floats) -> int:
        left, right = down.searchsorted(up, "left"), down.searchsorted(up, "right")
        return int(left.sum()) + int(right.sum())
