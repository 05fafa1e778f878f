"""How far a partition is behind, as far as a member can know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from exporter.streams.lag import Lag

PLACE = ("rows", 0)


@dataclass
class Shown:
    """A sink that keeps what it was last told."""

    last: dict[tuple[str, int], tuple[int | None, float | None]] = field(default_factory=dict)

    def lag(self, topic: str, partition: int, messages: int | None, seconds: float | None) -> None:
        self.last[topic, partition] = (messages, seconds)


@dataclass
class Bench:
    """A lag with a clock that the test sets."""

    now: float = 1_000.0
    sink: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self.lag = Lag(cast("Any", self.sink), clock=lambda: self.now)

    def shown(self, messages: int) -> tuple[int | None, float | None]:
        self.lag.show(PLACE, messages)
        return self.sink.last[PLACE]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_partition_without_a_rest_is_not_behind(bench: Bench) -> None:
    """However long ago its last message came."""
    bench.lag.reached({PLACE: 10.0})
    assert bench.shown(0) == (0, 0.0)


def test_a_batch_that_waits_grows_old(bench: Bench) -> None:
    """Its first message is the oldest that has not been dealt with."""
    bench.lag.reached({PLACE: 940.0})
    assert bench.shown(5) == (5, 60.0)
    bench.now += 30.0
    assert bench.shown(5) == (5, 90.0)


def test_a_message_after_a_quiet_day_is_not_a_day_behind(bench: Bench) -> None:
    """It came after the moment at which nothing was left, whatever was dealt with before."""
    bench.lag.reached({PLACE: 10.0})
    bench.shown(0)
    bench.now += 2.0
    assert bench.shown(1) == (1, 2.0)


def test_rows_with_old_times_are_behind_since_they_are_there(bench: Bench) -> None:
    """A producer that repeats last week has not made us a week late."""
    bench.shown(0)
    bench.now += 5.0
    bench.lag.reached({PLACE: 100.0})
    assert bench.shown(3) == (3, 5.0)


def test_a_producer_with_a_fast_clock_does_not_make_it_negative(bench: Bench) -> None:
    """Then it is not behind."""
    bench.lag.reached({PLACE: 1_010.0})
    assert bench.shown(1) == (1, 0.0)


def test_time_is_unknown_before_the_first_message_and_after_the_partition_went(bench: Bench) -> None:
    """No series says more than is known."""
    assert bench.shown(7) == (7, None)
    bench.lag.reached({PLACE: 990.0})
    assert bench.shown(7) == (7, 10.0)
    bench.lag.forget(PLACE)
    assert bench.sink.last[PLACE] == (None, None)
    assert bench.shown(7) == (7, None)
