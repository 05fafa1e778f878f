"""Servers that are down, die, refuse, or hold something else: clear errors, and nothing lost or doubled."""

from __future__ import annotations

import math
import os
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psycopg
import pytest
import redis

from exporter.errors import ConfigError, ObservationError, StoreError
from exporter.observation import Observations
from exporter.stores.batch import decode, encode
from exporter.stores.buffering import BufferingStore
from exporter.stores.influx_server import InfluxServer
from exporter.stores.influxdb import InfluxStore
from exporter.stores.journal import Entry, JournalStore
from exporter.stores.postgresql import PostgresJournal
from exporter.stores.redis import RedisJournal
from exporter.stores.sqlite import SqliteJournal


def rows(start: int, n_rows: int = 10) -> Observations:
    numbers = np.arange(start, start + n_rows)
    ids = np.empty(n_rows, dtype=object)
    ids[:] = [f"id {number}" for number in numbers]
    return Observations(times=numbers.astype(float), features={"a": numbers.astype(float)}, ids=ids)


@pytest.fixture(params=["postgresql", "redis", "influxdb"])
def server(request: pytest.FixtureRequest) -> Any:
    fixtures = {"postgresql": "postgres_server", "redis": "redis_server", "influxdb": "guarded_influx_server"}
    running = request.getfixturevalue(fixtures[request.param])
    running.kind = request.param
    return running


DISK_BYTES = 1 << 20


class Opens(Protocol):
    def __call__(
        self, *, password: str = ..., port: int | None = ..., database: str | None = ...
    ) -> JournalStore | InfluxStore: ...


@pytest.fixture
def open_store(server: Any, name: str) -> Iterator[Opens]:
    """Opens stores on the server, by its right address or a wrong one, and closes them."""
    made: list[JournalStore | InfluxStore] = []

    def opened(
        *, password: str = "secret-word", port: int | None = None, database: str | None = None
    ) -> JournalStore | InfluxStore:
        place = f"driftgauge:{password}@127.0.0.1:{port or server.port}"
        if server.kind == "influxdb":
            made.append(InfluxStore(f"http://{place}/{database or 'window'}", model=name))
        elif server.kind == "postgresql":
            url = f"postgresql://{place}/{database or 'postgres'}"
            made.append(JournalStore(PostgresJournal(url, model=name, connect_seconds=1)))
        else:
            url = f"redis://{place.removeprefix('driftgauge')}/{database or '0'}"
            made.append(JournalStore(RedisJournal(url, model=name)))
        return made[-1]

    yield opened
    for store in made:
        store.close()


def test_a_server_that_dies_and_comes_back_has_every_row_once(
    server: Any, open_store: Opens, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    """Rows appended before, during and after an outage are all there, in their order and once."""
    clock = [0.0]
    lost: list[int] = []
    store = BufferingStore(open_store(), clock=lambda: clock[0])
    store.on_drop(lost.append)
    store.append(rows(1))
    server.kill()
    for start in (11, 21, 31):
        store.append(rows(start))
        clock[0] += 60.0
    assert store.waiting_rows == 30
    with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
        store.window(0.0)
    server.start()

    def delivered() -> bool:
        try:
            store.deliver()
        except StoreError:
            return False
        return True

    wait_until(delivered)
    store.append(rows(41))
    assert store.window(0.0).times.tolist() == [float(number) for number in range(1, 51)]
    assert store.outcomes([f"id {number}" for number in range(1, 51)], [1] * 50).counts.joined == 50
    assert lost == []


def test_a_server_that_is_down_at_the_start_is_found_later(open_store: Opens) -> None:
    """Making a store asks nothing of its server; the first question says where it should be."""
    store = BufferingStore(open_store(port=1))
    store.append(rows(1))
    assert store.waiting_rows == 10
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1\b.*need a"):
        store.window(0.0)


def test_a_wrong_password_is_told_without_any_password(open_store: Opens) -> None:
    """The message has the place and the server's reason, and no secret."""
    store = open_store(password="not-the-word")
    with pytest.raises(StoreError, match="password") as told:
        store.append(rows(1))
    assert "not-the-word" not in str(told.value)
    assert "secret-word" not in str(told.value)


def test_an_append_without_an_answer_is_kept_once(tmp_path: Path) -> None:
    """The journal took the batch and its answer was lost: the same observations again change nothing."""
    inner = SqliteJournal(tmp_path / "window.sqlite3")
    store = JournalStore(inner)
    take, calls = inner.append, []

    def lose_the_answer(*arguments: Any) -> int:
        first = take(*arguments)
        calls.append(first)
        if len(calls) == 1:
            raise StoreError("connection: found it cut, need an answer")
        return first

    inner.append = lose_the_answer  # type: ignore[method-assign, assignment]
    batch = rows(1)
    with pytest.raises(StoreError):
        store.append(batch)
    store.append(batch)
    assert store.size() == 10
    store.append(rows(1))
    assert store.size() == 20


@pytest.mark.parametrize("server", ["postgresql", "influxdb"], indirect=True)
def test_a_database_that_is_not_there_is_named(open_store: Opens) -> None:
    """Making a database is for its administrator: rows wait, and the message says which one is missing."""
    store = BufferingStore(open_store(database="nowhere"))
    store.append(rows(1))
    assert store.waiting_rows == 10
    with pytest.raises(StoreError, match=r"127\.0\.0\.1.*nowhere"):
        store.window(0.0)


def test_tables_of_another_version_are_refused(server: Any, name: str, open_store: Opens) -> None:
    """What a newer driftgauge wrote is not touched; the message names both versions."""
    store = open_store()
    if server.kind == "postgresql":
        url = f"postgresql://driftgauge:secret-word@127.0.0.1:{server.port}/postgres"
        with psycopg.connect(url) as connection:
            connection.execute("CREATE SCHEMA newer")
            connection.execute("CREATE TABLE newer.state (version integer, next_row bigint)")
            connection.execute("INSERT INTO newer.state VALUES (7, 0)")
        store = JournalStore(PostgresJournal(url, model=name, schema="newer"))
    elif server.kind == "redis":
        client = redis.Redis(port=server.port, password="secret-word")
        client.set(f"driftgauge:{{{name}}}:version", 7)
        client.close()
    else:
        told = f'driftgauge_layouts,model={name},layout=x version=7i,columns="{{}}" 0'
        url = f"http://driftgauge:secret-word@127.0.0.1:{server.port}/window"
        InfluxServer(url).write([told])
    with pytest.raises(ConfigError, match=r"7.*need 1"):
        store.size()
    with pytest.raises(ConfigError, match=r"7.*need 1"):
        store.append(rows(1))
    store.close()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """Another program's database, a newer version and no database at all are told apart and left alone."""
    other, newer, text = tmp_path / "other", tmp_path / "newer", tmp_path / "text"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    SqliteJournal(newer).size()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    text.write_text("not a database" * 100)
    with pytest.raises(ConfigError, match="another program"):
        SqliteJournal(other).size()
    with pytest.raises(ConfigError, match="version 7, need 1"):
        SqliteJournal(newer).size()
    with pytest.raises(StoreError, match="not a database"):
        SqliteJournal(text).size()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory with room for a megabyte; without the rights to mount one, a file of so many pages."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)],
        capture_output=True, check=False,
    ).returncode == 0  # fmt: skip
    yield directory
    if mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_full_disk_keeps_what_was_acknowledged(small_disk: Path) -> None:
    """An append that has no room fails as a whole; every row before it is there, also for another process."""
    path = small_disk / "window.sqlite3"
    inner = SqliteJournal(path)
    store = JournalStore(inner)
    store.append(rows(1))
    limited = not os.path.ismount(small_disk)
    assert inner._connection is not None
    if limited:
        inner._connection.execute(f"PRAGMA max_page_count = {DISK_BYTES // 4096}")
    acknowledged = 10

    def fill() -> None:
        nonlocal acknowledged
        while acknowledged < DISK_BYTES:  # no row takes less than a byte
            store.append(rows(acknowledged + 1, 100))
            acknowledged += 100

    with pytest.raises(StoreError, match="full"):
        fill()
    for _ in range(3):  # and it stays so
        with pytest.raises(StoreError, match="full"):
            store.append(rows(acknowledged + 1, 5_000))
    expected = [float(number) for number in range(1, acknowledged + 1)]
    assert store.window(0.0).times.tolist() == expected
    if limited:
        inner._connection.execute("PRAGMA max_page_count = 100000")
    else:
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    store.append(rows(acknowledged + 1, 5_000))
    store.close()
    again = JournalStore(SqliteJournal(path))
    assert again.size() == acknowledged + 5_000
    assert again.window(0.0).times.tolist()[:acknowledged] == expected
    assert again.outcomes([f"id {number}" for number in range(1, 51)], [1] * 50).counts.joined == 50
    again.close()


def test_a_damaged_batch_is_refused() -> None:
    """Cut short, changed in one bit, or something else: never read as rows."""
    whole = encode(rows(1))
    for damaged in (whole[:-1], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], b"", b"pickle" * 10):
        with pytest.raises(StoreError, match="batch: found"):
            decode(damaged)


class Unsayable:
    """A value without even a text."""

    def __repr__(self) -> str:
        raise TypeError("no text")


def test_rows_that_cannot_be_encoded_cost_no_others(tmp_path: Path) -> None:
    """A batch that has no bytes is dropped alone; those before and behind it are in the file."""
    lost: list[int] = []
    store = BufferingStore(JournalStore(SqliteJournal(tmp_path / "window")), max_waiting_rows=20)
    store.on_drop(lost.append)
    odd = np.empty(3, dtype=object)
    odd[:] = [1.0, Unsayable(), None]
    store.append(rows(1))
    store.append(Observations(times=np.arange(3.0), features={"a": odd}))
    store.append(replace(rows(11), labels=np.array([Unsayable()] * 10, dtype=object)))
    store.append(rows(21))
    assert (lost, store.waiting_rows) == ([3, 10], 0)
    assert store.window(-1.0).times.tolist() == [*map(float, range(1, 11)), *map(float, range(21, 31))]
    assert store.outcomes(["id 1", "id 11", "id 21"], [1] * 3).counts.joined == 2


def test_rows_wait_before_another_programs_file_and_are_kept_once_it_is_moved(tmp_path: Path) -> None:
    """The bound holds; nothing is lost that had room to wait."""
    path, lost, clock = tmp_path / "window", list[int](), [0.0]
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    store = BufferingStore(JournalStore(SqliteJournal(path)), max_waiting_rows=20, clock=lambda: clock[0])
    store.on_drop(lost.append)
    for start in (1, 11, 21):
        store.append(rows(start))
        clock[0] += 60.0
    assert (sum(lost), store.waiting_rows) == (10, 20)
    with pytest.raises(StoreError, match="another program"):
        store.window(0.0)
    path.rename(tmp_path / "theirs")
    assert store.window(0.0).times.tolist() == [float(number) for number in range(11, 31)]


def test_sqlite_tells_what_it_refuses_from_a_file_that_is_away(tmp_path: Path) -> None:
    """A value that breaks a rule of a table, or has no room in any, is refused for good."""
    journal = SqliteJournal(tmp_path / "window")
    for times in ([math.nan], [1.0, math.nan]):
        with pytest.raises(ObservationError, match=r"window: found a value .*NOT NULL.*, need one"):
            journal.append(b"", np.array(times), [None])
    assert journal._connection is not None
    journal._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000)
    with pytest.raises(ObservationError, match=r"window: found a value .*too big.*, need one"):
        journal.append(b"x" * 2_000, np.ones(1), [None])
    assert journal.append(b"x", np.ones(1), ["a"]) == 0
    journal.close()


def test_postgresql_tells_what_it_refuses_from_a_server_that_is_away(postgres_server: Any, name: str) -> None:
    """An id too long for an index is refused for good, a partition that is gone is made again."""
    url = f"postgresql://driftgauge:secret-word@127.0.0.1:{postgres_server.port}/postgres"
    journal = PostgresJournal(url, model=name, schema="refusing", clock=lambda: 365.0 * 86_400.0)
    store, lost = BufferingStore(JournalStore(journal)), list[int]()
    store.on_drop(lost.append)
    store.append(rows(1))
    long = rows(11, 1)
    assert long.ids is not None
    long.ids[0] = random.Random(7).randbytes(20_000).hex()
    store.append(long)
    store.append(rows(21))
    assert (lost, store.waiting_rows, store.size()) == ([1], 0, 20)
    with pytest.raises(ObservationError, match="need one that a table takes"):
        journal.append(b"", np.ones(1), ["nul\0"])
    assert journal.append(b"x", np.ones(1), [None]) == 20
    with psycopg.connect(url) as connection:
        for table in ("batches", "predictions", "labels"):
            connection.execute(f"DROP TABLE refusing.{table}_19710101")
    with pytest.raises(StoreError, match="no partition"):
        journal.append(b"x", np.ones(1), [None])
    assert journal.append(b"x", np.ones(1), [None]) == 21
    journal.close()
    assert lost == [1]


def test_redis_tells_what_it_refuses(redis_server: Any, name: str) -> None:
    """A value that its protocol cannot carry would be refused again."""
    journal = RedisJournal(f"redis://:secret-word@127.0.0.1:{redis_server.port}/0", model=name)
    with pytest.raises(ObservationError, match="found a value that it refuses"):
        journal.append(b"", np.ones(1), [("a",)])  # type: ignore[list-item]
    assert journal.append(b"x", np.ones(1), ["a"]) == 0
    journal.close()


def test_influxdb_tells_what_it_refuses(influx_server: Any) -> None:
    """No points, and points of another type, are refused for good; a database that is not there may come."""
    server = InfluxServer(f"http://127.0.0.1:{influx_server.port}/window")
    for line in ("nonsense", 'refusing f="text" 0'):
        server.write(["refusing f=1.0 0"])
        with pytest.raises(
            ObservationError, match=r"window: found that it refuses these points \(HTTP 400: "
        ):
            server.write([line])
    nowhere = InfluxServer(f"http://127.0.0.1:{influx_server.port}/nowhere")
    with pytest.raises(StoreError, match="nowhere"):
        nowhere.write(["refusing f=1.0 0"])
    server.close()
    nowhere.close()


def test_rows_are_kept_once_though_older_ones_could_not_go(tmp_path: Path) -> None:
    """The server went between the append and the dropping of what is too much: the append is repeated."""

    class Cut(SqliteJournal):
        fails = True

        def drop(self, whole: Sequence[Entry], partly: Entry | None, skip: int) -> None:
            if self.fails:
                raise StoreError("connection: found it cut, need an answer")
            super().drop(whole, partly, skip)

    journal = Cut(tmp_path / "window")
    clock = [0.0]
    store = BufferingStore(JournalStore(journal, max_rows=25), clock=lambda: clock[0])
    for start in (1, 11, 21):
        store.append(rows(start))
    assert store.waiting_rows == 10
    journal.fails = False
    store.deliver()
    assert store.waiting_rows == 0
    assert store.window(0.0).times.tolist() == [float(number) for number in range(6, 31)]


def test_a_batch_without_times_stops_no_others_from_expiring(redis_server: Any, name: str) -> None:
    """Earlier releases could keep one where a database takes NaN; retention passes over it."""
    journal = RedisJournal(f"redis://:secret-word@127.0.0.1:{redis_server.port}/0", model=name)
    store = JournalStore(journal, retention_hours=1.0)
    none = Observations(times=np.array([math.nan, math.inf]), features={})
    some = Observations(times=np.array([math.inf, 8_000.0]), features={})
    store.append(rows(1))
    journal.append(encode(none), none.times, [None] * 2)
    store.append(rows(11))
    journal.append(encode(some), some.times, [None] * 2)
    assert store.prune(now=10_000.0) == 23
    assert store.window(0.0, 9_000.0).times.tolist() == [8_000.0]
    store.close()


def test_a_row_expires_though_one_that_has_gone_was_newer(tmp_path: Path) -> None:
    """The newest time of a batch may be of a row that the bound on rows has pushed out."""
    store = JournalStore(SqliteJournal(tmp_path / "window"), max_rows=2, retention_hours=1.0)
    store.append(Observations(times=np.array([9_000.0, 5.0]), features={}))
    store.append(Observations(times=np.array([9_001.0]), features={}))
    assert store.prune(now=10_000.0) == 1
    assert store.window(0.0).times.tolist() == [9_001.0]
    store.close()
