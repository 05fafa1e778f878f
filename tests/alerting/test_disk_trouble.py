"""A state that cannot be written, and a SIGTERM, while notifications come: 503, recovery, nothing lost."""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

import pytest
import requests

from alerting import database
from alerting.testing import FakeSlack, alert, webhook

if TYPE_CHECKING:
    from .conftest import BridgeProcess


class Poster:
    """Posts new groups without end, each until it is taken, and counts the answers."""

    def __init__(self, process: BridgeProcess) -> None:
        self.process = process
        self.taken: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            name = f"f{number}_"
            while not self._post(name) and not self._ended.wait(0.05):
                pass

    def _post(self, name: str) -> bool:
        try:
            status = self.process.post(webhook(alert(name), group_key=name)).status_code
        except requests.RequestException:
            return False
        self.statuses[status] += 1
        if status == 200:
            self.taken.append(name)
        return status == 200


def _lock(process: BridgeProcess, seconds: float) -> None:
    """Hold the database as another program might."""
    path = process.folder / "state" / database.FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")


def _fill(process: BridgeProcess, seconds: float) -> None:
    """No file may grow for a while, as on a disk that is full."""
    assert process.process is not None
    largest = max(path.stat().st_size for path in (process.folder / "state").iterdir())
    _, hard = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (largest, hard))
    time.sleep(seconds)
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize("trouble", [_lock, _fill], ids=["locked", "full"])
# Two writers wait two seconds each for a lock before the first is told 503: a shorter one may tell nobody.
@pytest.mark.parametrize("seconds", [7, pytest.param(30, marks=pytest.mark.stress)])
def test_a_state_that_cannot_be_written_is_503_until_it_can(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    seconds: float,
    trouble: Callable[[BridgeProcess, float], None],
) -> None:
    """Locked by another program, or full: nothing but 200 and 503, and afterwards all is told."""
    process = bridge(live_slack).start()
    with Poster(process) as poster:
        eventually(lambda: len(poster.taken) > 20, seconds=30)
        trouble(process, seconds)
        mended, before = time.monotonic(), len(poster.taken)
        eventually(lambda: len(poster.taken) > before, seconds=20)
        recovered = time.monotonic() - mended
    assert set(poster.statuses) == {200, 503}
    eventually(lambda: not live_slack.workspace.lost(poster.taken), seconds=60)
    assert live_slack.workspace.counters().doubled == 0
    assert process.ready()
    record_property(
        f"T9 {trouble.__name__.strip('_')} for {seconds} s",
        f"{poster.statuses[503]} times 503, {poster.statuses[200]} taken, 0 lost;"
        f" taken again after {recovered:.1f} s",
    )


def test_sigterm_under_load_loses_nothing_that_was_taken(
    bridge: Callable[..., BridgeProcess], live_slack: FakeSlack, eventually: Callable[..., Any]
) -> None:
    """It ends in order three times; what got 200 before is told by the next life."""
    process = bridge(live_slack)
    process.start()
    with Poster(process) as poster:
        for _ in range(3):
            before = len(poster.taken)
            eventually(lambda before=before: len(poster.taken) > before + 20, seconds=20)
            assert process.terminate() == 0
            process.start()
    assert set(poster.statuses) <= {200, 503}
    eventually(lambda: not live_slack.workspace.lost(poster.taken), seconds=60)
    assert live_slack.workspace.counters().doubled == 0
