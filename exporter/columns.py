"""Any table of rows as named one-dimensional NumPy columns.

Everything after this module sees one shape only: float64 arrays with NaN for missing, or object arrays
with None for missing. Nothing is dropped and nothing is guessed silently; what each input becomes:

===============================  =====================================================================
input column                     array
===============================  =====================================================================
floats, integers                 float64 (integers beyond 2**53 are rounded to the nearest float)
booleans                         object of True, False, None
Decimal, Fraction, number mixes  float64
dates, times, NumPy datetimes    float64, seconds since 1970 in UTC (no zone is read as UTC; NaT is NaN)
durations                        float64 seconds
text, bytes                      object of str (bytes as Latin-1)
categorical, dictionary, enum    object of str, also where the categories are numbers (1.0 is "1")
masked arrays                    as their values, what is masked as missing
nullable types, None, NaN, NA    NaN in float64, None in object
anything else or a mix           object, as it is
===============================  =====================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import ObservationError
from .values import Array, float_to_object, object_array, to_array, unmasked


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A table: named one-dimensional arrays of one length, in order.

    Attributes
    ----------
    arrays : dict of str to ndarray of shape (n_rows,)
        float64 or object, as the module's table says.
    n_rows : int
        Number of rows; kept apart since a table may have rows and no columns.
    problems : tuple of str
        What was odd about the table and how it was read, for example a name that stood twice.
    """

    arrays: dict[str, Array]
    n_rows: int
    problems: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self.arrays)


def to_columns(data: Any, names: Sequence[str] | None = None) -> Columns:  # noqa: ANN401 - that is its purpose
    """Columns of any table.

    Parameters
    ----------
    data : array of shape (n_rows, n_columns), sequence of mappings or of sequences, mapping of columns, \
or a pandas, polars or pyarrow table
        One-dimensional arrays are one row if `names` has as many names, otherwise one column.
    names : sequence of str, optional
        Names of the columns of a table that has none; without it they are `f0`, `f1`, …
        Ignored where the table brings its own names.

    Raises
    ------
    ObservationError
        If it is no table, or its columns differ in length, or `names` does not fit.
    """
    if isinstance(data, Columns):
        return data
    if isinstance(data, np.ndarray):
        return _from_array(data, names)
    if isinstance(data, Mapping):
        return _collect([(str(name), _listed(column)) for name, column in data.items()])
    if hasattr(data, "columns") and hasattr(data, "iloc"):  # pandas
        return _collect(
            [(str(name), data.iloc[:, i]) for i, name in enumerate(data.columns)], n_rows=len(data)
        )
    if hasattr(data, "get_columns"):  # polars
        return _collect([(series.name, series) for series in data.get_columns()], n_rows=len(data))
    if hasattr(data, "schema") and hasattr(data, "num_rows"):  # pyarrow
        columns = [(str(name), data.column(i)) for i, name in enumerate(data.schema.names)]
        return _collect(columns, n_rows=data.num_rows)
    if hasattr(data, "to_numpy") and not hasattr(data, "to_frame"):
        return _from_array(np.asarray(data.to_numpy()), names)
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _from_rows(data, names)
    if hasattr(data, "__array__"):  # tensors, one-dimensional series
        return _from_array(np.asarray(data), names)
    raise ObservationError(
        f"table: found {type(data).__name__}, need an array, a list of dicts, a dict of columns, "
        "or a pandas, polars or pyarrow table"
    )


def count_rows(data: Any, n_columns: int | None = None) -> int:  # noqa: ANN401 - any table
    """Rows that `to_columns` would find, without reading them.

    Parameters
    ----------
    data : any table
        What cannot be told, an iterator for example, counts as one row.
    n_columns : int, optional
        A one-dimensional array or list of this length is one row.
    """
    if isinstance(data, (str, bytes)) or not hasattr(data, "__len__"):
        return 1
    if isinstance(data, Mapping):
        first = next(iter(data.values()), ())
        return 1 if isinstance(first, (str, bytes)) or not hasattr(first, "__len__") else len(first)
    shape = getattr(data, "shape", None)
    if shape is not None and len(shape) == 0:
        return 1
    flat = len(shape) == 1 if shape is not None else bool(len(data)) and not hasattr(data[0], "__len__")
    if flat and n_columns is not None and n_columns > 1 and len(data) == n_columns:
        return 1
    return len(data)


def concatenate(tables: Sequence[Columns]) -> Columns:
    """Rows of tables that have the same columns, one after the other.

    A column that is float64 in one table and object in another becomes object.
    """
    if len(tables) == 1:
        return tables[0]
    arrays = {}
    for name in tables[0].arrays:
        parts = [table.arrays[name] for table in tables]
        if any(part.dtype == object for part in parts):
            parts = [part if part.dtype == object else float_to_object(part) for part in parts]
        arrays[name] = np.concatenate(parts)
    problems = tuple(dict.fromkeys(problem for table in tables for problem in table.problems))
    return Columns(arrays=arrays, n_rows=sum(table.n_rows for table in tables), problems=problems)


def _from_array(array: Array, names: Sequence[str] | None) -> Columns:
    if isinstance(array, np.ma.MaskedArray) and array.dtype.names is None:
        array = unmasked(array)
    if array.dtype.names is not None:
        return _collect([(name, array[name]) for name in array.dtype.names], n_rows=len(array))
    if array.ndim == 1:
        one_row = names is not None and len(names) > 1 and len(names) == array.shape[0]
        array = array.reshape(1, -1) if one_row else array.reshape(-1, 1)
    if array.ndim != 2:
        raise ObservationError(f"table: found an array of shape {array.shape}, need (n_rows, n_columns)")
    n_rows, n_columns = array.shape
    if names is None:
        names = [f"f{i}" for i in range(n_columns)]
    if len(names) != n_columns:
        raise ObservationError(f"table: found {n_columns} columns, need {len(names)}: {_some(names)}")
    if array.dtype.kind in "fiu":
        # One transposed copy makes every column contiguous, which all later passes profit from.
        by_column = np.ascontiguousarray(array.T, dtype=np.float64)
        return Columns(arrays=dict(zip(names, by_column, strict=True)), n_rows=n_rows)
    return _collect(list(zip(names, array.T, strict=True)), n_rows=n_rows)


def _from_rows(rows: Sequence[Any], names: Sequence[str] | None) -> Columns:
    if not rows:
        return Columns(arrays={name: np.empty(0) for name in names or ()}, n_rows=0)
    if isinstance(rows[0], Mapping):
        keys = dict.fromkeys(key for row in rows for key in row)
        return _collect(
            [(str(key), object_array([row.get(key) for row in rows])) for key in keys], n_rows=len(rows)
        )
    if not isinstance(rows[0], (Sequence, np.ndarray)) or isinstance(rows[0], (str, bytes)):
        if names is not None and len(names) == len(rows) and len(names) > 1:
            return _collect([(name, [value]) for name, value in zip(names, rows, strict=True)])
        return _collect([(names[0] if names else "f0", rows)])
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise ObservationError(f"table: found rows of {min(widths)} to {max(widths)} values, need one width")
    width = widths.pop()
    names = [f"f{i}" for i in range(width)] if names is None else names
    if len(names) != width:
        raise ObservationError(f"table: found {width} columns, need {len(names)}: {_some(names)}")
    return _collect([(name, [row[i] for row in rows]) for i, name in enumerate(names)], n_rows=len(rows))


def _collect(columns: list[tuple[str, Any]], n_rows: int | None = None) -> Columns:
    counts = Counter(name for name, _ in columns)
    problems = [
        f"column {name!r} stands {count} times; the later ones are read under other names"
        for name, count in counts.items()
        if count > 1
    ]
    names = unique_names(name for name, _ in columns)
    arrays = {name: _named(name, column) for name, (_, column) in zip(names, columns, strict=True)}
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        raise ObservationError(
            f"table: found columns of {min(lengths)} to {max(lengths)} rows, need one length"
        )
    found = lengths.pop() if lengths else (n_rows or 0)
    return Columns(arrays=arrays, n_rows=found, problems=tuple(problems))


def _named(name: str, column: Any) -> Array:  # noqa: ANN401
    try:
        return to_array(column)
    except ObservationError as error:
        raise ObservationError(f"column {name!r}: {str(error).removeprefix('column: ')}") from None


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names under which columns are read: one that stands again gets a number.

    Examples
    --------
    >>> unique_names(["a", "b", "a", "a"])
    ('a', 'b', 'a.2', 'a.3')
    """
    unique: dict[str, None] = {}
    for name in names:
        own, suffix = name, 2
        while own in unique:
            own, suffix = f"{name}.{suffix}", suffix + 1
        unique[own] = None
    return tuple(unique)


def _listed(column: Any) -> Any:  # noqa: ANN401
    """A column of a mapping; a single value is a column of one row."""
    if isinstance(column, (str, bytes)) or not hasattr(column, "__len__"):
        return [column]
    return column


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names)} in all)"
