"""Performance of a window beside the reference's, overall and by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..performance import ClassificationResult, classify
from ..performance.verdict import PerformanceState, Verdict, judge
from ..reference.baseline import segment_names
from .labelled import Labelled

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from .policy import AssessmentPolicy

ALL: Final = "all"
"""Name of the segment that is the whole window."""

_WORST_FIRST: Final[tuple[PerformanceState, ...]] = ("declined", "warning", "ok", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """How well the model did in a window.

    Attributes
    ----------
    rows, labelled : int
        Rows of the window, and those with their truth.
    verdicts : dict of str to Verdict
        By measure, overall.
    segments : dict of str to dict of str to Verdict
        By segment, then measure.
    details : dict
        Of a classifier: measures per class, confusion counts, points of the calibration curve.
    """

    rows: int
    labelled: int
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> PerformanceState:
        """The worst of all measures; those that are unknown hide no other."""
        states = [verdict.state for verdict in self.verdicts.values()]
        return min(states, key=_WORST_FIRST.index, default="unknown")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "state": self.state,
            "rows": self.rows,
            "labelled": self.labelled,
            "measures": {name: verdict.to_dict() for name, verdict in self.verdicts.items()},
            "segments": {
                segment: {name: verdict.to_dict() for name, verdict in verdicts.items()}
                for segment, verdicts in self.segments.items()
            },
            **self.details,
        }


def assess_performance(
    observations: Observations, labelled: Labelled, reference: Reference, policy: AssessmentPolicy
) -> PerformanceReport:
    """Measures of the labelled rows of a window, each judged beside the reference."""
    baseline = reference.baseline
    reference_rows = baseline.rows or (reference.labels.count if reference.labels else 0)

    def judged(name: str, measure: Any, value: float | None, n: int) -> Verdict:  # noqa: ANN401 - a Measure
        return judge(
            name, measure, value, n,
            alpha=policy.alpha, drop_ratio=policy.drop_ratio, min_samples=policy.min_samples,
        )  # fmt: skip

    result = None if labelled.rows is None else classify(labelled.rows)
    measures = labelled.measures() if result is None else result.measures
    segments = {}
    for segment, inside in segments_in(observations, reference, policy.segment).items():
        known = baseline.segments.get(policy.segment or "", {}).get(segment, {})
        segments[segment] = {
            name: judged(name, measure, *known.get(name, (None, 0)))
            for name, measure in labelled.measures(inside).items()
        }
    return PerformanceReport(
        rows=observations.n_rows,
        labelled=labelled.n_rows,
        verdicts={
            name: judged(name, measure, reference.performance.get(name), reference_rows)
            for name, measure in measures.items()
        },
        segments=segments,
        details={} if result is None else _details(result, labelled),
    )


def segments_in(
    observations: Observations, reference: Reference, feature: str | None
) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Rows of each segment of a window; empty without a feature to cut by."""
    if feature is None or feature not in observations.features:
        return {}
    index = reference.features[feature].bin_indices(observations.features[feature])
    return {name: index == i for i, name in enumerate(segments_of(reference, feature))}


def segments_of(reference: Reference, feature: str | None) -> Sequence[str]:
    """Names of the segments: the feature's most frequent categories in the reference."""
    return () if feature is None else segment_names(reference.features[feature])


def _details(result: ClassificationResult, labelled: Labelled) -> dict[str, Any]:
    classes = [] if labelled.rows is None else list(labelled.rows.classes)
    return {
        "per_class": {
            name: {measure: found.to_dict() for measure, found in measures.items()}
            for name, measures in result.per_class.items()
        },
        "confusion": {"classes": classes, "counts": result.confusion.tolist()},
        "calibration_curve": [] if result.curve is None else result.curve.points(),
    }
