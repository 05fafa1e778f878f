"""What every source of rows has in common, and how its columns are to be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np

from ..columns import Columns
from ..errors import ObservationError
from .messages import arrow, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

Reading = Literal["numeric", "categorical", "boolean", "time", "id"]
"""What a column is read as. Files of text need it; values that have a type keep it (see `finish`).

`id` is what tells rows apart, so nothing of it may be lost: whole numbers are integers of Python and never
floats, of which two beyond 2**53 may be one; text, and so every cell of a text file, is as it is written.
"""

OnRows = Callable[[int], None]
"""Told how many rows more were read."""

CHUNK_CELLS: Final = 4_000_000
"""Values read at once: 32 MB as floats, with about four times as much while they are sorted and counted."""

MIN_CHUNK_ROWS, MAX_CHUNK_ROWS = 10_000, 1_000_000
"""A very wide table still makes progress; a very narrow one stays within a few hundred MB of text."""
GATHERED_BYTES: Final = 256_000_000
"""A chunk ends here even if it has few rows, so that long texts do not fill the memory."""


class Table(Protocol):
    """Rows that can be read from the start again and again, chunk by chunk."""

    @property
    def name(self) -> str:
        """What messages call it; never a password."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, in order, each once."""

    @property
    def n_rows(self) -> int | None:
        """Number of rows, where it is known before they are read."""

    def readings(
        self, names: Sequence[str], declared: Mapping[str, Reading], on_rows: OnRows
    ) -> dict[str, Reading]:
        """What to read columns as, so that all chunks agree; those that are declared as they are declared.

        Text files are read through for it once, unless every column is declared. A column that is not in the
        answer is read as its values are.
        """

    def holds_integers(self, name: str) -> bool:
        """Whether a column of files holds nothing but whole numbers, as programs write them.

        Text files are read through for it. False for a database, whose values say it themselves.
        """

    def chunks(self, names: Sequence[str], readings: Mapping[str, Reading]) -> Iterator[Columns]:
        """These columns of all rows, in chunks of bounded size.

        Raises
        ------
        ObservationError
            If the rows cannot be read, or there are none.
        """


def chunk_rows(n_columns: int) -> int:
    """Rows to read at once."""
    return min(max(CHUNK_CELLS // max(n_columns, 1), MIN_CHUNK_ROWS), MAX_CHUNK_ROWS)


def finish(
    where: str, arrays: Mapping[str, NDArray[Any]], n_rows: int, readings: Mapping[str, Reading]
) -> Columns:
    """A chunk whose columns have the dtype that all chunks of the table have.

    Categories and ids are objects, also in a chunk that holds nothing but numbers; times are seconds.
    """
    finished = {}
    for name, array in arrays.items():
        reading = readings.get(name)
        if reading in ("categorical", "id") and array.dtype != object:
            finished[name] = as_objects(array)
        elif reading == "time" and array.dtype == object:
            finished[name] = as_seconds(f"{where}: column {name!r}", array)
        else:
            finished[name] = array
    return Columns(arrays=finished, n_rows=n_rows)


def as_objects(array: NDArray[np.float64]) -> NDArray[Any]:
    """Numbers as objects, None for NaN."""
    objects = array.astype(object)
    objects[np.isnan(array)] = None
    return objects


def as_seconds(where: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds since 1970 of times in ISO 8601; text without a zone is UTC.

    Raises
    ------
    ObservationError
        If a value is no time.
    """
    seconds = np.full(len(values), np.nan)
    for i, value in enumerate(values.tolist()):
        if value is None:
            continue
        try:
            moment = dt.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ObservationError(
                f"{where}: found {shortened(value)}, need times such as 2013-01-01T10:00:00Z or "
                "seconds since 1970"
            ) from None
        seconds[i] = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    return seconds


def gathered(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """Arrow tables of at least so many rows, or bytes enough, but for the last."""
    held: list[Any] = []
    n_rows = n_bytes = 0
    for batch in batches:
        held.append(batch)
        n_rows, n_bytes = n_rows + batch.num_rows, n_bytes + batch.nbytes
        if n_rows >= rows or n_bytes >= GATHERED_BYTES:
            yield arrow().Table.from_batches(held)
            held, n_rows, n_bytes = [], 0, 0
    if n_rows:
        yield arrow().Table.from_batches(held)


def agreed(one: Reading | None, other: Reading) -> Reading:
    """What values of both kinds are together: text, unless they are of one kind."""
    return other if one in (None, other) else "categorical"
