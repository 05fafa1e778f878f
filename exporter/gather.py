"""Calls of the model as observations: the pure half of what the background thread does.

Calls of one shape are read together, since one array of 2,500 rows costs as much to read as a few of one row.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, concatenate, object_array, to_array, to_columns
from .errors import ObservationError
from .observation import Call, Observations
from .reference.kinds import category_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What rows and answers of a model look like.

    Attributes
    ----------
    features : tuple of str or None
        Names of the columns in order; None when neither the reference nor the model knows them.
    classes : tuple of str or None
        Classes in the order of `predict_proba`'s columns; None where nobody knows them.
    predicts_classes : bool
        Whether `predict` answers with classes rather than numbers.
    call_scores : bool
        Whether a call of the model itself answers with scores where it answers with floats.
    """

    features: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    predicts_classes: bool = False
    call_scores: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Observations of some calls, and what was wrong with the others.

    Attributes
    ----------
    observations : tuple of Observations
        One for each shape of table.
    violations : mapping of str to int
        Calls per kind of schema violation.
    unread_rows : int
        Rows that could not be read as the model's features.
    """

    observations: tuple[Observations, ...]
    violations: Mapping[str, int]
    unread_rows: int


def gather(calls: Sequence[Call], layout: Layout, wall_minus_perf: float) -> Gathered:
    """Observations of calls.

    Parameters
    ----------
    calls : sequence of Call
        As the buffer kept them.
    layout : Layout
        What the model expects.
    wall_minus_perf : float
        What to add to a call's end to have seconds since 1970.
    """
    violations: Counter[str] = Counter()
    unread = 0
    groups: dict[Hashable, list[Call]] = {}
    for call in calls:
        found = _violations(call[1], layout)
        violations.update(found)
        if "column_count" in found:
            unread += _kept_rows(call)
        else:
            groups.setdefault(_shape(call), []).append(call)
    observations = []
    for group in groups.values():
        try:
            observations.append(_observations(group, layout, wall_minus_perf))
        except (ObservationError, ValueError, TypeError):
            # One call that cannot be read must not cost the others of its shape.
            for call in group:
                try:
                    observations.append(_observations([call], layout, wall_minus_perf))
                except (ObservationError, ValueError, TypeError):
                    violations["unreadable"] += 1
                    unread += _kept_rows(call)
    return Gathered(observations=tuple(observations), violations=violations, unread_rows=unread)


def _kept_rows(call: Call) -> int:
    rows, n_rows = call[1], call[7]
    return min(n_rows, len(rows)) if isinstance(rows, np.ndarray) and rows.ndim == 2 else n_rows


def _shape(call: Call) -> Hashable:
    """Calls of equal shape can be read as one table."""
    method, rows = call[0], call[1]
    if isinstance(rows, np.ndarray):
        return (
            method,
            "array",
            rows.ndim,
            rows.shape[-1],
            rows.dtype.kind,
            len(rows) if rows.ndim == 1 else 0,
        )
    if isinstance(rows, list) and rows and isinstance(rows[0], Mapping):
        return (method, "dicts")
    names = None if isinstance(rows, Mapping) else _names(rows)
    if names is not None:
        return (method, type(rows), names)
    return (method, "other", id(rows), call[5])


def _violations(rows: Any, layout: Layout) -> list[str]:  # noqa: ANN401 - any table
    expected = layout.features
    if expected is None:
        return []
    if isinstance(rows, np.ndarray) and rows.dtype.names is None:
        columns = rows.shape[1] if rows.ndim == 2 else rows.size
        return [] if columns == len(expected) else ["column_count"]
    names = _names(rows)
    if names is None or names == expected:
        return []
    found, wanted = set(names), set(expected)
    violations = []
    if wanted - found:
        violations.append("missing_column")
    if found - wanted:
        violations.append("extra_column")
    if not violations and len(names) == len(expected) and not isinstance(rows, (list, dict)):
        violations.append("reordered_columns")  # mappings have no order that matters
    return violations


def _names(rows: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - any table
    if isinstance(rows, Mapping):
        return tuple(map(str, rows))
    if isinstance(rows, list) and rows and isinstance(rows[0], Mapping):
        return tuple(dict.fromkeys(str(key) for row in rows for key in row))
    if hasattr(rows, "column_names"):
        return tuple(map(str, rows.column_names))
    if hasattr(rows, "columns"):
        return tuple(map(str, rows.columns))
    return None


def _observations(calls: Sequence[Call], layout: Layout, wall_minus_perf: float) -> Observations:
    columns = _table(calls, layout.features)
    counts = [_rows_in(call, columns.n_rows, len(calls)) for call in calls]
    if sum(counts) != columns.n_rows:
        raise ObservationError(
            f"table: found {columns.n_rows} rows, need the {sum(counts)} that were predicted"
        )
    answers = _answers(calls, counts, layout)
    features = columns.arrays
    if layout.features is not None:
        missing = np.full(columns.n_rows, np.nan)
        features = {name: columns.arrays.get(name, missing) for name in layout.features}
    return Observations(
        times=_times(calls, counts, wall_minus_perf),
        features=features,
        ids=_ids(calls, counts),
        scores=answers.scores,
        classes=answers.classes,
        probabilities=answers.probabilities,
    )


def _rows_in(call: Call, table_rows: int, n_calls: int) -> int:
    if n_calls == 1:
        return table_rows
    rows = call[1]
    return len(rows) if not isinstance(rows, np.ndarray) or rows.ndim == 2 else call[7]


def _table(calls: Sequence[Call], names: Sequence[str] | None) -> Columns:
    tables = [call[1] for call in calls]
    first = tables[0]
    if len(tables) == 1:
        return to_columns(first, names)
    if isinstance(first, np.ndarray):
        return to_columns(np.concatenate(tables) if first.ndim == 2 else np.stack(tables), names)
    if isinstance(first, list):
        return to_columns([row for table in tables for row in table], names)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(first, pandas.DataFrame):
        return to_columns(pandas.concat(tables, ignore_index=True), names)
    return concatenate([to_columns(table, names) for table in tables])


def _times(calls: Sequence[Call], counts: Sequence[int], wall_minus_perf: float) -> NDArray[np.float64]:
    if all(call[4] is None for call in calls):
        return np.repeat(np.array([call[5] + wall_minus_perf for call in calls]), counts)
    parts = []
    for call, n_rows in zip(calls, counts, strict=True):
        at = call[4]
        if at is None:
            parts.append(np.full(n_rows, call[5] + wall_minus_perf))
        elif isinstance(at, (int, float)):
            parts.append(np.full(n_rows, float(at)))
        else:
            times = to_array(at)
            if len(times) != n_rows or times.dtype != np.float64:
                raise ObservationError(f"at: found {len(times)} {times.dtype} values, need {n_rows} times")
            parts.append(times)
    return np.concatenate(parts)


def _ids(calls: Sequence[Call], counts: Sequence[int]) -> NDArray[np.object_] | None:
    if all(call[3] is None for call in calls):
        return None
    merged: list[Hashable] = []
    for call, n_rows in zip(calls, counts, strict=True):
        ids = call[3]
        listed: Iterable[Any] = [None] * n_rows if ids is None else ids
        values = [value if isinstance(value, Hashable) else str(value) for value in listed]
        if len(values) != n_rows:
            raise ObservationError(f"ids: found {len(values)}, need {n_rows}, one a row")
        merged.extend(values)
    return object_array(merged)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the model answered, as `Observations` keeps it."""

    scores: NDArray[np.float64] | None = None
    classes: NDArray[np.object_] | None = None
    probabilities: NDArray[np.float64] | None = None


def _answers(calls: Sequence[Call], counts: Sequence[int], layout: Layout) -> _Answers:
    """Scores and classes of the rows, None where the answers have none that we can read."""
    n_rows = sum(counts)
    try:
        answers = [np.asarray(call[2]) for call in calls]
        result = answers[0] if len(answers) == 1 else np.concatenate(answers)
    except ValueError:  # ragged answers, as of a model with several outputs
        return _Answers()
    if result.ndim == 0:
        result = result.reshape(1)
    if len(result) != n_rows or result.ndim > 2:
        return _Answers()
    if result.ndim == 2 and result.shape[1] == 1:
        result = result[:, 0]
    if result.ndim == 2:
        return _from_proba(result, layout.classes)
    method = calls[0][0]
    if method == "predict_proba":
        return _from_margin(result, layout.classes, threshold=0.5)
    if method == "decision_function":
        return _from_margin(result, layout.classes, threshold=0.0)
    call_scores = layout.call_scores and method == "call" and result.dtype.kind == "f"
    if layout.predicts_classes and not call_scores:
        return _Answers(classes=np.array(category_names(to_array(result)), dtype=object))
    values = to_array(result)
    return _Answers(values) if values.dtype == np.float64 else _Answers()


def _from_proba(result: NDArray[Any], classes: tuple[str, ...] | None) -> _Answers:
    if result.dtype.kind not in "fiu":
        return _Answers()
    known = classes is not None and len(classes) == result.shape[1]
    predicted = np.array(classes, dtype=object)[result.argmax(axis=1)] if known else None
    score = result[:, 1] if result.shape[1] == 2 else result.max(axis=1)
    matrix = result.astype(np.float64) if known and result.shape[1] > 2 else None
    return _Answers(score.astype(np.float64), predicted, matrix)


def _from_margin(result: NDArray[Any], classes: tuple[str, ...] | None, threshold: float) -> _Answers:
    if result.dtype.kind not in "fiu":
        return _Answers()
    predicted = None
    if classes is not None and len(classes) == 2:
        predicted = np.array(classes, dtype=object)[(result > threshold).astype(int)]
    return _Answers(result.astype(np.float64), predicted)
