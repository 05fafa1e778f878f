"""Calls of the model as observations: the pure half of what the background thread does.

Calls of one shape are read together, since one array of 2,500 rows costs as much to read as a few of one row.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import types_of
from .columns import Columns, concatenate, to_columns, unique_names
from .errors import ObservationError
from .observation import Call, Observations
from .reference.kinds import category_names
from .values import is_hashable, object_array, to_array


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
        except Exception:  # noqa: BLE001 - a table or an answer of any library may refuse in its own way
            # One call that cannot be read must not cost the others of its shape.
            for call in group:
                try:
                    observations.append(_observations([call], layout, wall_minus_perf))
                except Exception:  # noqa: BLE001
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
        # Joined, columns of several types would become one of objects, and be read as that.
        types = tuple(rows.dtypes) if hasattr(rows, "iloc") else ()
        return (method, type(rows), names, types)
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
        return unique_names(map(str, rows.column_names))
    if hasattr(rows, "columns"):
        return unique_names(map(str, rows.columns))
    return None


def _observations(calls: Sequence[Call], layout: Layout, wall_minus_perf: float) -> Observations:
    columns = _table(calls, layout.features)
    counts = [_rows_in(call, columns.n_rows, len(calls)) for call in calls]
    if sum(counts) != columns.n_rows:
        raise ObservationError(
            f"table: found {columns.n_rows} rows, need the {sum(counts)} that were predicted"
        )
    answers = _answers(calls, counts, layout)
    features = (columns if layout.features is None else _padded(columns, layout.features)).arrays
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
        joined = to_columns([row for table in tables for row in table], names)
        mixed = any(
            array.dtype == object and len(types_of(array) - {NoneType}) > 1
            for array in joined.arrays.values()
        )
        # What one call sent must not change how the values of another are read.
        return (
            concatenate([_padded(to_columns(table), joined.names) for table in tables]) if mixed else joined
        )
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(first, pandas.DataFrame):
        return to_columns(pandas.concat(tables, ignore_index=True), names)
    return concatenate([to_columns(table, names) for table in tables])


def _padded(columns: Columns, names: Sequence[str]) -> Columns:
    """The columns of these names; one that is not there is missing in all rows."""
    missing = np.full(columns.n_rows, np.nan)
    arrays = {name: columns.arrays.get(name, missing) for name in names}
    return Columns(arrays=arrays, n_rows=columns.n_rows, problems=columns.problems)


def _times(calls: Sequence[Call], counts: Sequence[int], wall_minus_perf: float) -> NDArray[np.float64]:
    if all(call[4] is None for call in calls):
        return np.repeat(np.array([call[5] + wall_minus_perf for call in calls]), counts)
    parts = []
    for call, n_rows in zip(calls, counts, strict=True):
        at, ended = call[4], call[5] + wall_minus_perf
        if at is None:
            parts.append(np.full(n_rows, ended))
            continue
        times = to_array(at) if hasattr(at, "__len__") else np.repeat(to_array([at]), n_rows)
        if len(times) != n_rows or times.dtype != np.float64:
            raise ObservationError(f"at: found {len(times)} {times.dtype} values, need {n_rows} times")
        # A row without a time belongs to no window, and no store could keep it.
        parts.append(np.where(np.isfinite(times), times, ended))
    return np.concatenate(parts)


def _ids(calls: Sequence[Call], counts: Sequence[int]) -> NDArray[np.object_] | None:
    if all(call[3] is None for call in calls):
        return None
    merged: list[Hashable] = []
    for call, n_rows in zip(calls, counts, strict=True):
        ids = call[3]
        listed: Iterable[Any] = [None] * n_rows if ids is None else [ids] if isinstance(ids, str) else ids
        values = [value if is_hashable(value) else str(value) for value in listed]
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
    answers = [_answer(call[2], n_rows) for call, n_rows in zip(calls, counts, strict=True)]
    read = [answer for answer in answers if answer is not None]
    if not read:
        return _Answers()
    if len(read) < len(answers):
        raise ObservationError(f"answers: found {len(read)} of {len(answers)} that can be read, need all")
    result = read[0] if len(read) == 1 else np.concatenate(read)
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


def _answer(result: Any, n_rows: int) -> NDArray[Any] | None:  # noqa: ANN401 - whatever the model gave
    """What the model answered to a call as an array of so many rows; None where that cannot be."""
    if result is None:
        return None
    try:
        if hasattr(result, "detach"):  # a tensor of PyTorch that still knows its gradient, or lies on a GPU
            result = result.detach().cpu()
        answer = np.asarray(result)
    except Exception:  # noqa: BLE001 - ragged answers of several outputs, tensors of other libraries
        return None
    if answer.ndim == 0:
        answer = answer.reshape(1)
    return answer if len(answer) == n_rows and answer.ndim <= 2 else None


def _from_proba(result: NDArray[Any], classes: tuple[str, ...] | None) -> _Answers:
    if result.dtype.kind not in "fiu":
        return _Answers()
    known = classes is not None and len(classes) == result.shape[1]
    predicted = _named(classes, result.argmax(axis=1), np.isnan(result).any(axis=1)) if known else None
    score = result[:, 1] if result.shape[1] == 2 else result.max(axis=1)
    matrix = result.astype(np.float64) if known and result.shape[1] > 2 else None
    return _Answers(score.astype(np.float64), predicted, matrix)


def _from_margin(result: NDArray[Any], classes: tuple[str, ...] | None, threshold: float) -> _Answers:
    if result.dtype.kind not in "fiu":
        return _Answers()
    predicted = None
    if classes is not None and len(classes) == 2:
        predicted = _named(classes, (result > threshold).astype(int), np.isnan(result))
    return _Answers(result.astype(np.float64), predicted)


def _named(
    classes: Sequence[str] | None, codes: NDArray[np.int64], unknown: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Class of each row; None where the model's answer was NaN, which is no class."""
    predicted = np.array(classes, dtype=object)[codes]
    predicted[unknown] = None
    return predicted
