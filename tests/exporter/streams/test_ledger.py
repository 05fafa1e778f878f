"""Where a partition is taken up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exporter.errors import ConfigError
from exporter.observation import Observations
from exporter.stores import MemoryStore
from exporter.stores.influxdb import InfluxStore
from exporter.stores.journal import JournalStore
from exporter.stores.sqlite import SqliteJournal
from exporter.streams.ledger import Ledger, begin_at, metadata_of


def rows(n_rows: int = 3) -> Observations:
    return Observations(times=np.arange(n_rows, dtype=float), features={"a": np.zeros(n_rows)})


def test_the_last_batch_of_each_partition_says_what_was_reached(tmp_path: Path) -> None:
    """Whoever wrote it, for this group alone, and over a restart."""
    path = tmp_path / "window.sqlite3"
    first = Ledger(JournalStore(SqliteJournal(path)), "g")
    first.append(rows(), {("t", 0): 5, ("t", 1): 7})
    first.append(rows(), {("t", 0): 9})
    Ledger(JournalStore(SqliteJournal(path)), "other").append(rows(), {("t", 0): 100})
    again = Ledger(JournalStore(SqliteJournal(path)), "g")
    assert again.reached([("t", 0), ("t", 1), ("t", 2)]) == {("t", 0): 9, ("t", 1): 7}


def test_a_window_in_memory_ends_with_its_process() -> None:
    """Then nothing says more than Kafka does."""
    ledger = Ledger(MemoryStore(), "g")
    ledger.append(rows(), {("t", 0): 5})
    assert ledger.reached([("t", 0)]) == {}


def test_a_store_without_transactions_is_refused() -> None:
    """Rows without the place that they came from would be there twice after a kill."""
    store = InfluxStore("http://127.0.0.1:8086/window", model="m/1")
    with pytest.raises(ConfigError, match=r"store.type: found influxdb, need sqlite, .* for a stream"):
        Ledger(store, "g")


@pytest.mark.parametrize(
    ("reached", "committed", "metadata", "begins"),
    [
        (None, None, None, None),  # never been there
        (None, 8, metadata_of(8), 8),  # retention has dropped the batch, or the window was in memory
        (8, None, None, 8),  # killed before the first commit
        (8, 6, metadata_of(6), 8),  # killed between store and commit
        (8, 8, metadata_of(8), 8),
        (8, 9, metadata_of(8), 9),  # a refused message came last
        (6, 9, metadata_of(8), 6),  # the store has lost its last moments
        (8, 9, "other", 9),  # committed by other tools
    ],
)
def test_what_the_store_has_decides(
    reached: int | None, committed: int | None, metadata: str | None, begins: int | None
) -> None:
    """No row is read that it has, and none is skipped that it has not."""
    assert begin_at(reached, committed, metadata) == begins
