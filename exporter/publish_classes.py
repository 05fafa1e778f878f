"""What a classifier confuses, and whether its probabilities mean what they say, as gauges.

Both are tables: their size grows with the square of the number of classes, so only the most frequent classes
have series of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from .counters import OTHER
from .families import MetricFamilies
from .performance.probability import CALIBRATION_BINS
from .reference import Reference
from .reference.profiles import CategoricalProfile

MAX_CLASSES: Final = 10
"""Classes with series of their own: 110 confusion counts a window, a table that people can still read."""

CLASS_MEASURES: Final = ("precision", "recall", "f1")

BINS: Final = tuple(
    f"{i / CALIBRATION_BINS:.1f}-{(i + 1) / CALIBRATION_BINS:.1f}" for i in range(CALIBRATION_BINS)
)
"""Names of the tenths of the probability."""


def classes_shown(reference: Reference, classes: Sequence[str]) -> tuple[str, ...]:
    """Classes with series of their own: all, or the most frequent outcomes of the reference."""
    if len(classes) <= MAX_CLASSES:
        return tuple(classes)
    labels = reference.labels
    frequent = labels.categories if isinstance(labels, CategoricalProfile) else ()
    ordered = dict.fromkeys(name for name in (*frequent, *classes) if name in set(classes))
    return tuple(ordered)[:MAX_CLASSES]


class ClassPublisher:
    """Gauges of single classes of one model version.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    classes : sequence of str
        Those with series of their own.
    """

    def __init__(self, families: MetricFamilies, name: str, version: str, classes: Sequence[str]) -> None:
        self._families = families
        self._model = (name, version)
        self._classes = tuple(classes)

    def publish(self, details: Mapping[str, Any], window: str) -> None:
        """Show the details of a performance report; nothing where no truth is known."""
        per_class = details.get("per_class", {})
        for name in self._classes:
            for measure in CLASS_MEASURES:
                found = per_class.get(name, {}).get(measure, {})
                self._show(f"model_class_{measure}", found.get("value"), name, window)
        self._confusion(details.get("confusion"), window)
        self._calibration(details.get("calibration_curve", ()), window)

    def _confusion(self, table: Mapping[str, Any] | None, window: str) -> None:
        names = (*self._classes, OTHER)
        shown = None if table is None else self._pooled(table["classes"], np.array(table["counts"]))
        known = shown is not None and shown.any()
        pools = table is not None and len(table["classes"]) > len(self._classes)
        for i, actual in enumerate(names):
            for k, predicted in enumerate(names):
                count = float(shown[i, k]) if shown is not None and known else None
                # The truth is always one of the classes; without pooled ones it is never another.
                if actual != OTHER or pools:
                    self._show("model_confusion", count, actual, predicted, window)

    def _pooled(self, classes: Sequence[str], counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Counts with all classes that are not shown, and predictions of no class, as the last one."""
        place = {name: i for i, name in enumerate(self._classes)}
        last = len(self._classes)
        rows = np.array([place.get(name, last) for name in classes], dtype=np.int64)
        columns = np.append(rows, last)
        pooled = np.zeros((last + 1, last + 1), dtype=np.int64)
        np.add.at(pooled, (rows[:, None], columns[None, :]), counts)
        return pooled

    def _calibration(self, points: Sequence[Mapping[str, float]], window: str) -> None:
        by_bin = {int(point["bin"]): point for point in points}
        for i, name in enumerate(BINS):
            point = by_bin.get(i, {})
            self._show("model_calibration_curve", point.get("observed"), name, window)
            self._show("model_calibration_curve_predicted", point.get("predicted"), name, window)
            rows = float(point.get("rows", 0)) if points else None
            self._show("model_calibration_curve_rows", rows, name, window)

    def _show(self, family: str, value: float | None, *labels: str) -> None:
        self._families.show(family, value, *self._model, *labels)
