"""Whether probabilities mean what they say: log loss, Brier score, calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .measure import Measure, around, unknown

CALIBRATION_BINS: Final = 10
"""Tenths of the probability, as reliability diagrams are usually drawn: Niculescu-Mizil and Caruana, 2005."""

SUM_TOLERANCE: Final = 1e-6
"""How far probabilities of one row may sum from 1: float32 models stray by some 1e-7."""

Floats = NDArray[np.float64]


def problem_of(probabilities: Floats) -> str | None:
    """Why these are no probabilities; None if they are. Of shape (n,) for two classes, or (n, n_classes)."""
    if ((probabilities < 0.0) | (probabilities > 1.0)).any():
        return "scores outside 0 to 1 are no probabilities"
    if probabilities.ndim == 2 and (np.abs(probabilities.sum(axis=1) - 1.0) > SUM_TOLERANCE).any():
        return "probabilities of a row do not sum to 1"
    return None


def of_class(truth: NDArray[np.int64], probabilities: Floats) -> Floats:
    """Probability that each row's own class was given."""
    if probabilities.ndim == 1:
        return np.where(truth == 1, probabilities, 1.0 - probabilities)
    return probabilities[np.arange(len(truth)), truth]


def log_loss(truth: NDArray[np.int64], probabilities: Floats) -> Measure:
    """Mean of -log of the probability given to what happened; clipped at the float's epsilon."""
    return mean_of(_logs(truth, probabilities))


def brier_score(truth: NDArray[np.int64], probabilities: Floats) -> Measure:
    """Mean squared distance of probability and truth: of the positive class, or summed over several."""
    return mean_of(_squares(truth, probabilities))


def row_losses(truth: NDArray[np.int64], probabilities: Floats) -> dict[str, Floats]:
    """What each row adds to log loss and Brier score."""
    return {"log_loss": _logs(truth, probabilities), "brier_score": _squares(truth, probabilities)}


def _logs(truth: NDArray[np.int64], probabilities: Floats) -> Floats:
    eps = np.finfo(np.float64).eps
    losses: Floats = -np.log(np.clip(of_class(truth, probabilities), eps, 1.0 - eps))
    return losses


def _squares(truth: NDArray[np.int64], probabilities: Floats) -> Floats:
    if probabilities.ndim == 1:
        return np.asarray((probabilities - (truth == 1)) ** 2)
    happened = of_class(truth, probabilities)
    # Expanded: the sum over classes of (p - 1{class})^2, without building the indicator matrix.
    return np.asarray((probabilities**2).sum(axis=1) - 2.0 * happened + 1.0)


def mean_of(losses: Floats) -> Measure:
    """Mean of non-negative losses with the normal interval of a mean."""
    n = len(losses)
    if n == 0:
        return unknown("no rows")
    if n < 2:
        return Measure(value=float(losses.mean()), n=n)
    return around(float(losses.mean()), float(losses.std(ddof=1)) / math.sqrt(n), n, least=0.0)


def bins_of(probabilities: Floats) -> NDArray[np.int64]:
    """Tenth that each probability belongs to."""
    return np.minimum((probabilities * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCurve:
    """Rows by tenth of the probability.

    Attributes
    ----------
    rows : ndarray of shape (n_bins,)
        In each bin.
    predicted, observed : ndarray of shape (n_bins,)
        Sum of the probabilities and number of times that it happened.
    variance : ndarray of shape (n_bins,)
        Sum of p (1 - p): how much `observed` varies if the probabilities are right.
    """

    rows: NDArray[np.int64]
    predicted: Floats
    observed: Floats
    variance: Floats

    @classmethod
    def of(cls, happened: NDArray[np.bool_], probabilities: Floats) -> CalibrationCurve:
        """Curve of rows; a probability on an edge belongs to the bin above, and 1 to the last."""
        bins = bins_of(probabilities)

        def sums(weights: Floats) -> Floats:
            return np.bincount(bins, weights, minlength=CALIBRATION_BINS).astype(np.float64)

        return cls(
            np.bincount(bins, minlength=CALIBRATION_BINS),
            sums(probabilities),
            sums(happened.astype(np.float64)),
            sums(probabilities * (1.0 - probabilities)),
        )

    def error(self) -> Measure:
        """Expected calibration error: mean distance of predicted and observed share, weighted by rows.

        Chance alone gives an error above zero. Its mean is taken off the lower bound, so that a model is not
        called miscalibrated for having few rows.

        References
        ----------
        M. P. Naeini, G. F. Cooper, M. Hauskrecht, Obtaining well calibrated probabilities using Bayesian
        binning, AAAI 2015.
        """
        n = int(self.rows.sum())
        if n == 0:
            return unknown("no rows")
        value = float(np.abs(self.predicted - self.observed).sum() / n)
        spread = math.sqrt(float(self.variance.sum())) / n
        by_chance = float(np.sqrt(2.0 / math.pi * self.variance).sum() / n)
        bounds = around(value, spread, n, least=0.0, most=1.0)
        assert bounds.low is not None
        return Measure(
            value=value,
            low=max(bounds.low - by_chance, 0.0),
            high=bounds.high,
            standard_error=spread,
            n=n,
        )

    def points(self) -> list[dict[str, float]]:
        """Number, mean probability, observed share and rows of each bin that has any."""
        return [
            {"bin": i, "predicted": float(p / n), "observed": float(o / n), "rows": int(n)}
            for i, (p, o, n) in enumerate(zip(self.predicted, self.observed, self.rows, strict=True))
            if n
        ]
