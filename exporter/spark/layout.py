"""Which columns of a DataFrame are what: checked before a job starts, and applied on the executors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import ObservationError
from ..tables.messages import some

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

READABLE: Final = frozenset(
    {
        "boolean", "byte", "short", "integer", "long", "float", "double", "decimal", "string", "char",
        "varchar", "binary", "date", "timestamp", "timestamp_ntz", "void",
    }
)  # fmt: skip
"""Types of Spark that hold one value: numbers, categories, times."""

TIMES: Final = frozenset({"date", "timestamp", "timestamp_ntz", "byte", "short", "integer", "long", "float",
                          "double", "decimal", "void"})  # fmt: skip
"""Types of a timestamp; a number is seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns by what they are.

    Attributes
    ----------
    features : tuple of str
        In the order of the model.
    scores : tuple of str
        None, one column of scores, or one for each class as `predict_proba` orders them.
    prediction, target, timestamp : str or None
        As on the command line.
    """

    features: tuple[str, ...]
    scores: tuple[str, ...] = ()
    prediction: str | None = None
    target: str | None = None
    timestamp: str | None = None

    @property
    def columns(self) -> list[str]:
        """All columns that are read, each once."""
        roles = (self.prediction, self.target, self.timestamp)
        return list(dict.fromkeys([*self.features, *self.scores, *(name for name in roles if name)]))

    def read(self, table: pa.Table) -> tuple[dict[str, Any], dict[str, Any]]:
        """Features by name, and the arguments of `rows.read_rows` beside them, from what `select` gave."""
        columns = {name: _values(table.column(at)) for at, name in enumerate(self.columns)}

        def of(name: str | None) -> Any:  # noqa: ANN401 - an Arrow or NumPy column
            return None if name is None else columns[name]

        outputs = {
            "predictions": of(self.prediction),
            "labels": of(self.target),
            "timestamps": of(self.timestamp),
            "scores": _scores([columns[name] for name in self.scores]),
        }
        return {name: columns[name] for name in self.features}, outputs


def select(dataframe: DataFrame, layout: Layout) -> DataFrame:
    """The columns that are read, in their order and named by it, and no other: only these leave the disk.

    PySpark cannot pass every name to `mapInArrow`; one with a dot, for example.

    Raises
    ------
    ObservationError
        If a column is not there, stands twice, or is of a type that holds no single value.
    """
    types = column_types(dataframe)
    for name in layout.columns:
        if name not in types:
            raise ObservationError(
                f"DataFrame: found no column {name!r}, need one of {some(list(types))} (case matters)"
            )
        if types[name] not in READABLE:
            raise ObservationError(
                f"DataFrame: column {name!r}: found type {types[name]}, need numbers, text, booleans "
                "or times; take single values out of it first"
            )
    if layout.timestamp is not None and types[layout.timestamp] not in TIMES:
        raise ObservationError(
            f"DataFrame: column {layout.timestamp!r}: found type {types[layout.timestamp]}, "
            "need times or seconds since 1970"
        )
    from pyspark.sql import functions  # noqa: PLC0415 - an extra

    return dataframe.select(
        *(functions.col(quoted(name)).alias(f"c{at}") for at, name in enumerate(layout.columns))
    )


def column_types(dataframe: DataFrame) -> dict[str, str]:
    """Spark's type of each column by name.

    Raises
    ------
    ObservationError
        If it is no DataFrame, or two columns have one name.
    """
    schema = getattr(dataframe, "schema", None)
    if schema is None or not hasattr(dataframe, "mapInArrow"):
        raise ObservationError(
            f"DataFrame: found {type(dataframe).__name__}, need a DataFrame of Spark; "
            "`exporter.check` takes the tables of other libraries"
        )
    names = [field.name for field in schema.fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ObservationError(f"DataFrame: found columns {some(twice)} twice, need each once")
    return {field.name: field.dataType.typeName() for field in schema.fields}


def score_names(score: str | Sequence[str] | None) -> tuple[str, ...]:
    """The columns of scores, as `Layout` has them."""
    if score is None:
        return ()
    return (score,) if isinstance(score, str) else tuple(score)


def quoted(name: str) -> str:
    """A column's name as Spark's SQL wants it, so that dots in it are no struct."""
    return f"`{name.replace('`', '``')}`"


def _scores(columns: Sequence[Any]) -> Any:  # noqa: ANN401 - an Arrow or NumPy column
    if len(columns) > 1:
        return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    return columns[0] if columns else None


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray | NDArray[Any]:
    """Times as NumPy has them, everything else as it is: read one by one, times would take the longest."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    return column.to_numpy() if pa.types.is_timestamp(column.type) else column
