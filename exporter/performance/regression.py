"""All measures of a regression on rows whose truth is known."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .measure import TOO_LARGE, Measure, around, finite, unknown
from .probability import mean_of

Floats = NDArray[np.float64]

REGRESSION_MEASURES: Final = ("mae", "rmse", "mape", "r2", "bias")


def regress(truth: Floats, predicted: Floats) -> dict[str, Measure]:
    """MAE, RMSE, MAPE, R² and bias (mean of prediction less truth).

    Parameters
    ----------
    truth, predicted : ndarray of shape (n_rows,)
        All finite, and of any size: what a float cannot hold is unknown.
    """
    n = len(truth)
    if n == 0:
        return dict.fromkeys(REGRESSION_MEASURES, unknown("no rows"))
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is told as unknown
        errors = predicted - truth
        squares = errors**2
        found = {
            "mae": mean_of(np.abs(errors)),
            "rmse": _root(squares),
            "mape": _mape(truth, errors),
            "r2": _r2(truth, squares),
            "bias": _mean(errors),
        }
    return {name: finite(measure) for name, measure in found.items()}


def _root(squares: Floats) -> Measure:
    n, value = len(squares), math.sqrt(float(squares.mean()))
    if n < 2 or value == 0.0:
        return Measure(value=value, n=n)
    # The delta method: the root's slope is 1 / (2 value).
    return around(value, float(squares.std(ddof=1)) / math.sqrt(n) / (2.0 * value), n, least=0.0)


def _mape(truth: Floats, errors: Floats) -> Measure:
    if (truth == 0.0).any():
        return unknown("a true value is 0, of which no error is a percentage", len(truth))
    return mean_of(np.abs(errors / truth))


def _r2(truth: Floats, squares: Floats) -> Measure:
    n = len(truth)
    deviations = (truth - truth.mean()) ** 2
    total = float(deviations.sum())
    if n < 2 or total == 0.0:
        return unknown("the true values are all the same", n)
    if not math.isfinite(total):  # any error over it would be none
        return unknown(TOO_LARGE, n)
    unexplained = float(squares.sum()) / total
    # A ratio of means, by the delta method.
    spread = float((squares - unexplained * deviations).std(ddof=1)) / math.sqrt(n) / (total / n)
    return around(1.0 - unexplained, spread, n, most=1.0)


def _mean(errors: Floats) -> Measure:
    n, value = len(errors), float(errors.mean())
    if n < 2:
        return Measure(value=value, n=n)
    return around(value, float(errors.std(ddof=1)) / math.sqrt(n), n)
