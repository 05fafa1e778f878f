"""One summary of a DataFrame, merged on the executors in a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import EngineError, ExporterError
from .partials import SCHEMA, merge_summaries, summarise, unpacked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from .layout import Layout
    from .partials import Summary

TREE: Final = (None, 4, 1)
"""Tasks on each level that merges summaries. None leaves it to Spark's adaptive execution: as many as the
cluster has cores, fewer for few summaries, since even a task without any costs some ten milliseconds."""

SHOWN_CHARS: Final = 300
"""Of the text of a failed job, which is a stack trace of two languages; the whole is in the error's cause."""


S = TypeVar("S", bound="Summary")


def summary_of(
    table: DataFrame, layout: Layout, make: Callable[[int], S], tree: tuple[int | None, ...] = TREE
) -> S | None:
    """The summary of all rows; None of a DataFrame without partitions.

    Parameters
    ----------
    table : DataFrame
        As `layout.select` gave it; read once.
    layout : Layout
        Its columns.
    make : callable
        Makes an empty summary; runs on the executors, which is why it must be importable there.
    tree : tuple of int or None
        See `TREE`; the last is 1.

    Raises
    ------
    ExporterError
        The error of the first partition whose data caused one.
    EngineError
        If Spark could not finish the job.
    """
    summaries = table.mapInArrow(partial(summarise, layout=layout, make=make), SCHEMA)
    for width in tree:
        spread = summaries.hint("rebalance") if width is None else summaries.repartition(width)
        summaries = spread.mapInArrow(merge_summaries, SCHEMA)
    with engine_errors():
        found = [unpacked(bytes(row.summary)) for row in summaries.collect()]
    if not found:
        return None
    (summary,) = found
    if isinstance(summary, ExporterError):
        raise summary
    result: S = summary
    return result


@contextmanager
def engine_errors() -> Iterator[None]:
    """Errors of Spark as ours, with what it says of the cause."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise EngineError(f"spark: found a job that failed: {_cause(error)}") from error


def _cause(error: Any) -> str:  # noqa: ANN401 - one of two libraries'
    """The line that says why: in a trace of Python the last of it, else the first."""
    text = str(error)
    if "Traceback (most recent call last)" in text:
        trace = text.rsplit("Traceback (most recent call last)", maxsplit=1)[-1].splitlines()
        # Its frames are indented; the first line after them that is not is the error itself.
        said = [line for line in trace[1:] if line.strip() and not line.startswith(" ")]
        return said[0].strip()[:SHOWN_CHARS] if said else trace[0][:SHOWN_CHARS]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:SHOWN_CHARS] if lines else type(error).__name__
