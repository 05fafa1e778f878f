from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from alerting import digest
from alerting.delivery import DeliveryPolicy
from alerting.digest import DailyDigest, StormPolicy
from alerting.hours import Hours
from alerting.testing import Fault, alert, webhook

from .conftest import STARTED

if TYPE_CHECKING:
    from .conftest import Desk, State

STORM = StormPolicy()
HOUR = 3_600.0


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    """A sender at the pace of a real channel that folds storms."""
    desk = desk_of(policy=DeliveryPolicy())
    desk.sender.storms = STORM
    return desk


def fire(desk: Desk, *numbers: int, severity: str = "warning", status: str = "firing") -> None:
    """Groups of one alert each."""
    for number in numbers:
        raw = webhook(alert(f"f{number}", status, severity=severity), group_key=str(number))
        desk.state.record(raw)


def texts(desk: Desk) -> list[str]:
    """All root messages as they read now."""
    return [str(message.body) for message in desk.slack.workspace.roots()]


def test_a_storm_is_one_message_that_is_kept_up_to_date(desk: Desk) -> None:
    """A thousand groups: one digest that counts them, updated at its end, and all of them in the state."""
    fire(desk, *range(1_000))
    desk.settle(patience=60.0)
    (text,) = texts(desk)
    assert "Many alerts at once" in text
    assert "1000 groups (1000 warning). By model: flight_delay 1000" in text
    assert "and 990 more" in text
    assert len(desk.state.incidents()) == 1_001
    fire(desk, *range(400), status="resolved")
    desk.settle(patience=60.0)
    assert "600 alerts firing, 400 resolved" in texts(desk)[0]
    desk.clock.pass_(300)
    fire(desk, *range(400, 1_000), status="resolved")
    desk.settle(patience=60.0)
    assert "Resolved: Many alerts at once" in texts(desk)[0]
    assert len(texts(desk)) == 1


def test_a_storm_costs_few_calls_however_long_it_lasts(desk: Desk) -> None:
    """Groups that join over five minutes: at most 40 calls."""
    fire(desk, *range(100))
    for number in range(100, 200):
        fire(desk, number)
        desk.settle(patience=3.0)
    assert sum(desk.slack.workspace.calls.values()) <= 40
    desk.settle(patience=STORM.edit_seconds)
    assert "200 groups" in texts(desk)[-1]
    assert len(desk.state.incidents()) == 201


def test_critical_ones_stay_apart_up_to_a_limit(desk: Desk) -> None:
    """Ten a minute have messages of their own, the others stand first in the digest."""
    fire(desk, *range(50))
    fire(desk, *range(100, 130), severity="critical")
    desk.settle(patience=30.0)
    own = [text for text in texts(desk) if "Many alerts" not in text]
    assert len(own) == 10
    assert all("Critical" in text for text in own)
    (storm,) = [text for text in texts(desk) if "Many alerts" in text]
    assert "70 groups (20 critical, 50 warning)" in storm


def test_what_turns_critical_in_a_storm_gets_its_own_message(desk: Desk) -> None:
    """A digest must not hide it."""
    fire(desk, *range(50))
    desk.settle(patience=10.0)
    desk.state.record(webhook(alert("f7"), alert("g", severity="critical"), group_key="7"))
    desk.settle(patience=10.0)
    assert any("Critical" in text and "Many alerts" not in text for text in texts(desk))


def test_what_fires_again_after_a_storm_gets_its_own_message(desk: Desk) -> None:
    """The digest that told of it is closed."""
    fire(desk, *range(30))
    desk.settle(patience=10.0)
    fire(desk, *range(30), status="resolved")
    desk.settle(patience=300.0)
    desk.clock.pass_(600)
    desk.state.record(webhook(alert("f3", starts_at="2026-01-01T00:30:00Z"), group_key="3"))
    desk.settle(patience=30.0)
    assert len(texts(desk)) == 2
    assert "Warning: ModelDriftDetected" in texts(desk)[1]


def test_after_a_storm_messages_are_single_again(desk: Desk) -> None:
    """When hardly anything has joined for two minutes."""
    fire(desk, *range(30))
    desk.settle(patience=10.0)
    fire(desk, 100)
    desk.settle(patience=10.0)
    assert len(texts(desk)) == 1
    desk.clock.pass_(130)
    fire(desk, 101)
    desk.settle(patience=10.0)
    assert len(texts(desk)) == 2


def test_a_few_groups_are_no_storm(desk: Desk) -> None:
    """Up to the limit each has its message."""
    fire(desk, *range(STORM.backlog))
    desk.settle(patience=60.0, limit=200)
    assert len(texts(desk)) == STORM.backlog


def test_what_opened_and_closed_untold_is_one_line_of_a_digest(desk: Desk) -> None:
    """Groups of ten and of 400 seconds that ended before the first call: one message, no late firing."""
    for number, start in enumerate(("2026-01-01T00:06:30Z", "2026-01-01T00:00:00Z")):
        firing = alert(f"f{number}", starts_at=start)
        desk.state.record(webhook(firing, group_key=str(number)))
        ended = {**firing, "status": "resolved", "endsAt": "2026-01-01T00:06:40Z"}
        desk.state.record(webhook(ended, group_key=str(number)))
    desk.clock.pass_(400)
    desk.settle(patience=60.0)
    (text,) = texts(desk)
    assert "Resolved: Over before they could be told" in text
    assert "2 groups (2 warning)" in text
    assert desk.state.rows("SELECT * FROM waiting") == []


def test_an_outage_leaves_one_digest_of_what_was_missed(desk: Desk) -> None:
    """Groups that come and go while nothing can be told are added to the digest that waits."""
    desk.slack.faults.add(Fault(status=503, error="service_unavailable", times=None))
    for turn in range(6):
        for status in ("firing", "resolved"):
            fire(desk, 10 * turn, 10 * turn + 1, 10 * turn + 2, status=status)
        desk.settle(patience=300.0)
    desk.slack.faults.clear()
    desk.settle(patience=120.0)
    (text,) = texts(desk)
    assert "Resolved: Over before they could be told" in text
    assert "18 groups (18 warning)" in text


def test_a_webhook_hears_of_a_storm_and_of_its_end(desk_of: Callable[..., Desk]) -> None:
    """It can edit nothing: a change would be another message, so they are ten minutes apart."""
    desk = desk_of(webhook=True, policy=DeliveryPolicy())
    desk.sender.storms = STORM
    fire(desk, *range(100))
    desk.settle(patience=60.0)
    fire(desk, *range(50), status="resolved")
    desk.settle(patience=60.0)
    assert len(texts(desk)) == 1
    fire(desk, *range(50, 100), status="resolved")
    desk.clock.pass_(200)
    desk.settle(patience=60.0)
    assert ["Resolved" in text for text in texts(desk)] == [False, True]


def daily_at(hour: int, *to: str) -> DailyDigest:
    """A summary every day at an hour."""
    hours = Hours(zone=ZoneInfo("UTC"), days=frozenset(range(7)), begin=hour * 60, end=hour * 60 + 1)
    return DailyDigest(to=to or ("slack",), hours=hours)


NINE = daily_at(9)


@dataclass
class Morning:
    """The daily digest of a state, asked for and registered at any time."""

    state: State

    def start(self, now: float, daily: DailyDigest | None = NINE) -> None:
        """As at the start of a bridge."""
        self.state.database.write(lambda connection: digest.register_daily(connection, daily, now)).result()

    def due(self, now: float, daily: DailyDigest = NINE) -> list[str]:
        """Who has to get it."""
        return self.state.database.write(lambda connection: digest.due_daily(connection, daily, now)).result()


@pytest.fixture
def morning(state: State) -> Morning:
    """A state in which no daily digest was ever configured."""
    return Morning(state)


def test_the_daily_digest_comes_once_a_day(desk: Desk, morning: Morning) -> None:
    """With what is open then; an hour late at most."""
    morning.start(STARTED)
    assert morning.due(STARTED + 8 * HOUR) == []
    nine = STARTED + 9 * HOUR
    assert morning.due(nine) == ["slack"]
    assert morning.due(nine + 2 * HOUR) == []
    fire(desk, 1, 2)
    desk.clock.now = nine
    desk.settle(patience=10.0)
    desk.state.database.write(lambda connection: digest.tell_daily(connection, "slack", nine)).result()
    assert morning.due(nine + 60) == []
    assert morning.due(nine + 24 * HOUR) == ["slack"]
    desk.settle(patience=10.0)
    assert "Daily digest" in texts(desk)[-1]
    assert "2 alerts firing" in texts(desk)[-1]


def test_a_restart_across_its_hour_does_not_cost_the_daily_digest(morning: Morning) -> None:
    """Down from five seconds before nine to three seconds after: it comes, and once."""
    nine = STARTED + 9 * HOUR
    morning.start(STARTED)
    assert morning.due(nine - 5) == []
    morning.start(nine + 3)
    assert morning.due(nine + 3) == ["slack"]
    morning.state.database.write(lambda connection: digest.tell_daily(connection, "slack", nine + 3)).result()
    morning.start(nine + 10)
    assert morning.due(nine + 10) == []


def test_a_daily_digest_is_not_made_up_for_from_before_it_was_configured(morning: Morning) -> None:
    """Neither a new bridge, nor another hour, nor another destination, nor one that was taken out once."""
    nine = STARTED + 9 * HOUR
    morning.start(nine + 60)
    assert morning.due(nine + 60) == []
    assert morning.due(nine + 24 * HOUR) == ["slack"]
    late = nine + 5.5 * HOUR
    morning.start(late, daily_at(14))
    assert morning.due(late, daily_at(14)) == []
    both = daily_at(14, "slack", "email")
    morning.start(late + 60, both)
    assert morning.due(nine + 29 * HOUR, both) == ["slack", "email"]
    morning.start(nine + 29 * HOUR, None)
    morning.start(nine + 29 * HOUR + 60, both)
    assert morning.due(nine + 29 * HOUR + 60, both) == []


def test_a_wrong_clock_does_not_put_the_daily_digest_off(morning: Morning) -> None:
    """First configured in a year that is not yet: with the right time it counts from then."""
    morning.start(STARTED + 365 * 24 * HOUR)
    morning.start(STARTED)
    assert morning.due(STARTED + 9 * HOUR) == ["slack"]
    morning.start(STARTED, None)
    morning.start(STARTED + 24 * HOUR)
    morning.state.database.write(lambda connection: digest.clock_set(connection, -24 * HOUR)).result()
    assert morning.due(STARTED + 9 * HOUR) == ["slack"]
