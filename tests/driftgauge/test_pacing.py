from __future__ import annotations

import pytest

from driftgauge.demo.pacing import HOLD_SECONDS, LONGEST_SECONDS, Holding, Timetable
from driftgauge.demo.replay import HOUR_SECONDS, Pace


class Time:
    """A clock that waits by moving."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stopped = False

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        """Let it pass; say whether to stop."""
        self.now += seconds
        return self.stopped


def test_the_replay_stands_still_while_it_is_held_and_does_not_catch_up() -> None:
    """Five held seconds delay all later hours by five seconds."""
    time = Time()
    holding = Holding(lambda: 2.0 <= time.now < 7.0, time.wait, time)
    pace = Pace(0.0, HOUR_SECONDS, holding.wait, holding.monotonic)
    seen = [(hour / HOUR_SECONDS, time.now) for hour in pace.hours(4 * HOUR_SECONDS)]
    assert [hour for hour, _ in seen] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [at for _, at in seen] == pytest.approx([0.0, 1.0, 7.0, 8.0, 9.0], abs=2 * HOLD_SECONDS)


def test_a_stop_ends_a_replay_that_is_held() -> None:
    """Ctrl-C during a training is answered."""
    time = Time()
    time.stopped = True
    assert Holding(lambda: True, time.wait, time).wait(1.0)
    assert time.now == 1.0


def test_a_stop_that_comes_while_it_is_held_is_noticed() -> None:
    """The hold itself asks whether to go on."""
    time = Time()

    def held() -> bool:
        time.stopped = time.now > 3.0
        return True

    assert Holding(held, time.wait, time).wait(1.0)
    assert 3.0 < time.now < 4.0


def test_a_real_time_has_the_replayed_time_of_the_hour_before_it() -> None:
    """Between two hours the earlier one counts; before the first, the first."""
    table = Timetable()
    for hour in range(3):
        table.note(100.0 + hour, hour * HOUR_SECONDS)
    assert [table.at(real) for real in (90.0, 100.0, 101.9, 102.0, 500.0)] == [
        0.0, 0.0, HOUR_SECONDS, 2 * HOUR_SECONDS, 2 * HOUR_SECONDS,
    ]  # fmt: skip


def test_a_hold_without_end_ends() -> None:
    """What hangs does not stop the replay for good."""
    time = Time()
    assert not Holding(lambda: True, time.wait, time).wait(1.0)
    assert time.now == pytest.approx(1.0 + LONGEST_SECONDS, abs=2 * HOLD_SECONDS)
