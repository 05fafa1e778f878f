"""What runs on the executors: rows of a partition to one summary, and summaries to one.

A summary travels as one binary value of one row. It is written and read by tasks of one job, which trust each
other as far as Spark does, so it is pickled; files are never. An error that the data causes travels in its
place: a second attempt on the same rows, which Spark would make of a task that fails, would find it again.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from ..errors import ExporterError
from ..tables.reading import GATHERED_BYTES, chunk_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from .layout import Layout

SCHEMA: Final = "summary binary"
"""Of the rows that travel."""


class Summary(Protocol):
    """What a partition becomes: it has a bounded size, and those of two partitions merge."""

    def update(
        self,
        data: Any,  # noqa: ANN401 - any table
        *,
        predictions: Any = None,  # noqa: ANN401 - any column, as the next ones
        scores: Any = None,  # noqa: ANN401
        labels: Any = None,  # noqa: ANN401
        timestamps: Any = None,  # noqa: ANN401
    ) -> None:
        """Add the rows of one chunk; the arguments are those of `rows.read_rows`."""

    def merge(self, other: Self) -> None:
        """Add all rows that another one has seen."""

    def condense(self) -> None:
        """Give up what is exact beyond the bounded size."""


def summarise(
    batches: Iterator[pa.RecordBatch], *, layout: Layout, make: Callable[[int], Summary]
) -> Iterator[pa.RecordBatch]:
    """The summary of one partition.

    Parameters
    ----------
    batches : iterator of RecordBatch
        Of the columns of `layout`.
    layout : Layout
        What they are.
    make : callable
        Makes the empty summary of a partition from its number.
    """
    from pyspark import TaskContext  # noqa: PLC0415 - an extra

    context = TaskContext.get()
    summary = make(0 if context is None else context.partitionId())
    try:
        for table in _chunks(batches, len(layout.columns)):
            data, outputs = layout.read(table)
            summary.update(data, **outputs)
        summary.condense()
    except ExporterError as error:
        yield _packed(error)
    else:
        yield _packed(summary)


def merge_summaries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The summary of all partitions whose summaries came, or the first error among them; nothing of none."""
    merged: Summary | None = None
    failed: ExporterError | None = None
    for batch in batches:
        for value in batch.column(0):
            part = unpacked(value.as_py())
            if isinstance(part, ExporterError):
                failed = failed or part
            elif failed is None:
                try:
                    merged = _merged(merged, part)
                except ExporterError as error:
                    failed = error
    if failed is not None:
        yield _packed(failed)
    elif merged is not None:
        merged.condense()
        yield _packed(merged)


def unpacked(value: bytes) -> Any:  # noqa: ANN401 - a summary or an error
    """What `_packed` made travel."""
    return pickle.loads(value)  # noqa: S301 - written by a task of the same job


def _merged(merged: Summary | None, part: Summary) -> Summary:
    if merged is None:
        return part
    merged.merge(part)
    return merged


def _packed(summary: Summary | ExporterError) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    value = pickle.dumps(summary, protocol=pickle.HIGHEST_PROTOCOL)
    return pa.RecordBatch.from_arrays([pa.array([value], type=pa.binary())], names=["summary"])


def _chunks(batches: Iterator[pa.RecordBatch], n_columns: int) -> Iterator[pa.Table]:
    """The batches, gathered: fewer and larger chunks cost less time and less precision."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= chunk_rows(n_columns) or size >= GATHERED_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(held)
