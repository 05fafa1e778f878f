from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from exporter import (
    DefaultValue,
    Fallback,
    InstrumentedPredictor,
    RolloutPolicy,
    RolloutPredictor,
    Stage,
    to_columns,
)
from exporter.rollout.calls import Answered, CallTally, SeenCall
from exporter.rollout.routing import position, put_together, take_rows, to_challenger
from exporter.rollout.shadow import Shadow
from exporter.rollout.state import begin

Make = Callable[..., RolloutPredictor]

CANARY = RolloutPolicy(stages=(Stage(kind="canary", share=0.3, min_rows=500),), max_rows=5_000)
SHADOW = RolloutPolicy(stages=(Stage(kind="shadow", min_rows=500),), max_rows=5_000)


def test_a_draw_is_even_and_has_nothing_to_do_with_another_rollouts() -> None:
    """Each tenth has a tenth of the ids, and who is early with one key is anywhere with another."""
    places = np.array([position("one", number) for number in range(20_000)])
    counts = np.histogram(places, bins=10, range=(0.0, 1.0))[0]
    assert np.abs(counts - 2_000).max() < 200
    other = to_challenger("two", 0.1, range(20_000))
    assert abs(np.mean(places[other] < 0.1) - 0.1) < 0.03


@pytest.mark.parametrize(
    "table",
    [
        np.arange(8.0).reshape(4, 2),
        [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]],
        ({"a": 0.0}, {"a": 2.0}, {"a": 4.0}, {"a": 6.0}),
        {"a": [0.0, 2.0, 4.0, 6.0], "b": np.arange(4.0)},
        pd.DataFrame({"a": [0.0, 2.0, 4.0, 6.0]}, index=[7, 7, 1, 0]),
        pd.Series([0.0, 2.0, 4.0, 6.0], index=[3, 3, 3, 3]),
        pl.DataFrame({"a": [0.0, 2.0, 4.0, 6.0]}),
        pl.Series([0.0, 2.0, 4.0, 6.0]),
        pa.table({"a": [0.0, 2.0, 4.0, 6.0]}),
    ],
)
def test_rows_are_taken_in_the_tables_own_type(table: Any) -> None:
    """By place, whatever its index says."""
    chosen = np.array([False, True, False, True])
    taken = take_rows(table, chosen)
    assert type(taken) is (list if isinstance(table, tuple) else type(table))
    first, *others = to_columns(taken).arrays.values()
    assert first.tolist() == [2.0, 6.0]
    assert all(other.tolist() in ([1.0, 3.0], [3.0, 7.0]) for other in others)


def test_what_cannot_be_cut_is_not_cut() -> None:
    """Other lengths and other types are None, and the call goes to the champion."""
    chosen = np.array([True, False])
    for table in (np.arange(3), [1], iter([1, 2]), {1, 2}, {"a": [1]}, np.array(1)):
        assert take_rows(table, chosen) is None


def test_answers_are_put_together_in_the_order_of_the_rows() -> None:
    """Arrays of one or two dimensions, and lists; other shapes are refused."""
    chosen = np.array([False, True, True, False])
    assert put_together(chosen, np.array([1, 4]), np.array([2, 3])).tolist() == [1, 2, 3, 4]
    assert put_together(chosen, ["a", "d"], ["b", "c"]) == ["a", "b", "c", "d"]
    wide = put_together(chosen, np.zeros((2, 3)), np.ones((2, 3)))
    assert wide.mean(axis=1).tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="answers: found 1 and 2 for 4 rows"):
        put_together(chosen, np.array([1]), np.array([2, 3]))
    with pytest.raises(ValueError, match="dimension"):
        put_together(chosen, np.zeros((2, 3)), np.ones((2, 2)))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, list])
def test_tables_of_any_kind_are_shared_out(roll: Make, make: Callable[[Any], Any], traffic: Any) -> None:
    """A model that reads data frames is given data frames."""

    class Reading:
        def __init__(self, column: int) -> None:
            self.column = column

        def predict(self, X: Any) -> NDArray[np.int64]:
            assert isinstance(X, make)  # type: ignore[arg-type]  # a class, or list
            values = np.asarray(X)
            return np.asarray(values[:, 0] != values[:, self.column]).astype(np.int64)

    rollout = roll(policy=CANARY, models=(Reading(1), Reading(2)))
    X, ids = traffic.rows(300, wrong=(0.0, 1.0))
    wrong = rollout.predict(make(X), ids=pd.Series(ids), at=np.full(300, 1.7e9)) != X[:, 0]
    np.testing.assert_array_equal(wrong, to_challenger(rollout.state.key, 0.3, ids))
    keyed = rollout.predict(X=make(X), ids=ids, at=1.7e9) != X[:, 0]
    np.testing.assert_array_equal(keyed, wrong)


def test_ids_that_fit_no_table_go_to_the_champion(roll: Make, models: Any, traffic: Any) -> None:
    """Whoever passes too few ids is told by the champion's counters, as without a rollout."""
    rollout = roll(policy=CANARY)
    X, ids = traffic.rows(10, wrong=(0.0, 1.0))
    assert rollout.predict(X, ids=ids[:4]).tolist() == X[:, 0].tolist()
    assert rollout.predict(X[:0], ids=[]).tolist() == []
    assert models[1].rows == 0


def test_answers_of_other_shapes_are_the_champions(roll: Make, traffic: Any) -> None:
    """A challenger that knows more classes cannot be mixed into one answer."""

    class Wide:
        def __init__(self, width: int) -> None:
            self.width = width

        def predict(self, X: Any) -> NDArray[np.float64]:
            return np.full((len(X), self.width), 1.0 / self.width)

    rollout = roll(policy=CANARY, models=(Wide(2), Wide(3)))
    X, ids = traffic.rows(50, wrong=(0.0, 0.0))
    assert rollout.predict(X, ids=ids).shape == (50, 2)


def test_coroutines_are_routed_too(roll: Make, traffic: Any, metric_of: Callable[[str], float]) -> None:
    """In a canary and in shadow, where they run in a loop of their own."""

    class Slow:
        def __init__(self, column: int) -> None:
            self.column = column

        async def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
            await asyncio.sleep(0)
            if self.column == 2 and len(X) == 3:
                raise RuntimeError("three")
            return np.asarray(X[:, 0] != X[:, self.column]).astype(np.int64)

    models = (Slow(1), Slow(2))
    rollout = roll(policy=CANARY, models=models)
    X, ids = traffic.rows(300, wrong=(0.0, 1.0))
    wrong = asyncio.run(rollout.predict(X, ids=ids)) != X[:, 0]
    np.testing.assert_array_equal(wrong, to_challenger(rollout.state.key, 0.3, ids))
    shadow = roll(policy=SHADOW, models=models)
    assert asyncio.run(shadow.predict(X, ids=ids)).tolist() == X[:, 0].tolist()
    asyncio.run(shadow.predict(X[:3], ids=ids[:3]))
    shadow.sync()
    assert shadow.state.guards["error_ratio"].paired.sum() == 2
    assert metric_of("model_rollout_shadow_calls_total") == 2


@pytest.fixture
def metric_of(registry: Any) -> Callable[[str], float]:
    """Value of a series of version 2 without further labels."""

    def read(name: str) -> float:
        found = registry.get_sample_value(name, {"model_name": "m", "model_version": "2"})
        return float(found)

    return read


def test_models_that_are_called_are_routed(roll: Make, traffic: Any) -> None:
    """A function is a model, too, in a canary and in shadow."""
    functions = tuple((lambda X, column=column: (X[:, 0] != X[:, column]).astype(int)) for column in (1, 2))
    X, ids = traffic.rows(300, wrong=(0.0, 1.0))
    rollout = roll(policy=CANARY, models=functions)
    wrong = rollout(X, ids=ids) != X[:, 0]
    np.testing.assert_array_equal(wrong, to_challenger(rollout.state.key, 0.3, ids))
    shadow = roll(policy=SHADOW, models=functions)
    assert shadow(X, ids=ids).tolist() == X[:, 0].tolist()
    shadow.sync()
    assert shadow.state.guards["error_ratio"].rows == 1


def test_a_fallbacks_answer_is_not_the_models(
    roll: Make, models: Any, traffic: Any, references: Any, registry: Any, clock: Any, tmp_path: Any
) -> None:
    """It counts as failed and as fallen back, and the guardrail ends the rollout."""
    models[1].fault = RuntimeError("out of memory")
    champion, challenger = (
        InstrumentedPredictor(
            model, name="m", version=reference.model_version, reference=reference, registry=registry,
            clock=clock, background=False, fallback=Fallback(DefaultValue(predict=0)),
        )
        for model, reference in zip(models, references, strict=True)
    )  # fmt: skip
    policy = replace(CANARY, error_tolerance=0.9)
    rollout = RolloutPredictor(
        champion, challenger, state_path=tmp_path / "f.json", policy=policy, clock=clock, background=False
    )
    for _ in range(300):
        X, ids = traffic.rows(1, wrong=(0.0, 0.0))
        rollout.predict(X, ids=ids)
    rollout.sync()
    assert rollout.state.guards["error_ratio"].rows == 300
    assert (rollout.state.status, rollout.state.events[-1].reason) == ("rolled_back", "fallback_ratio")


def test_calls_become_evidence_by_who_answered() -> None:
    """Pairs, drawn calls by their share, and whole calls of several rows not at all."""
    policy = replace(CANARY, slow_seconds=1.0)
    state = begin("m", "1", "2", key="k", policy=policy, centre=0.2, now=0.0)
    tally = CallTally(slow_seconds=1.0)
    good, slow = Answered(False, 0.1, False), Answered(False, 2.0, False)  # noqa: FBT003 - a record
    tally.add(SeenCall(0, good, slow, drawn=False))
    tally.add(SeenCall(0, None, slow, drawn=True))
    tally.add(SeenCall(0, good, None, drawn=True))
    tally.add(SeenCall(0, good, None, drawn=False))
    tally.add(SeenCall(9, good, None, drawn=True))  # of a stage that this worker does not know
    found = tally.take(state)["slow_ratio"]
    assert (found.paired.sum(), found.splits[0].share, found.splits[0].counts.sum()) == (1, 0.3, 2)
    assert found.splits[0].counts[1, -1] == 1
    assert tally.take(state)["slow_ratio"].rows == 0


def test_the_shadow_has_a_thread_of_its_own() -> None:
    """Calls run elsewhere in their order; a fault ends nothing; what has no room is refused."""
    shadow = Shadow(2, "test-shadow")
    gate, begun, done = threading.Event(), threading.Event(), threading.Event()
    where: list[str] = []

    def wait() -> None:
        begun.set()
        gate.wait(10.0)
        where.append(threading.current_thread().name)
        raise RuntimeError("broken")

    shadow.start()
    assert shadow.submit(wait)
    assert begun.wait(10.0)
    assert [shadow.submit(done.set), shadow.submit(lambda: None), shadow.submit(lambda: None)] == [
        True,
        True,
        False,
    ]
    gate.set()
    assert done.wait(10.0)
    shadow.stop(10.0)
    shadow.stop(10.0)
    assert where == ["test-shadow"]


def test_a_challenger_that_hangs_does_not_hold_up_the_end() -> None:
    """Stopping gives up after its time; the thread is a daemon."""
    shadow, gate, begun = Shadow(1, "test-hanging"), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait(10.0)

    shadow.start()
    shadow.submit(hang)
    begun.wait(10.0)
    shadow.submit(lambda: None)
    shadow.stop(0.01)
    gate.set()


def test_threads_end_with_the_predictor(roll: Make, traffic: Any) -> None:
    """With its threads a rollout answers, shadows and writes; closed, it answers on."""
    rollout = roll(background=True, policy=replace(SHADOW, sync_seconds=0.01))
    X, ids = traffic.rows(5, wrong=(0.0, 1.0))
    assert rollout.predict(X, ids=ids).tolist() == X[:, 0].tolist()
    rollout.close()
    assert rollout.state.guards["error_ratio"].rows == 1
    assert rollout.predict(X, ids=ids).tolist() == X[:, 0].tolist()
    alive = {thread.name for thread in threading.enumerate()}
    assert not alive & {"driftgauge-shadow-m", "driftgauge-rollout-m"}
