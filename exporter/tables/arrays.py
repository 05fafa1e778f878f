"""Columns of Arrow, and cells of text files, as the arrays of `exporter.columns`.

No Python object is made per row: text is looked at once per distinct value of a chunk. Cells of a text file
have no type, so they are read as what their column is:

* numeric: numbers; a cell that is none stays text, which is later counted as a value of another type;
* categorical: text, where plain numbers and truth values read as they do in typed files: `1.0` is `1`
  and `true` is `True`, while `007`, `1e5` and `1,5` stay as they are;
* boolean, time: as their names say;
* id: text, as it is written.

Ids of typed files and databases are exact too: whole numbers become integers of Python, whatever their size.
"""

from __future__ import annotations

import re
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import numpy as np

from ..blocks import types_of
from ..reference.kinds import category_text
from ..values import MAX_INTEGER_DIGITS, is_missing, object_array, to_array
from .messages import arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .reading import Reading

MICROSECONDS: Final = 1e6

MAX_NUMBER_CHARS: Final = 15
"""Longer numbers may not survive as a float, so as categories they stay text."""

_INTEGER: Final = rf"^ *(0|-?[1-9][0-9]{{0,{MAX_INTEGER_DIGITS - 1}}})(\.0+)? *$"
"""A whole number as programs write it: `007` and `+7` are text that looks like one. With `.0`, since pandas
writes integers so where one of the column is missing."""

_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_KEPT: Final = {int, str, UUID, NoneType}
"""Types of ids that stay what they are."""
_EXACT: Final = _KEPT | {bool, float, Decimal}
"""Types of ids that lose nothing here; others, such as times, are read as any column."""
_TRUTH: Final = {"true": "True", "false": "False"}


def typed_column(column: Any) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array of any type
    """A column of a typed file, as the table of `exporter.columns` says."""
    pa, types = arrow(), arrow("types")
    kind = column.type
    if types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
        if not _is_text(kind):
            return object_array([None if value is None else str(value) for value in column.to_pylist()])
    if _is_text(kind):
        return _labels(column)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _floats(column)
    if types.is_date(kind) or types.is_timestamp(kind):
        micros = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        return _floats(micros.cast(pa.int64())) / MICROSECONDS
    if types.is_duration(kind):
        return _floats(column.cast(pa.duration("us"), safe=False).cast(pa.int64())) / MICROSECONDS
    return to_array(column.to_pylist())


def typed_ids(column: Any) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array of any type
    """Ids of a typed file, as `Reading` says: objects, None for missing."""
    types = arrow("types")
    kind = column.type
    if types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if types.is_integer(kind) or types.is_decimal(kind):
        return exact_ids(column.to_pylist())
    return typed_column(column)


def exact_ids(values: Sequence[Any]) -> NDArray[Any]:
    """Ids that have types, as `Reading` says: objects, None for missing.

    Examples
    --------
    >>> exact_ids([10**17 + 1, Decimal("10.00"), 7.0, "7", None]).tolist()
    [100000000000000001, 10, 7.0, '7', None]
    """
    listed = list(values)
    types = types_of(listed)
    if types <= _KEPT:
        return object_array(listed)
    if not types <= _EXACT:
        return to_array(listed)
    return object_array([None if is_missing(value) else _exact(value) for value in listed])


def all_integers(column: Any) -> bool:  # noqa: ANN401 - an Arrow array of text
    """Whether every cell is a whole number as programs write it, or missing."""
    compute = arrow("compute")
    return bool(compute.all(compute.match_substring_regex(column, _INTEGER), min_count=0).as_py())


def typed_reading(kind: Any) -> Reading | None:  # noqa: ANN401 - an Arrow type
    """What a typed column is; None where it has no values."""
    types = arrow("types")
    if types.is_null(kind):
        return None
    if types.is_date(kind) or types.is_timestamp(kind):
        return "time"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_duration(kind):
        return "numeric"
    return "boolean" if types.is_boolean(kind) else "categorical"


def cells(column: Any, reading: Reading) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array of text
    """A column of a text file, read as this."""
    if reading in ("categorical", "id"):
        return _labels(column, category if reading == "categorical" else str)
    for read in (as_booleans,) if reading == "boolean" else (as_numbers, as_times):
        found = read(column)
        if found is not None:
            return found
    return _labels(column, _number_or_text if reading == "numeric" else str)


def cells_reading(column: Any) -> Reading | None:  # noqa: ANN401 - an Arrow array of text
    """What all cells of a column can be read as; None where all are missing."""
    if column.null_count == len(column):
        return None
    if as_numbers(column) is not None:
        return "numeric"
    if as_booleans(column) is not None:
        return "boolean"
    return "categorical" if as_times(column) is None else "time"


def as_numbers(column: Any) -> NDArray[np.float64] | None:  # noqa: ANN401 - an Arrow array of text
    """The numbers that cells are; None if one is none."""
    compute, pa = arrow("compute"), arrow()
    try:
        return _floats(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        pass
    try:
        return _floats(compute.utf8_trim_whitespace(column).cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def as_booleans(column: Any) -> NDArray[Any] | None:  # noqa: ANN401 - an Arrow array of text
    """The truth values that cells are, as objects; None if one is none."""
    compute, pa = arrow("compute"), arrow()
    lower = compute.utf8_lower(column)
    known = compute.is_in(lower, value_set=pa.array([*_TRUTH, None], pa.string()))
    if not compute.all(known).as_py():
        return None
    return _labels(lower, lambda text: text == "true")


def as_times(column: Any) -> NDArray[np.float64] | None:  # noqa: ANN401 - an Arrow array of text
    """Seconds since 1970 of the times that cells are; None if one is none, or only some have a zone."""
    pa = arrow()
    for zone in (None, "UTC"):
        try:
            micros = column.cast(pa.timestamp("us", zone)).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        return _floats(micros) / MICROSECONDS
    return None


def category(text: str) -> str:
    """Name under which a cell of a text file is counted as a category.

    Examples
    --------
    >>> [category(text) for text in ("1", "1.0", "1.50", "007", "1e5", "TRUE", "x")]
    ['1', '1', '1.5', '007', '1e5', 'True', 'x']
    """
    if len(text) <= MAX_NUMBER_CHARS and _PLAIN_NUMBER.fullmatch(text):
        return category_text(float(text))
    return _TRUTH.get(text.lower(), text)


def _is_text(kind: Any) -> bool:  # noqa: ANN401 - an Arrow type
    types = arrow("types")
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _exact(value: Any) -> Any:  # noqa: ANN401 - an id
    """An id; a Decimal, which no caller has, as the integer or the float that it is."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)


def _number_or_text(text: str) -> float | str:
    try:
        # Python would read 1_000 as a thousand, Arrow and every other reader as text.
        return text if "_" in text else float(text)
    except ValueError:
        return text


def _floats(column: Any) -> NDArray[np.float64]:  # noqa: ANN401 - an Arrow array
    # Not `safe`: integers beyond 2**53 are rounded to the nearest float instead of refused.
    column = column.cast(arrow().float64(), safe=False)
    values = column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def _labels(column: Any, read: Callable[[str], Any] = str) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array of text
    """Objects of a column of text, None for missing; `read` is called once per distinct value."""
    if hasattr(column, "combine_chunks"):
        # The offsets of a plain string array end at 2 GB, which many chunks together may pass.
        column = column.cast(arrow().large_string()).combine_chunks()
    encoded = column.dictionary_encode()
    distinct = np.empty(len(encoded.dictionary) + 1, dtype=object)
    distinct[:-1] = [read(text) for text in encoded.dictionary.to_pylist()]
    indices = encoded.indices.fill_null(len(encoded.dictionary))
    result: NDArray[Any] = distinct[np.asarray(indices)]
    return result
