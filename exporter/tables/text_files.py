"""CSV files: text whose columns are what all of their cells can be read as."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ObservationError
from .arrays import all_integers, cells, cells_reading
from .messages import arrow, faults, require_columns, shortened
from .reading import agreed, chunk_rows, gathered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reading import OnRows, Reading

CSV: Final = "CSV in UTF-8 with as many cells in each row"

HEAD_BYTES: Final = 65_536
"""Looked at to tell whether it is text."""

BLOCK_BYTES: Final = 8_388_608
"""Parsed at once; a row must fit in it."""

OTHER_DELIMITERS: Final = ";\t|"
"""What separates columns where commas do not."""

MISSING_CELLS: Final = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Cells of a CSV file that are missing values; those of pandas."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A CSV file: its columns are what all of their cells can be read as."""

    path: str
    delimiter: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, from its first line."""
        with faults(self.path, CSV):
            return require_columns(self.path, self._reader(None).schema.names)

    @property
    def n_rows(self) -> int | None:
        """Not known before it was read."""
        return None

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Arrow record batches of these columns, as text."""
        with faults(self.path, CSV):
            yield from self._reader(names)

    def readings(self, names: Sequence[str], on_rows: OnRows) -> dict[str, Reading]:
        """What all cells of each column can be read as; a column of missing cells is left out."""
        found: dict[str, Reading] = {}
        for table in gathered(self.batches(names), chunk_rows(len(names))):
            for name in names:
                if found.get(name) != "categorical":
                    reading = cells_reading(table.column(name))
                    if reading is not None:
                        found[name] = agreed(found.get(name), reading)
            on_rows(table.num_rows)
        return found

    def holds_integers(self, name: str) -> bool:
        """Whether every cell of a column is a whole number as programs write it, or missing."""
        tables = gathered(self.batches([name]), chunk_rows(1))
        return all(all_integers(table.column(name)) for table in tables)

    def array(self, column: Any, reading: Reading | None) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array
        """A column, read as this; one that is not known to have values is read as numbers."""
        return cells(column, reading or "numeric")

    def _reader(self, names: Sequence[str] | None) -> Any:  # noqa: ANN401 - Arrow's
        csv, pa = arrow("csv"), arrow()
        options = csv.ConvertOptions()
        if names is not None:
            options = csv.ConvertOptions(
                include_columns=list(names),
                column_types=dict.fromkeys(names, pa.string()),
                null_values=list(MISSING_CELLS),
                strings_can_be_null=True,
            )
        return csv.open_csv(
            self.path,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=options,
        )


def open_text(path: str, delimiter: str | None = None) -> TextFile:
    """A CSV file.

    Parameters
    ----------
    path : str
        Compressed if its last suffix says so, as `.gz`.
    delimiter : str, optional
        Of columns; by default a comma, and a tab in `.tsv`.

    Raises
    ------
    ObservationError
        If it is no text in UTF-8, or its columns seem to be separated by something else.
    """
    with faults(path, CSV), arrow().input_stream(path, compression="detect") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise ObservationError(f"{path}: found an empty file, need a table with columns and rows")
    if b"\0" in head:
        raise ObservationError(
            f"{path}: found binary content ({shortened(head[:8])}), need CSV text, Parquet or Arrow"
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise ObservationError(
            f"{path}: found byte {head[error.start]:#04x} at {error.start}, which is no UTF-8, need UTF-8"
        ) from None
    usual = "\t" if ".tsv" in Path(path).suffixes else ","
    file = TextFile(path, delimiter or usual)
    columns = file.columns
    if delimiter is None and len(columns) == 1:
        for other in OTHER_DELIMITERS:
            if other in columns[0]:
                raise ObservationError(
                    f"{path}: found one column {shortened(columns[0])}, need columns separated by {usual!r}, "
                    f"or --delimiter {other!r}"
                )
    return file
