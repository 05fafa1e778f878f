"""Whether a window's data are sound: each kind of damage with its value, its threshold and where it is.

Other decisions stop here: a model is not retrained on broken data, and drift that they cause is no news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..performance.measure import share
from ..quality import Correlations, correlation_change, repeated_rows
from ..reference.baseline import outlier_rows
from ..reference.kinds import as_numbers
from ..reference.profiles import NumericProfile
from .policy import QUALITY_KINDS, AssessmentPolicy

if TYPE_CHECKING:
    from ..observation import Observations
    from ..reference import Reference
    from ..report import Report

QualityState = Literal["ok", "broken", "unknown"]

COMPARED_ROWS: Final = 10_000
"""Newest rows that correlations and repetitions are read from: a correlation is then known to 0.01."""

AMBIGUOUS_KINDS: Final = frozenset(
    {"schema_surplus", "out_of_range", "outliers", "joint_outliers", "correlation"}
)
"""Found, named and measured, but not what makes data broken: a hot summer is out of the winter's range too,
and a retraining that waited for the state to be ok would wait exactly when it is needed."""

_SCHEMA: Final = {
    "schema_mismatch": ("missing_column", "column_count", "unreadable"),
    "schema_surplus": ("extra_column", "reordered_columns"),
}
"""Violations by kind: without a column a model is asked something else, with one more it is not."""

_RATIOS: Final = {
    "missing": "missing_ratio",
    "out_of_range": "out_of_range_ratio",
    "unseen_category": "unseen_ratio",
    "type_error": "type_error_ratio",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFinding:
    """One kind of damage in a window.

    Attributes
    ----------
    kind : str
        One of `QUALITY_KINDS`.
    value, threshold : float
        The worst found, and from where on it counts. Shares of rows, columns, a change, or seconds.
    broken : bool
        Whether it counts, and chance does not explain it. All kinds but `AMBIGUOUS_KINDS` then set the state.
    where : tuple of str
        Columns or violations concerned, the worst first; empty for the whole table.
    """

    kind: str
    value: float
    threshold: float
    broken: bool
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Quality of a window's data.

    Attributes
    ----------
    state : str
        ok, broken or unknown.
    findings : dict of str to QualityFinding
        By kind; a kind that could not be measured is absent.
    outlier_ratio, joint_outlier_ratio, correlation_change : float or None
        As in the metrics: rows with an outlier in one feature, rows that are odd as a whole, and the change.
    """

    state: QualityState
    findings: Mapping[str, QualityFinding]
    outlier_ratio: float | None = None
    joint_outlier_ratio: float | None = None
    correlation_change: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "state": self.state,
            "findings": {
                kind: {
                    "value": found.value,
                    "threshold": found.threshold,
                    "broken": found.broken,
                    "where": list(found.where),
                }
                for kind, found in self.findings.items()
            },
        }


def assess_quality(
    observations: Observations,
    report: Report,
    reference: Reference,
    policy: AssessmentPolicy,
    now: float,
    schema: Mapping[str, float] | None = None,
) -> QualityReport:
    """Quality of the rows of a window.

    Parameters
    ----------
    observations : Observations
        The rows.
    report : Report
        What the check of their columns found.
    reference : Reference
        What is usual.
    policy : AssessmentPolicy
        Thresholds.
    now : float
        Seconds since 1970.
    schema : mapping of str to float, optional
        Share of the window's calls by how their columns were not the reference's; None without calls.
    """
    findings: dict[str, QualityFinding] = {}

    def note(kind: str, value: float, where: tuple[str, ...] = (), *, real: bool = True) -> None:
        threshold = policy.quality_threshold(kind)
        broken = real and value >= threshold
        findings[kind] = QualityFinding(
            kind=kind, value=value, threshold=threshold, broken=broken, where=where if broken else ()
        )

    n = observations.n_rows
    for kind, violations in _SCHEMA.items():
        if schema is not None:
            shares = {name: schema[name] for name in violations if schema.get(name, 0.0) > 0.0}
            note(
                kind, max(shares.values(), default=0.0), tuple(sorted(shares, key=lambda name: -shares[name]))
            )
    if n:
        note("stale", max(now - float(observations.times.max()), 0.0))
    if n < policy.min_samples:
        # Old data are known to be old however few they are, and calls that no row could be read from have
        # none; nothing else is known of few rows.
        return QualityReport(state=_state(findings, "unknown"), findings=findings)
    absent = tuple(name for name, column in report.features.items() if column.reason == "missing_column")
    absent += tuple(name for name, column in report.features.items() if _wholly_missing(column, reference))
    note("missing_column", float(len(absent)), absent)
    for kind, ratio in _RATIOS.items():
        note(kind, *_worst(kind, ratio, report, n))
    note("duplicate_ids", report.quality["repeated_ids"] / n)
    newest = {name: values[-COMPARED_ROWS:] for name, values in observations.features.items()}
    compared = min(n, COMPARED_ROWS)
    note("duplicate_rows", repeated_rows(list(newest.values())) / compared)
    outliers = outlier_rows(observations.features, reference.profiles)
    outlier_ratio = None if outliers is None else float(outliers.mean())
    if outlier_ratio is not None:
        usual = reference.baseline.outlier_ratio or 0.0
        low = share(outlier_ratio * n, n, "").low or 0.0
        note("outliers", max(outlier_ratio - usual, 0.0), real=low > usual)
    joint = report.multivariate.get("isolation_forest")
    joint_ratio = None if joint is None else joint.value
    if joint is not None and joint_ratio is not None and joint.p_value is not None:
        excess = max(joint_ratio - joint.details["expected_ratio"], 0.0)
        note("joint_outliers", excess, real=joint.p_value < policy.alpha)
    change = _correlations(newest, reference, policy)
    if change is not None:
        note("correlation", change[0], change[1])
    return QualityReport(
        state=_state(findings, "ok"),
        findings={kind: findings[kind] for kind in QUALITY_KINDS if kind in findings},
        outlier_ratio=outlier_ratio,
        joint_outlier_ratio=joint_ratio,
        correlation_change=None if change is None else change[0],
    )


def _state(findings: Mapping[str, QualityFinding], otherwise: QualityState) -> QualityState:
    broken = any(found.broken for kind, found in findings.items() if kind not in AMBIGUOUS_KINDS)
    return "broken" if broken else otherwise


def _wholly_missing(column: Any, reference: Reference) -> bool:  # noqa: ANN401 - a ColumnReport
    """Whether a column that had values has none: a predictor fills a lacking column with missing ones."""
    return column.reason == "all_missing" and reference.features[column.name].missing_ratio < 1.0


def _worst(kind: str, ratio: str, report: Report, n: int) -> tuple[float, tuple[str, ...]]:
    """Largest share beyond the reference's that chance does not explain, and the columns, the worst first."""
    excess: dict[str, float] = {}
    for name, column in report.features.items():
        value = column.quality.get(ratio)
        if value is None:
            continue
        usual = column.quality["reference_missing_ratio"] if kind == "missing" else 0.0
        if value > usual and (share(value * n, n, "").low or 0.0) > usual:
            excess[name] = value - usual
    ordered = sorted(excess, key=lambda name: -excess[name])
    return (excess[ordered[0]] if ordered else 0.0), tuple(ordered)


def _correlations(
    columns: Mapping[str, Any], reference: Reference, policy: AssessmentPolicy
) -> tuple[float, tuple[str, ...]] | None:
    """Largest significant change of a correlation and its two columns; None where none is known."""
    known = reference.baseline.correlations
    if known is None:
        return None
    numeric: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {
        name: as_numbers(columns[name])[0]
        for name in known.names
        if name in columns and isinstance(reference.features[name], NumericProfile)
    }
    change = correlation_change(known, Correlations.of(numeric), policy.alpha, policy.min_samples)
    if change is None:
        return None
    return change.largest, change.pairs[0][:2] if change.pairs else ()
