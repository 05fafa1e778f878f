"""The state on disk: one SQLite file that every service, replica and command on a machine shares.

Each change is one transaction that is on the disk when it returns. Two constraints carry the promises,
whoever writes: a cause has one run for each model, and a model has one run under way.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ..errors import OutboxError

FILE_NAME: Final = "retraining.sqlite3"
LOCK_NAME: Final = "retraining.lock"
APPLICATION_ID: Final = 0x64677274
"""`dgrt`, so that no other program's database is taken for ours."""
SCHEMA_VERSION: Final = 1
BUSY_SECONDS: Final = 5.0
"""How long to wait for another writer; a transaction of ours takes milliseconds."""

STATES: Final = ("requested", "running", "evaluating", "succeeded", "failed", "refused")
ENDED: Final = STATES[3:]

TABLES: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cause_key TEXT NOT NULL,
    model_name TEXT NOT NULL,
    cause TEXT NOT NULL,
    requested_at REAL NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('requested', 'running', 'evaluating', 'succeeded', 'failed', 'refused')),
    due_at REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    trigger_name TEXT NOT NULL DEFAULT '',
    strategy TEXT,
    runner TEXT,
    started_at REAL,
    attempt_started_at REAL,
    ended_at REAL,
    reasons TEXT NOT NULL DEFAULT '[]',
    result TEXT,
    UNIQUE (cause_key, model_name)
);
CREATE UNIQUE INDEX one_run_a_model ON runs (model_name) WHERE state IN ('running', 'evaluating');
CREATE INDEX runs_by_state ON runs (state, due_at);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    run_id INTEGER REFERENCES runs (id),
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX events_by_run ON events (run_id, id);
CREATE TABLE timers (
    model_name TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    spec TEXT NOT NULL,
    due_at REAL NOT NULL,
    PRIMARY KEY (model_name, trigger_name)
);
"""


class State:
    """The file in a directory, made if missing and readable by its owner alone.

    Raises
    ------
    OutboxError
        If it cannot be used, or is another program's.
    """

    def __init__(self, directory: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.directory, self.path = directory, directory / FILE_NAME
        self._busy_seconds = busy_seconds
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                with _transaction(connection):
                    self._prepare(connection)
            self.path.chmod(0o600)
        except (OSError, sqlite3.Error) as error:
            raise OutboxError(f"{self.path}: found it unusable ({error}), need a writable place") from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the block ends; undone if the block raises.

        Raises
        ------
        OutboxError
            If it cannot be written now.
        """
        try:
            with closing(self._connect()) as connection, _transaction(connection):
                yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise OutboxError(
                f"{self.path}: found it unusable for now ({error}), need a writable file"
            ) from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of what was committed.

        Raises
        ------
        OutboxError
            If it cannot be read now.
        """
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise OutboxError(f"{self.path}: found it unreadable ({error}), need our database") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=self._busy_seconds)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables, or refuse what is not ours."""
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if application == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for statement in filter(str.strip, TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif application != APPLICATION_ID:
            raise OutboxError(f"{self.path}: found another program's database, need our own or none")
        elif version != SCHEMA_VERSION:
            raise OutboxError(f"{self.path}: found state of version {version}, need {SCHEMA_VERSION}")


class Lead:
    """The right to decide and to start runs: one process on a machine has it, until it ends, however it does.

    Parameters
    ----------
    directory : Path
        Of the state.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        self._descriptor: int | None = None

    def held(self) -> bool:
        """Whether this process has it now; taken if it was free."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxError(
                f"{self._path}: cannot be written ({error.strerror}), need a state directory"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
