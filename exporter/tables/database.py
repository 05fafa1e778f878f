"""Rows of a query: SQLite through the standard library, PostgreSQL through psycopg. Both only read.

Parameters are bound by the database and never become part of the query's text.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ..errors import ObservationError
from ..values import to_array
from .arrays import exact_ids
from .messages import first_line, no_rows, require_columns, shortened
from .reading import Reading, chunk_rows, finish

if TYPE_CHECKING:
    from ..columns import Columns
    from .reading import OnRows

SCHEMES: Final = ("sqlite", "postgresql", "postgres")

MAX_QUERY_ROWS: Final = 100_000
"""Rows fetched at once: their values are Python objects, which take some 60 bytes each."""

Result = tuple[tuple[str, ...], Iterator[list[tuple[Any, ...]]]]
"""Names of a query's columns, and its rows in lists."""

Run = Callable[[int], AbstractContextManager[Result]]
"""Runs the query, for lists of so many rows."""

_READ_ONLY: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)


_HOST = re.compile(r"[A-Za-z0-9._-]*(:[0-9]+)?")


class QueryTable:
    """The rows of a query; each pass runs it again."""

    n_rows: int | None = None

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self._run = run
        with run(1) as (names, _):
            self.columns = require_columns(name, names)

    def readings(
        self,
        names: Sequence[str],
        declared: Mapping[str, Reading],
        on_rows: OnRows,  # noqa: ARG002 - nothing is read for it
    ) -> dict[str, Reading]:
        """What is declared: the values of a database have types of their own."""
        return {name: declared[name] for name in names if name in declared}

    def holds_integers(self, name: str) -> bool:  # noqa: ARG002 - see above
        """False: the values of a database have types of their own."""
        return False

    def chunks(self, names: Sequence[str], readings: Mapping[str, Reading]) -> Iterator[Columns]:
        """These columns of all rows, in chunks of bounded size."""
        places = {name: self.columns.index(name) for name in names}
        read = 0
        with self._run(min(chunk_rows(len(self.columns)), MAX_QUERY_ROWS)) as (_, lists):
            for rows in lists:
                columns = list(zip(*rows, strict=True))
                arrays = {
                    name: exact_ids(columns[place])
                    if readings.get(name) == "id"
                    else to_array(columns[place])
                    for name, place in places.items()
                }
                read += len(rows)
                yield finish(self.name, arrays, len(rows), readings)
        if not read:
            raise no_rows(self.name)


def open_query(url: str, query: str | None = None, parameters: Mapping[str, str] | None = None) -> QueryTable:
    """The rows of a query on a database.

    Parameters
    ----------
    url : str
        `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/database`, which may end
        in `?query=…` with the query in URL encoding.
    query : str, optional
        Instead of the one in the URL.
    parameters : mapping of str to str, optional
        Bound to `:name` in a query for SQLite, to `%(name)s` in one for PostgreSQL.

    Raises
    ------
    ObservationError
        If there is no query, the database cannot be read, or the query is refused.
    """
    base, _, options = url.partition("?")
    settings = dict(parse_qsl(options, keep_blank_values=True))
    chosen = query or settings.pop("query", "")
    settings.pop("query", None)
    name = _shown(base)
    if not chosen.strip():
        raise ObservationError(
            f"{name}: found no query, need one: --query 'SELECT …', or ?query=… in the URL"
        )
    if not url.startswith("sqlite:"):
        address = f"{base}?{urlencode(settings)}" if settings else base
        return QueryTable(name, _postgresql(name, address, chosen, parameters or {}))
    path = unquote(base.removeprefix("sqlite:///"))
    if not base.startswith("sqlite:///") or not path or settings:
        raise ObservationError(
            f"{shortened(url)}: found no path, or more than a query, need sqlite:///PATH?query=…"
        )
    if not Path(path).is_file():
        raise ObservationError(f"{path}: found no such file, need an SQLite database")
    return QueryTable(path, _sqlite(path, chosen, parameters or {}))


def _shown(url: str) -> str:
    """A URL without user and password."""
    scheme, _, rest = url.partition("://")
    host, slash, database = rest.rpartition("@")[2].partition("/")
    # A password with a question mark in it would otherwise pass for a host.
    known = _HOST.fullmatch(host) is not None
    return f"{scheme}://{host}{slash}{database}" if known else f"{scheme}://…"


def _sqlite(path: str, query: str, parameters: Mapping[str, str]) -> Run:
    @contextmanager
    def run(size: int) -> Iterator[Result]:
        try:
            address = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as connection:
                connection.set_authorizer(_allow_reading)
                cursor = connection.execute(query, dict(parameters))
                names = tuple(str(column[0]) for column in cursor.description or ())
                yield names, iter(lambda: cursor.fetchmany(size), [])
        except sqlite3.Error as error:
            raise ObservationError(
                f"{path}: query: {first_line(str(error))}, need one SELECT that SQLite can run"
            ) from None

    return run


def _allow_reading(action: int, *_: Any) -> int:  # noqa: ANN401 - names that do not matter
    return sqlite3.SQLITE_OK if action in _READ_ONLY else sqlite3.SQLITE_DENY


def _postgresql(name: str, url: str, query: str, parameters: Mapping[str, str]) -> Run:
    try:
        psycopg: Any = import_module("psycopg")
    except ImportError:
        raise ObservationError(
            f"{name}: found no package psycopg in this Python, need it: pip install 'psycopg[binary]>=3'"
        ) from None

    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose message may quote the password
        raise ObservationError(
            f"{name}: found an address that cannot be parsed, need postgresql://user@host/database"
        ) from None

    @contextmanager
    def run(size: int) -> Iterator[Result]:
        try:
            with psycopg.connect(url) as connection:
                connection.read_only = True
                # A cursor with a name stays on the server, which sends so many rows at a time.
                with connection.cursor("driftgauge") as cursor:
                    # Without parameters a percent sign in the query is a percent sign.
                    cursor.execute(query, dict(parameters) or None)
                    names = tuple(str(column.name) for column in cursor.description or ())
                    yield names, iter(lambda: cursor.fetchmany(size), [])
        except psycopg.Error as error:
            raise ObservationError(
                f"{name}: {first_line(str(error))}, need a database that answers and one SELECT"
            ) from None

    return run
