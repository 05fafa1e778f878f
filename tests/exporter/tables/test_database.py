from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from exporter.errors import ObservationError
from exporter.tables import open_table

Rows = Callable[..., dict[str, list[Any]]]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Path of an SQLite database with a table of three rows."""
    path = tmp_path / "my #rows?.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (a real, b text, at text)")
        rows = [(0.5, "x", "1970-01-01T00:00:01"), (None, "y", "1970-01-01"), (2, None, None)]
        connection.executemany("insert into t values (?, ?, ?)", rows)
    return str(path)


def url(database: str) -> str:
    """Of an SQLite database."""
    return "sqlite:///" + database.replace("#", "%23").replace("?", "%3F")


def test_sqlite_rows(rows: Rows, database: str) -> None:
    """The query comes in the URL or beside it; the columns are those of the query."""
    beside = open_table(url(database), query="SELECT b, a, at FROM t")
    assert beside.columns == ("b", "a", "at")
    assert rows(beside, {"at": "time"}) == {
        "b": ["x", "y", None],
        "a": [0.5, None, 2.0],
        "at": [1.0, 0.0, None],
    }
    inside = open_table(url(database) + "?query=SELECT+a+FROM+t+WHERE+b+%3D+%27y%27")
    assert rows(inside) == {"a": [None]}


@pytest.mark.parametrize("ids", [[10**17 + 1, 10**17 + 2, None], ["007", 10**17 + 1, None, 0.5]])
def test_ids_of_a_database_are_exact(rows: Rows, tmp_path: Path, ids: list[Any]) -> None:
    """Integers beyond what a float tells apart stay two; text stays text."""
    path = tmp_path / "ids.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (id)")
        connection.executemany("insert into t values (?)", [(one,) for one in ids])
    table = open_table(f"sqlite:///{path}", query="SELECT id FROM t")
    assert rows(table, {"id": "id"})["id"] == ids
    assert not table.holds_integers("id")


def test_parameters_are_bound_and_never_part_of_the_query(rows: Rows, database: str) -> None:
    """A value that looks like SQL is a value."""
    query = "SELECT a FROM t WHERE b = :b"
    assert rows(open_table(url(database), query=query, parameters={"b": "x"})) == {"a": [0.5]}
    odd = open_table(url(database), query=query, parameters={"b": "x' OR '1'='1"})
    with pytest.raises(ObservationError, match="found columns and no rows"):
        rows(odd)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("DELETE FROM t", "query: not authorized, need one SELECT"),
        ("DROP TABLE t", "query: not authorized, need one SELECT"),
        ("ATTACH 'other.db' AS o", "query: not authorized, need one SELECT"),
        ("PRAGMA user_version = 1", "query: not authorized, need one SELECT"),
        ("SELECT 1; SELECT 2", "query: You can only execute one statement at a time, need one SELECT"),
        ("SELECT * FROM nope", "query: no such table: nope, need one SELECT"),
        ("SELECT :x FROM t", "query: You did not supply a value for binding parameter :x"),
        ("SELECT a, a FROM t", "found 'a' more than once among the columns"),
        ("-- nothing", "found no columns, need at least one"),
    ],
)
def test_sqlite_only_reads(database: str, query: str, complaint: str) -> None:
    """Whatever is no single SELECT is refused, and the data stay."""
    with pytest.raises(ObservationError) as refused:
        open_table(url(database), query=query)
    assert str(refused.value).startswith(f"{database}: {complaint}")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (3,)


class FakeCursor:
    """A server-side cursor over two rows."""

    description = (SimpleNamespace(name="a"), SimpleNamespace(name="b"))

    def __init__(self, log: list[Any]) -> None:
        self._log = log
        self._rows = [(1, "x"), (2, "y")]

    def execute(self, query: str, parameters: Mapping[str, str] | None) -> None:
        if "nothing" in query:
            raise FakeError("relation does not exist\nLINE 1: …")
        self._log.append((query, parameters))

    def fetchmany(self, size: int) -> Sequence[tuple[int, str]]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows


class FakeError(Exception):
    """As psycopg.Error."""


@pytest.fixture
def psycopg(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A fake of the package psycopg; what it was asked for."""
    log: list[Any] = []

    @contextmanager
    def connect(address: str) -> Iterator[Any]:
        connection = SimpleNamespace(read_only=False, cursor=cursor)
        log.append(address)
        yield connection
        log.append(connection.read_only)

    @contextmanager
    def cursor(name: str) -> Iterator[FakeCursor]:
        yield FakeCursor(log)

    def parse(address: str) -> None:
        if "bad" in address:
            raise FakeError(address)

    module = ModuleType("psycopg")
    module.__dict__.update(
        connect=connect,
        Error=FakeError,
        ProgrammingError=FakeError,
        conninfo=SimpleNamespace(conninfo_to_dict=parse),
    )
    monkeypatch.setitem(sys.modules, "psycopg", module)
    return log


def test_postgresql_rows(rows: Rows, psycopg: list[Any]) -> None:
    """Read in a read-only transaction through a server-side cursor; other options of the URL stay in it."""
    table = open_table(
        "postgresql://u:secret@host:5432/db?sslmode=require&query=SELECT+a%2C+b+FROM+t",
        parameters={"day": "2013-01-01"},
    )
    assert table.name == "postgresql://host:5432/db"
    assert rows(table) == {"a": [1.0, 2.0], "b": ["x", "y"]}
    assert psycopg[-3:] == [
        "postgresql://u:secret@host:5432/db?sslmode=require",
        ("SELECT a, b FROM t", {"day": "2013-01-01"}),
        True,
    ]


@pytest.mark.parametrize(
    ("address", "query", "complaint"),
    [
        (
            "postgresql://u:secret@host/db",
            "SELECT nothing",
            "postgresql://host/db: relation does not exist, need a",
        ),
        (
            "postgresql://u:secret@bad/db",
            "SELECT a",
            "postgresql://bad/db: found an address that cannot be parsed",
        ),
        ("postgresql://u:secret/x@host/db", "SELECT nothing", "postgresql://host/db: relation"),
        ("postgresql://u:secret?x@host/db", "SELECT nothing", "postgresql://…: relation"),
    ],
)
@pytest.mark.usefixtures("psycopg")
def test_no_message_holds_a_password(address: str, query: str, complaint: str) -> None:
    """Neither user nor password is shown, not even where the URL is wrong."""
    with pytest.raises(ObservationError) as refused:
        open_table(address, query=query)
    assert str(refused.value).startswith(complaint)
    assert "secret" not in str(refused.value)


def test_without_psycopg_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ObservationError, match=r"need it: pip install 'psycopg\[binary\]>=3'"):
        open_table("postgresql://host/db", query="SELECT 1")
