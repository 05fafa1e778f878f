"""Rows of a table with what belongs to them: when they were seen, what was predicted, what was true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .columns import Columns, to_columns
from .errors import ObservationError
from .values import to_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


NAMED: Final = 5
"""Columns that a message names; more would bury it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows of one table; what is None was not given.

    Attributes
    ----------
    columns : Columns
        The features, and maybe more.
    scores, predictions, labels : ndarray of shape (n_rows,) or None
        One score a row; predicted classes or values; the truth.
    times : ndarray of shape (n_rows,) or None
        Seconds since 1970, NaN where not known.
    """

    columns: Columns
    scores: NDArray[Any] | None = None
    predictions: NDArray[Any] | None = None
    labels: NDArray[Any] | None = None
    times: NDArray[np.float64] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.columns.n_rows

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Rows:
        """The rows at a mask, at indices or in a slice."""
        arrays = {name: array[chosen] for name, array in self.columns.arrays.items()}

        def cut(array: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if array is None else array[chosen]

        return Rows(
            columns=replace(self.columns, arrays=arrays, n_rows=len(np.arange(self.n_rows)[chosen])),
            scores=cut(self.scores),
            predictions=cut(self.predictions),
            labels=cut(self.labels),
            times=cut(self.times),
        )


def read_rows(
    data: Any,  # noqa: ANN401 - any table
    names: Sequence[str] | None = None,
    *,
    predictions: Any = None,  # noqa: ANN401 - any column
    scores: Any = None,  # noqa: ANN401 - any column
    labels: Any = None,  # noqa: ANN401 - any column
    timestamps: Any = None,  # noqa: ANN401 - any column
) -> Rows:
    """Rows of any table.

    Parameters
    ----------
    data, names
        As in `columns.to_columns`.
    predictions, labels : column of shape (n_rows,), optional
        Any column, also as a table of one column.
    scores : column of shape (n_rows,) or matrix of shape (n_rows, n_classes), optional
        See `score_values`.
    timestamps : column of shape (n_rows,), optional
        Times, or seconds since 1970.

    Raises
    ------
    ObservationError
        If it is no table, or a column has another length or is several, or timestamps are no times.
    """
    columns = to_columns(data, names)
    n_rows = columns.n_rows
    times = _column("timestamps", timestamps, n_rows)
    if times is not None and times.dtype == object:
        raise ObservationError("timestamps: found text or mixed values, need times or seconds since 1970")
    return Rows(
        columns=columns,
        scores=_column("scores", None if scores is None else score_values(scores), n_rows),
        predictions=_column("predictions", predictions, n_rows),
        labels=_column("labels", labels, n_rows),
        times=times,
    )


def score_values(scores: Any) -> NDArray[Any]:  # noqa: ANN401 - any column or matrix
    """One score per row from what a model gives.

    A column stays as it is. Of a matrix of probabilities, two columns give the second (the positive class)
    and more give the largest of each row, the model's confidence.

    Raises
    ------
    ObservationError
        If a matrix has no columns, or holds what is no number.
    """
    matrix = score_matrix(scores)
    if matrix is None:
        return _array("scores", scores)
    if matrix.shape[1] == 0:
        raise ObservationError("scores: found a matrix of 0 columns, need at least 1")
    return matrix[:, -1] if matrix.shape[1] <= 2 else matrix.max(axis=1)


def score_matrix(scores: Any) -> NDArray[np.float64] | None:  # noqa: ANN401 - any column or matrix
    """Scores as a matrix of shape (n_rows, n_classes): of an array, a table or lists; None for a column.

    Raises
    ------
    ObservationError
        If it holds what is no number, or its rows differ in length.
    """
    plain = isinstance(scores, np.ndarray) and not isinstance(scores, np.ma.MaskedArray)
    if plain and scores.ndim == 2 and scores.dtype.kind in "fiub":
        matrix: NDArray[np.float64] = scores.astype(np.float64, copy=False)
        return matrix
    if not (_is_table(scores) or _is_nested(scores)):
        return None
    columns = _table("scores", scores)
    if not columns.arrays:
        return np.empty((columns.n_rows, 0))
    return np.stack([_numbers(name, array) for name, array in columns.arrays.items()], axis=1)


def require_numbers(what: str, values: NDArray[Any] | None) -> None:
    """Refuse a column that has values and no number among them; single odd ones are counted as such later.

    Raises
    ------
    ObservationError
        If it is one.
    """
    if values is None or values.dtype != object:
        return
    known = [value for value in values.tolist() if value is not None]
    if known and not any(isinstance(value, (Real, Decimal)) for value in known):
        raise ObservationError(f"{what}: found {known[0]!r:.60} and no number, need numbers")


def _column(what: str, values: Any, n_rows: int) -> NDArray[Any] | None:  # noqa: ANN401 - any column
    if values is None:
        return None
    array = _array(what, values)
    if len(array) != n_rows:
        raise ObservationError(f"{what}: found {len(array)} values for {n_rows} rows, need as many")
    return array


def _array(what: str, values: Any) -> NDArray[Any]:  # noqa: ANN401 - any column
    """A column, also one that lies alone in a table."""
    if _is_table(values):
        columns = _table(what, values)
        if len(columns.names) != 1:
            found = ", ".join(map(repr, columns.names[:NAMED]))
            raise ObservationError(f"{what}: found {len(columns.names)} columns ({found}), need 1")
        return columns.arrays[columns.names[0]]
    try:
        return to_array(values)
    except ObservationError as error:
        raise _of(what, error) from None


def _numbers(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    """A column of a matrix of scores; truth values are 0 and 1."""
    if array.dtype != object:
        return array
    odd = [value for value in array.tolist() if not isinstance(value, (Real, Decimal, NoneType))]
    if odd:
        raise ObservationError(f"scores: column {name!r}: found {odd[0]!r:.60}, need numbers")
    return np.array([math.nan if value is None else float(value) for value in array.tolist()])


def _table(what: str, values: Any) -> Columns:  # noqa: ANN401 - any table
    try:
        return to_columns(values)
    except ObservationError as error:
        raise _of(what, error) from None


def _of(what: str, error: ObservationError) -> ObservationError:
    """The error of a column or a table that says which argument it was."""
    return ObservationError(f"{what}: {str(error).removeprefix('column: ').removeprefix('table: ')}")


def _is_table(values: Any) -> bool:  # noqa: ANN401 - any column or table
    """Whether values have columns of their own: an array of two dimensions, or a table of any library."""
    if isinstance(values, Mapping) or getattr(values, "ndim", 1) == 2:
        return True
    return hasattr(values, "get_columns") or (hasattr(values, "schema") and hasattr(values, "num_rows"))


def _is_nested(values: Any) -> bool:  # noqa: ANN401 - any column or matrix
    """Whether values are rows: a list of lists or of arrays."""
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)) or not len(values):
        return False
    first = values[0]
    return isinstance(first, (Sequence, np.ndarray)) and not isinstance(first, (str, bytes))
