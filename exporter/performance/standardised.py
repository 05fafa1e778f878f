"""Measures at other class shares than those of the rows: direct standardisation, as in epidemiology.

Accuracy, precision, F1, average precision, log loss, Brier score and calibration error change when a class
becomes more frequent, though the model does with each class what it did before. Weighting the classes to the
shares that they had in the reference takes that away, and what is left is the model. AUC of two classes,
recall and balanced accuracy are of each class for itself and need no such thing.

References
----------
C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001, for the change of class shares; K. J.
Rothman, S. Greenland, T. L. Lash, Modern Epidemiology, 3rd edition, 2008, chapter 4, for standardisation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .classification import ClassificationRows, Codes, Floats, confusion_of
from .measure import Measure, around
from .probability import CALIBRATION_BINS, CalibrationCurve, bins_of, of_class, problem_of, row_losses
from .ranking import logit_interval

FOLLOW_SHARES: Final = frozenset(
    {"accuracy", "precision", "f1", "average_precision", "log_loss", "brier_score", "calibration_error"}
)
"""Measures that change with the class shares alone."""

MOST_ABSENT: Final = 0.05
"""Share of the reference in classes without any row here, beyond which nothing can be said at its shares."""


def standardise(rows: ClassificationRows, shares: Floats) -> dict[str, Measure]:
    """The measures of `FOLLOW_SHARES` as they would be if the classes had these shares.

    Parameters
    ----------
    rows : ClassificationRows
        Labelled rows.
    shares : ndarray of shape (n_classes,)
        Of each class in the reference, summing to 1.

    Returns
    -------
    dict of str to Measure
        Those that are defined; empty where classes are absent that made up more than 5 % of the reference.
    """
    counts = np.bincount(rows.truth, minlength=len(rows.classes))
    present = counts > 0
    if not present.any() or float(shares[~present].sum()) > MOST_ABSENT or present.sum() < 2:
        return {}
    shares = np.where(present, shares, 0.0)
    total = float(shares.sum())
    if total <= 0.0:
        return {}
    shares = shares / total
    found = {} if rows.predicted is None else _of_decisions(confusion_of(rows), counts, shares)
    scores = rows.scores
    if scores is None or np.isnan(scores).any() or (len(counts) > 2 and scores.ndim == 1):
        return found
    weights = (shares / np.where(present, counts, 1) * rows.n_rows)[rows.truth]
    found["average_precision"] = _average_precision(rows.truth, scores, weights)
    if problem_of(scores) is None:
        for name, losses in row_losses(rows.truth, scores).items():
            found[name] = _mean(losses, rows.truth, shares, counts)
        found["calibration_error"] = _curve(rows.truth, scores, weights).error()
    return found


def _of_decisions(
    confusion: NDArray[np.int64], counts: NDArray[np.int64], shares: Floats
) -> dict[str, Measure]:
    """Accuracy, precision and F1; of two classes those of the second, else means over the classes."""
    k, n = len(counts), int(counts.sum())
    rows = np.where(counts > 0, counts, 1)[:, None]
    predicted = confusion[:, :k] / rows
    # Of the smoothed share, as in `measure.share`: a share of exactly 0 or 1 is not known exactly.
    smooth = (confusion[:, :k] + 1) / (rows + 2)
    variance = shares[:, None] ** 2 * smooth * (1.0 - smooth) / rows
    hits = shares * np.diag(predicted)
    falsely = shares @ predicted - hits
    of_hits, of_falsely = np.diag(variance), variance.sum(axis=0) - np.diag(variance)
    found = {
        "accuracy": around(float(hits.sum()), math.sqrt(of_hits.sum()), n, least=0.0, most=1.0),
    }
    each = [1] if k == 2 else [i for i in range(k) if shares[i] > 0 or falsely[i] > 0]
    chosen = hits + falsely
    if k > 2 or chosen[1] > 0:
        safe = np.where(chosen > 0, chosen, 1.0)
        # The delta method on a / (a + b): a and b come from rows of different classes.
        error = np.sqrt(falsely**2 * of_hits + hits**2 * of_falsely) / safe**2
        found["precision"] = _over(hits / safe, error, each, n)
    either = np.where(chosen + shares > 0, chosen + shares, 1.0)
    error = 2.0 * np.sqrt((falsely + shares) ** 2 * of_hits + hits**2 * of_falsely) / either**2
    found["f1"] = _over(2.0 * hits / either, error, each, n)
    return found


def _over(values: Floats, errors: Floats, classes: list[int], n: int) -> Measure:
    """Mean over classes; their errors are taken as fully dependent, since they share their rows."""
    return around(float(values[classes].mean()), float(errors[classes].mean()), n, least=0.0, most=1.0)


def _mean(losses: Floats, truth: Codes, shares: Floats, counts: NDArray[np.int64]) -> Measure:
    """Mean of losses, class by class."""
    safe = np.where(counts > 0, counts, 1)
    means = np.bincount(truth, losses, minlength=len(counts)) / safe
    squares = np.bincount(truth, losses**2, minlength=len(counts)) / safe
    variance = np.maximum(squares - means**2, 0.0) / np.maximum(safe - 1, 1)
    value, error = float(shares @ means), math.sqrt(float(shares**2 @ variance))
    return around(value, error, len(truth), least=0.0)


def _average_precision(truth: Codes, scores: Floats, weights: Floats) -> Measure:
    columns = [(1, scores)] if scores.ndim == 1 else list(enumerate(scores.T))
    values, errors = [], []
    for code, column in columns:
        positive = truth == code
        if not positive.any():
            continue
        order = np.argsort(-column)
        ends = np.append(np.flatnonzero(np.diff(column[order]) != 0), len(order) - 1)
        found = np.cumsum(np.where(positive, weights, 0.0)[order])[ends]
        chosen = np.cumsum(weights[order])[ends]
        value = float(np.dot(np.diff(found, prepend=0.0), found / chosen) / found[-1])
        measure = logit_interval(min(value, 1.0), int(positive.sum()), len(truth))
        values.append(value)
        errors.append(math.inf if measure.standard_error is None else measure.standard_error)
    mean = sum(values) / len(values)
    return around(mean, sum(errors) / len(errors), len(truth), least=0.0, most=1.0)


def _curve(truth: Codes, scores: Floats, weights: Floats) -> CalibrationCurve:
    """Calibration curve of weighted rows; its counts stay those of the rows."""
    if scores.ndim == 1:
        happened, top = (truth == 1).astype(np.float64), scores
    else:
        chosen = scores.argmax(axis=1)
        happened, top = (truth == chosen).astype(np.float64), of_class(chosen, scores)
    top = np.minimum(top, 1.0)
    bins = bins_of(top)

    def sums(values: Floats) -> Floats:
        return np.bincount(bins, values, minlength=CALIBRATION_BINS).astype(np.float64)

    return CalibrationCurve(
        np.bincount(bins, minlength=CALIBRATION_BINS),
        sums(weights * top),
        sums(weights * happened),
        sums(weights**2 * top * (1.0 - top)),
    )
