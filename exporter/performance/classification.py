"""All measures of a classifier on rows whose truth is known.

Classes are codes: positions in the model's list of classes; the positive one of two is 1. -1 stands for a
prediction that is no class of the model, which is a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .measure import Measure, around, share, unknown
from .probability import CalibrationCurve, brier_score, log_loss, problem_of
from .ranking import ONE_CLASS, Ranked, average_precision, roc_auc

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

NO_SCORES = "no scores were recorded"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassificationRows:
    """Labelled rows of a classifier.

    Attributes
    ----------
    classes : tuple of str
        In the order of the codes.
    truth : ndarray of shape (n_rows,)
        Codes of what happened.
    predicted : ndarray of shape (n_rows,) or None
        Codes of what was predicted.
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes), or None
        Score of the positive class, or probabilities of three classes or more; NaN where there is none.
    """

    classes: tuple[str, ...]
    truth: Codes
    predicted: Codes | None = None
    scores: Floats | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.truth)

    def select(self, chosen: NDArray[np.bool_]) -> ClassificationRows:
        """The rows at a mask."""
        return ClassificationRows(
            classes=self.classes,
            truth=self.truth[chosen],
            predicted=None if self.predicted is None else self.predicted[chosen],
            scores=None if self.scores is None else self.scores[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassificationResult:
    """What the rows of a window say about a classifier.

    Attributes
    ----------
    measures : dict of str to Measure
        Overall; precision, recall and F1 of the positive class, or unweighted means over several classes.
    per_class : dict of str to dict of str to Measure
        Precision, recall and F1 of each class.
    confusion : ndarray of shape (n_classes, n_classes + 1)
        Rows by truth and by prediction; the last column is of predictions that are no class.
    curve : CalibrationCurve or None
        Of the positive class, or of the most probable one of several.
    """

    measures: dict[str, Measure]
    per_class: dict[str, dict[str, Measure]]
    confusion: NDArray[np.int64]
    curve: CalibrationCurve | None


def classify(rows: ClassificationRows) -> ClassificationResult:
    """All measures of labelled rows."""
    k = len(rows.classes)
    confusion = confusion_of(rows)
    per_class = {name: one_class(confusion, i) for i, name in enumerate(rows.classes)}
    measures = from_confusion(confusion, per_class, rows.classes)
    curve = None
    scores = rows.scores
    known = None if scores is None else ~np.isnan(scores if scores.ndim == 1 else scores.sum(axis=1))
    if scores is None or known is None or not known.any() or (k > 2 and scores.ndim == 1):
        measures.update(dict.fromkeys(_OF_SCORES, unknown(NO_SCORES, rows.n_rows)))
    else:
        truth, scores = rows.truth[known], scores[known]
        measures["auc"], measures["average_precision"] = ranking(truth, scores, k)
        problem = problem_of(scores)
        if problem is not None:
            measures.update(dict.fromkeys(_OF_PROBABILITIES, unknown(problem, len(truth))))
        else:
            curve = curve_of(truth, scores)
            measures["log_loss"] = log_loss(truth, scores)
            measures["brier_score"] = brier_score(truth, scores)
            measures["calibration_error"] = curve.error()
    return ClassificationResult(measures=measures, per_class=per_class, confusion=confusion, curve=curve)


_OF_PROBABILITIES = ("log_loss", "brier_score", "calibration_error")
_OF_SCORES = ("auc", "average_precision", *_OF_PROBABILITIES)


def confusion_of(rows: ClassificationRows) -> NDArray[np.int64]:
    """Rows by truth and prediction, as `ClassificationResult` says; all zero without predictions."""
    k = len(rows.classes)
    if rows.predicted is None:
        return np.zeros((k, k + 1), dtype=np.int64)
    predicted = np.where(rows.predicted < 0, k, rows.predicted)
    return np.bincount(rows.truth * (k + 1) + predicted, minlength=k * (k + 1)).reshape(k, k + 1)


def curve_of(truth: Codes, scores: Floats) -> CalibrationCurve:
    """Calibration of the positive class, or of the most probable one of several."""
    if scores.ndim == 1:
        return CalibrationCurve.of(truth == 1, scores)
    top = scores.argmax(axis=1)
    return CalibrationCurve.of(truth == top, np.minimum(scores[np.arange(len(top)), top], 1.0))


def from_confusion(
    confusion: NDArray[np.int64], per_class: dict[str, dict[str, Measure]], classes: Sequence[str]
) -> dict[str, Measure]:
    """Accuracy, plain and balanced, precision, recall and F1 from counts."""
    n = int(confusion.sum())
    if n == 0:
        names = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
        return dict.fromkeys(names, unknown("no predicted classes"))
    measures = {
        "accuracy": share(float(np.trace(confusion)), n, "no rows"),
        "balanced_accuracy": _balanced([per_class[name]["recall"] for name in classes], n),
    }
    if len(classes) == 2:
        return {**measures, **per_class[classes[1]]}
    # As scikit-learn: over the classes that occur, with 0 where a class was never predicted.
    occur = [i for i in range(len(classes)) if confusion[i].sum() + confusion[:, i].sum() > 0]
    for name in ("precision", "recall", "f1"):
        found = [per_class[classes[i]][name] for i in occur]
        value = sum(measure.value or 0.0 for measure in found) / len(found)
        error = math.sqrt(sum((measure.standard_error or 0.0) ** 2 for measure in found)) / len(found)
        measures[name] = around(value, error, n, least=0.0, most=1.0)
    return measures


def _balanced(recalls: Sequence[Measure], n: int) -> Measure:
    """Mean recall of the classes that happened."""
    values = [recall.value for recall in recalls if recall.value is not None]
    if len(values) < 2:
        return unknown(ONE_CLASS, n)
    error = math.sqrt(sum((recall.standard_error or 0.0) ** 2 for recall in recalls)) / len(values)
    return around(sum(values) / len(values), error, n, least=0.0, most=1.0)


def one_class(confusion: NDArray[np.int64], i: int) -> dict[str, Measure]:
    """Precision, recall and F1 of one class against all others."""
    hits = int(confusion[i, i])
    predicted, actual = int(confusion[:, i].sum()), int(confusion[i].sum())
    either = predicted + actual
    precision = share(hits, predicted, "the class was never predicted")
    recall = share(hits, actual, "no outcome of the class")
    if either == 0:
        f1 = unknown("the class neither happened nor was predicted")
    else:
        value = 2.0 * hits / either
        # Of rows that are predicted or happened, J are both; F1 = 2J / (1 + J), and the delta method.
        union = either - hits
        jaccard = share(hits, union, "").standard_error or 0.0
        f1 = around(value, 2.0 * jaccard / (1.0 + hits / union) ** 2, union, least=0.0, most=1.0)
    return {"precision": precision, "recall": recall, "f1": f1}


def ranking(truth: Codes, scores: Floats, n_classes: int) -> tuple[Measure, Measure]:
    """AUC and average precision; of several classes the unweighted mean of each against the rest."""
    if scores.ndim == 1:
        ranked = Ranked.of(truth == 1, scores)
        return roc_auc(ranked), average_precision(ranked)
    each = [Ranked.of(truth == i, scores[:, i]) for i in range(n_classes)]
    return _macro([roc_auc(ranked) for ranked in each]), _macro([average_precision(r) for r in each])


def _macro(measures: Sequence[Measure]) -> Measure:
    n = measures[0].n
    values = [measure.value for measure in measures if measure.value is not None]
    if len(values) < len(measures):
        return unknown("a class is missing among the outcomes", n)
    # Classes share their rows, so their errors are taken as fully dependent: never too narrow.
    error = sum(measure.standard_error or 0.0 for measure in measures) / len(measures)
    return around(sum(values) / len(values), error, n, least=0.0, most=1.0)
