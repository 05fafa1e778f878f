"""What waits while a store is away, and what becomes of it."""

from __future__ import annotations

import logging
import os

import numpy as np
import pytest

from exporter.errors import ConfigError, ObservationError, StoreError
from exporter.observation import JoinedOutcomes, Observations
from exporter.stores.buffering import MAX_RETRY_SECONDS, RETRY_SECONDS, BufferingStore
from exporter.stores.memory import MemoryStore


class Away(MemoryStore):
    """A store that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.calls = 0

    def append(self, observations: Observations) -> None:
        self.calls += 1
        if self.away:
            raise StoreError("store: found it away, need it here")
        super().append(observations)


class Monotonic:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rows(*times: float) -> Observations:
    return Observations(times=np.array(times), features={"a": np.array(times)})


def test_rows_wait_in_order_and_are_kept_when_the_store_is_back(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised, nothing is lost, the order stays, and the trouble is logged once."""
    store, clock, lost = Away(), Monotonic(), list[int]()
    buffering = BufferingStore(store, clock=clock)
    buffering.on_drop(lost.append)
    buffering.append(rows(1.0))
    store.away = True
    with caplog.at_level(logging.INFO):
        for time in (2.0, 3.0, 4.0):
            buffering.append(rows(time))
            clock.now += MAX_RETRY_SECONDS
        assert buffering.waiting_rows == 3
        assert buffering.size() == 4
        store.away = False
        buffering.append(rows(5.0))
    assert store.window(0.0).times.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert buffering.waiting_rows == 0
    assert lost == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_store_that_is_away_is_left_alone_between_tries() -> None:
    """Tries come after one second, then two, and never more often."""
    store, clock = Away(), Monotonic()
    buffering = BufferingStore(store, clock=clock)
    store.away = True
    buffering.append(rows(1.0))
    buffering.append(rows(2.0))
    assert store.calls == 1
    clock.now += RETRY_SECONDS
    buffering.append(rows(3.0))
    assert store.calls == 2
    clock.now += RETRY_SECONDS
    buffering.append(rows(4.0))
    assert store.calls == 2


def test_above_the_bound_the_oldest_rows_go_and_are_counted() -> None:
    """Waiting is bounded by rows, to the row."""
    store, clock, lost = Away(), Monotonic(), list[int]()
    buffering = BufferingStore(store, max_waiting_rows=5, clock=clock)
    buffering.on_drop(lost.append)
    store.away = True
    for start in range(4):
        buffering.append(rows(*(start * 3.0 + i for i in range(1, 4))))
    assert buffering.waiting_rows == 5
    assert sum(lost) == 7
    store.away = False
    assert buffering.window(0.0).times.tolist() == [8.0, 9.0, 10.0, 11.0, 12.0]


def test_questions_to_a_store_that_is_away_say_so() -> None:
    """A window with a hole would look like a change of the data; outcomes would be unknown ids."""
    store = Away()
    buffering = BufferingStore(store, clock=Monotonic())
    store.away = True
    buffering.append(rows(1.0))
    with pytest.raises(StoreError, match="away"):
        buffering.window(0.0)
    with pytest.raises(StoreError, match="away"):
        buffering.outcomes(["a"], [1])


def test_what_waits_stays_with_the_process_that_saw_it() -> None:
    """A forked child has nothing of its parent's to append: it would be kept twice."""
    store = Away()
    buffering = BufferingStore(store, clock=Monotonic())
    store.away = True
    buffering.append(rows(1.0, 2.0))
    child = os.fork()
    if child == 0:
        os._exit(buffering.waiting_rows)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert buffering.waiting_rows == 2


class Refusing(Away):
    """A store that has no room for some batches, however often they come, or holds something else."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: dict[float, BaseException] = {}
        self.misplaced = False

    def append(self, observations: Observations) -> None:
        if self.misplaced:
            raise ConfigError("place: found a database of another program, need an observation store")
        refusal = self.refusal.get(float(observations.times[0]))
        if refusal is not None:
            self.calls += 1
            raise refusal
        super().append(observations)


@pytest.mark.parametrize(
    "refusal",
    [ObservationError("rows: found a value that it refuses"), TypeError("no JSON"), MemoryError()],
    ids=["ours", "encoding", "anything"],
)
def test_what_a_store_refuses_goes_and_the_others_go_on(
    refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch that can never be kept is counted and told once; those behind it are kept and found."""
    store, lost = Refusing(), list[int]()
    store.refusal = {2.0: refusal, 5.0: refusal}
    buffering = BufferingStore(store, clock=Monotonic())
    buffering.on_drop(lost.append)
    for start in (1.0, 2.0, 4.0, 5.0, 7.0):
        buffering.append(rows(start, start + 0.5))
    assert lost == [2, 2]
    assert buffering.waiting_rows == 0
    assert buffering.window(0.0).times.tolist() == [1.0, 1.5, 4.0, 4.5, 7.0, 7.5]
    assert buffering.outcomes(["a"], [1]).counts.unknown_id == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_refused_batch_among_those_that_waited_stops_none() -> None:
    """After an outage everything is delivered but for what is refused, and only that is counted."""
    store, lost = Refusing(), list[int]()
    store.refusal = {2.0: TypeError("no JSON")}
    buffering = BufferingStore(store, clock=Monotonic())
    buffering.on_drop(lost.append)
    store.away = True
    store.refusal, refusal = {}, store.refusal
    for start in (1.0, 2.0, 3.0):
        buffering.append(rows(start))
    assert lost == []
    store.away, store.refusal = False, refusal
    buffering.deliver()
    assert store.window(0.0).times.tolist() == [1.0, 3.0]
    assert lost == [1]


def test_the_bound_holds_whatever_a_store_raises() -> None:
    """Also what ends the program passes, and leaves no more rows behind than may wait."""
    store, lost = Refusing(), list[int]()
    buffering = BufferingStore(store, max_waiting_rows=2, clock=Monotonic())
    buffering.on_drop(lost.append)
    store.refusal = {1.0: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        buffering.append(rows(1.0, 2.0, 3.0))
    assert buffering.waiting_rows == 2
    assert lost == [1]


def test_rows_wait_for_a_place_that_holds_something_else(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody may move the other program's file: until then rows wait, and questions say why."""
    store, clock, lost = Refusing(), Monotonic(), list[int]()
    buffering = BufferingStore(store, max_waiting_rows=3, clock=clock)
    buffering.on_drop(lost.append)
    store.misplaced = True
    for start in range(1, 6):
        buffering.append(rows(float(start)))
        clock.now += MAX_RETRY_SECONDS
    assert (buffering.waiting_rows, sum(lost)) == (3, 2)
    with pytest.raises(StoreError, match="another program"):
        buffering.outcomes(["a"], [1])
    assert len(caplog.records) == 1
    store.misplaced = False
    assert buffering.window(0.0).times.tolist() == [3.0, 4.0, 5.0]


def test_a_question_to_a_place_that_holds_something_else_is_one_to_a_store_that_is_away() -> None:
    """Also where nothing waits: an outcome that is refused for its sender's fault would not be sent again."""

    class Misplaced(MemoryStore):
        def outcomes(self, *_: object) -> JoinedOutcomes:
            raise ConfigError("place: found schema version 7, need 1")

        def window(self, *_: object) -> Observations:
            raise ConfigError("place: found schema version 7, need 1")

        def prune(self, now: float) -> int:
            raise ConfigError(f"place: found schema version 7 at {now}, need 1")

        def size(self) -> int:
            raise ConfigError("place: found schema version 7, need 1")

    buffering = BufferingStore(Misplaced(), clock=Monotonic())
    for ask in (
        lambda: buffering.outcomes(["a"], [1]),
        lambda: buffering.window(0.0),
        lambda: buffering.prune(0.0),
        buffering.size,
    ):
        with pytest.raises(StoreError, match="version 7"):
            ask()
