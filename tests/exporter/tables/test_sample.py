from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.tables import Table, open_table, read_sample


def ignore(rows: int) -> None:
    """Progress that nobody looks at."""


def numbers(tmp_path: Path, n: int) -> Table:
    """A table of the numbers from 0."""
    pq.write_table(pa.table({"a": np.arange(float(n))}), tmp_path / "n.parquet")
    return open_table(str(tmp_path / "n.parquet"))


@pytest.mark.usefixtures("small_chunks")
def test_a_table_that_fits_is_read_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    """All of its rows, in their order."""
    sampled = read_sample(numbers(tmp_path, 1000), ["a"], {}, limit=1000, rng=rng, on_rows=ignore)
    assert sampled.total == 1000
    assert sampled.columns.arrays["a"].tolist() == list(range(1000))


@pytest.mark.usefixtures("small_chunks")
def test_a_longer_table_is_sampled_evenly(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly so many rows, in order, each as likely as any other, wherever it stands."""
    monkeypatch.setattr("exporter.tables.typed_files.BATCH_ROWS", 10)
    table = numbers(tmp_path, 1000)
    hits = np.zeros(1000)
    seen: list[int] = []
    for _ in range(50):
        sampled = read_sample(table, ["a"], {}, limit=100, rng=rng, on_rows=seen.append)
        rows = sampled.columns.arrays["a"].astype(int)
        assert (sampled.total, len(rows)) == (1000, 100)
        assert (np.diff(rows) > 0).all()
        hits[rows] += 1
    assert sum(seen) == 50 * 1000
    # 500 are expected in each block of 100 places, with a standard deviation below 22.
    assert np.abs(hits.reshape(10, 100).sum(axis=1) - 500).max() < 5 * 22


def test_the_same_seed_gives_the_same_sample(tmp_path: Path) -> None:
    """A report can be made again."""
    table = numbers(tmp_path, 1000)
    one, other = (
        read_sample(table, ["a"], {}, limit=50, rng=np.random.default_rng(7), on_rows=ignore)
        for _ in range(2)
    )
    assert one.columns.arrays["a"].tolist() == other.columns.arrays["a"].tolist()
