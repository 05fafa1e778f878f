"""One SQLite file and several processes, forked and started: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from exporter.observation import Observations
from exporter.stores import Store
from exporter.stores.batch import objects
from exporter.stores.buffering import BufferingStore
from exporter.stores.journal import JournalStore
from exporter.stores.sqlite import SqliteJournal

BATCHES = 20
BATCH_ROWS = 25

WRITER = """
import sys
from pathlib import Path
from test_processes import append_all

print("ready", flush=True)
sys.stdin.readline()
append_all(Path(sys.argv[1]), sys.argv[2])
"""


def append_all(path: Path, writer: str) -> None:
    """Append batches whose ids name their writer."""
    store = JournalStore(SqliteJournal(path))
    append_to(store, writer)
    store.close()


def append_to(store: Store, writer: str) -> None:
    for batch in range(BATCHES):
        numbers = range(batch * BATCH_ROWS, (batch + 1) * BATCH_ROWS)
        column = np.array(numbers, dtype=np.float64)
        ids = objects(f"{writer} {number}" for number in numbers)
        store.append(Observations(times=column + 1.0, features={"a": column}, ids=ids))


def everything(path: Path, writers: list[str]) -> None:
    """Each writer's rows are there once, in their order, and each takes one outcome."""
    store = JournalStore(SqliteJournal(path))
    window = store.window(0.0)
    assert window.ids is not None
    for writer in writers:
        expected = [f"{writer} {number}" for number in range(BATCHES * BATCH_ROWS)]
        assert [one for one in window.ids.tolist() if one.startswith(f"{writer} ")] == expected
        assert store.outcomes(expected, [1] * len(expected)).counts.joined == len(expected)
    assert store.size() == len(writers) * BATCHES * BATCH_ROWS
    store.close()


def test_two_processes_append_to_one_file_at_once(tmp_path: Path) -> None:
    """Two processes that make the file and write it at the same time lose nothing."""
    path = tmp_path / "window.sqlite3"
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{Path.cwd()}"}
    writers = {
        writer: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), writer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for writer in ("first", "second")
    }
    for process in writers.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in writers.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in writers.values():
        _, trouble = process.communicate(timeout=60)
        assert process.returncode == 0, trouble
    everything(path, list(writers))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_appends_while_its_parent_does(tmp_path: Path) -> None:
    """A worker forked in the midst of its parent's work opens the file anew, and waits for no lost lock."""
    path = tmp_path / "window.sqlite3"
    journal = SqliteJournal(path)
    store = BufferingStore(JournalStore(journal))
    parent = threading.Thread(target=append_to, args=(store, "parent"))
    parent.start()
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                append_to(store, f"child{number}")
                journal.close()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    parent.join()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert store.waiting_rows == 0
    journal.close()
    everything(path, ["parent", "child0", "child1", "child2"])
