"""What is InfluxDB's own: points to draw, names that cannot break out, and what it cannot promise."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.observation import Observations
from exporter.stores.batch import objects
from exporter.stores.influx_server import InfluxServer
from exporter.stores.influxdb import InfluxStore
from exporter.stores.line_protocol import SLOT, slots

HOUR = 3600.0


@pytest.fixture
def url(influx_server: Any) -> str:
    return f"http://127.0.0.1:{influx_server.port}/window"


@pytest.fixture
def store(url: str, name: str) -> Iterator[InfluxStore]:
    opened = InfluxStore(url, model=name)
    yield opened
    opened.close()


def ask(url: str, question: str, **values: object) -> list[Any]:
    server = InfluxServer(url)
    answer = [line for series in server.ask([question], values) for line in series.values]
    server.close()
    return answer


def test_people_can_draw_features_and_outcomes(store: InfluxStore, url: str, name: str) -> None:
    """A feature is a field at its row's time, to a millisecond; an outcome has the same time and tags."""
    store.append(
        Observations(
            times=np.array([HOUR, HOUR + 1.0]),
            features={"price, net": np.array([2.0, 4.0])},
            ids=objects(["a", "b"]),
        )
    )
    store.outcomes(["b"], [0.5], [HOUR + 9.0])
    mean = 'SELECT MEAN("f.price, net") FROM driftgauge_rows WHERE "model" = $m AND time > 3599s'
    assert ask(url, mean, m=name)[0][1] == 3.0
    drawn = 'SELECT "value" FROM driftgauge_outcomes WHERE "model" = $m'
    row = 'SELECT "at" FROM driftgauge_rows WHERE "model" = $m AND "f.price, net" = 4.0'
    assert ask(url, drawn, m=name) == [[ask(url, row, m=name)[0][0], 0.5]]


def test_rows_of_one_call_have_points_of_their_own_and_their_exact_time(store: InfluxStore) -> None:
    """Many rows at one moment are all kept, in their order, and say the moment to the last bit."""
    moment = 1_700_000_000.123457
    numbers = np.arange(3_000.0)
    for half in np.split(numbers, 2):
        store.append(Observations(times=np.full(len(half), moment), features={"a": half}))
    back = store.window(moment - 1.0, moment)
    assert back.features["a"].tolist() == numbers.tolist()
    assert set(back.times.tolist()) == {moment}
    assert store.window(moment).n_rows == 0


@pytest.mark.parametrize("at", [-1e12, -HOUR, 1e12, 8e9])
def test_any_time_is_kept_as_it_was(store: InfluxStore, at: float) -> None:
    """A time in milliseconds by mistake is no reason to lose rows, nor is one before 1970."""
    store.append(Observations(times=np.array([at]), features={}))
    assert store.window(-math.inf).times.tolist() == [at]
    assert store.window(at - 1.0, at).n_rows == 1
    assert store.window(at).n_rows == 0


def test_infinite_numbers_stay_beside_finite_ones(store: InfluxStore) -> None:
    """Batches with and without infinities of one feature are one column, and so are infinite scores."""
    for values in ([1.0, 2.0], [math.inf, math.nan], [-math.inf, 3.0]):
        column = np.array(values)
        store.append(Observations(times=np.arange(2.0) + HOUR, features={"a": column}, scores=column))
    back = store.window(0.0)
    assert back.scores is not None
    expected = [-math.inf, 1.0, math.inf, 2.0, 3.0, math.nan]
    for column in (back.features["a"], back.scores):
        assert np.array_equal(np.sort(column), np.sort(expected), equal_nan=True)


def test_a_column_that_changes_its_kind_is_read(store: InfluxStore) -> None:
    """Numbers first and text later, a feature that comes and one that goes: as in a table."""
    store.append(Observations(times=np.array([1.0]), features={"a": np.array([2.0]), "old": np.array([1.0])}))
    store.append(Observations(times=np.array([2.0]), features={"a": objects(["x"]), "new": np.array([3.0])}))
    back = store.window(0.0)
    assert back.features["a"].tolist() == [2.0, "x"]
    assert np.array_equal(back.features["old"], [1.0, math.nan], equal_nan=True)
    assert np.array_equal(back.features["new"], [math.nan, 3.0], equal_nan=True)


def test_an_append_that_failed_half_way_is_made_whole(store: InfluxStore, url: str, name: str) -> None:
    """Points are replaced by themselves: the same observations again leave each row once."""
    server, parts = store._tables._server, list[int]()
    write = server.write

    def cut(lines: Any) -> None:
        parts.append(len(lines))
        write(lines[: len(lines) // 2])
        raise requests.ConnectionError

    batch = Observations(times=np.arange(10.0), features={"a": np.arange(10.0)}, ids=objects(range(10)))
    store.append(Observations(times=np.array([50.0]), features={"a": np.array([50.0])}))
    server.write = cut  # type: ignore[method-assign]
    with pytest.raises(requests.ConnectionError):
        store.append(batch)
    server.write = write  # type: ignore[method-assign]
    store.append(batch)
    assert store.size() == 11
    assert store.window(-1.0).times.tolist() == [*range(10), 50.0]


def test_a_bound_on_rows_is_kept_to_a_tenth(url: str, name: str) -> None:
    """Deleting is left until a tenth has come; then the oldest go, to the row."""
    store = InfluxStore(url, model=name, max_rows=100)
    for number in range(115):
        store.append(Observations(times=np.array([HOUR + number]), features={}))
        assert store.size() <= 111
    assert store.window(0.0).times.max() == HOUR + 114
    store.append(Observations(times=np.arange(50.0) + 2 * HOUR, features={}))
    assert store.size() == 100
    store.close()


def test_rows_beyond_the_servers_own_retention_hold_up_nobody(influx_server: Any, name: str) -> None:
    """What the database has no room for is dropped, as pruning would: the rows behind it are kept."""
    base = f"http://127.0.0.1:{influx_server.port}"
    made = f'CREATE DATABASE "{name}" WITH DURATION 1d'
    assert requests.post(f"{base}/query", data={"q": made}, timeout=60).ok
    store = InfluxStore(f"{base}/{name}", model=name)
    now = time.time()
    store.append(Observations(times=np.array([now - 9 * 86_400.0]), features={}))
    store.append(Observations(times=np.array([now]), features={"a": np.array([1.0])}))
    assert store.window(0.0).times.tolist() == [now]
    store.close()


NAMES = st.text(min_size=1, max_size=20)


@given(model=NAMES, features=st.lists(NAMES, min_size=1, max_size=4, unique=True), text=st.text())
@example(
    model='m",x=1',
    features=['"; DROP DATABASE window; --', "a b,c=d\\", "line\nend", "%22", "f.a"],
    text='"\\',
)
@example(model="\\", features=["time", "at", "model", "id", "\x00", "\ud800", " "], text="\n,x=1i 5")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_or_value_breaks_out_of_its_place(
    url: str, name: str, model: str, features: list[str], text: str
) -> None:
    """Any text is a name of a model, a feature, an id, a class and a label, and comes back as it was."""
    store = InfluxStore(url, model=f"{name}/{model}")
    store.prune(1e9)
    columns: dict[str, Any] = {feature: np.array([float(place)]) for place, feature in enumerate(features)}
    store.append(
        Observations(
            times=np.array([HOUR]),
            features={**columns, "text": objects([text])},
            ids=objects([text]),
            classes=objects([text]),
        )
    )
    assert store.outcomes([text], [text]).counts.joined == 1
    back = store.window(0.0)
    assert {key: column.tolist() for key, column in back.features.items()} == {
        **{key: column.tolist() for key, column in columns.items()},
        "text": [text],
    }
    for column in (back.ids, back.classes, back.labels):
        assert column is not None
        assert column.tolist() == [text]
    store.close()


@given(st.lists(st.floats(-9e9, 9e9), min_size=2, max_size=20))
def test_points_are_in_the_order_of_their_times(times: list[float]) -> None:
    """A later time has no earlier slot, and a slot is within a millisecond or so of its time."""
    ordered = np.sort(np.array(times))
    found = slots(ordered)
    assert found.tolist() == sorted(found.tolist())
    assert (np.abs(found / 1e9 - ordered) <= 1.1 * SLOT / 1e9).all()
