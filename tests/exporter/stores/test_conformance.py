"""What every store promises, tried on all of them: in memory, and on real servers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter.errors import ObservationError
from exporter.observation import Observations
from exporter.stores import Store
from exporter.stores.influxdb import InfluxStore
from exporter.stores.journal import JournalStore
from exporter.stores.memory import MemoryStore
from exporter.stores.postgresql import PostgresJournal
from exporter.stores.redis import RedisJournal
from exporter.stores.sqlite import SqliteJournal

Make = Callable[..., Store]

KINDS = ("memory", "sqlite", "postgresql", "redis", "influxdb")


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> Iterator[Make]:
    """Makes stores of one kind on the same data."""
    kind, made = request.param, list[Any]()

    def store(**limits: Any) -> Store:
        if kind == "memory":
            return MemoryStore(**limits)
        if kind == "influxdb":
            port = request.getfixturevalue("influx_server").port
            points = InfluxStore(f"http://127.0.0.1:{port}/window", model=name, **limits)
            made.append(points)
            return points
        journal: Any
        if kind == "sqlite":
            journal = SqliteJournal(tmp_path / "window.sqlite3")
        elif kind == "postgresql":
            port = request.getfixturevalue("postgres_server").port
            url = f"postgresql://driftgauge:secret-word@127.0.0.1:{port}/postgres"
            journal = PostgresJournal(url, model=name)
        else:
            port = request.getfixturevalue("redis_server").port
            journal = RedisJournal(f"redis://:secret-word@127.0.0.1:{port}/0", model=name)
        made.append(journal)
        return JournalStore(journal, **limits)

    yield store
    for journal in made:
        journal.close()


def rows(times: list[float], ids: list[Any] | None = None, **columns: Any) -> Observations:
    return Observations(
        times=np.array(times, dtype=float),
        features={"a": np.arange(len(times), dtype=float)},
        ids=None if ids is None else _objects(ids),
        **columns,
    )


def _objects(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def test_rows_come_back_as_they_were(make: Make) -> None:
    """NaN and infinities, text with None and odd characters, ids, scores, classes and probabilities stay."""
    store = make()
    store.append(
        Observations(
            times=np.array([1.25, 2.5, 3.125]),
            features={
                "price": np.array([math.nan, math.inf, -1e308]),
                "city": _objects(["Zürich", None, "a'b\"\n\\"]),
                "mixed": _objects([True, 2, 2.5]),
            },
            ids=_objects(["one", None, 3]),
            scores=np.array([0.1, math.nan, 0.9]),
            classes=_objects(["0", "1", None]),
            probabilities=np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.1, 0.8]]),
        )
    )
    back = store.window(0.0)
    assert back.times.tolist() == [1.25, 2.5, 3.125]
    assert np.array_equal(back.features["price"], [math.nan, math.inf, -1e308], equal_nan=True)
    assert back.features["city"].tolist() == ["Zürich", None, "a'b\"\n\\"]
    assert back.features["mixed"].tolist() == [True, 2, 2.5]
    assert back.ids is not None
    assert back.ids.tolist() == ["one", None, 3]
    assert back.scores is not None
    assert np.array_equal(back.scores, [0.1, math.nan, 0.9], equal_nan=True)
    assert back.classes is not None
    assert back.classes.tolist() == ["0", "1", None]
    assert back.probabilities is not None
    assert back.probabilities[0].tolist() == [0.2, 0.3, 0.5]


def test_a_window_is_open_at_its_start_and_closed_at_its_end(make: Make) -> None:
    """Rows just at the start are older than the window; rows just at its end belong to it."""
    store = make()
    store.append(rows([10.0, 20.0, 30.0, 40.0]))
    assert store.window(10.0, 30.0).times.tolist() == [20.0, 30.0]
    assert store.window(10.0).times.tolist() == [20.0, 30.0, 40.0]
    assert store.window(40.0).n_rows == 0


def test_a_limit_keeps_the_newest_rows(make: Make) -> None:
    """Too many rows in a window are cut at its old end, across batches."""
    store = make()
    store.append(rows([1.0, 2.0, 3.0]))
    store.append(rows([4.0, 5.0]))
    assert store.window(0.0, limit=3).times.tolist() == [3.0, 4.0, 5.0]


def test_too_many_rows_push_out_the_oldest(make: Make) -> None:
    """The store never holds more than its bound, whatever the sizes of batches."""
    store = make(max_rows=5)
    for start in range(0, 20, 3):
        store.append(rows([float(start + i) for i in range(3)]))
        assert store.size() <= 5
    assert store.window(-1.0).times.tolist() == [16.0, 17.0, 18.0, 19.0, 20.0]
    store.append(rows([float(i) for i in range(100, 110)]))
    assert store.window(-1.0).times.tolist() == [105.0, 106.0, 107.0, 108.0, 109.0]


def test_old_rows_are_pruned(make: Make) -> None:
    """Rows older than the retention go, those within stay, and the number is told."""
    store = make(retention_hours=1.0)
    store.append(rows([0.0, 1000.0, 3000.0]))
    store.append(rows([5000.0]))
    assert store.prune(now=4600.0) == 1
    assert store.window(-1.0).times.tolist() == [1000.0, 3000.0, 5000.0]
    assert store.size() == 3
    assert store.prune(now=1e9) == 3
    assert store.size() == 0
    assert store.window(-1.0).n_rows == 0


def test_hours_are_kept_to_the_row_over_many_small_batches(make: Make) -> None:
    """A day of a row every twenty minutes, pruned each hour: never less than the retention, never more."""
    store = make(retention_hours=6.0)
    for hour in range(24):
        for minute in (0, 20, 40):
            time = hour * 3600.0 + minute * 60.0
            store.append(rows([time], ids=[f"{time}"]))
        now = (hour + 1) * 3600.0
        assert store.prune(now) == (3 if hour >= 6 else 0)
        assert store.size() == 3 * min(hour + 1, 6)
        assert store.window(-1.0).times.min() == max(0.0, now - 6 * 3600.0)
    counts = store.outcomes(["0.0", "85200.0", "never"], [1, 1, 1]).counts
    assert (counts.late, counts.joined, counts.unknown_id) == (1, 1, 1)


def test_outcomes_find_their_rows(make: Make) -> None:
    """What becomes of each outcome is told apart, and the first label of a row stays."""
    store = make(max_rows=4)
    store.append(rows([1.0, 2.0], ids=["gone", "gone too"]))
    store.append(rows([3.0, 4.0, 5.0, 6.0], ids=["a", 7, "c", None], scores=np.array([0.3, 0.4, 0.5, 0.6])))
    joined = store.outcomes(
        ["c", "a", "a", 7, 7.0, "gone", "never", "c"], [1, 0, 0, math.nan, "x", 1, 1, 2], [15.0] * 8
    )
    assert joined.counts.joined == 3
    assert joined.counts.duplicate == 1
    assert joined.counts.conflicting == 1
    assert joined.counts.unknown_id == 1
    assert joined.counts.late == 1
    assert joined.counts.invalid == 1
    assert joined.rows.labels is not None
    assert joined.rows.labels.tolist() == [1, 0, "x"]
    assert joined.rows.scores is not None
    assert joined.rows.scores.tolist() == [0.5, 0.3, 0.4]
    assert joined.lags.tolist() == [10.0, 12.0, 11.0]
    assert store.outcomes(["a"], [0]).counts.duplicate == 1
    assert store.outcomes(["a"], [1]).counts.conflicting == 1
    labels = store.window(0.0).labels
    assert labels is not None
    assert labels.tolist() == [0, "x", 1, None]


def test_the_last_row_with_an_id_gets_its_outcome(make: Make) -> None:
    """An id that is predicted twice means its last prediction."""
    store = make()
    store.append(rows([1.0], ids=["again"]))
    store.append(rows([2.0], ids=["again"]))
    assert store.outcomes(["again"], ["yes"]).rows.times.tolist() == [2.0]


def test_nothing_is_a_valid_question(make: Make) -> None:
    """An empty store, an empty batch and no outcomes give empty answers."""
    store = make()
    assert store.window(0.0).n_rows == 0
    store.append(rows([]))
    assert store.size() == 0
    assert store.prune(1e9) == 0
    assert store.outcomes([], []).counts.joined == 0


def test_ids_are_values_and_never_part_of_a_statement(make: Make) -> None:
    """Quotes, semicolons, NUL, line ends and braces in an id are an id."""
    store = make()
    hostile = ["'; DROP TABLE batches; --", 'a"b', "{x}", "%s", "line\nend", "nul\0nul", "\ud800", ""]
    store.append(rows([float(i) for i in range(8)], ids=hostile))
    assert store.outcomes(hostile, list(range(8))).counts.joined == 8
    assert store.size() == 8


def test_threads_append_and_read_at_once(make: Make) -> None:
    """Four threads lose nothing between them."""
    store = make()

    def write(thread: int) -> None:
        for number in range(10):
            start = thread * 1000.0 + number * 10.0 + 1.0
            store.append(
                rows([start + i for i in range(5)], ids=[f"{thread}-{number}-{i}" for i in range(5)])
            )
            store.window(0.0, limit=10)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.size() == 200
    assert len(set(store.window(0.0).times.tolist())) == 200
    assert (
        store.outcomes(
            [f"{t}-{n}-{i}" for t in range(4) for n in range(10) for i in range(5)], [1] * 200
        ).counts.joined
        == 200
    )


@pytest.mark.parametrize("make", KINDS[1:], indirect=True)
def test_another_process_sees_the_same_rows(make: Make) -> None:
    """Two stores on one place are one window: rows of one get outcomes by the other, and only once."""
    first, second = make(), make()
    first.append(rows([1.0, 2.0], ids=["a", "b"]))
    second.append(rows([3.0], ids=["c"]))
    assert first.window(0.0).times.tolist() == second.window(0.0).times.tolist() == [1.0, 2.0, 3.0]
    assert second.outcomes(["a"], [1]).counts.joined == 1
    assert first.outcomes(["a"], [1]).counts.duplicate == 1


def test_ids_may_be_tuples(make: Make) -> None:
    """They come back as tuples, also within tuples, and find their rows by what is equal in Python."""
    store = make()
    ids = [("a", 1), ("b", (2, "x")), (3, 3)]
    store.append(rows([1.0, 2.0, 3.0], ids=ids))
    back = store.window(0.0).ids
    assert back is not None
    assert back.tolist() == ids
    assert len(set(back.tolist())) == 3
    joined = store.outcomes([("a", np.int64(1)), ("b", (2.0, np.str_("x"))), (3, "3")], [1, 0, 1])
    assert (joined.counts.joined, joined.counts.unknown_id) == (2, 1)
    assert joined.rows.ids is not None
    assert joined.rows.ids.tolist() == ids[:2]


@pytest.mark.parametrize("make", KINDS[1:], indirect=True)
def test_a_tuple_finds_the_row_of_another_process(make: Make) -> None:
    """Whoever is told the outcome: the id is the same."""
    make().append(rows([1.0], ids=[("a", 1)]))
    assert make().outcomes([("a", 1)], [1]).counts.joined == 1


@pytest.mark.parametrize(
    ("times", "ids", "message"),
    [
        ([1.0, math.nan], None, r"at: found nan in row 1 of 2, need seconds since 1970"),
        ([math.inf, 1.0], None, r"at: found inf in row 0 of 2, need seconds since 1970"),
        ([-math.inf, 1.0], None, r"at: found -inf in row 0 of 2, need seconds since 1970"),
        ([1.0, 2.0], ["a", ["b"]], r"rows: ids: found list \['b'\] at 1, need text, numbers or tuples"),
        ([1.0, 2.0], [("a", ["b"]), "c"], r"rows: ids: found tuple .* at 0, need text, numbers or tuples"),
    ],
)
def test_rows_that_no_window_could_have_are_refused(
    make: Make, times: list[float], ids: list[Any] | None, message: str
) -> None:
    """Nothing of the batch is kept, and the next one is kept as ever."""
    store = make()
    with pytest.raises(ObservationError, match=message):
        store.append(rows(times, ids))
    assert store.size() == 0
    store.append(rows([3.0, 4.0], ids=["c", "d"]))
    store.append(rows([5.0], ids=["e"]))
    assert store.window(0.0).times.tolist() == [3.0, 4.0, 5.0]
    assert store.outcomes(["e", "c"], [1, 0]).rows.times.tolist() == [5.0, 3.0]


@pytest.mark.parametrize(
    ("ids", "y_true", "message"),
    [
        (["a", ["b"]], [1, 1], r"outcomes: ids: found list \['b'\] at 1, need text, numbers or tuples"),
        (["a", {"b": 1}], [1, 1], r"outcomes: ids: found dict .* at 1, need text, numbers or tuples"),
        (["a", "b"], [1, [2, 3]], r"outcomes: y_true: found list \[2, 3\] at 1, need a single value"),
        (["a", "b"], np.ones((2, 2)), r"outcomes: y_true: found ndarray .* at 0, need a single value"),
        (["a", "b"], np.ones((2, 1)), r"outcomes: y_true: found ndarray .* at 0, need a single value"),
        (["a", "b"], [1, (2, 3)], r"outcomes: y_true: found tuple \(2, 3\) at 1, need a single value"),
        (["a", "b"], [1, {"x": 1}], r"outcomes: y_true: found dict .* at 1, need a single value"),
    ],
)
def test_outcomes_that_are_none_are_refused(make: Make, ids: list[Any], y_true: Any, message: str) -> None:
    """What cannot be looked up, or is several values at once, is told, and nothing is joined."""
    store = make()
    store.append(rows([1.0, 2.0], ids=["a", "b"]))
    with pytest.raises(ObservationError, match=message):
        store.outcomes(ids, list(y_true))
    assert store.outcomes(["a", "b"], [1, 1]).counts.joined == 2


def test_whatever_stands_for_a_missing_outcome_is_invalid(make: Make) -> None:
    """None, NaN of any kind, and pandas' NA and NaT."""
    store = make()
    store.append(rows([1.0], ids=["a"]))
    missing = [None, math.nan, np.float32("nan"), pd.NA, pd.NaT, Decimal("sNaN"), np.datetime64("NaT")]
    counts = store.outcomes(["a"] * 7, missing).counts
    assert (counts.invalid, counts.joined) == (7, 0)


@pytest.mark.parametrize("make", KINDS[1:], indirect=True)
def test_a_value_that_json_cannot_say_becomes_its_text(make: Make) -> None:
    """One odd value, such as a bag of words with its counts, costs neither its batch nor those beside it."""
    store = make()
    circle: list[Any] = []
    circle.append(circle)
    bags = _objects([{np.int64(3): 0.5}, 1.5, "x", None, circle])
    store.append(Observations(times=np.arange(1.0, 6.0), features={"bag": bags}))
    assert store.window(0.0).features["bag"].tolist() == ["{np.int64(3): 0.5}", 1.5, "x", None, "[[...]]"]
