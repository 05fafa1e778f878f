"""One check: a window of rows against the reference.

report = check(reference, rows, scores=scores)
report.drifted_features, report.to_dict()
"""

from __future__ import annotations

import time
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .blocks import distinct, types_of
from .columns import Columns
from .errors import ObservationError
from .findings import Verdict, evaluate
from .hysteresis import Memory, at_once, step
from .measure import measure_rows
from .policy import Policy
from .reference import Profile, Reference
from .reference.kinds import SPECIAL_BINS
from .reference.table import LABEL, PREDICTION
from .report import OUTPUT_KEYS, CheckState, ColumnReport, Report
from .rows import read_rows
from .segments import SegmentReport, measure_segments
from .values import as_list, is_missing
from .windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .hysteresis import State
    from .measure import Measurement
    from .multivariate import JointFinding
    from .policy import MultivariateTest
    from .reference import Profiles
    from .reference.calibration import Calibration
    from .reference.profiles import Floats
    from .segments import SegmentMeasurement


def check(
    reference: Reference,
    current: Any,  # noqa: ANN401 - any table
    policy: Policy | None = None,
    *,
    window: Window | str | None = None,
    timestamps: Any = None,  # noqa: ANN401 - any column
    ids: Any = None,  # noqa: ANN401 - any column
    scores: Any = None,  # noqa: ANN401 - any column
    predictions: Any = None,  # noqa: ANN401 - any column
    labels: Any = None,  # noqa: ANN401 - any column
    state: CheckState | None = None,
    threads: int = 1,
    clock: Callable[[], float] = time.time,
) -> Report:
    """What changed between the reference and the rows of a window.

    Parameters
    ----------
    reference : Reference
        What the rows are compared with.
    current : table
        Anything that `exporter.columns.to_columns` takes. Columns are found by name; those of an array are
        the reference's features in order.
    policy : Policy, optional
        When a change counts; `Policy()` by default.
    window : Window or str, optional
        Which window the rows are; only written into the report.
    timestamps, ids : column of shape (n_rows,), optional
        When each row was observed, and its prediction id (repeated ones are counted).
    scores, predictions, labels : column of shape (n_rows,), optional
        As in `Reference.fit`; compared where the reference knows them. Labels may be missing.
    state : CheckState, optional
        `next_state` of the check before; an empty one for the first of a series. Without it the check stands
        alone: its states are what it found, without hysteresis.
    threads : int
        Columns that are measured at a time. One is right inside a process that serves; as many as there are
        processors for a big table.
    clock : callable
        Gives the time of the check.

    Returns
    -------
    Report
        Every feature of the reference is in it; one that cannot be decided has the state unknown and a
        reason, and costs the others nothing.

    Raises
    ------
    ObservationError
        If the data is no table, or a column has another length.
    """
    policy = policy or Policy()
    name = window.name if isinstance(window, Window) else window
    rows = read_rows(
        current,
        list(reference.features),
        predictions=predictions,
        scores=scores,
        labels=labels,
        timestamps=timestamps,
    )
    profiles = reference.profiles_at(rows.times)
    start, end = _span(rows.times)
    return decide(
        reference,
        profiles,
        measure_rows(profiles, rows, policy.min_samples, policy.wanted, threads),
        policy,
        window=name,
        rows=rows.n_rows,
        start=start,
        end=end,
        quality=table_quality(reference, rows.columns.names, rows.columns.problems, repeated_ids(ids)),
        multivariate=compare_joint(reference, rows.columns, policy),
        segments=measure_segments(reference, rows, policy, threads),
        state=state,
        checked_at=clock(),
    )


def decide(
    reference: Reference,
    profiles: Profiles,
    measured: Sequence[Measurement],
    policy: Policy,
    *,
    window: str | None,
    rows: int,
    start: float | None,
    end: float | None,
    quality: Mapping[str, Any],
    multivariate: Mapping[MultivariateTest, JointFinding],
    state: CheckState | None,
    checked_at: float,
    segments: Mapping[str, SegmentMeasurement] = MappingProxyType({}),
) -> Report:
    """The report on a window that is measured already, wherever its rows are.

    Parameters
    ----------
    reference, policy, window, state
        As in `check`.
    profiles : Profiles
        Those of the reference that the window was compared with.
    measured : sequence of Measurement
        Of every feature, and of the outputs that were compared.
    rows, start, end, quality, multivariate, checked_at
        As in `Report`.
    segments : mapping of str to SegmentMeasurement
        Of each segment, where the reference keeps them.
    """
    calibration = reference.calibration_for(window, rows)
    verdicts = evaluate(measured, policy, calibration)
    reports, memory = _reported(profiles, verdicts, policy, None if state is None else state.columns)
    within, memories = _decide_segments(reference, segments, policy, calibration, state)
    return Report(
        checked_at=checked_at,
        model_name=reference.model_name,
        model_version=reference.model_version,
        reference_rows=reference.rows,
        window=window,
        rows=rows,
        start=start,
        end=end,
        features={feature: reports[feature] for feature in reference.features},
        prediction={key: reports[column] for key, column in OUTPUT_KEYS.items() if column in reports},
        label=reports.get(LABEL),
        quality=quality,
        next_state=CheckState(columns=memory, segments=memories),
        multivariate=multivariate,
        segment_by=reference.segments.feature if within and reference.segments is not None else None,
        segments=within,
        policy=policy,
    )


def _decide_segments(
    reference: Reference,
    measured: Mapping[str, SegmentMeasurement],
    policy: Policy,
    calibration: Calibration | None,
    state: CheckState | None,
) -> tuple[dict[str, SegmentReport], dict[str, dict[str, Memory]]]:
    """Reports of all segments, decided together since they share one error rate; and what to remember."""
    verdicts = iter(
        evaluate([column for part in measured.values() for column in part.columns], policy, calibration)
    )
    found: dict[str, SegmentReport] = {}
    memories = {} if state is None else {name: dict(columns) for name, columns in state.segments.items()}
    for segment, part in measured.items():
        profiles = reference.by_segment[segment]
        before = None if state is None else state.segments.get(segment, {})
        own = list(islice(verdicts, len(part.columns)))
        reports, memories[segment] = _reported(profiles, own, policy, before)
        found[segment] = SegmentReport(
            rows=part.rows, reference_rows=next(iter(profiles.features.values())).rows, columns=reports
        )
    return found, memories


def _reported(
    profiles: Profiles, verdicts: Sequence[Verdict], policy: Policy, before: Mapping[str, Memory] | None
) -> tuple[dict[str, ColumnReport], dict[str, Memory]]:
    """Columns by name with their states, and what to remember of them; before is None for a check alone."""
    by_name = {**profiles.features, **profiles.named()}
    # A column that is not compared this time, such as labels that have not come, keeps its memory.
    memory = dict(before or {})
    reports: dict[str, ColumnReport] = {}
    for verdict in verdicts:
        column = verdict.measurement.name
        shown, memory[column] = step(memory.get(column, Memory()), verdict.evidence, policy.hysteresis)
        if before is None:
            shown = at_once(verdict.evidence)
        reports[column] = _column_report(by_name[column], verdict, shown)
    return reports, memory


def compare_joint(
    reference: Reference, current: Columns, policy: Policy
) -> dict[MultivariateTest, JointFinding]:
    """Tests of all features together, where the reference keeps whole rows and the window has enough."""
    if reference.joint is None or current.n_rows < policy.min_samples:
        return {}
    from .multivariate import compare_rows  # noqa: PLC0415 - scipy.stats takes half a second to import

    return compare_rows(reference.features, reference.joint, current, policy.multivariate)


def _column_report(profile: Profile, verdict: Verdict, state: State) -> ColumnReport:
    measurement = verdict.measurement
    bins = measurement.bins
    quality = {"reference_missing_ratio": profile.missing_ratio}
    if bins is not None:
        rows = max(int(bins.counts.sum()), 1)
        quality = {
            "missing_ratio": bins.missing / rows,
            **quality,
            "infinite_ratio": bins.infinite / rows,
            "out_of_range_ratio": bins.out_of_range / rows,
            "unseen_ratio": bins.unseen / rows,
            "type_error_ratio": bins.type_errors / rows,
        }
    reason, detail = measurement.reason, measurement.detail
    if verdict.evidence == "unknown" and reason is None:
        reason, detail = "failed", "; ".join(f"{test}: {why}" for test, why in measurement.failures.items())
    return ColumnReport(
        name=profile.name,
        kind=profile.kind,
        state=state,
        severity=verdict.severity,
        reason=reason,
        detail=detail,
        failures=measurement.failures,
        findings=verdict.findings,
        quality=quality,
        positive_rate=_positive_rate(profile, verdict) if profile.name in (PREDICTION, LABEL) else None,
        profile=profile,
        bins=bins,
        percentiles=measurement.percentiles,
    )


def _positive_rate(profile: Profile, verdict: Verdict) -> dict[str, Any] | None:
    """Share of the positive one of two classes, before and now; None where there are not two."""
    bins, test = verdict.measurement.bins, verdict.findings.get("chi_square")
    if bins is None or test is None or len(profile.bins) != 2 + len(SPECIAL_BINS):
        return None
    positive = max(profile.bins[:2], key=_class_order)
    at = profile.bins.index(positive)
    before, now = profile.counts[at] / profile.count, bins.counts[at] / verdict.measurement.n_current
    return {
        "class": positive,
        "reference": float(before),
        "current": float(now),
        "difference": float(now - before),
        "p_value": test.p_value,
    }


def _class_order(name: str) -> tuple[float, str]:
    """Numbers by their value, anything else after them by its text, as scikit-learn sorts classes."""
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def table_quality(
    reference: Reference, names: Sequence[str], problems: Sequence[str], repeated: int
) -> dict[str, Any]:
    """Quality of a table of these columns, as in `Report`."""
    needed, found = list(reference.features), set(names)
    common = [name for name in names if name in reference.features]
    return {
        "missing_columns": [name for name in needed if name not in found],
        "extra_columns": [name for name in names if name not in reference.features],
        "reordered": common != [name for name in needed if name in found],
        "problems": list(problems),
        "repeated_ids": repeated,
    }


def repeated_ids(ids: Any) -> int:  # noqa: ANN401 - any column
    """Rows whose id an earlier row has; a row without an id repeats none."""
    if getattr(ids, "ndim", 1) == 2:
        raise ObservationError(f"ids: found a {type(ids).__name__} of two dimensions, need one column")
    listed = [] if ids is None else as_list(ids)
    if not types_of(listed) <= {int, str}:
        listed = [one for one in listed if not is_missing(one)]
    return len(listed) - len(distinct(listed))


def _span(times: Floats | None) -> tuple[float | None, float | None]:
    known = np.empty(0) if times is None else times[np.isfinite(times)]
    return (float(known.min()), float(known.max())) if len(known) else (None, None)
