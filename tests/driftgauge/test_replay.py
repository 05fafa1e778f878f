from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftgauge.demo.data import Flights, load_flights
from driftgauge.demo.replay import (
    CHECK_INTERVAL_SECONDS,
    FIRST_CHECK_SECONDS,
    HOUR_SECONDS,
    Pace,
    SimulatedClock,
    replay,
)

DAY = 86400.0


class Recorder:
    """Stands for the predictor; notes what it was asked, and when by the simulated clock."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.predicted: list[tuple[float, list[int]]] = []
        self.outcomes: list[tuple[float, list[int], list[int], list[float]]] = []
        self.checks: list[float] = []

    def predict_proba(self, rows: Any, *, ids: list[int]) -> None:
        assert len(rows) == len(ids)
        self.predicted.append((self._clock(), ids))

    def record_outcomes(self, ids: Any, y_true: Any, at: Any) -> None:
        self.outcomes.append((self._clock(), list(ids), list(y_true), list(at)))

    def check_now(self) -> None:
        self.checks.append(self._clock())


def hours(start: float, count: int) -> Iterator[float]:
    """Simulated hours without waiting."""
    return (start + HOUR_SECONDS * number for number in range(count))


@pytest.fixture
def flights(data_folder: Path) -> Flights:
    """The three flights of April: late, cancelled, diverted."""
    return load_flights(data_folder).between(1_364_774_400.0, 1_365_000_000.0)


def run(flights: Flights, count: int) -> Recorder:
    """Replay so many hours from the hour of the first flight."""
    start = flights.scheduled[0] // HOUR_SECONDS * HOUR_SECONDS
    clock = SimulatedClock(start)
    recorder = Recorder(clock)
    replay(recorder, flights, clock, hours(start, count))
    return recorder


def test_each_flight_is_asked_for_once_in_the_hour_in_which_it_leaves(flights: Flights) -> None:
    """The clock stands at the start of that hour, and an hour without flights asks for nothing."""
    start = flights.scheduled[0] // HOUR_SECONDS * HOUR_SECONDS
    recorder = run(flights, 48)
    assert recorder.predicted == [
        (start, [0]),
        (start + HOUR_SECONDS, [1]),
        (start + 22 * HOUR_SECONDS, [2]),
    ]


def test_outcomes_arrive_once_the_flight_has_landed(flights: Flights) -> None:
    """The late flight is told in the first hour after its landing, with its time; the others never land."""
    recorder = run(flights, 48)
    landed = float(np.ceil(flights.landed[0] / HOUR_SECONDS) * HOUR_SECONDS)
    assert recorder.outcomes == [(landed, [0], [1], [float(flights.landed[0])])]


def test_checks_begin_with_a_full_window_and_come_every_day(flights: Flights) -> None:
    """A part of a window lacks weekdays, so the first check waits for all of it."""
    start = flights.scheduled[0] // HOUR_SECONDS * HOUR_SECONDS
    recorder = run(flights, 24 * 17)
    assert recorder.checks == [
        start + FIRST_CHECK_SECONDS + CHECK_INTERVAL_SECONDS * number for number in range(3)
    ]


def test_real_outcomes_never_come_before_their_prediction() -> None:
    """On the real data every landing is later than the hour in which the flight was asked for."""
    from driftgauge.demo.data import find_data  # noqa: PLC0415  # one test of the whole file reads it

    year = load_flights(find_data()).with_outcome()
    assert (year.landed > year.scheduled // HOUR_SECONDS * HOUR_SECONDS).all()


class Timer:
    """A clock that moves only when somebody waits, and by a cost each time it is read."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now = 100.0
        self.cost = cost
        self.waits: list[float] = []

    def __call__(self) -> float:
        self.now += self.cost
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


def test_a_day_takes_as_long_as_the_speed_says() -> None:
    """At a day per second the 24 hours after the first take one second in equal steps."""
    timer = Timer()
    pace = Pace(1000.0, DAY, timer.wait, timer)
    assert list(pace.hours(1000.0 + DAY)) == list(hours(1000.0, 25))
    assert timer.now - 100.0 == pytest.approx(1.0)
    assert timer.waits[1:] == pytest.approx([1 / 24] * 24)


def test_a_machine_that_is_too_slow_falls_behind_and_leaves_nothing_out() -> None:
    """Every hour comes, without waiting."""
    timer = Timer(cost=1.0)
    pace = Pace(0.0, DAY, timer.wait, timer)
    assert len(list(pace.hours(DAY))) == 25
    assert timer.waits == [0.0] * 25


def test_a_stop_ends_the_hours() -> None:
    """The wait that says stop is the last."""
    answers = iter([False, False, True])
    pace = Pace(0.0, DAY, lambda seconds: next(answers), lambda: 0.0)
    assert len(list(pace.hours(DAY))) == 2
