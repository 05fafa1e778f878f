"""What a DATA argument of the command line names: a file, all files that a glob finds, or a database."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ObservationError
from .database import SCHEMES, open_query
from .files import FileTable, open_file
from .messages import faults

if TYPE_CHECKING:
    from .reading import Table

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://.*", re.DOTALL)


def is_database(data: str) -> bool:
    """Whether an argument is the URL of a database."""
    match = _URL.fullmatch(data)
    return match is not None and match[1] in SCHEMES


def open_table(
    data: str,
    *,
    query: str | None = None,
    parameters: Mapping[str, str] | None = None,
    delimiter: str | None = None,
) -> Table:
    """The rows that an argument names.

    Parameters
    ----------
    data : str
        A path, a glob such as `data/2013-*.parquet` (`**` for all folders below), or a URL as `open_query`
        takes it.
    query, parameters : optional
        As `open_query` takes them.
    delimiter : str, optional
        Of columns of CSV files.

    Raises
    ------
    ObservationError
        If there is no such thing, or it holds no table.
    """
    url = _URL.fullmatch(data)
    if url is not None and url[1] in SCHEMES:
        return open_query(data, query, parameters)
    if query is not None:
        raise ObservationError(
            f"{data}: found a query for what is no database, need one such as sqlite:///PATH"
        )
    if url is not None:
        raise ObservationError(
            f"{url[1]}://…: found an address that cannot be read, need a path, a glob, sqlite:/// or postgresql://"
        )
    with faults(data, "a path that can be read"):
        path = Path(data)
        if path.is_dir():
            raise ObservationError(
                f"{data}: found a folder, need a file or a glob such as '{path / '*.parquet'}'"
            )
        if path.is_file():
            return FileTable(data, [open_file(data, delimiter)])
        if path.exists():
            raise ObservationError(f"{data}: found a pipe or a device, need a file that can be read twice")
    if not glob.has_magic(data):
        raise ObservationError(f"{data}: found no such file, need CSV, Parquet or Arrow")
    found = sorted(name for name in glob.iglob(data, recursive=True) if Path(name).is_file())  # noqa: PTH207 - absolute patterns too
    if not found:
        raise ObservationError(f"{data}: found no file that matches, need at least one")
    return FileTable(data, [open_file(name, delimiter) for name in found])
