"""A measure of performance: from outcomes, estimated without them, and at training time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .series import Line

MEASURES: Final = (
    "accuracy", "auc", "f1", "precision", "recall", "balanced_accuracy", "average_precision", "log_loss",
    "brier_score", "calibration_error", "mae", "rmse", "mape", "r2", "bias",
)  # fmt: skip
"""Measures of the exporter (exporter/metrics/performance.py), those that people know best first."""

ESTIMATED: Final = ("accuracy", "f1", "auc", "mae", "rmse")
"""Those that it estimates without outcomes."""

NAMES: Final = {
    "auc": "AUC",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "r2": "R\N{SUPERSCRIPT TWO}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One measure over a range. What is None is not known.

    Attributes
    ----------
    measure : str
    segment : str
    real, estimated, low, high : Line
        Estimate and interval are of all rows only.
    reference : float or None
        At training time.
    state : str
        ok, warning, declined or unknown; of all rows.
    reliable : bool or None
        Whether estimates agree with the outcomes that have come.
    coverage : float or None
        Share of the window's rows whose outcome has come.
    """

    measure: str
    segment: str
    real: Line
    estimated: Line
    low: Line
    high: Line
    reference: float | None
    state: str
    reliable: bool | None
    coverage: float | None

    @property
    def known(self) -> bool:
        """Whether there is a line to draw."""
        return bool(self.real.times or self.estimated.times)


def in_order(measures: Iterable[str]) -> list[str]:
    """Measures that the exporter has, in the order of `MEASURES`."""
    found = set(measures)
    return [measure for measure in MEASURES if measure in found]


def name_of(measure: str) -> str:
    """A measure as people call it."""
    return NAMES.get(measure, measure.replace("_", " ").capitalize())
