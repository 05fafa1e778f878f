from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from exporter.observation import Observations, OutcomeCounts
from exporter.stores.memory import MERGED_ROWS, MemoryStore, joined


def rows(times: list[float], ids: list[Any] | None = None, **features: list[Any]) -> Observations:
    listed = features or {"a": list(range(len(times)))}
    return Observations(
        times=np.array(times, dtype=float),
        features={
            name: np.array(values, dtype=float if name == "a" else object) for name, values in listed.items()
        },
        ids=None if ids is None else np.array(ids, dtype=object),
    )


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    """Rows just at the start are older than the window; rows just at its end belong to it."""
    store = MemoryStore()
    store.append(rows([10.0, 20.0, 30.0, 40.0]))
    assert store.window(10.0, 30.0).times.tolist() == [20.0, 30.0]
    assert store.window(10.0).times.tolist() == [20.0, 30.0, 40.0]
    assert store.window(40.0).n_rows == 0


def test_a_limit_keeps_the_newest_rows() -> None:
    """Too many rows in a window are cut at its old end, across batches."""
    store = MemoryStore()
    store.append(rows([1.0, 2.0, 3.0]))
    store.append(rows([4.0, 5.0]))
    assert store.window(0.0, limit=3).times.tolist() == [3.0, 4.0, 5.0]


def test_too_many_rows_push_out_the_oldest() -> None:
    """The store never holds more than its bound, whatever the sizes of batches."""
    store = MemoryStore(max_rows=5)
    for start in range(0, 20, 3):
        store.append(rows([float(start + i) for i in range(3)]))
        assert store.size() <= 5
    assert store.window(-1.0).times.tolist() == [16.0, 17.0, 18.0, 19.0, 20.0]
    store.append(rows([float(i) for i in range(100, 110)]))
    assert store.window(-1.0).times.tolist() == [105.0, 106.0, 107.0, 108.0, 109.0]


def test_old_rows_are_pruned() -> None:
    """Rows older than the retention go, those within stay, and the number is told."""
    store = MemoryStore(retention_hours=1.0)
    store.append(rows([0.0, 1000.0, 3000.0]))
    store.append(rows([5000.0]))
    assert store.prune(now=4600.0) == 1
    assert store.window(-1.0).times.tolist() == [1000.0, 3000.0, 5000.0]
    assert store.prune(now=1e9) == 3
    assert store.size() == 0
    assert store.prune(now=1e9) == 0


def test_outcomes_find_their_rows() -> None:
    """Each outcome is joined once; what it becomes otherwise is told."""
    store = MemoryStore()
    store.append(rows([1.0, 2.0, 3.0], ids=["a", "b", None]))
    assert store.outcomes(["a", "b", "c"], [1, 0, 1]).counts == OutcomeCounts(joined=2, unknown_id=1)
    assert store.outcomes(["a", "b"], [1, 1]).counts == OutcomeCounts(duplicate=1, conflicting=1)
    assert store.outcomes(["a"], [None]).counts == OutcomeCounts(invalid=1)
    assert store.outcomes(["a"], [float("nan")]).counts == OutcomeCounts(invalid=1)
    labels = store.window(0.0).labels
    assert labels is not None
    assert labels.tolist() == [1, 0, None]


def test_outcomes_survive_merging_and_dropping() -> None:
    """Rows are found by id however often their batch was merged or cut."""
    store = MemoryStore(max_rows=1000)
    for i in range(3000):
        store.append(rows([float(i)], ids=[i]))
    assert store.outcomes([1999, 2000, 2999], ["x", "y", "z"]).counts == OutcomeCounts(joined=2, late=1)
    window = store.window(-1.0)
    assert window.ids is not None
    assert window.labels is not None
    found = {i: label for i, label in zip(window.ids.tolist(), window.labels.tolist(), strict=True) if label}
    assert found == {2000: "y", 2999: "z"}


def test_a_reused_id_means_its_newest_row() -> None:
    """Dropping the older row of an id does not lose the newer one."""
    store = MemoryStore(max_rows=2)
    store.append(rows([1.0], ids=["a"]))
    store.append(rows([2.0], ids=["a"]))
    store.append(rows([3.0], ids=["b"]))
    assert store.outcomes(["a"], [1]).counts == OutcomeCounts(joined=1)


def test_small_batches_are_merged() -> None:
    """A day of single rows is a handful of batches, not one each."""
    store = MemoryStore()
    for i in range(20_000):
        store.append(rows([float(i)]))
    assert len(store._batches) < 20_000 / MERGED_ROWS + 20
    assert store.window(-1.0).times.tolist() == [float(i) for i in range(20_000)]


def test_a_window_does_not_change_afterwards() -> None:
    """Outcomes that come while a check reads its window are for the next one."""
    store = MemoryStore()
    store.append(rows([1.0], ids=["a"]))
    window = store.window(0.0)
    store.outcomes(["a"], [1])
    assert window.labels is not None
    assert window.labels.tolist() == [None]


def test_a_feature_may_change_its_type_or_go() -> None:
    """Floats and texts of one feature merge as objects; where it was not passed it is missing."""
    merged = joined([rows([1.0], a=[1.0]), rows([2.0], b=["x"])])
    assert merged.features["b"].tolist() == [None, "x"]
    assert merged.features["a"][0] == 1.0
    assert np.isnan(merged.features["a"][1])


def test_scores_missing_in_one_part_are_nan() -> None:
    """Parts with and without scores merge."""
    with_scores = Observations(times=np.array([1.0]), features={}, scores=np.array([0.5]))
    merged = joined([with_scores, Observations(times=np.array([2.0]), features={})])
    assert merged.scores is not None
    assert merged.scores[0] == 0.5
    assert np.isnan(merged.scores[1])
    assert merged.classes is None


def test_nothing_is_an_empty_window() -> None:
    """An empty store has an empty window."""
    assert MemoryStore().window(0.0).n_rows == 0
    store = MemoryStore()
    store.append(rows([]))
    assert store.size() == 0


def test_outcomes_must_match_their_ids() -> None:
    """A list that is too short is refused, not cut."""
    with pytest.raises(ValueError, match="shorter"):
        MemoryStore().outcomes(["a", "b"], [1])


def test_threads_lose_nothing() -> None:
    """Rows and outcomes from several threads are all there."""
    store = MemoryStore(max_rows=100_000)

    def work(thread: int) -> None:
        for i in range(500):
            store.append(rows([float(i)], ids=[f"{thread}/{i}"]))
            store.outcomes([f"{thread}/{i}"], [thread])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    window = store.window(-1.0)
    assert window.n_rows == 2000
    assert window.labels is not None
    assert sorted(set(window.labels.tolist())) == [0, 1, 2, 3]


def test_joined_rows_come_in_the_order_of_their_outcomes() -> None:
    """What learns from a stream of outcomes sees them as they came, across batches, with their lags."""
    store = MemoryStore()
    big = MERGED_ROWS
    store.append(rows([float(i) for i in range(big)], ids=list(range(big))))
    store.append(rows([float(i) for i in range(big, 2 * big)], ids=list(range(big, 2 * big))))
    found = store.outcomes([big + 1, 3, "x", big], ["c", "b", "?", "d"], [9e4, 9e4, 9e4, 9e5])
    assert found.rows.times.tolist() == [big + 1.0, 3.0, float(big)]
    assert found.rows.labels is not None
    assert found.rows.labels.tolist() == ["c", "b", "d"]
    assert found.rows.features == {}
    assert found.lags.tolist() == [9e4 - big - 1, 9e4 - 3, 9e5 - big]


def test_probabilities_stay_with_their_rows() -> None:
    """Matrices of several classes are cut and merged as columns are; where there was none it is NaN."""
    part = Observations(
        times=np.array([1.0, 2.0]), features={}, probabilities=np.array([[1.0, 0, 0], [0, 1, 0]])
    )
    merged = joined([part, Observations(times=np.array([3.0]), features={})])
    assert merged.probabilities is not None
    assert merged.probabilities[1].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(merged.probabilities[2]).all()
    store = MemoryStore()
    store.append(part)
    found = store.window(1.0).probabilities
    assert found is not None
    assert found.tolist() == [[0.0, 1.0, 0.0]]


def test_only_so_many_ids_of_gone_rows_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that has left even that memory is unknown: memory is bounded, not right for ever."""
    monkeypatch.setattr("exporter.stores.memory.REMEMBERED_IDS", 2)
    store = MemoryStore(max_rows=1)
    store.append(rows([1.0, 2.0, 3.0], ids=["a", "b", "c"]))
    for number, name in enumerate("defg"):
        store.append(rows([4.0 + number], ids=[name]))
    assert store.outcomes(["c", "e", "f"], [1, 1, 1]).counts == OutcomeCounts(unknown_id=1, late=2)
