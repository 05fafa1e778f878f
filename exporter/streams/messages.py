"""Messages as observations or outcomes: JSON (a row, or a list of rows) or an Arrow IPC stream.

The columns are the features of the reference, each with a number, text, truth value or null as its kind asks,
and besides what `RowColumns` names. A message is read whole or refused whole; some hundred rows are read
together, and messages one by one only where one of them cannot be.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ObservationError
from ..observation import Observations
from ..reference import Reference
from ..reference.kinds import category_names
from ..stores.memory import joined
from ..stream_settings import RowColumns
from ..values import object_array, to_array

Reason = Literal["unreadable", "columns", "types", "too_large", "empty"]

MAX_AHEAD_SECONDS: Final = 86_400.0
"""A row that is later than its message by more than a day has another unit, such as milliseconds."""

ROWS_AT_ONCE: Final = 512
"""Rows that are dicts at the same time: with 20 features half a megabyte, which a processor's cache holds. A
whole batch of 40,000 took a quarter to 60 % longer, in memory that was new each time."""

NAMES_SHOWN: Final = 5
"""Columns that a reason names; more would be no help."""

_ARROW: Final = (b"\xff\xff\xff\xff", b"ARROW1")
"""Beginnings of an Arrow IPC stream and of an Arrow file; neither is JSON."""

Rows = list[dict[str, Any]]
Floats = NDArray[np.float64]


class PoisonError(Exception):
    """A message that cannot be used, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it came.

    Attributes
    ----------
    value : bytes or None
        Its content.
    at : float
        Its time in seconds since 1970, which is that of its rows unless they say another.
    """

    value: bytes | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Truths, by prediction id; `at` is when each became known."""

    ids: list[Any]
    y_true: list[Any]
    at: list[float]


class Reader:
    """Reads messages of one model.

    Parameters
    ----------
    reference : Reference
        Whose features are the columns.
    columns : RowColumns
        Names of the others.
    max_bytes : int
        Of one message.

    Raises
    ------
    ConfigError
        If a feature has the name of another column.
    """

    def __init__(self, reference: Reference, columns: RowColumns, max_bytes: int) -> None:
        self._kinds = {name: profile.kind for name, profile in reference.features.items()}
        self._names = columns
        self._max_bytes = max_bytes
        self._answers_classes = reference.predicted_classes is not None
        self._beside = (columns.id, columns.timestamp, columns.score, columns.prediction)
        for name in self._beside:
            if name in self._kinds:
                raise ConfigError(
                    f"stream.columns: found {name!r}, which is also a feature of the reference, need another"
                )
        self._shapes: set[tuple[str, ...]] = set()

    def observations(self, messages: Sequence[Message]) -> tuple[Observations, dict[int, PoisonError]]:
        """Rows of all messages that can be read, and why the others cannot, by their place."""
        parts: list[Observations] = []
        poison: dict[int, PoisonError] = {}
        for found in self._parsed(messages, poison, ROWS_AT_ONCE):
            try:
                parts.append(self._observations(messages, found))
            except PoisonError:
                for place, content in found.items():
                    try:
                        parts.append(self._observations(messages, {place: content}))
                    except PoisonError as error:
                        poison[place] = error
        return joined([part for part in parts if part.n_rows]), poison

    def outcomes(self, messages: Sequence[Message]) -> tuple[Outcomes, dict[int, PoisonError]]:
        """Outcomes of all messages that can be read, and why the others cannot, by their place."""
        poison: dict[int, PoisonError] = {}
        ids: list[Any] = []
        y_true: list[Any] = []
        at: list[float] = []
        for found in self._parsed(messages, poison, 1):
            for place, content in found.items():
                rows = content if isinstance(content, list) else content.to_pylist()
                try:
                    more = self._outcomes(rows, messages[place].at)
                except PoisonError as error:
                    poison[place] = error
                else:
                    ids += more.ids
                    y_true += more.y_true
                    at += more.at
        return Outcomes(ids=ids, y_true=y_true, at=at), poison

    def _parsed(
        self, messages: Sequence[Message], poison: dict[int, PoisonError], n_rows: int
    ) -> Iterator[dict[int, Any]]:
        """What messages hold by their place, whenever it is so many rows; those without go to the poison."""
        found: dict[int, Any] = {}
        held = 0
        for place, message in enumerate(messages):
            try:
                found[place] = parse(message.value, self._max_bytes)
            except PoisonError as error:
                poison[place] = error
                continue
            held += len(found[place])
            if held >= n_rows:
                yield found
                found, held = {}, 0
        if found:
            yield found

    def _observations(self, messages: Sequence[Message], found: Mapping[int, Any]) -> Observations:
        rows: Rows = []
        counts: list[int] = []
        times: list[float] = []
        tables: list[Observations] = []
        for place, content in found.items():
            if isinstance(content, list):
                rows += content
                counts.append(len(content))
                times.append(messages[place].at)
            else:
                tables.append(self._table(content, messages[place].at))
        if rows:
            tables.append(self._rows(rows, np.repeat(np.array(times), counts)))
        return joined(tables)

    def _rows(self, rows: Rows, times: Floats) -> Observations:
        shapes = set(map(tuple, rows))
        for shape in shapes - self._shapes:
            self._require_columns(shape)
            if len(self._shapes) < 64:  # the orders in which one producer writes its keys
                self._shapes.add(shape)
        present = {name for shape in shapes for name in shape}
        features = {
            name: _numbers(name, [row[name] for row in rows])
            if kind == "numeric"
            else _categories(name, [row[name] for row in rows])
            for name, kind in self._kinds.items()
        }
        beside = {name: [row.get(name) for row in rows] for name in self._beside if name in present}
        return self._whole(features, beside, times)

    def _table(self, table: Any, at: float) -> Observations:  # noqa: ANN401 - pyarrow has no types
        self._require_columns(tuple(table.column_names))
        features = {}
        for name, kind in self._kinds.items():
            column = table.column(name)
            try:
                array = to_array(column)
            except (ObservationError, ValueError, TypeError) as error:
                raise PoisonError("types", f"{name}: {error}") from None
            if kind == "numeric" and array.dtype != np.float64:
                raise PoisonError("types", f"{name}: found {column.type}, need numbers")
            if kind == "categorical" and array.dtype == object:
                array = _categories(name, array.tolist())
            features[name] = array
        beside = {name: table.column(name).to_pylist() for name in self._beside if name in table.column_names}
        return self._whole(features, beside, np.full(table.num_rows, at))

    def _whole(
        self, features: Mapping[str, NDArray[Any]], beside: Mapping[str, list[Any]], times: Floats
    ) -> Observations:
        ids, predictions = beside.get(self._names.id), beside.get(self._names.prediction)
        scores = None
        if self._names.score in beside:
            scores = _numbers(self._names.score, beside[self._names.score])
        classes = None
        if predictions is not None and self._answers_classes:
            classes = np.array(category_names(_categories(self._names.prediction, predictions)), dtype=object)
        elif predictions is not None and scores is None:
            scores = _numbers(self._names.prediction, predictions)
        return Observations(
            times=_times(self._names.timestamp, beside.get(self._names.timestamp), times),
            features=features,
            ids=None if ids is None else object_array(_ids(self._names.id, ids)),
            scores=scores,
            classes=classes,
        )

    def _require_columns(self, found: tuple[str, ...]) -> None:
        missing = [name for name in self._kinds if name not in found]
        unknown = [name for name in found if name not in self._kinds and name not in self._beside]
        if missing:
            raise PoisonError("columns", f"found no {_some(missing)}, need every feature of the reference")
        if unknown:
            raise PoisonError("columns", f"found {_some(unknown)}, need features of the reference only")
        if len(set(found)) != len(found):
            raise PoisonError("columns", "found a column twice, need each once")

    def _outcomes(self, rows: Rows, at: float) -> Outcomes:
        needed, allowed = {self._names.id, self._names.label}, self._names.timestamp
        for row in rows:
            names = set(row)
            if not needed <= names <= needed | {allowed}:
                raise PoisonError(
                    "columns",
                    f"found {_some(sorted(map(str, names)))}, need {self._names.id} and {self._names.label}",
                )
        given = [row.get(allowed) for row in rows]
        labels = [row[self._names.label] for row in rows]
        return Outcomes(
            ids=_ids(self._names.id, [row[self._names.id] for row in rows]),
            y_true=_scalars(self._names.label, labels),
            at=_times(allowed, given, np.full(len(rows), at)).tolist(),
        )


def parse(value: bytes | None, max_bytes: int) -> Any:  # noqa: ANN401 - rows, or a pyarrow table
    """Rows of JSON as dicts, or the table of an Arrow message.

    Raises
    ------
    PoisonError
        If it is neither.
    """
    if not value:
        raise PoisonError("empty", "found no content, need rows")
    if len(value) > max_bytes:
        raise PoisonError("too_large", f"found {len(value):,} bytes, need {max_bytes:,} at most")
    if value.startswith(_ARROW):
        return _arrow(value)
    try:
        content = json.loads(value)
    except (ValueError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise PoisonError("unreadable", f"found no JSON ({reason:.120}), need rows") from None
    rows = content if isinstance(content, list) else [content]
    for row in rows:
        if not isinstance(row, dict):
            raise PoisonError("unreadable", f"found {type(row).__name__} as a row, need an object")
    return rows


def _arrow(value: bytes) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        import pyarrow as pa  # noqa: PLC0415 - of the extra `cli`; JSON needs nothing
    except ImportError:
        raise PoisonError(
            "unreadable", "found Arrow and no pyarrow here, need: pip install 'driftgauge[cli]'"
        ) from None
    try:
        opened = pa.ipc.open_file if value.startswith(_ARROW[1]) else pa.ipc.open_stream
        table = opened(io.BytesIO(value)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise PoisonError("unreadable", f"found damaged Arrow ({error!s:.120}), need an IPC stream") from None
    return table


def _numbers(name: str, values: list[Any]) -> Floats:
    odd = set(map(type, values)) - {float, int, type(None)}
    if odd:
        found = next(value for value in values if type(value) in odd)
        raise PoisonError("types", f"{name}: found {found!r:.60}, need a number or null")
    try:
        return np.array(values, dtype=np.float64)  # None is NaN
    except OverflowError:
        raise PoisonError(
            "types", f"{name}: found one beyond 1e308, need a number that a float holds"
        ) from None


def _categories(name: str, values: list[Any]) -> NDArray[Any]:
    return to_array(object_array(_scalars(name, values)))


def _scalars(name: str, values: list[Any]) -> list[Any]:
    odd = set(map(type, values)) & {dict, list}
    if odd:
        found = next(value for value in values if type(value) in odd)
        raise PoisonError("types", f"{name}: found {found!r:.60}, need text, a number, true, false or null")
    return values


def _ids(name: str, values: list[Any]) -> list[Any]:
    odd = set(map(type, values)) - {str, int, type(None)}
    if odd:
        found = next(value for value in values if type(value) in odd)
        raise PoisonError("types", f"{name}: found {found!r:.60}, need text or an integer")
    return values


def _times(name: str, values: list[Any] | None, of_messages: Floats) -> Floats:
    """Seconds since 1970; where a row says none, the time of its message."""
    if values is None:
        return of_messages
    try:
        given = np.array([_seconds(value) for value in values], dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise PoisonError("types", f"{name}: found no time, need seconds since 1970 or ISO 8601") from None
    times = np.where(np.isnan(given), of_messages, given)
    if not (np.isfinite(times) & (times <= of_messages + MAX_AHEAD_SECONDS)).all():
        raise PoisonError(
            "types", f"{name}: found a time a day after its message or later, need seconds since 1970"
        )
    return times


def _seconds(value: Any) -> float:  # noqa: ANN401 - any JSON
    if value is None:
        return math.nan
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        # A time without a zone is read as UTC, as everywhere in this package.
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:NAMES_SHOWN]))
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"
