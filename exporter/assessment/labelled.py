"""Observations of a window as the arrays that measures of performance take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..blocks import look_up, numbers
from ..pauses import may_pause
from ..performance import ClassificationRows, Measure, classify, regress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..observation import Observations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Rows of a window that have their truth.

    Attributes
    ----------
    chosen : ndarray of shape (n_window_rows,)
        Which rows of the window these are.
    rows : ClassificationRows or None
        Of a classifier.
    truth, predicted : ndarray of shape (n_rows,) or None
        Of a regression, all finite.
    """

    chosen: NDArray[np.bool_]
    rows: ClassificationRows | None = None
    truth: NDArray[np.float64] | None = None
    predicted: NDArray[np.float64] | None = None

    @property
    def n_rows(self) -> int:
        """Rows with their truth."""
        return int(self.chosen.sum())

    def measures(self, among: NDArray[np.bool_] | None = None) -> dict[str, Measure]:
        """All measures, of the rows at a mask of the window where one is given."""
        may_pause()
        part = np.ones(self.n_rows, dtype=np.bool_) if among is None else among[self.chosen]
        if self.rows is not None:
            return classify(self.rows.select(part)).measures
        assert self.truth is not None
        assert self.predicted is not None
        return regress(self.truth[part], self.predicted[part])


def labelled_rows(observations: Observations, classes: Sequence[str] | None) -> Labelled:
    """Rows that have their truth; of a regression where `classes` is None."""
    if classes is None:
        return _of_numbers(observations)
    truth = codes_of(observations.labels, classes, observations.n_rows)
    chosen = truth >= 0
    predicted = None
    if observations.classes is not None:
        predicted = codes_of(observations.classes, classes, observations.n_rows)[chosen]
    scores = scores_of(observations, len(classes))
    rows = ClassificationRows(
        classes=tuple(classes),
        truth=truth[chosen],
        predicted=predicted,
        scores=None if scores is None else scores[chosen],
    )
    return Labelled(chosen=chosen, rows=rows)


def scores_of(observations: Observations, n_classes: int) -> NDArray[np.float64] | None:
    """Scores by which rows of so many classes are ranked; None where there are none."""
    if n_classes == 2:
        return observations.scores
    matrix = observations.probabilities
    return matrix if matrix is not None and matrix.shape[1] == n_classes else None


def codes_of(values: NDArray[Any] | None, classes: Sequence[str], n_rows: int) -> NDArray[np.int64]:
    """Position of each value among the classes, -1 where it is none of them."""
    if values is None:
        return np.full(n_rows, -1, dtype=np.int64)
    return look_up(values, {name: code for code, name in enumerate(classes)}, -1)


def _of_numbers(observations: Observations) -> Labelled:
    missing = np.full(observations.n_rows, np.nan)
    predicted = missing if observations.scores is None else observations.scores
    truth = missing if observations.labels is None else numbers(observations.labels)
    chosen = np.isfinite(truth) & np.isfinite(predicted)
    return Labelled(chosen=chosen, truth=truth[chosen], predicted=predicted[chosen])
