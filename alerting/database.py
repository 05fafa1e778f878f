"""The bridge's memory: one SQLite file, one thread that writes, readers apart, one active process.

Every write goes through `Database.write`. Jobs that arrive while a commit is under way share the next one, so
that `synchronous=FULL` (an fsync per commit, without which a power cut could take back what Alertmanager was
told) costs little under load. A job's result is set only after its commit.
"""

from __future__ import annotations

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from .errors import InstanceLockedError, OutboxError
from .schema import APPLICATION_ID, SCHEMA_VERSION, TABLES, UPGRADES

OLDEST_SQLITE: Final = (3, 33, 0)
"""The first with UPDATE ... FROM."""
FILE_NAME: Final = "bridge.sqlite3"
LOCK_NAME: Final = "bridge.lock"
BATCH: Final = 512
"""Jobs in one commit at most; measured: 2,400 durable single-alert requests a second with it."""
BUSY_SECONDS: Final = 2.0
"""How long to wait for a lock that another program holds. Alertmanager tries again after 503, and gives a
request ten seconds at least, so failing sooner is better than being cut off."""

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class Database:
    """The open state directory of the one active bridge.

    Parameters
    ----------
    directory : Path
        Made if missing, readable by its owner alone.
    busy_seconds : float
        How long a write waits for a lock that another program holds.

    Raises
    ------
    InstanceLockedError
        If another bridge is active on the directory.
    OutboxError
        If the directory or the file in it cannot be used.
    """

    def __init__(self, directory: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = directory / FILE_NAME
        self._lock = _lock(directory)
        try:
            self._connection = _open(self.path, busy_seconds)
        except OutboxError:
            os.close(self._lock)
            raise
        self._jobs: queue.SimpleQueue[tuple[Job[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._entry = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="bridge-writer", daemon=True)
        self._thread.start()

    def write(self, job: Job[T]) -> Future[T]:
        """Run a job in a transaction; the future has its result once that is on the disk.

        The future raises `OutboxError` if the transaction failed, and what the job raised if the job did.
        A future cancelled before its turn leaves its job undone.
        """
        future: Future[T] = Future()
        with self._entry:  # nothing may be queued behind the mark that ends the thread
            if self._closed:
                future.set_exception(OutboxError("state: found it closed, need a running bridge"))
            else:
                self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Finish what is queued, then close the file and free the directory."""
        with self._entry:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        self._connection.close()
        os.close(self._lock)

    def _run(self) -> None:
        """The writer: a batch, a commit, its results, until the mark that ends it."""
        ended = False
        while not ended:
            batch: list[tuple[Job[Any], Future[Any]]] = []
            entry = self._jobs.get()
            while entry is not None:
                if entry[1].set_running_or_notify_cancel():
                    batch.append(entry)
                if len(batch) == BATCH:
                    break
                try:
                    entry = self._jobs.get_nowait()
                except queue.Empty:
                    break
            ended = entry is None
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[tuple[Job[Any], Future[Any]]]) -> None:
        """Run the jobs of a batch in one transaction, then set their results."""
        outcomes: list[tuple[Any, Exception | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes.extend(self._attempt(job) for job, _ in batch)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            failure = OutboxError(
                f"{self.path}: found it unusable for now ({error}), need a writable database"
            )
            for _, future in batch:
                future.set_exception(failure)
            return
        for (_, future), (value, problem) in zip(batch, outcomes, strict=True):
            if problem is None:
                future.set_result(value)
            else:
                future.set_exception(problem)

    def _attempt(self, job: Job[Any]) -> tuple[Any, Exception | None]:
        """One job inside the transaction: its value, or its own error with its changes undone.

        Raises
        ------
        sqlite3.OperationalError
            For trouble of the database as a whole (full, locked, unreadable), which fails the batch.
        """
        self._connection.execute("SAVEPOINT job")
        try:
            value = job(self._connection)
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return None, error
        self._connection.execute("RELEASE job")
        return value, None


@contextmanager
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees what was committed when it reads, and cannot write.

    Raises
    ------
    OutboxError
        If there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise OutboxError(f"{path}: not found, need the state of a bridge that has run")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            _check(connection, path)
            yield connection
    except sqlite3.Error as error:
        raise OutboxError(f"{path}: found it unreadable ({error}), need the bridge's database") from error


def _lock(directory: Path) -> int:
    """An open file with an exclusive lock, which the system frees when the process ends, however it does."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutboxError(
            f"{directory}: found a place that cannot be written ({error.strerror}), need a state directory"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise InstanceLockedError(
            f"{directory}: found another active bridge (process {holder}), need a state directory of its own"
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return descriptor


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """The writer's connection, with tables in place."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise OutboxError(f"SQLite: found version {sqlite3.sqlite_version}, need {needed} or later")
    connection: sqlite3.Connection | None = None
    try:
        # One thread uses it, but not the one that opens it.
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        _check(connection, path, older=UPGRADES)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if _pragma(connection, "user_version") == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        while (version := _pragma(connection, "user_version")) < SCHEMA_VERSION:
            connection.executescript(
                f"BEGIN IMMEDIATE; {UPGRADES[version]} PRAGMA user_version = {version + 1}; COMMIT;"
            )
        path.chmod(0o600)
    except (sqlite3.Error, OutboxError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, OutboxError):
            raise
        raise OutboxError(
            f"{path}: found a file that cannot be used ({error}), need the bridge's own or none"
        ) from error
    return connection


def _check(connection: sqlite3.Connection, path: Path, older: Container[int] = ()) -> None:
    """Refuse a database of somebody else or of another version, but for the `older` ones."""
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if (
        version == 0
        and application == 0
        and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    ):
        return
    if application != APPLICATION_ID:
        raise OutboxError(f"{path}: found the database of another program, need the bridge's own or none")
    if version != SCHEMA_VERSION and version not in older:
        raise OutboxError(f"{path}: found state of version {version}, need version {SCHEMA_VERSION}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
