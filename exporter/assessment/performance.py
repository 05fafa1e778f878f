"""Performance of a window beside the reference's, overall and by segment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..performance import ClassificationResult, Measure, classify
from ..performance.standardised import standardise
from ..performance.verdict import PerformanceState, Standard, Verdict, judge, one_look
from ..reference.baseline import segment_names
from ..reference.profiles import CategoricalProfile
from .labelled import Labelled

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from .policy import AssessmentPolicy

ALL: Final = "all"
"""Name of the segment that is the whole window."""

CALIBRATION: Final = "calibration_error"
"""Measure with a state of its own: probabilities may be off while rows are ordered as well as ever."""

LEAST_OF_CLASS: Final = 20
"""Rows of the rarest class below which `RANKINGS` are not judged: their errors are true of many rows only."""

RANKINGS: Final = ("auc", "average_precision")


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
    headline : str or None
        Measure that decides the state; None where the reference knows none.
    """

    rows: int
    labelled: int
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    headline: str | None = None

    @property
    def state(self) -> PerformanceState:
        """That of the headline measure: one is decided on, so that the chance to err is that of one."""
        return self._state_of(self.headline)

    @property
    def calibration_state(self) -> PerformanceState:
        """Whether probabilities still mean what they say; warning where new class shares put them off."""
        return self._state_of(CALIBRATION)

    def _state_of(self, measure: str | None) -> PerformanceState:
        verdict = None if measure is None else self.verdicts.get(measure)
        return "unknown" if verdict is None else verdict.state

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "state": self.state,
            "headline": self.headline,
            "calibration_state": self.calibration_state,
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
    observations: Observations,
    labelled: Labelled,
    reference: Reference,
    policy: AssessmentPolicy,
    windows: int = 1,
) -> PerformanceReport:
    """Measures of the labelled rows of a window, each judged beside the reference.

    Parameters
    ----------
    observations : Observations
        All rows of the window.
    labelled : Labelled
        Those with their truth.
    reference : Reference
        Values to compare with.
    policy : AssessmentPolicy
        How they are judged.
    windows : int
        That are looked at side by side.
    """
    alpha = one_look(policy.alpha, windows)
    headline = policy.headline_of(reference.performance)

    def judged(
        name: str,
        measure: Measure,
        value: float | None,
        rows_ratio: float | None,
        standardised: Measure | None = None,
    ) -> Verdict:
        drop = policy.drop_threshold(name, value)
        standard = Standard(alpha=alpha, drop_ratio=drop, min_samples=policy.min_samples)
        verdict = judge(name, measure, value, rows_ratio, standard, standardised)
        return verdict if name in (headline, CALIBRATION) else verdict.beside()

    result = None if labelled.rows is None else classify(labelled.rows)
    measures = labelled.measures() if result is None else result.measures
    segments = {}
    for segment, inside in segments_in(observations, reference, policy.segment).items():
        known = reference.baseline.segments.get(policy.segment or "", {}).get(segment, {})
        segments[segment] = {
            name: judged(name, measure, *_value_and_ratio(known.get(name), measure))
            for name, measure in labelled.measures(inside).items()
        }
    before = Before.of(reference, labelled)
    if before.rarest < LEAST_OF_CLASS:
        found = f"found {before.rarest:g} outcomes of the rarest class, need {LEAST_OF_CLASS}"
        measures |= {
            name: replace(measures[name], standard_error=None, reason=measures[name].reason or found)
            for name in RANKINGS
        }
    return PerformanceReport(
        rows=observations.n_rows,
        labelled=labelled.n_rows,
        verdicts={
            name: judged(
                name,
                measure,
                reference.performance.get(name),
                before.rows_ratio,
                before.standardised.get(name),
            )
            for name, measure in measures.items()
        },
        segments=segments,
        details={} if result is None else _details(result, labelled),
        headline=headline,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the labelled rows of a window are compared with.

    Attributes
    ----------
    rows_ratio : float or None
        Labelled rows for each of the reference, of the class that has most of them; None without any there.
    standardised : dict of str to Measure
        Measures at the reference's class shares.
    rarest : float
        Labelled rows of the class that has fewest of them; infinite for a regression.
    """

    rows_ratio: float | None
    standardised: Mapping[str, Measure]
    rarest: float

    @classmethod
    def of(cls, reference: Reference, labelled: Labelled) -> Before:
        """From the truth of the reference."""
        n = reference.baseline.rows or (reference.labels.count if reference.labels else 0)
        rows, profile = labelled.rows, reference.labels
        ratio = labelled.n_rows / n if n else None
        if rows is None or not isinstance(profile, CategoricalProfile):
            return cls(rows_ratio=ratio, standardised={}, rarest=math.inf)
        tally = np.array([profile.tally.get(name, 0) for name in rows.classes], dtype=np.float64)
        counts = np.bincount(rows.truth, minlength=len(rows.classes))
        known = tally > 0
        if ratio is None or not known.any():
            # Labels in another spelling than the model's classes: their shares are not known.
            return cls(rows_ratio=ratio, standardised={}, rarest=float(counts.min()))
        shares = tally / tally.sum()
        return cls(
            rows_ratio=float((counts[known] / (shares[known] * n)).max()),
            standardised=standardise(rows, shares),
            rarest=float(counts[known].min()),
        )


def _value_and_ratio(known: tuple[float, int] | None, measure: Measure) -> tuple[float | None, float | None]:
    if known is None or known[1] < 1:
        return None, None
    return known[0], measure.n / known[1]


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
