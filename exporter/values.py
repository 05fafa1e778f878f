"""One column of any library as a float64 or an object array, as the table of `exporter.columns` says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from numbers import Number
from types import NoneType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .blocks import types_of
from .errors import ObservationError

Array = NDArray[Any]

MAX_INTEGER_DIGITS: Final = 39
"""Of an id that is read as a whole number: as many as 128 bits have, more than any column type holds."""


def to_array(column: Any) -> Array:  # noqa: ANN401 - that is its purpose
    """One column as float64 or object, as the table of `exporter.columns` says.

    Raises
    ------
    ObservationError
        If the column is not one-dimensional.
    """
    values = _plain(column)
    if values is None and _is_categorical(_type_name(column)):
        return object_array([None if is_missing(v) else _category(v) for v in as_list(column)])
    if values is None:
        values = _fast_numeric(column)
    if values is None:
        values = object_array(as_list(column))
    if values.ndim != 1:
        raise ObservationError(f"column: found {values.ndim} dimensions, need 1")
    return _normalised(values)


def unmasked(array: np.ma.MaskedArray[Any, Any]) -> Array:
    """A masked array with what is masked as missing."""
    if not np.ma.is_masked(array):
        return np.asarray(array.data)
    if array.dtype.kind in "fiu":
        return np.asarray(np.ma.filled(array.astype(np.float64), np.nan))
    values = np.asarray(array.data).astype(object)
    values[np.ma.getmaskarray(array)] = None  # None as a fill value would be NumPy's "?"
    return values


def as_list(column: Any) -> list[Any]:  # noqa: ANN401 - any column
    """Values of a column as Python has them, none of them changed."""
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    return list(column)


def _plain(column: Any) -> Array | None:  # noqa: ANN401
    """The column as it lies in memory, where it is a NumPy array or wraps one."""
    if isinstance(column, np.ma.MaskedArray):
        return unmasked(column)
    if isinstance(column, np.ndarray):
        return column
    if hasattr(column, "iloc"):  # pandas
        plain = isinstance(column.dtype, np.dtype) and column.dtype.kind != "O"
        return np.asarray(column.to_numpy()) if plain else None
    if hasattr(column, "__array__") and not hasattr(column, "to_list") and not hasattr(column, "to_pylist"):
        return np.asarray(column)
    return None


def _type_name(column: Any) -> str:  # noqa: ANN401
    dtype = getattr(column, "dtype", None)
    return str(getattr(column, "type", "") if dtype is None else dtype).lower()


def _is_categorical(dtype_name: str) -> bool:
    return dtype_name.startswith(("category", "categorical", "enum", "dictionary"))


def _category(value: Any) -> str:  # noqa: ANN401
    """Text of a category: that under which the bare value would be counted, which has no dtype to tell."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


def _fast_numeric(column: Any) -> Array | None:  # noqa: ANN401
    """Float64 of a nullable numeric column without a Python list in between, or None where that is unsafe."""
    if not _type_name(column).startswith(("int", "uint", "float", "double", "halffloat")):
        return None
    if hasattr(column, "to_pylist"):  # pyarrow
        column = column.cast("float64", safe=False)  # beyond 2**53 rounded, not refused
        values = column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)
    if hasattr(column, "iloc"):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _normalised(values: Array) -> Array:
    kind = values.dtype.kind
    if kind in "fiu":
        return values.astype(np.float64, copy=False)
    if kind == "b":
        return values.astype(object)
    if kind == "M":
        return _seconds(values.astype("datetime64[us]"))
    if kind == "m":
        return _seconds(values.astype("timedelta64[us]"))
    if kind == "U":
        return values.astype(object)
    if kind == "S":
        return object_array([value.decode("latin-1") for value in values.tolist()])
    if kind == "O":
        return _from_objects(values)
    raise ObservationError(
        f"column: found dtype {values.dtype}, need numbers, booleans, text, times or objects"
    )


def _from_objects(values: Array) -> Array:
    types = types_of(values)
    if types <= {str} or types == {str, NoneType}:
        return values
    present = {t for t in types if t is not type(None)}
    if present and all(
        issubclass(t, Number) and not issubclass(t, (bool, np.bool_, complex)) for t in present
    ):
        return np.array([np.nan if v is None else _to_float(v) for v in values.tolist()], dtype=np.float64)
    cleaned = [None if is_missing(value) else value for value in values.tolist()]
    present = {type(value) for value in cleaned if value is not None}
    if not present:
        return np.full(len(cleaned), np.nan)
    if all(issubclass(t, Number) and not issubclass(t, (bool, np.bool_, complex)) for t in present):
        return np.array([np.nan if v is None else _to_float(v) for v in cleaned], dtype=np.float64)
    if all(issubclass(t, (dt.date, dt.datetime, np.datetime64)) for t in present):
        return np.array([np.nan if v is None else _epoch_seconds(v) for v in cleaned], dtype=np.float64)
    if all(issubclass(t, (dt.timedelta, np.timedelta64)) for t in present):
        return np.array(
            [
                np.nan if v is None else float(np.timedelta64(v, "us") / np.timedelta64(1, "s"))
                for v in cleaned
            ]
        )
    return object_array(
        [
            v.decode("latin-1") if isinstance(v, bytes) else bool(v) if isinstance(v, np.bool_) else v
            for v in cleaned
        ]
    )


def _to_float(value: Any) -> float:  # noqa: ANN401
    try:
        return float(value)
    except OverflowError:  # an int beyond the largest float
        return float("inf") if value > 0 else float("-inf")
    except ValueError:  # a signalling NaN of Decimal
        return float("nan")


def _epoch_seconds(value: Any) -> float:  # noqa: ANN401
    if isinstance(value, np.datetime64):
        return float(_seconds(np.array([value], dtype="datetime64[us]"))[0])
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return float((value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).total_seconds())


def _seconds(values: Array) -> Array:
    seconds = values.astype(np.int64) / 1e6
    seconds[np.isnat(values)] = np.nan
    return np.asarray(seconds)


def is_missing(value: Any) -> bool:  # noqa: ANN401 - any value
    """Whether a value stands for none: None, NaN, NaT or NA."""
    if value is None:
        return True
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    try:
        return isinstance(value, Number) and bool(value != value)  # noqa: PLR0124 - only NaN differs from itself
    except ArithmeticError:  # a signalling Decimal NaN refuses comparison
        return True


def is_hashable(value: object) -> bool:
    """Whether a value can be looked up; a tuple that holds a list says that it can, and cannot."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def float_to_object(values: Array) -> Array:
    """Floats as objects, None where they are NaN."""
    return object_array([None if value != value else value for value in values.tolist()])  # noqa: PLR0124


def object_array(values: Sequence[Any]) -> Array:
    """A one-dimensional object array, also where the values are sequences themselves."""
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # `array[:] = values` would unpack nested sequences
        array[i] = value
    return array
