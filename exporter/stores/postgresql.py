"""A journal in PostgreSQL: for replicas on several machines that share one window.

Tables are partitioned by the day of appending, so that old days go by dropping a table instead of deleting
rows. A batch arrives as one value, ids by COPY. Times are seconds since 1970, as everywhere in this package.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ObservationError, StoreError
from .forks import hold_across_forks
from .journal import Entry, Label

try:
    import psycopg
    from psycopg import sql
    from psycopg_pool import ConnectionPool, PoolTimeout
except ImportError as error:  # pragma: no cover - told to whoever configures the store
    raise ConfigError(
        "store.type: found postgresql and no psycopg, need: pip install 'driftgauge[postgresql]'"
    ) from error

SCHEMA_VERSION: Final = 1

REFUSED: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""Errors about a value, which is refused however often it is sent; the last one is of an id too long for an
index. Other errors are about the server."""

POOL_SIZE: Final = 4
"""Connections of one process at most: the background thread, the checks, and outcomes over HTTP."""
CONNECT_SECONDS: Final = 5.0
"""How long to wait for a connection. Longer, and what waits to be stored would pile up behind one call."""
STATEMENT_SECONDS: Final = 30.0
"""After which the server gives a statement up; the longest honest one reads a day's window."""
READ_AT_ONCE: Final = 16
"""Batches read together: bounds memory while old ones are looked for."""
LOCK: Final = 0x64726757
"""Number of the advisory lock under which tables are made: two processes may start at once."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS {schema}.state (version integer NOT NULL, next_row bigint NOT NULL);
INSERT INTO {schema}.state SELECT {version}, 0 WHERE NOT EXISTS (SELECT 1 FROM {schema}.state);
CREATE TABLE IF NOT EXISTS {schema}.batches (
    day date NOT NULL, model text NOT NULL, first bigint NOT NULL, n_rows integer NOT NULL,
    skip integer NOT NULL DEFAULT 0, oldest double precision NOT NULL, newest double precision NOT NULL,
    payload bytea NOT NULL, PRIMARY KEY (model, first, day)
) PARTITION BY RANGE (day);
CREATE TABLE IF NOT EXISTS {schema}.predictions (
    day date NOT NULL, model text NOT NULL, key text NOT NULL, row bigint NOT NULL
) PARTITION BY RANGE (day);
CREATE INDEX IF NOT EXISTS predictions_key ON {schema}.predictions (model, key, row);
CREATE TABLE IF NOT EXISTS {schema}.labels (
    day date NOT NULL, row bigint NOT NULL, label text NOT NULL, at double precision, PRIMARY KEY (row, day)
) PARTITION BY RANGE (day);
"""
"""`day` of a label is that of its batch, so that a second label of a row meets the first in one partition."""

_PARTITIONED: Final = ("batches", "predictions", "labels")
_COLUMNS: Final = "first, n_rows, skip, oldest, newest, payload"


class PostgresJournal:
    """Batches of one model version in a database.

    Parameters
    ----------
    url : str
        postgresql://user:password@host:port/database; it is in no message of ours.
    model : str
        Name and version: several share the tables.
    schema : str
        Where the tables are; made if it is missing.
    keep_days : float
        Days after which a partition is dropped: more than the retention, so that late outcomes are known as
        such.
    connect_seconds : float
        How long to wait for a connection.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        schema: str = "driftgauge",
        keep_days: float = 7.0,
        connect_seconds: float = CONNECT_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._model = model
        self._schema = schema
        self._keep_days = keep_days
        self._clock = clock
        self._url = url
        self._lock = threading.Lock()
        hold_across_forks(self._lock)
        self._prepared = False
        self._days: set[str] = set()
        try:
            self._place = _place(url)
        except psycopg.ProgrammingError as error:
            raise ConfigError(
                "store.url: found no connection string, need postgresql://user:password@host:port/database"
            ) from error
        self._connect_seconds = connect_seconds
        self._pool: ConnectionPool[Any] | None = None
        self._process = 0

    def append(self, payload: bytes, times: NDArray[np.float64], keys: Sequence[str | None]) -> int:
        """Keep a batch and the row of each key; the number of its first row."""
        with self._transaction() as connection:
            day = self._today(connection)
            # Others wait here until this batch is committed: numbers follow the order of appending.
            last = connection.execute(
                self._text("UPDATE {schema}.state SET next_row = next_row + %s RETURNING next_row"),
                (len(times),),
            ).fetchone()
            assert last is not None
            first: int = last[0] - len(times)
            connection.execute(
                self._text("INSERT INTO {schema}.batches VALUES (%s, %s, %s, %s, 0, %s, %s, %b)"),
                (day, self._model, first, len(times), float(times.min()), float(times.max()), payload),
            )
            if any(key is not None for key in keys):
                copy = self._text("COPY {schema}.predictions (day, model, key, row) FROM STDIN")
                with connection.cursor() as cursor, cursor.copy(copy) as rows:
                    for row, key in enumerate(keys, start=first):
                        if key is not None:
                            rows.write_row((day, self._model, key, row))
            return first

    def newest_first(self, since: float, until: float | None) -> Iterator[Entry]:
        """Batches that may hold rows with `since` < time <= `until`, the last appended first."""
        return self._pages(
            f"SELECT {_COLUMNS} FROM {{schema}}.batches WHERE model = %(model)s AND first < %(edge)s"  # noqa: S608 - names of our own columns
            " AND newest > %(since)s AND oldest <= %(until)s ORDER BY first DESC LIMIT %(page)s",
            {"since": since, "until": float("inf") if until is None else until, "edge": (1 << 63) - 1},
        )

    def oldest_first(self) -> Iterator[Entry]:
        """Batches in the order in which they were appended."""
        return self._pages(
            f"SELECT {_COLUMNS} FROM {{schema}}.batches WHERE model = %(model)s AND first > %(edge)s"  # noqa: S608 - as above
            " ORDER BY first LIMIT %(page)s",
            {"edge": -1},
        )

    def holding(self, rows: Sequence[int]) -> list[Entry]:
        """Batches that hold rows with these numbers, without the dropped ones."""
        with self._transaction() as connection:
            lines = connection.execute(
                self._text(
                    f"SELECT {_COLUMNS} FROM {{schema}}.batches WHERE model = %s AND first IN (SELECT"  # noqa: S608 - as above
                    " (SELECT MAX(first) FROM {schema}.batches WHERE model = %s AND first <= wanted)"
                    " FROM unnest(%s::bigint[]) AS wanted)"
                ),
                (self._model, self._model, list(rows)),
                binary=True,
            ).fetchall()
        return [_entry(line) for line in lines]

    def rows(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Number of the last row with each key, also of rows that have been dropped not long ago."""
        with self._transaction() as connection:
            return dict(
                connection.execute(
                    self._text(
                        "SELECT key, MAX(row) FROM {schema}.predictions"
                        " WHERE model = %s AND key = ANY(%s) GROUP BY key"
                    ),
                    (self._model, list(keys)),
                ).fetchall()
            )

    def set_labels(self, labels: Sequence[Label]) -> Mapping[int, str]:
        """Label rows that have none; the label of each row as it stands before this call, if it had one."""
        with self._transaction() as connection:
            rows = [label.row for label in labels]
            written = {
                line[0]
                for line in connection.execute(
                    self._text(
                        "INSERT INTO {schema}.labels SELECT b.day, l.row, l.label, l.at"
                        " FROM unnest(%s::bigint[], %s::text[], %s::double precision[]) AS l (row, label, at)"
                        " JOIN LATERAL (SELECT day FROM {schema}.batches WHERE model = %s AND first <= l.row"
                        " ORDER BY first DESC LIMIT 1) b ON true ON CONFLICT DO NOTHING RETURNING row"
                    ),
                    (
                        rows,
                        [label.text for label in labels],
                        [label.at for label in labels],
                        self._model,
                    ),
                )
            }
            left = [row for row in rows if row not in written]
            if not left:
                return {}
            return dict(
                connection.execute(
                    self._text("SELECT row, label FROM {schema}.labels WHERE row = ANY(%s)"), (left,)
                ).fetchall()
            )

    def labels(self, entries: Sequence[Entry]) -> Mapping[int, str]:
        """Labels of rows of these batches by row number."""
        with self._transaction() as connection:
            return dict(
                connection.execute(
                    self._text(
                        "SELECT l.row, l.label FROM unnest(%s::bigint[], %s::bigint[]) AS e (low, high)"
                        " JOIN {schema}.labels l ON l.row >= e.low AND l.row < e.high"
                    ),
                    (
                        [entry.first for entry in entries],
                        [entry.first + entry.n_rows for entry in entries],
                    ),
                ).fetchall()
            )

    def drop(self, whole: Sequence[Entry], partly: Entry | None, skip: int) -> None:
        """Forget whole batches, and the first `skip` rows of one more; and whole days that are long gone."""
        with self._transaction() as connection:
            connection.execute(
                self._text("DELETE FROM {schema}.batches WHERE model = %s AND first = ANY(%s)"),
                (self._model, [entry.first for entry in whole]),
            )
            if partly is not None:
                connection.execute(
                    self._text(
                        "UPDATE {schema}.batches SET skip = GREATEST(skip, %s)"
                        " WHERE model = %s AND first = %s"
                    ),
                    (skip, self._model, partly.first),
                )
            self._drop_days(connection)

    def size(self) -> int:
        """Rows held, without those dropped."""
        with self._transaction() as connection:
            line = connection.execute(
                self._text("SELECT COALESCE(SUM(n_rows - skip), 0) FROM {schema}.batches WHERE model = %s"),
                (self._model,),
            ).fetchone()
            return int(line[0]) if line else 0

    def close(self) -> None:
        """Close all connections; the next use makes new ones."""
        with self._lock:
            if self._pool is not None:
                self._pool.close(timeout=1.0)
                self._pool = None

    def _today(self, connection: psycopg.Connection[Any]) -> str:
        """Today in UTC, with its partitions in place."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        day = today.isoformat()
        if day not in self._days:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            for table in _PARTITIONED:
                connection.execute(
                    sql.SQL(
                        "CREATE TABLE IF NOT EXISTS {schema}.{part} PARTITION OF {schema}.{table}"
                        " FOR VALUES FROM ({low}) TO ({high})"
                    ).format(
                        schema=sql.Identifier(self._schema),
                        part=sql.Identifier(f"{table}_{today:%Y%m%d}"),
                        table=sql.Identifier(table),
                        low=sql.Literal(day),
                        high=sql.Literal((today + timedelta(days=1)).isoformat()),
                    )
                )
            self._days = {day}
        return day

    def _drop_days(self, connection: psycopg.Connection[Any]) -> None:
        """Drop the partitions of days that nothing asks for any more."""
        oldest = datetime.fromtimestamp(self._clock() - self._keep_days * 86_400.0, UTC).date()
        parts = connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'r' AND right(c.relname, 8) < %s",
            (self._schema, f"{oldest:%Y%m%d}"),
        ).fetchall()
        for (name,) in parts:
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}.{}").format(
                    sql.Identifier(self._schema), sql.Identifier(name)
                )
            )

    def _pages(self, statement: str, values: dict[str, Any]) -> Iterator[Entry]:
        """Entries page by page, so that a reader never keeps a connection while it decodes."""
        while True:
            with self._transaction() as connection:
                lines = connection.execute(
                    self._text(statement),
                    {**values, "model": self._model, "page": READ_AT_ONCE},
                    binary=True,
                ).fetchall()
            for line in lines:
                yield _entry(line)
            if len(lines) < READ_AT_ONCE:
                return
            values["edge"] = lines[-1][0]

    def _text(self, statement: str) -> sql.Composed:
        return sql.SQL(statement).format(schema=sql.Identifier(self._schema))

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection in a transaction of its own; what fails is undone and told.

        Raises
        ------
        StoreError
            If the server cannot be used for now.
        ObservationError
            If it can, and refuses a value.
        """
        try:
            with self._connections().connection() as connection:
                if not self._prepared:
                    self._prepare(connection)
                yield connection
        except PoolTimeout:
            # The pool would go on trying, ever more seldom, and find a server that is back minutes too late.
            self.close()
            reason = _refusal(self._url)
            raise StoreError(
                f"{self._place}: found it not reachable ({reason}), need a running PostgreSQL"
            ) from None
        except psycopg.Error as error:
            self._days = set()  # a partition made in a transaction that failed is not there
            # A check that fails is a partition that somebody has dropped, and the next try makes it again.
            if isinstance(error, REFUSED) and not isinstance(error, psycopg.errors.CheckViolation):
                raise ObservationError(
                    f"{self._place}: found a value that it refuses ({_brief(error)}),"
                    " need one that a table takes"
                ) from error
            raise StoreError(
                f"{self._place}: found it unusable for now ({_brief(error)}), need a database that takes rows"
            ) from error

    def _connections(self) -> ConnectionPool[Any]:
        """The pool of this process: a forked child may not use its parent's."""
        with self._lock:
            if self._pool is None or self._process != os.getpid():
                self._process = os.getpid()
                wait = math.ceil(self._connect_seconds)
                # A pool waits out its time even when it is refused at once, and keeps the reason to itself.
                psycopg.connect(self._url, connect_timeout=wait).close()
                self._pool = ConnectionPool(
                    self._url,
                    min_size=0,
                    max_size=POOL_SIZE,
                    open=True,
                    timeout=self._connect_seconds,
                    reconnect_timeout=self._connect_seconds,
                    kwargs={
                        "connect_timeout": wait,
                        "options": f"-c statement_timeout={int(STATEMENT_SECONDS * 1000)}",
                    },
                    check=ConnectionPool.check_connection,
                    name="driftgauge-store",
                )
            return self._pool

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Make the tables, or refuse those of another version."""
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute(self._text("CREATE SCHEMA IF NOT EXISTS {schema}"))
        connection.execute(
            sql.SQL(_TABLES).format(schema=sql.Identifier(self._schema), version=sql.Literal(SCHEMA_VERSION))
        )
        version = connection.execute(self._text("SELECT version FROM {schema}.state")).fetchone()
        if version is None or version[0] != SCHEMA_VERSION:
            found = None if version is None else version[0]
            raise ConfigError(f"{self._place}: found schema version {found}, need {SCHEMA_VERSION}")
        connection.commit()
        self._prepared = True


def _entry(line: Sequence[Any]) -> Entry:
    first, n_rows, skip, oldest, newest, payload = line
    return Entry(first=first, n_rows=n_rows, skip=skip, oldest=oldest, newest=newest, payload=bytes(payload))


def _place(url: str) -> str:
    """Host and database, without user and password."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return f"postgresql {parts.get('host', 'local')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _refusal(url: str) -> str:
    """Why no connection could be made: the pool keeps the reason to itself, so ask once more."""
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.Error as error:
        return _brief(error)
    return "timed out"
