"""Files of rows: CSV, Parquet or Arrow, one or all that a glob finds, of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import ObservationError
from .messages import faults, no_rows, some
from .reading import Reading, agreed, chunk_rows, finish, gathered
from .text_files import open_text
from .typed_files import MAGIC, TypedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..columns import Columns
    from .reading import OnRows

TYPED_SUFFIXES: Final = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow",
    ".arrows": "Arrow",
    ".ipc": "Arrow",
    ".feather": "Arrow",
}


class File(Protocol):
    """One file of rows."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns."""

    @property
    def n_rows(self) -> int | None:
        """Number of rows, if it says."""

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Arrow record batches of these columns."""

    def readings(self, names: Sequence[str], on_rows: OnRows) -> dict[str, Reading]:
        """What the columns are; one without values is left out."""

    def holds_integers(self, name: str) -> bool:
        """Whether a column holds whole numbers alone."""

    def array(self, column: Any, reading: Reading | None) -> NDArray[Any]:  # noqa: ANN401 - an Arrow array
        """A column, read as this."""


class FileTable:
    """The rows of files that have the same columns, one file after the other."""

    def __init__(self, name: str, files: Sequence[File]) -> None:
        self.name = name
        self.columns = files[0].columns
        self._files = files
        for file in files[1:]:
            self._require_same(file)

    @property
    def n_rows(self) -> int | None:
        """Number of rows, if every file says."""
        known = [file.n_rows for file in self._files]
        return None if None in known else sum(rows or 0 for rows in known)

    def readings(
        self, names: Sequence[str], declared: Mapping[str, Reading], on_rows: OnRows
    ) -> dict[str, Reading]:
        """What to read columns as, so that all files agree; those that are declared as they are declared."""
        open_names = [name for name in names if name not in declared]
        found: dict[str, Reading] = {}
        for file in self._files if open_names else ():
            for name, reading in file.readings(open_names, on_rows).items():
                found[name] = agreed(found.get(name), reading)
        return {**found, **{name: declared[name] for name in names if name in declared}}

    def holds_integers(self, name: str) -> bool:
        """Whether a column holds whole numbers alone, in every file."""
        return all(file.holds_integers(name) for file in self._files)

    def chunks(self, names: Sequence[str], readings: Mapping[str, Reading]) -> Iterator[Columns]:
        """These columns of all rows, in chunks of bounded size."""
        rows = 0
        for file in self._files:
            for table in gathered(file.batches(names), chunk_rows(len(names))):
                arrays = {name: file.array(table.column(name), readings.get(name)) for name in names}
                rows += table.num_rows
                yield finish(file.path, arrays, table.num_rows, readings)
        if not rows:
            raise no_rows(self.name)

    def _require_same(self, file: File) -> None:
        lacking = [name for name in self.columns if name not in file.columns]
        extra = [name for name in file.columns if name not in self.columns]
        if lacking or extra:
            raise ObservationError(
                f"{file.path}: found columns other than in {self._files[0].path} (lacking: "
                f"{some(lacking) or 'none'}; too many: {some(extra) or 'none'}), need the same in all files"
            )


def open_file(path: str, delimiter: str | None) -> File:
    """A file of rows, by its content.

    Raises
    ------
    ObservationError
        If it is none.
    """
    with faults(path, "a file that can be read"), Path(path).open("rb") as file:
        head = file.read(max(map(len, MAGIC)))
    if not head:
        raise ObservationError(f"{path}: found an empty file, need a table with columns and rows")
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return TypedFile(path, kind)
    suffix = TYPED_SUFFIXES.get(Path(path).suffix.lower())
    if suffix is not None:
        raise ObservationError(
            f"{path}: found a file that begins with {head!r}, which is no {suffix}, need {suffix}"
        )
    return open_text(path, delimiter)
