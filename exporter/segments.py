"""A check within segments: the rows of each value of one feature against the same value's in the reference.

All columns of all segments are decided together, by the two keys and one correction, so that an undrifted
check raises any alarm in any segment with a probability of at most alpha. What is found here is no part of
what is said of all rows: a drift of every segment is one of the whole too, and that of one may vanish in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .hysteresis import severest
from .measure import Measurement, measure_rows
from .reference.kinds import known_name
from .reference.segments import rows_by_value
from .reference.table import LABEL, PREDICTION, SCORE

if TYPE_CHECKING:
    from .hysteresis import State
    from .measure import Reason
    from .policy import Policy
    from .reference import Profiles, Reference
    from .report import ColumnReport
    from .rows import Rows

OUTPUTS = (SCORE, PREDICTION, LABEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMeasurement:
    """What was measured in the rows of one segment.

    Attributes
    ----------
    rows : int
        Rows of the window.
    columns : sequence of Measurement
        Of every other feature, and of the outputs that were compared.
    """

    rows: int
    columns: Sequence[Measurement]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport:
    """What a check found within one segment.

    Attributes
    ----------
    rows, reference_rows : int
        Rows of the segment in the window and in the reference.
    columns : dict of str to ColumnReport
        Of every other feature, and of scores, predicted classes and labels by the names of their profiles.
    """

    rows: int
    reference_rows: int
    columns: Mapping[str, ColumnReport] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, ColumnReport]:
        """The columns that are features."""
        return {name: column for name, column in self.columns.items() if name not in OUTPUTS}

    @property
    def state(self) -> State:
        """The worst of its columns; unknown only where all are."""
        return severest(column.state for column in self.columns.values())

    def state_of(self, name: str) -> State:
        """State of a column; unknown for one that was not compared."""
        return self.columns[name].state if name in self.columns else "unknown"

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Features whose state is drift."""
        return tuple(name for name, column in self.features.items() if column.state == "drift")

    @property
    def drifted_ratio(self) -> float | None:
        """Share of the segment's features whose state is drift; None where nothing is known of any."""
        features = self.features
        known = any(column.state != "unknown" for column in features.values())
        return len(self.drifted_features) / len(features) if known else None

    @property
    def drift_score(self) -> float | None:
        """Largest significant effect over its threshold, 0 if there is none; None while unknown."""
        if self.state == "unknown":
            return None
        findings = (finding for column in self.columns.values() for finding in column.findings.values())
        return max((f.ratio for f in findings if f.decides and f.significant), default=0.0)

    def summary(self) -> dict[str, Any]:
        """Plain values of the segment as a whole."""
        return {
            "state": self.state,
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "drifted_features": list(self.drifted_features),
            "drifted_ratio": self.drifted_ratio,
            "drift_score": self.drift_score,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        outputs = {"score": SCORE, "class": PREDICTION}
        return {
            **self.summary(),
            "features": {name: column.to_dict() for name, column in self.features.items()},
            "prediction": {
                key: self.columns[name].to_dict() for key, name in outputs.items() if name in self.columns
            },
            "label": self.columns[LABEL].to_dict() if LABEL in self.columns else {},
        }


def measure_segments(
    reference: Reference, rows: Rows, policy: Policy, threads: int = 1
) -> dict[str, SegmentMeasurement]:
    """Measurements of each segment that the reference keeps; none where it keeps none, or none are wanted."""
    if reference.segments is None or not policy.segments:
        return {}
    feature = reference.segments.feature
    values = rows.columns.arrays.get(feature)
    places = {} if values is None else rows_by_value(values)
    measured = {}
    for segment, profiles in reference.by_segment.items():
        name = known_name(segment, places)
        found = np.empty(0, dtype=np.int64) if name is None else places[name]
        if values is None:
            columns = unknown_columns(profiles, "missing_column", f"the window has no column {feature!r}")
        elif len(found) < policy.min_samples:
            detail = f"found {len(found)} rows of {feature} {segment!r}, need {policy.min_samples}"
            columns = unknown_columns(profiles, "insufficient_data", detail)
        else:
            part = rows.select(found)
            columns = measure_rows(profiles, part, policy.min_samples, policy.deciding, threads)
        measured[segment] = SegmentMeasurement(rows=len(found), columns=columns)
    return measured


def unknown_columns(profiles: Profiles, reason: Reason, detail: str) -> list[Measurement]:
    """What is said of the features of a segment that nothing can be measured in."""
    return [
        Measurement(name=name, kind=profile.kind, reason=reason, detail=detail)
        for name, profile in profiles.features.items()
    ]
