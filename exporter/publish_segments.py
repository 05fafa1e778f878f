"""Drift within segments as gauges: a few numbers a segment, since features times segments were too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .families import MetricFamilies
from .hysteresis import LASTING, State, severest
from .publish import STATE_CODES
from .report import Report
from .windows import Window


class SegmentPublisher:
    """Gauges of the segments of one model version.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    segments : sequence of str
        That checks compare; none have no series.
    windows : sequence of Window
        That checks look at.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        segments: Sequence[str],
        windows: Sequence[Window],
    ) -> None:
        self._families = families
        self._model = (name, version)
        self._segments = tuple(segments)
        for segment in self._segments:
            self._show("model_segment_drift_state", STATE_CODES["unknown"], segment)
            for window in windows:
                self._show("model_segment_rows", 0.0, segment, window.name)

    def publish(self, reports: Sequence[Report], states: Mapping[str, State]) -> None:
        """Show what the reports of one check found within segments.

        Parameters
        ----------
        reports : sequence of Report
            One a window.
        states : mapping of str to State
            Of every column of all rows, over all windows.
        """
        for segment in self._segments:
            parts = {report.window or "": report.segments[segment] for report in reports}
            names = dict.fromkeys(name for part in parts.values() for name in part.columns)
            within = {name: severest(part.state_of(name) for part in parts.values()) for name in names}
            state = severest(within.values())
            own = sum(found in LASTING and states.get(name) not in LASTING for name, found in within.items())
            self._show("model_segment_drift_state", STATE_CODES[state], segment)
            self._show("model_segment_own_drift", None if state == "unknown" else own, segment)
            for window, part in parts.items():
                self._show("model_segment_rows", part.rows, segment, window)
                self._show("model_segment_drifted_ratio", part.drifted_ratio, segment, window)
                self._show("model_segment_drift_score", part.drift_score, segment, window)

    def _show(self, family: str, value: float | None, *labels: str) -> None:
        self._families.show(family, value, *self._model, *labels)
