"""Servers that are down, die, refuse, or hold something else: clear errors, and nothing lost or doubled."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psycopg
import pytest
import redis

from exporter.errors import ConfigError, StoreError
from exporter.observation import Observations
from exporter.stores.batch import decode, encode
from exporter.stores.buffering import BufferingStore
from exporter.stores.influx_server import InfluxServer
from exporter.stores.influxdb import InfluxStore
from exporter.stores.journal import JournalStore
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
