"""What is known of the model itself as gauges: coverage of outcomes. No data means no series."""

from __future__ import annotations

from .families import MetricFamilies
from .observation import Observations
from .windows import Window


class ModelPublisher:
    """Gauges of one model version beyond the drift of its columns.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    """

    def __init__(self, families: MetricFamilies, name: str, version: str) -> None:
        self._families = families
        self._model = (name, version)

    def coverage(self, window: Window, rows: Observations) -> None:
        """Show which share of a window's rows has its outcome; absent where no row has an id to join by."""
        with_id = 0 if rows.ids is None else sum(value is not None for value in rows.ids.tolist())
        labelled = 0 if rows.labels is None else sum(label is not None for label in rows.labels.tolist())
        self._set("model_outcome_coverage_ratio", labelled / with_id if with_id else None, window.name)

    def _set(self, family: str, value: float | None, *labels: str) -> None:
        if value is None:
            self._families.remove(family, *self._model, *labels)
        else:
            self._families.gauge(family, *self._model, *labels).set(value)
