"""What a check found, as frozen values and as strict JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .hysteresis import Memory
from .reference.table import LABEL, PREDICTION, SCORE

if TYPE_CHECKING:
    from .findings import Finding
    from .hysteresis import State
    from .multivariate import JointFinding
    from .policy import MultivariateTest, Policy, Severity, TestType
    from .reference.profiles import BinCounts, Floats, Profile
    from .segments import SegmentReport


OUTPUT_KEYS = {"score": SCORE, "class": PREDICTION}
"""What the model put out: keys of `Report.prediction`, and the names of their profiles."""

SEGMENTS = "__segments__"
"""Key of the memory of segments, beside the columns' own names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnReport:
    """What a check found in one column: a feature, scores, predicted classes or labels.

    Attributes
    ----------
    name, kind : str
        The column's.
    state : str
        ok, warning, drift, recovering or unknown.
    severity : str or None
        low, medium, high or critical; None unless this check found drift.
    reason, detail : str or None
        Why the state is unknown: one of a closed list, and in words.
    findings : dict of str to Finding
        By test; empty where the state is unknown.
    failures : dict of str to str
        Tests that could not be computed though others could, and why.
    quality : dict of str to float
        Shares of the window's rows, 0 to 1: missing, infinite, out of range, unseen, of another type; and the
        reference's share of missing ones.
    positive_rate : dict or None
        For two classes: the share of the second one in the reference and in the window, and their difference.
    profile : NumericProfile, CategoricalProfile or None
        What the column was compared with; for plots, like the rest, and not in `to_dict`.
    bins : BinCounts or None
        The window's rows on the bins of the profile; None for a column that is not there.
    percentiles : ndarray of shape (101,) or None
        Of the window's finite numbers, from the smallest to the largest.
    """

    name: str
    kind: str
    state: State
    severity: Severity | None
    reason: str | None
    detail: str | None
    findings: Mapping[TestType, Finding]
    quality: Mapping[str, float]
    failures: Mapping[TestType, str] = field(default_factory=dict)
    positive_rate: Mapping[str, Any] | None = None
    profile: Profile | None = field(default=None, compare=False, repr=False)
    bins: BinCounts | None = field(default=None, compare=False, repr=False)
    percentiles: Floats | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        values: dict[str, Any] = {
            "kind": self.kind,
            "state": self.state,
            "severity": self.severity,
            "reason": self.reason,
            "detail": self.detail,
            "statistics": {
                **{test: finding.to_dict() for test, finding in self.findings.items()},
                **{test: {"value": None, "reason": reason} for test, reason in self.failures.items()},
            },
            "quality": dict(self.quality),
        }
        if self.positive_rate is not None:
            values["positive_rate"] = dict(self.positive_rate)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What is remembered between checks of one window, of each column and of those within each segment."""

    columns: Mapping[str, Memory] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Memory]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file or a row."""
        values: dict[str, Any] = _memories_to_dict(self.columns)
        if self.segments:
            values[SEGMENTS] = {name: _memories_to_dict(columns) for name, columns in self.segments.items()}
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CheckState:
        """The state that `to_dict` gave."""
        return cls(
            columns=_memories({name: memory for name, memory in values.items() if name != SEGMENTS}),
            segments={name: _memories(columns) for name, columns in values.get(SEGMENTS, {}).items()},
        )


def _memories_to_dict(columns: Mapping[str, Memory]) -> dict[str, Any]:
    return {name: memory.to_dict() for name, memory in columns.items()}


def _memories(values: Mapping[str, Any]) -> dict[str, Memory]:
    return {name: Memory.from_dict(memory) for name, memory in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found.

    Attributes
    ----------
    checked_at : float
        Seconds since 1970.
    model_name, model_version : str
        Of the reference.
    reference_rows : int
        Rows of the reference.
    window : str or None
        Name of the window.
    rows : int
        Rows of the window.
    start, end : float or None
        Earliest and latest row in seconds since 1970, where timestamps were given.
    features : dict of str to ColumnReport
        In the order of the reference.
    prediction : dict of str to ColumnReport
        `"score"` and `"class"`, where the reference and the window have them.
    label : ColumnReport or None
        Where the reference and the window have labels.
    quality : dict
        Of the table: columns that lack, are too many or stand in another order, problems, repeated ids.
    next_state : CheckState
        For the next check of the same window.
    multivariate : dict of str to JointFinding
        By test; empty unless the reference keeps whole rows.
    segment_by : str or None
        Feature whose values are the segments; None where the check compared none.
    segments : dict of str to SegmentReport
        By value. They have no part in what is said of all rows.
    policy : Policy or None
        By which it was decided; not in `to_dict`.
    """

    checked_at: float
    model_name: str
    model_version: str
    reference_rows: int
    window: str | None
    rows: int
    start: float | None
    end: float | None
    features: Mapping[str, ColumnReport]
    prediction: Mapping[str, ColumnReport]
    label: ColumnReport | None
    quality: Mapping[str, Any]
    next_state: CheckState
    multivariate: Mapping[MultivariateTest, JointFinding] = field(default_factory=dict)
    segment_by: str | None = None
    segments: Mapping[str, SegmentReport] = field(default_factory=dict)
    policy: Policy | None = field(default=None, compare=False, repr=False)

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Features whose state is drift."""
        return tuple(name for name, column in self.features.items() if column.state == "drift")

    @property
    def drifted_ratio(self) -> float:
        """Share of all features whose state is drift, 0 to 1."""
        return len(self.drifted_features) / len(self.features)

    @property
    def drift_detected(self) -> bool:
        """Whether a feature, the predictions or the labels are in drift."""
        return any(column.state == "drift" for column in self.columns.values())

    @property
    def prediction_state(self) -> State | None:
        """The worse of the states of scores and classes; None where neither was compared."""
        states = [column.state for column in self.prediction.values()]
        return max(states, key=_RANK.__getitem__, default=None)

    @property
    def columns(self) -> dict[str, ColumnReport]:
        """Features, scores, predicted classes and labels by the names of their profiles."""
        columns = dict(self.features)
        columns.update({OUTPUT_KEYS[key]: column for key, column in self.prediction.items()})
        if self.label is not None:
            columns[LABEL] = self.label
        return columns

    @property
    def drifted_within(self) -> dict[str, tuple[str, ...]]:
        """Columns that drifted within segments, and in which: what no change of the mix explains."""
        return {
            name: segments
            for name in self.columns
            if (segments := tuple(s for s, part in self.segments.items() if part.state_of(name) == "drift"))
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for strict JSON: times are ISO 8601 in UTC, numbers that are not finite are None."""
        return {
            "drift_detected": self.drift_detected,
            "checked_at": _iso(self.checked_at),
            "reference": {
                "model_name": self.model_name,
                "version": self.model_version,
                "rows": self.reference_rows,
            },
            "window": {
                "name": self.window,
                "rows": self.rows,
                "start": _iso(self.start),
                "end": _iso(self.end),
            },
            "drifted_features": list(self.drifted_features),
            "drifted_ratio": self.drifted_ratio,
            "features": {name: column.to_dict() for name, column in self.features.items()},
            "multivariate": {test: finding.to_dict() for test, finding in self.multivariate.items()},
            "prediction": {name: column.to_dict() for name, column in self.prediction.items()},
            "label": {} if self.label is None else self.label.to_dict(),
            "quality": dict(self.quality),
            "segment_by": self._mix(),
            "segments": {name: part.to_dict() for name, part in self.segments.items()},
        }

    def _mix(self) -> dict[str, Any] | None:
        """Whether the segments' shares changed, beside what changed within them."""
        if self.segment_by is None:
            return None
        return {
            "feature": self.segment_by,
            "mix": self.features[self.segment_by].state,
            "drifted_within": {name: list(segments) for name, segments in self.drifted_within.items()},
            "other_rows": self.rows - sum(part.rows for part in self.segments.values()),
        }


_RANK: dict[State, int] = {"ok": 0, "unknown": 1, "recovering": 2, "warning": 3, "drift": 4}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
