"""Members that share partitions, leave, and are killed: every row is in the store once, and told of once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.errors import StoreError
from exporter.observation import Observations
from exporter.reference import Reference
from exporter.stores.journal import JournalStore
from exporter.stores.sqlite import SqliteJournal
from exporter.stream_settings import StreamSettings

if TYPE_CHECKING:
    from .conftest import Broker, Joining, Row, Shared

MEMBER = Path(__file__).with_name("member.py")
WAIT_SECONDS = 60.0

SESSION_SECONDS = 5.0
"""The mock waits so long, less a second, for members of a group to come again when another joins."""

Process = subprocess.Popen[str]
Start = Callable[..., Process]


@pytest.fixture
def settings(settings: StreamSettings) -> StreamSettings:
    return replace(settings, session_seconds=SESSION_SECONDS)


@pytest.fixture
def store(shared: Shared) -> JournalStore:
    """The window as the test sees it."""
    return shared.open()


@pytest.fixture
def start(broker: Broker, reference: Reference, shared: Shared, tmp_path: Path) -> Iterator[Start]:
    reference.save(tmp_path / "reference.json")
    started: list[Process] = []

    def run(*appends: str) -> Process:
        process = subprocess.Popen(
            [
                sys.executable,
                str(MEMBER),
                broker.address,
                str(tmp_path / "reference.json"),
                *shared.arguments,
                *appends,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not ready():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def left(process: Process) -> int:
    """Let a member leave; the rows that it has counted."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=WAIT_SECONDS)
    return int(out)


def ids(store: JournalStore) -> Counter[str]:
    found = store.window(0.0).ids
    return Counter([] if found is None else found.tolist())


def wanted(n_rows: int) -> Counter[str]:
    return Counter(f"id {number}" for number in range(n_rows))


def test_members_that_share_and_leave_count_every_row_once(
    broker: Broker, start: Start, store: JournalStore, row: Row
) -> None:
    """Two members take their partitions' rows; when one leaves, the other goes on where it ended."""
    first = start()
    broker.send("rows", [row(number) for number in range(100)])
    wait(lambda: store.size() == 100)
    second = start()
    sent, by_second = 100, 0
    deadline = time.monotonic() + WAIT_SECONDS
    while by_second == 0:  # until both hold partitions
        assert time.monotonic() < deadline, "it never came"
        broker.send("rows", [row(number) for number in range(sent, sent + 40)])
        sent += 40
        by_second = sum(len(note["reached"]) == 2 for note in store.notes())
    counted = left(first)
    broker.send("rows", [row(number) for number in range(sent, sent + 40)])
    sent += 40
    wait(lambda: store.size() == sent)
    counted += left(second)
    assert ids(store) == wanted(sent)
    assert counted == sent


def test_a_member_killed_between_store_and_commit_costs_no_row_and_doubles_none(
    broker: Broker, start: Start, store: JournalStore, row: Row
) -> None:
    """What the dead member had stored but not committed is not stored again by the one that takes over."""
    broker.send("rows", [row(number) for number in range(400)])
    doomed = start("3")
    wait(lambda: doomed.poll() is not None)
    assert doomed.returncode == -signal.SIGKILL
    assert 0 < store.size() < 400
    survivor = start()
    wait(lambda: store.size() >= 400)
    left(survivor)
    assert ids(store) == wanted(400)


def test_a_member_killed_midway_tells_no_change_twice(
    broker: Broker, start: Start, store: JournalStore, row: Row
) -> None:
    """The changes of each column have numbers that follow each other, whoever told them."""
    doomed = start()
    broker.send("rows", [row(number, shift=3.0) for number in range(200)])
    wait(lambda: bool(broker.read("alerts")))
    survivor = start()
    broker.send("rows", [row(number, shift=3.0) for number in range(200, 300)])
    doomed.kill()
    broker.send("rows", [row(number, shift=3.0) for number in range(300, 400)])
    wait(lambda: store.size() >= 400)
    wait(lambda: states(broker).get(("1h", "a"), "") == "drift")
    left(survivor)
    assert ids(store) == wanted(400)
    told: dict[tuple[str, str], list[int]] = {}
    for message in broker.read("alerts"):
        alert = json.loads(message.value() or b"")
        told.setdefault((alert["window"], alert["column"]), []).append(alert["sequence"])
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in told.values())
    assert states(broker)["1h", "a"] == "drift"


def states(broker: Broker) -> dict[tuple[str, str], str]:
    """Last state told of each column and window."""
    found = [json.loads(message.value() or b"") for message in broker.read("alerts")]
    return {(one["window"], one["column"]): one["state"] for one in found}


def test_a_store_that_lost_its_last_moments_is_filled_again(
    broker: Broker, join: Joining, tmp_path: Path, row: Row
) -> None:
    """After a crash of its machine the store lacks rows whose offsets are committed: they are read again."""
    path, kept = tmp_path / "window.sqlite3", tmp_path / "kept.sqlite3"
    store = JournalStore(SqliteJournal(path))
    member = join(store)
    broker.send("rows", [row(number) for number in range(20)])
    member.until(lambda: member.messages() == 20)
    store.close()
    kept.write_bytes(path.read_bytes())
    broker.send("rows", [row(number) for number in range(20, 40)])
    member.until(lambda: member.messages() == 40)
    member.consumer.close()
    again = JournalStore(SqliteJournal(kept))
    other = join(again)
    other.until(lambda: other.messages() == 20)
    assert ids(again) == wanted(40)


class Away(JournalStore):
    """A store that this member cannot reach for a while, though others can."""

    away = True

    def append(self, observations: Observations, note: Mapping[str, Any] | None = None) -> None:
        if self.away:
            raise StoreError("away")
        super().append(observations, note)


def test_a_batch_that_waits_for_the_store_goes_with_its_partitions(
    broker: Broker, join: Joining, shared: Shared, store: JournalStore, row: Row
) -> None:
    """Whoever gets the partitions reads the batch; the one that waited gives it up and keeps what is left."""
    cut_off = Away(shared.open()._journal)
    waiting = join(cut_off)
    broker.send("rows", [row(number) for number in range(80)])
    thread = threading.Thread(target=lambda: waiting.until(lambda: waiting.messages() > 0))
    thread.start()
    wait(lambda: waiting.value("driftgauge_stream_failures_total", reason="store") > 0)
    other = join(store)
    other.until(lambda: other.messages() >= 40)
    assert waiting.messages() == 0
    cut_off.away = False
    thread.join(WAIT_SECONDS)
    deadline = time.monotonic() + WAIT_SECONDS
    while store.size() < 80:
        assert time.monotonic() < deadline
        waiting.consumer.step()
        other.consumer.step()
    assert ids(store) == wanted(80)
    assert waiting.value("model_predictions_total") + other.value("model_predictions_total") == 80


@pytest.mark.parametrize("shared", ["postgresql", "redis"], indirect=True)
def test_a_server_that_dies_and_comes_back_costs_no_row_and_doubles_none(
    broker: Broker, join: Joining, shared: Shared, store: JournalStore, row: Row
) -> None:
    """The partitions wait; a batch whose answer was lost with the server is kept once."""
    member = join(shared.open())
    broker.send("rows", [row(number) for number in range(40)])
    member.until(lambda: member.messages() == 40)
    shared.server.kill()
    broker.send("rows", [row(number) for number in range(40, 80)])
    thread = threading.Thread(target=lambda: member.until(lambda: member.messages() == 80))
    thread.start()
    try:
        wait(lambda: member.value("driftgauge_stream_failures_total", reason="store") > 0)
    finally:
        shared.server.start()
        thread.join(2 * WAIT_SECONDS)
    assert ids(store) == wanted(80)
    assert member.value("model_predictions_total") == 80
