"""What explains what was found: features behind a drift, segments behind a drop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..importance import Importance, drift_contributions, permutation_importance, ranks
from .labelled import Labelled
from .performance import PerformanceReport

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from ..report import ColumnReport, Report
    from .policy import AssessmentPolicy

EXPLAINED: Final = ("brier_score", "accuracy", "mae")
"""Measures that are means over rows, so that segments add up to the whole; the first that is known counts."""

_OF_LOSS: Final = ("brier_score", "mae")

Rescore = Callable[[Mapping[str, Any]], Any]
"""What the model answers to rows with these columns: probabilities, classes or numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseReport:
    """What explains a drift or a drop in a window.

    Attributes
    ----------
    drift : dict of str to float
        Share of each feature in what drifted, weighted by importance.
    importances : dict of str to Importance
        On the labelled rows of the window; empty unless asked for.
    rank_shift : dict of str to int
        Places that a feature rose since training; below 0 for fallen. Empty without importances of both.
    measure : str or None
        Which drop the segments explain.
    segments : dict of str to float
        What each adds to the drop of the whole, in the unit of the measure; below 0 where it was better.
    """

    drift: Mapping[str, float]
    importances: Mapping[str, Importance] = field(default_factory=dict)
    rank_shift: Mapping[str, int] = field(default_factory=dict)
    measure: str | None = None
    segments: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the largest first."""
        return {
            "drift_contributions": dict(sorted(self.drift.items(), key=lambda item: -item[1])),
            "importances": {name: found.value for name, found in self.importances.items()},
            "rank_shift": dict(self.rank_shift),
            "drop_measure": self.measure,
            "drop_by_segment": dict(sorted(self.segments.items(), key=lambda item: -item[1])),
        }


def explain(
    observations: Observations,
    labelled: Labelled,
    performance: PerformanceReport,
    report: Report,
    reference: Reference,
    policy: AssessmentPolicy,
    rescore: Rescore | None,
) -> CauseReport:
    """What explains the drift and the drop of a window."""
    importances = _importances(observations, labelled, policy, rescore)
    known = {name: found.value for name, found in importances.items()} or reference.importances
    shift: dict[str, int] = {}
    if importances and reference.importances:
        before, now = ranks(reference.importances), ranks(known)
        shift = {name: before[name] - now[name] for name in now if name in before}
    measure, segments = _segments(performance, reference, policy)
    return CauseReport(
        drift=drift_contributions(known, {n: drift_ratio(c) for n, c in report.features.items()}),
        importances=importances,
        rank_shift=shift,
        measure=measure,
        segments=segments,
    )


def drift_ratio(column: ColumnReport) -> float | None:
    """Largest significant effect over its threshold, by a test that decides; None while unknown."""
    if column.state == "unknown":
        return None
    found = [finding.ratio for finding in column.findings.values() if finding.decides and finding.significant]
    return min(max(found, default=0.0), MOST_RATIO)


MOST_RATIO: Final = 100.0
"""A hundred times its threshold: beyond, more drift explains no more, and infinity would explain all."""


def _segments(
    performance: PerformanceReport, reference: Reference, policy: AssessmentPolicy
) -> tuple[str | None, dict[str, float]]:
    for measure in EXPLAINED:
        whole = performance.verdicts.get(measure)
        if whole is None or whole.measure.value is None or not performance.segments:
            continue
        sign = 1.0 if measure in _OF_LOSS else -1.0
        before = reference.baseline.segments.get(policy.segment or "", {})
        parts: dict[str, float] = {}
        for segment, verdicts in performance.segments.items():
            value, known = verdicts[measure].measure, before.get(segment, {}).get(measure)
            if value.value is not None and known is not None:
                parts[segment] = sign * (value.value - known[0]) * value.n / whole.measure.n
        return measure, parts
    return None, {}


def _importances(
    observations: Observations, labelled: Labelled, policy: AssessmentPolicy, rescore: Rescore | None
) -> dict[str, Importance]:
    if rescore is None or policy.importance_rows == 0 or labelled.n_rows < policy.min_samples:
        return {}
    rng = np.random.default_rng(0)
    places = np.arange(labelled.n_rows)
    if labelled.n_rows > policy.importance_rows:
        places = np.sort(rng.choice(labelled.n_rows, policy.importance_rows, replace=False))
    columns = {name: values[labelled.chosen][places] for name, values in observations.features.items()}
    loss = _loss(labelled, places, rescore)
    return permutation_importance(loss, columns, rng)


def _loss(labelled: Labelled, places: Any, rescore: Rescore) -> Callable[[Mapping[str, Any]], float]:  # noqa: ANN401 - indices
    if labelled.rows is not None:
        truth = labelled.rows.truth[places]
        happened = np.eye(len(labelled.rows.classes))[truth]

        def of_probabilities(columns: Mapping[str, Any]) -> float:
            return float(((np.asarray(rescore(columns)) - happened) ** 2).sum(axis=1).mean())

        return of_probabilities
    assert labelled.truth is not None
    values = labelled.truth[places]

    def of_numbers(columns: Mapping[str, Any]) -> float:
        return float(np.abs(np.asarray(rescore(columns), dtype=np.float64) - values).mean())

    return of_numbers
