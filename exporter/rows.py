"""Rows of a table with what belongs to them: when they were seen, what was predicted, what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import Columns, to_array, to_columns
from .errors import ObservationError

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        Any column.
    scores : column of shape (n_rows,) or matrix of shape (n_rows, n_classes), optional
        See `score_values`.
    timestamps : column of shape (n_rows,), optional
        Times, or seconds since 1970.

    Raises
    ------
    ObservationError
        If it is no table, or a column has another length, or timestamps are no times.
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
    """
    if getattr(scores, "ndim", 1) == 2:
        matrix = np.asarray(scores, dtype=np.float64)
        if matrix.shape[1] == 0:
            raise ObservationError("scores: found a matrix of 0 columns, need at least 1")
        return matrix[:, -1] if matrix.shape[1] <= 2 else matrix.max(axis=1)
    return to_array(scores)


def _column(what: str, values: Any, n_rows: int) -> NDArray[Any] | None:  # noqa: ANN401 - any column
    if values is None:
        return None
    array = to_array(values)
    if len(array) != n_rows:
        raise ObservationError(f"{what}: found {len(array)} values for {n_rows} rows, need as many")
    return array
