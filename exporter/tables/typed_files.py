"""Parquet and Arrow files, read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .arrays import typed_column, typed_ids, typed_reading
from .messages import arrow, faults, require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reading import OnRows, Reading

PARQUET, ARROW_FILE, ARROW_STREAM = "a Parquet file", "an Arrow file", "an Arrow stream"

MAGIC: Final = {b"PAR1": PARQUET, b"ARROW1": ARROW_FILE, b"\xff\xff\xff\xff": ARROW_STREAM}
"""How each begins."""

BATCH_ROWS: Final = 65_536
"""Decoded at once."""

BUFFER_BYTES: Final = 8_388_608
"""Of a column of a Parquet file, read at once."""


@dataclass(frozen=True, slots=True)
class TypedFile:
    """A Parquet or Arrow file: its columns have types."""

    path: str
    format: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns."""
        return require_columns(self.path, self._schema().names)

    @property
    def n_rows(self) -> int | None:
        """Number of rows, if it says."""
        if self.format != PARQUET:
            return None
        with faults(self.path, PARQUET), self._parquet() as file:
            return int(file.metadata.num_rows)

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Arrow record batches of these columns."""
        with faults(self.path, self.format):
            if self.format == PARQUET:
                with self._parquet() as file:
                    yield from file.iter_batches(BATCH_ROWS, columns=list(names))
                return
            with arrow().OSFile(self.path) as source, self._arrow(source) as reader:
                for batch in self._arrow_batches(reader):
                    for start in range(0, batch.num_rows, BATCH_ROWS):
                        yield batch.slice(start, BATCH_ROWS).select(list(names))

    def readings(self, names: Sequence[str], on_rows: OnRows) -> dict[str, Reading]:  # noqa: ARG002 - the types say it
        """What the columns are; one without values is left out."""
        schema = self._schema()
        found = {name: typed_reading(schema.field(name).type) for name in names}
        return {name: reading for name, reading in found.items() if reading is not None}

    def holds_integers(self, name: str) -> bool:
        """Whether a column is of integers."""
        return bool(arrow("types").is_integer(self._schema().field(name).type))

    def array(self, column: Any, reading: Reading | None) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array
        """A column as it is; as ids none of it rounded."""
        return typed_ids(column) if reading == "id" else typed_column(column)

    def _schema(self) -> Any:  # noqa: ANN401 - Arrow's
        with faults(self.path, self.format):
            if self.format == PARQUET:
                with self._parquet() as file:
                    return file.schema_arrow
            with arrow().OSFile(self.path) as source, self._arrow(source) as reader:
                return reader.schema

    def _parquet(self) -> Any:  # noqa: ANN401 - Arrow's
        # Without buffers of whole row groups, which may be as large as the file.
        return arrow("parquet").ParquetFile(self.path, pre_buffer=False, buffer_size=BUFFER_BYTES)

    def _arrow(self, source: Any) -> Any:  # noqa: ANN401 - Arrow's
        ipc = arrow("ipc")
        return ipc.open_file(source) if self.format == ARROW_FILE else ipc.open_stream(source)

    def _arrow_batches(self, reader: Any) -> Iterator[Any]:  # noqa: ANN401 - Arrow's
        if self.format == ARROW_STREAM:
            yield from reader
            return
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)
