"""A journal in one SQLite file: a window that survives a restart, and serves several processes of a machine.

WAL with `synchronous=NORMAL`: what was appended survives the death of a process, and all but the last moments
survive that of the machine. Observations are worth that, and the disk is spared a flush per batch.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ObservationError, StoreError
from .forks import hold_across_forks
from .journal import Entry, Label

APPLICATION_ID: Final = 0x64726757
"""ASCII `drgW`: tells our file from any other SQLite database."""
SCHEMA_VERSION: Final = 1

BUSY_SECONDS: Final = 5.0
"""How long to wait for another process that writes."""

ASKED_AGAIN_SECONDS: Final = 0.01
"""How often the write-ahead log is asked for while another process opens the file."""

AT_ONCE: Final = 500
"""Values in one statement; SQLite allowed 999 before 3.32."""

READ_AT_ONCE: Final = 16
"""Batches read together: bounds memory while old ones are looked for."""

REMEMBERED_ROWS: Final = 1_000_000
"""Ids of so many rows that are gone are kept, to tell an outcome that is late from one of an id that never
was; about 30 MB of disk."""

_TABLES: Final = """
CREATE TABLE batches (
    first INTEGER PRIMARY KEY, n_rows INTEGER NOT NULL, skip INTEGER NOT NULL DEFAULT 0,
    oldest REAL NOT NULL, newest REAL NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX batches_newest ON batches (newest);
CREATE TABLE predictions (key TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX predictions_row ON predictions (row);
CREATE TABLE labels (row INTEGER PRIMARY KEY, label TEXT NOT NULL, at REAL);
CREATE TABLE next (row INTEGER NOT NULL);
INSERT INTO next VALUES (0);
"""

_COLUMNS: Final = "first, n_rows, skip, oldest, newest, payload"


class SqliteJournal:
    """Batches in a file.

    Parameters
    ----------
    path : Path
        Made when first used, readable by its owner alone; its directory must exist.
    busy_seconds : float
        How long an operation waits for another process.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        # SQLite: "Do not open an SQLite database connection, then fork, then try to use it in the child", nor
        # close it there: the child would think that it holds locks that are its parent's.
        hold_across_forks(self._lock, first=self._close)

    def append(self, payload: bytes, times: NDArray[np.float64], keys: Sequence[str | None]) -> int:
        """Keep a batch and the row of each key; the number of its first row."""
        with self._transaction(writes=True) as connection:
            first: int = connection.execute(
                "UPDATE next SET row = row + ? RETURNING row", (len(times),)
            ).fetchone()[0] - len(times)
            connection.execute(
                "INSERT INTO batches (first, n_rows, oldest, newest, payload) VALUES (?, ?, ?, ?, ?)",
                (first, len(times), float(times.min()), float(times.max()), payload),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO predictions VALUES (?, ?)",
                ((key, row) for row, key in enumerate(keys, start=first) if key is not None),
            )
            return first

    def newest_first(self, since: float, until: float | None) -> Iterator[Entry]:
        """Batches that may hold rows with `since` < time <= `until`, the last appended first."""
        return self._pages(
            f"SELECT {_COLUMNS} FROM batches WHERE first < :edge AND newest > :since AND oldest <= :until"  # noqa: S608 - names of our own columns
            " ORDER BY first DESC LIMIT :page",
            {"since": since, "until": float("inf") if until is None else until, "edge": 1 << 62},
        )

    def oldest_first(self) -> Iterator[Entry]:
        """Batches in the order in which they were appended."""
        return self._pages(
            f"SELECT {_COLUMNS} FROM batches WHERE first > :edge ORDER BY first LIMIT :page",  # noqa: S608 - as above
            {"edge": -1},
        )

    def holding(self, rows: Sequence[int]) -> list[Entry]:
        """Batches that hold rows with these numbers, without the dropped ones."""
        found: dict[int, Entry] = {}
        with self._transaction() as connection:
            for row in rows:
                if any(entry.first <= row < entry.first + entry.n_rows for entry in found.values()):
                    continue
                line = connection.execute(
                    f"SELECT {_COLUMNS} FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1",  # noqa: S608 - as above
                    (row,),
                ).fetchone()
                if line is not None and row < line[0] + line[1]:
                    found[line[0]] = Entry(**dict(zip(_NAMES, line, strict=True)))
        return list(found.values())

    def rows(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Number of the last row with each key, also of rows that have been dropped not long ago."""
        with self._transaction() as connection:
            return dict(_chosen(connection, "SELECT key, row FROM predictions WHERE key IN", keys))

    def set_labels(self, labels: Sequence[Label]) -> Mapping[int, str]:
        """Label rows that have none; the label of each row as it stands before this call, if it had one."""
        with self._transaction(writes=True) as connection:
            before = dict(
                _chosen(
                    connection, "SELECT row, label FROM labels WHERE row IN", [label.row for label in labels]
                )
            )
            connection.executemany(
                "INSERT INTO labels VALUES (?, ?, ?)",
                ((label.row, label.text, label.at) for label in labels if label.row not in before),
            )
            return before

    def labels(self, entries: Sequence[Entry]) -> Mapping[int, str]:
        """Labels of rows of these batches by row number."""
        found: dict[int, str] = {}
        with self._transaction() as connection:
            for entry in entries:
                found.update(
                    connection.execute(
                        "SELECT row, label FROM labels WHERE row >= ? AND row < ?",
                        (entry.first, entry.first + entry.n_rows),
                    )
                )
        return found

    def drop(self, whole: Sequence[Entry], partly: Entry | None, skip: int) -> None:
        """Forget whole batches, and the first `skip` rows of one more."""
        with self._transaction(writes=True) as connection:
            for entry in whole:
                connection.execute("DELETE FROM batches WHERE first = ?", (entry.first,))
                connection.execute(
                    "DELETE FROM labels WHERE row >= ? AND row < ?", (entry.first, entry.first + entry.n_rows)
                )
            if partly is not None:
                connection.execute(
                    "UPDATE batches SET skip = max(skip, ?) WHERE first = ?", (skip, partly.first)
                )
            connection.execute(
                "DELETE FROM predictions WHERE row < (SELECT row FROM next) - ? AND row <"
                " (SELECT COALESCE(MIN(first), (SELECT row FROM next)) FROM batches)",
                (REMEMBERED_ROWS,),
            )

    def size(self) -> int:
        """Rows held, without those dropped."""
        with self._transaction() as connection:
            line = connection.execute("SELECT COALESCE(SUM(n_rows - skip), 0) FROM batches").fetchone()
            return int(line[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _pages(self, statement: str, values: dict[str, Any]) -> Iterator[Entry]:
        """Entries page by page, so that a reader never keeps a transaction open while it decodes.

        The first page is short: who drops the oldest rows needs one batch or two, of megabytes each.
        """
        page = 1
        while True:
            with self._transaction() as connection:
                lines = connection.execute(statement, {**values, "page": page}).fetchall()
            for line in lines:
                yield Entry(**dict(zip(_NAMES, line, strict=True)))
            if len(lines) < page:
                return
            values["edge"] = lines[-1][0]
            page = min(2 * page, READ_AT_ONCE)

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
        """The open file in a transaction of its own; what fails is undone and told.

        Raises
        ------
        StoreError
            If the file cannot be used for now.
        ObservationError
            If it can, and refuses a value: a constraint forbids it, or it is too large.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self._path, self._busy_seconds)
                self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield self._connection
                except BaseException:
                    if self._connection.in_transaction:  # a full disk has already undone it
                        self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except (sqlite3.IntegrityError, sqlite3.DataError) as error:
                raise ObservationError(
                    f"{self._path}: found a value that it refuses ({error}), need one that a table takes"
                ) from error
            except (sqlite3.Error, OSError) as error:
                raise StoreError(
                    f"{self._path}: found it unusable for now ({error}), need a writable database"
                ) from error


_NAMES: Final = tuple(_COLUMNS.split(", "))


def _chosen(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> Iterator[Any]:
    """Lines of a statement for any number of values."""
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        yield from connection.execute(f"{statement} ({','.join('?' * len(part))})", part)


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """The file with its tables in place."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_seconds)
    try:
        _write_ahead(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")  # another process may be making the tables
        tables = _tables(connection, path)
        if not tables:
            path.chmod(0o600)
            for statement in (
                *_TABLES.strip().split(";\n"),
                f"PRAGMA application_id = {APPLICATION_ID}",
                f"PRAGMA user_version = {SCHEMA_VERSION}",
            ):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _tables(connection: sqlite3.Connection, path: Path) -> int:
    """How many tables there are; refuses those of another program or version."""
    application, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    tables: int = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise ConfigError(
            f"{path}: found a database of another program, need an observation store or no file"
        )
    if tables and version != SCHEMA_VERSION:
        raise ConfigError(f"{path}: found schema version {version}, need {SCHEMA_VERSION}")
    return tables


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to a write-ahead log. SQLite does not wait for others here, as it does everywhere else."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(ASKED_AGAIN_SECONDS)
        else:
            return
