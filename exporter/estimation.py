"""Performance before the truth is known: what calibrated confidence, and the usual loss, let one expect.

For classes, confidence-based estimation: a row whose probability of being positive is 0.8 counts as 0.8 of a
positive one. Probabilities are first calibrated on the reference. For numbers, direct loss estimation: the
loss that rows like these had in the reference, by an additive model over its bins. Both hold under a change
of inputs and break under a change of what inputs mean, which is why a reliability belongs to them.

References
----------
J. Białek, W. Kuberski, N. Perrakis, A. Bifet, Estimating Model Performance under Covariate Shift Without
Labels, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .pauses import may_pause
from .performance.measure import Measure, Z, around, unknown

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CALIBRATION_POINTS: Final = 200
"""Groups of equal size to which scores are joined before they are made monotone: 0.5 % of the rows each."""

BACKFITTING_ROUNDS: Final = 20
"""Effects of correlated features settle within some ten rounds."""

SHRINKAGE_ROWS: Final = 20.0
"""A bin's effect is drawn to zero as by so many rows without any."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """Scores as probabilities: a rising curve through the reference.

    Attributes
    ----------
    scores, rates : ndarray of shape (n_points,)
        Ascending; between points the curve is straight, beyond them flat.
    """

    scores: Floats
    rates: Floats

    @classmethod
    def fit(cls, scores: Floats, happened: NDArray[np.bool_]) -> Calibrator:
        """Isotonic regression of what happened on scores (pool adjacent violators)."""
        order = np.argsort(scores, kind="stable")
        groups = np.array_split(order, min(CALIBRATION_POINTS, len(order)))
        blocks: list[list[float]] = []  # rows, sum of scores, sum of what happened
        for group in groups:
            blocks.append([len(group), float(scores[group].sum()), float(happened[group].sum())])
            while len(blocks) > 1 and blocks[-2][2] * blocks[-1][0] >= blocks[-1][2] * blocks[-2][0]:
                n, total, hits = blocks.pop()
                blocks[-1] = [blocks[-1][0] + n, blocks[-1][1] + total, blocks[-1][2] + hits]
        points, first = np.unique([total / n for n, total, _ in blocks], return_index=True)
        return cls(points, np.array([hits / n for n, _, hits in blocks])[first])

    def __call__(self, scores: Floats) -> Floats:
        """Probability of each score."""
        return np.interp(scores, self.scores, self.rates)


def calibrated(scores: Floats, calibrators: Sequence[Calibrator]) -> Floats:
    """Probabilities of shape (n_rows, n_classes), each row summing to 1.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Of the positive class with one calibrator, or of each class with its own.
    calibrators : sequence of Calibrator
        From the reference.
    """
    if scores.ndim == 1:
        positive = calibrators[0](scores)
        return np.column_stack([1.0 - positive, positive])
    each = np.column_stack([curve(scores[:, i]) for i, curve in enumerate(calibrators)])
    total = each.sum(axis=1, keepdims=True)
    return np.where(total > 0, each / np.where(total > 0, total, 1.0), 1.0 / each.shape[1])


def estimate_classes(probabilities: Floats, predicted: Codes | None, scores: Floats) -> dict[str, Measure]:
    """Accuracy, F1 and AUC that one has to expect.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        Calibrated.
    predicted : ndarray of shape (n_rows,) or None
        Codes of the predicted classes.
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes)
        By which rows are ranked.
    """
    n, k = probabilities.shape
    if n == 0:
        return dict.fromkeys(("accuracy", "f1", "auc"), unknown("no rows"))
    measures: dict[str, Measure] = {"auc": _expected_auc(probabilities, scores)}
    may_pause()
    if predicted is None:
        return measures
    right = np.where(predicted >= 0, probabilities[np.arange(n), np.maximum(predicted, 0)], 0.0)
    error = math.sqrt(float((right * (1.0 - right)).sum())) / n
    measures["accuracy"] = around(float(right.mean()), error, n, least=0.0, most=1.0)
    f1 = []
    for i in range(k) if k > 2 else [1]:
        chosen = predicted == i
        expected = float(probabilities[:, i].sum()) + float(chosen.sum())
        f1.append(2.0 * float(probabilities[chosen, i].sum()) / expected if expected else 0.0)
    measures["f1"] = Measure(value=sum(f1) / len(f1), n=n)
    return measures


def _expected_auc(probabilities: Floats, scores: Floats) -> Measure:
    if scores.ndim == 1:
        return weighted_auc(probabilities[:, 1], scores)
    each = [weighted_auc(probabilities[:, i], scores[:, i]) for i in range(probabilities.shape[1])]
    values = [measure.value for measure in each if measure.value is not None]
    if len(values) < len(each):
        return unknown("a class has no probability", len(scores))
    error = sum(measure.standard_error or 0.0 for measure in each) / len(each)
    return around(sum(values) / len(values), error, len(scores), least=0.0, most=1.0)


def weighted_auc(positive: Floats, scores: Floats) -> Measure:
    """AUC of rows that are positive with a probability each; no row is compared with itself."""
    n = len(scores)
    order = np.argsort(scores)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
    up = np.add.reduceat(positive[order], starts)
    down = np.add.reduceat(1.0 - positive[order], starts)
    itself = np.add.reduceat((positive * (1.0 - positive))[order], starts)
    pairs = float(up.sum() * down.sum() - itself.sum())
    if pairs <= 0.0:
        return unknown("only one class to expect", n)
    below = np.cumsum(down) - down
    value = float((up * (below + down / 2.0) - itself / 2.0).sum()) / pairs
    # Hanley and McNeil (1982): the error of an AUC from its value and the number of rows of each class.
    n_up, n_down = float(up.sum()), float(down.sum())
    q1, q2 = value / (2.0 - value), 2.0 * value * value / (1.0 + value)
    variance = value * (1 - value) + (n_up - 1) * (q1 - value**2) + (n_down - 1) * (q2 - value**2)
    return around(value, math.sqrt(max(variance, 0.0) / (n_up * n_down)), n, least=0.0, most=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class LossModel:
    """The loss to expect of a row: a mean, and an effect for the bin of each column.

    Attributes
    ----------
    mean_absolute, mean_square : float
        Losses of the reference.
    absolute, square : dict of str to ndarray of shape (n_bins,)
        Effects by column, on the reference's bins.
    spread : float
        Standard deviation of absolute errors about their expectation.
    """

    mean_absolute: float
    mean_square: float
    absolute: dict[str, Floats]
    square: dict[str, Floats]
    spread: float

    @classmethod
    def fit(cls, errors: Floats, bins: Mapping[str, Codes], n_bins: Mapping[str, int]) -> LossModel:
        """Additive model of the reference's losses by backfitting.

        Parameters
        ----------
        errors : ndarray of shape (n_rows,)
            Prediction less truth.
        bins : mapping of str to ndarray of shape (n_rows,)
            Bin of each row, by column.
        n_bins : mapping of str to int
            Bins of each column.
        """
        absolute, squares = np.abs(errors), errors**2
        of_absolute, expected = _backfit(absolute, bins, n_bins)
        of_squares, _ = _backfit(squares, bins, n_bins)
        spread = float(np.std(absolute - expected))
        return cls(float(absolute.mean()), float(squares.mean()), of_absolute, of_squares, spread)

    def estimate(self, bins: Mapping[str, Codes], n_rows: int) -> dict[str, Measure]:
        """MAE and RMSE that one has to expect of these rows."""
        if n_rows == 0:
            return dict.fromkeys(("mae", "rmse"), unknown("no rows"))
        absolute = self._expected(self.mean_absolute, self.absolute, bins, n_rows)
        square = self._expected(self.mean_square, self.square, bins, n_rows)
        error = self.spread / math.sqrt(n_rows)
        return {
            "mae": around(float(absolute.mean()), error, n_rows, least=0.0),
            "rmse": Measure(value=math.sqrt(float(square.mean())), n=n_rows),
        }

    @staticmethod
    def _expected(mean: float, effects: Mapping[str, Floats], bins: Mapping[str, Codes], n: int) -> Floats:
        expected = np.full(n, mean)
        for column, effect in effects.items():
            if column in bins:
                expected += effect[bins[column]]
        floored: Floats = np.maximum(expected, 0.0)
        return floored


def _backfit(
    losses: Floats, bins: Mapping[str, Codes], n_bins: Mapping[str, int]
) -> tuple[dict[str, Floats], Floats]:
    effects = {column: np.zeros(n_bins[column]) for column in bins}
    counts = {column: np.bincount(codes, minlength=n_bins[column]) for column, codes in bins.items()}
    expected = np.full(len(losses), losses.mean())
    for _ in range(BACKFITTING_ROUNDS):
        for column, codes in bins.items():
            expected -= effects[column][codes]
            rest = np.bincount(codes, losses - expected, minlength=n_bins[column])
            effects[column] = rest / (counts[column] + SHRINKAGE_ROWS)
            expected += effects[column][codes]
    return effects, expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Whether an estimate can be believed.

    Attributes
    ----------
    reliable : bool
        Never true without outcomes that it was compared with.
    reason : str
        Why, or why not.
    gaps : dict of str to float
        Realised less estimated, on the same labelled rows.
    """

    reliable: bool
    reason: str
    gaps: Mapping[str, float]


def reliability(
    estimated: Mapping[str, Measure],
    realised: Mapping[str, Measure],
    calibration_gap: Measure | None,
    *,
    tolerance: float,
    min_samples: int,
) -> Reliability:
    """Compare an estimate with what came true on the same labelled rows.

    Parameters
    ----------
    estimated, realised : mapping of str to Measure
        Of the labelled rows.
    calibration_gap : Measure or None
        Calibration error of the calibrated probabilities on the labelled rows, which was nearly none on the
        reference; None for a regression.
    tolerance : float
        A gap up to this (of MAE and RMSE: up to this share) does not matter.
    min_samples : int
        Labelled rows needed.
    """
    gaps: dict[str, float] = {}
    off: list[str] = []
    for name, estimate in estimated.items():
        truth = realised.get(name)
        if truth is None or truth.value is None or estimate.value is None or truth.n < min_samples:
            continue
        gaps[name] = truth.value - estimate.value
        allowed = tolerance * (abs(truth.value) if name in ("mae", "rmse") else 1.0)
        if abs(gaps[name]) > allowed and abs(gaps[name]) > Z * (truth.standard_error or 0.0):
            off.append(f"{name} is {gaps[name]:+.3f} off")
    if not gaps:
        reason = f"fewer than {min_samples} outcomes to compare with"
        return Reliability(reliable=False, reason=reason, gaps=gaps)
    if off:
        return Reliability(reliable=False, reason=", ".join(off), gaps=gaps)
    if calibration_gap is not None and (calibration_gap.low or 0.0) > tolerance:
        reason = f"calibration has drifted by {calibration_gap.value:.3f}"
        return Reliability(reliable=False, reason=reason, gaps=gaps)
    return Reliability(reliable=True, reason="agrees with the outcomes that have come", gaps=gaps)
