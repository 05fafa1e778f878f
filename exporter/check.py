"""One check: a window of rows against the reference.

report = check(reference, rows, scores=scores)
report.drifted_features, report.to_dict()
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Columns, to_array, to_columns
from .errors import ObservationError
from .findings import Verdict, evaluate
from .hysteresis import Memory, at_once, step
from .measure import Measurement, measure
from .policy import Policy
from .reference.profiles import Profile
from .reference.reference import Reference, score_values
from .reference.table import LABEL, PREDICTION, SCORE
from .report import CheckState, ColumnReport, Report
from .windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .hysteresis import State


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
    columns = to_columns(current, list(reference.features))
    outputs = _outputs(reference, columns.n_rows, scores=scores, predictions=predictions, labels=labels)
    measurements = [
        _measured(profile, columns.arrays.get(name), policy) for name, profile in reference.features.items()
    ]
    measurements += [_measured(profile, values, policy) for profile, values in outputs.values()]
    verdicts = evaluate(measurements, policy)
    memory: dict[str, Memory] = {}
    reports = {}
    profiles = [*reference.features.values(), *(profile for profile, _ in outputs.values())]
    for profile, verdict in zip(profiles, verdicts, strict=True):
        before = Memory() if state is None else state.columns.get(profile.name, Memory())
        shown, memory[profile.name] = step(before, verdict.evidence, policy.hysteresis)
        if state is None:
            shown = at_once(verdict.evidence)
        reports[profile.name] = _column_report(profile, verdict, shown)
    times = _column("timestamps", timestamps, columns.n_rows)
    start, end = _span(times)
    return Report(
        checked_at=clock(),
        model_name=reference.model_name,
        model_version=reference.model_version,
        reference_rows=reference.rows,
        window=window.name if isinstance(window, Window) else window,
        rows=columns.n_rows,
        start=start,
        end=end,
        features={name: reports[name] for name in reference.features},
        prediction={
            key: reports[name] for key, name in (("score", SCORE), ("class", PREDICTION)) if name in reports
        },
        label=reports.get(LABEL),
        quality=_table_quality(reference, columns, _column("ids", ids, columns.n_rows)),
        next_state=CheckState(columns=memory),
    )


def _outputs(
    reference: Reference,
    n_rows: int,
    *,
    scores: Any,  # noqa: ANN401 - any column
    predictions: Any,  # noqa: ANN401 - any column
    labels: Any,  # noqa: ANN401 - any column
) -> dict[str, tuple[Profile, NDArray[Any]]]:
    """Profile and values of what the model put out and what was true, where both are known."""
    if reference.task == "regression" and scores is None:
        scores = predictions
    given = {
        SCORE: (reference.prediction, None if scores is None else score_values(scores)),
        PREDICTION: (reference.predicted_classes, predictions),
        LABEL: (reference.labels, labels),
    }
    found: dict[str, tuple[Profile, NDArray[Any]]] = {}
    for name, (profile, values) in given.items():
        array = _column(name.strip("_"), values, n_rows)
        if profile is not None and array is not None:
            found[name] = (profile, array)
    return found


def _measured(profile: Profile, values: NDArray[Any] | None, policy: Policy) -> Measurement:
    if values is None:
        return Measurement(
            name=profile.name,
            kind=profile.kind,
            reason="missing_column",
            detail=f"the window has no column {profile.name!r}",
        )
    try:
        return measure(profile, values, policy.min_samples)
    except Exception as error:  # noqa: BLE001 - one column that fails must not cost the others
        return Measurement(
            name=profile.name,
            kind=profile.kind,
            reason="failed",
            detail=f"{type(error).__name__}: {error}",
        )


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
    return ColumnReport(
        name=profile.name,
        kind=profile.kind,
        state=state,
        severity=verdict.severity,
        reason=measurement.reason,
        detail=measurement.detail,
        findings=verdict.findings,
        quality=quality,
    )


def _table_quality(reference: Reference, columns: Columns, ids: NDArray[Any] | None) -> dict[str, Any]:
    names, needed = list(columns.names), list(reference.features)
    common = [name for name in names if name in reference.features]
    return {
        "missing_columns": [name for name in needed if name not in columns.arrays],
        "extra_columns": [name for name in names if name not in reference.features],
        "reordered": common != [name for name in needed if name in columns.arrays],
        "problems": list(columns.problems),
        "repeated_ids": 0 if ids is None else len(ids) - len({str(i) for i in ids.tolist()}),
    }


def _column(what: str, values: Any, n_rows: int) -> NDArray[Any] | None:  # noqa: ANN401 - any column
    if values is None:
        return None
    array = to_array(values)
    if len(array) != n_rows:
        raise ObservationError(f"{what}: found {len(array)} values for {n_rows} rows, need as many")
    return array


def _span(times: NDArray[Any] | None) -> tuple[float | None, float | None]:
    if times is None:
        return None, None
    if times.dtype == object:
        raise ObservationError("timestamps: found text or mixed values, need times or seconds since 1970")
    known = times[np.isfinite(times)]
    return (float(known.min()), float(known.max())) if len(known) else (None, None)
