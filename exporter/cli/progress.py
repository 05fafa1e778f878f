"""Progress of long reading: a bar on a terminal, now and then a line anywhere else. On standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final, TextIO

LINE_SECONDS: Final = 10.0
"""Between lines where there is no terminal; short work prints none."""

OnRows = Callable[[int], None]


@contextmanager
def reading(
    what: str,
    total: int | None,
    *,
    unit: str = "rows",
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[OnRows]:
    """A function to call with the number of rows that were read, or of other things that were done.

    Parameters
    ----------
    what : str
        What is being done.
    total : int or None
        Rows in all, where that is known.
    unit : str
        What they are.
    stream : file, optional
        Standard error unless given.
    clock : callable
        Seconds on any scale.
    """
    stream = stream or sys.stderr
    if stream.isatty() and find_spec("rich") is not None:
        with _bar(what, total, unit, stream) as on_rows:
            yield on_rows
    else:
        yield _lines(what, total, unit, stream, clock)


@contextmanager
def _bar(what: str, total: int | None, unit: str, stream: TextIO) -> Iterator[OnRows]:
    from rich.console import Console  # noqa: PLC0415 - of the extra `cli`, and only on a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - same

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} {unit}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.advance(task, rows)


def _lines(what: str, total: int | None, unit: str, stream: TextIO, clock: Callable[[], float]) -> OnRows:
    read, said = 0, clock()

    def on_rows(rows: int) -> None:
        nonlocal read, said
        read += rows
        if clock() - said >= LINE_SECONDS:
            said = clock()
            of = "" if total is None else f" of {total:,}"
            stream.write(f"{what}: {read:,}{of} {unit}\n")
            stream.flush()

    return on_rows
