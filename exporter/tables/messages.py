"""What is said about tables that cannot be read: in one line, with where, what was found, what is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from ..errors import ExporterError, ObservationError

NAMED: Final = 5
"""Columns named in a message; more would bury it."""

_PANDAS_INDEX = re.compile(r"|__index_level_[0-9]+__")
"""Names of an index that has none: empty in CSV, numbered in Parquet and Arrow."""


def require_columns(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each of which stands once, without those of an index that pandas wrote beside the columns.

    Raises
    ------
    ObservationError
        If there is none, or one stands twice.
    """
    names = [name for name in names if not _PANDAS_INDEX.fullmatch(name)]
    if not names:
        raise ObservationError(f"{where}: found no columns, need at least one")
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise ObservationError(
            f"{where}: found {some(twice)} more than once among the columns, need each name once"
        )
    return tuple(names)


def no_rows(where: str) -> ObservationError:
    """The error of a table without rows."""
    return ObservationError(f"{where}: found columns and no rows, need at least one row")


def some(names: Sequence[str]) -> str:
    """The first few names, for a message."""
    shown = ", ".join(shortened(name) for name in names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, … ({len(names)} in all)"


def shortened(value: Any, limit: int = 60) -> str:  # noqa: ANN401 - any value of a cell
    """A value as Python writes it, for a message."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def first_line(text: str, limit: int = 200) -> str:
    """The first line of a message of another library, without its full stop."""
    line = next((line for line in text.splitlines() if line.strip()), "no reason given").strip().rstrip(".")
    return line if len(line) <= limit else f"{line[:limit]}…"


def arrow(module: str = "") -> Any:  # noqa: ANN401 - pyarrow ships no types
    """The package pyarrow, or a module of it, imported when a file is read.

    Raises
    ------
    ObservationError
        If it is not installed.
    """
    try:
        return import_module(f"pyarrow.{module}" if module else "pyarrow")
    except ImportError:
        raise ObservationError(
            "reading files: found no package pyarrow in this Python, need it: pip install 'driftgauge[cli]'"
        ) from None


@contextmanager
def faults(path: str, what: str) -> Iterator[None]:
    """Turns whatever Arrow or the system raises into an error that names the file.

    Raises
    ------
    ObservationError
        Instead of it.
    """
    try:
        yield
    except ExporterError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ObservationError(f"{path}: cannot be read ({first_line(reason)}), need {what}") from None
    except (ValueError, arrow().ArrowException) as error:
        raise ObservationError(f"{path}: damaged ({first_line(str(error))}), need {what}") from None
