from __future__ import annotations

import sys
import threading

import pytest

from exporter.errors import ConfigError
from exporter.schedule import Schedule
from exporter.scheduled import Scheduled, longest_gap, trigger_of


class Slow:
    """Takes as long as it is held."""

    def __init__(self) -> None:
        self.calls = self.at_once = self.most = self.skipped = 0
        self.begun, self.go_on, self.skips = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        self.calls += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.begun.set()
        self.go_on.wait(10)
        self.at_once -= 1

    def skip(self) -> None:
        self.skipped += 1
        self.skips.set()


def scheduled(slow: Slow, schedule: Schedule) -> Scheduled:
    return Scheduled(slow.run, schedule, first_seconds=0.2, name="check", skipped=slow.skip)


def test_a_slow_run_is_not_doubled_and_delays_no_other() -> None:
    """What is due meanwhile is skipped and counted, while another function runs in its own time."""
    slow, quick = Slow(), Slow()
    quick.go_on.set()
    every = Schedule(interval_seconds=0.05, jitter_seconds=0.001)
    first, second = scheduled(slow, every), scheduled(quick, every)
    first.start()
    assert slow.begun.wait(10)
    second.start()
    assert quick.begun.wait(10)
    assert slow.skips.wait(10)
    assert (slow.calls, slow.most) == (1, 1)
    slow.go_on.set()
    first.stop(1)
    second.stop(1)
    assert slow.skipped >= 1


def test_it_can_be_started_again() -> None:
    """As in a forked child, or after it was stopped."""
    quick = Slow()
    quick.go_on.set()
    job = scheduled(quick, Schedule(interval_seconds=60.0, jitter_seconds=0.001))
    for _ in range(2):
        quick.begun.clear()
        job.start()
        assert quick.begun.wait(10)
        job.stop(0)
    assert quick.calls == 2


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [("*/15 * * * *", 900), ("0 3 * * *", 86_400), ("0 9 * * mon-fri", 3 * 86_400)],
)
def test_the_longest_gap_of_an_expression_is_known(cron: str, seconds: float) -> None:
    """By which an alert tells that checks have stopped."""
    assert longest_gap(Schedule(cron=cron)) == seconds


def test_a_change_of_the_clock_is_seen() -> None:
    """A daily check in local time is 25 hours away once a year."""
    assert longest_gap(Schedule(cron="0 12 * * *", timezone="Europe/Berlin")) == 25 * 3600


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"cron": "never"}, r"checks.cron: found 'never' \(.*\), need five fields"),
        ({"cron": "99 * * * *"}, "checks.cron: found '99"),
        ({"cron": "0 0 31 2 *"}, "which never comes, need times that do"),
        ({"cron": "* * * * *", "timezone": "Mars"}, "checks.timezone: found 'Mars', need a time zone"),
        ({"interval_seconds": 0.0}, "checks.interval_seconds: found 0.0, need a number above 0"),
        ({"jitter_seconds": -1.0}, "checks.jitter_seconds: found -1.0, need a number of 0 or more"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(schedule: dict[str, object], message: str) -> None:
    """With the key, what was found and what is needed."""
    with pytest.raises(ConfigError, match=message):
        longest_gap(Schedule(**schedule))  # type: ignore[arg-type]


def test_the_core_needs_no_apscheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain interval is a thread of ours; for the rest the error says what to install."""
    for name in [name for name in sys.modules if name.startswith("apscheduler")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apscheduler", None)
    assert Schedule().plain
    assert longest_gap(Schedule()) == 300
    with pytest.raises(ConfigError, match=r"pip install 'driftgauge\[schedule\]'"):
        trigger_of(Schedule(cron="* * * * *"), 0.0)
