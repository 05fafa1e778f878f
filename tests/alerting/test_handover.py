from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from alerting import digest, episodes, handover, heartbeats, outbox, payload, timers
from alerting.digest import StormPolicy
from alerting.escalation import Policy, Step
from alerting.heartbeats import OWN_SOURCE, Heartbeat
from alerting.incidents import StatePolicy
from alerting.notices import Notices
from alerting.testing import alert, webhook
from alerting.timers import Plan

if TYPE_CHECKING:
    from .conftest import State

LATER = "2026-01-01T00:30:00Z"


@dataclass
class House:
    """The state of a bridge whose configuration is changed between two starts."""

    state: State
    plan: Plan = field(default_factory=lambda: Plan(destinations={"default": ("slack",)}))
    beats: tuple[Heartbeat, ...] = ()

    def start(self, **kinds: str) -> dict[str, int]:
        """Start with destinations of these kinds; what was handed on."""

        def enroll(connection: Any) -> dict[str, int]:
            now = self.state.clock()
            retired = handover.retire(connection, kinds, now)
            for name, kind in kinds.items():
                outbox.register(connection, name, channel="#a", editable=kind == "slack", kind=kind)
            return handover.hand_on(connection, retired, self.plan, self.beats, now)

        return self.state.database.write(enroll).result()

    def record(self, raw: bytes, *, source: str = "default", told: tuple[str, ...] = ("slack",)) -> None:
        """Store a webhook body, as the intake does."""
        notification = payload.parse(raw)
        self.state.database.write(
            lambda connection: episodes.record(
                connection,
                notification,
                source=source,
                destinations=told,
                now=self.state.clock(),
                policy=StatePolicy(),
                policies=self.plan.policies,
            )
        ).result()

    def tell(self) -> None:
        """Let all that waits be told."""
        self.state.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line, ts = '1'")

    def tick(self) -> None:
        """Let the escalation take what is due."""
        self.state.database.write(
            lambda connection: timers.tick(connection, self.plan, self.state.clock())
        ).result()

    def told(self, incident_id: int = 1) -> set[str]:
        """Who was asked to show an incident."""
        query = "SELECT destination FROM deliveries WHERE incident_id = ?"
        return {row["destination"] for row in self.state.rows(query, incident_id)}


@pytest.fixture
def house(state: State) -> House:
    """A bridge that tells `slack` of everything."""
    return House(state)


def team(*policies: Policy, source: str = "default") -> Plan:
    """What is configured once `slack` is called `team`."""
    return Plan(policies=policies, destinations={source: ("team",)})


def test_open_incidents_of_a_destination_that_is_gone_are_told_elsewhere(house: House) -> None:
    """Told or waiting makes no difference, what is over stays in the history, and nothing else is left."""
    house.record(webhook(alert("a"), group_key="told"))
    house.record(webhook(alert("b"), group_key="over"))
    house.record(webhook(alert("b", "resolved"), group_key="over"))
    house.tell()
    house.record(webhook(alert("c"), group_key="waiting"))
    house.plan = team()
    assert house.start(team="slack") == {"slack": 2}
    assert [house.told(number) for number in (1, 2, 3)] == [{"team"}, set(), {"team"}]
    waiting = house.state.rows("SELECT incident_id, closed FROM waiting ORDER BY incident_id")
    assert waiting == [{"incident_id": 1, "closed": 0}, {"incident_id": 3, "closed": 0}]
    assert house.state.rows("SELECT name FROM destinations") == [{"name": "team"}]
    (entry,) = house.state.rows("SELECT * FROM audit WHERE kind = 'retired'")
    assert (entry["destination"], json.loads(entry["detail"])) == ("slack", {"handed_on": 2})
    assert house.start(team="slack") == {}


def test_what_fires_again_after_a_renaming_is_told(house: House) -> None:
    """Its end waited for a name that is gone, so the group looked as if nobody had been told of it."""
    house.record(webhook(alert("a")))
    house.tell()
    house.record(webhook(alert("a", "resolved")))
    house.plan = team()
    house.start(team="slack")
    house.record(webhook(alert("a", starts_at=LATER)), told=("team",))
    assert len(house.state.incidents()) == 2
    assert house.told(2) == {"team"}


def test_a_name_that_is_not_registered_reopens_nothing(house: House) -> None:
    """Who will never be told cannot keep an incident open for being told."""
    house.record(webhook(alert("a")))
    house.record(webhook(alert("a", "resolved")))
    house.state.rows("UPDATE deliveries SET destination = 'gone'")
    house.record(webhook(alert("a", starts_at=LATER)))
    assert house.told(2) == {"slack"}


STEPS = (Step(to=("slack",)), Step(to=("pagerduty",), after=300.0), Step(to=("email",), after=900.0))
RENAMED = (Step(to=("team",)), *STEPS[1:])


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, {"team"}), (300, {"team", "pagerduty"}), (900, {"team", "pagerduty", "email"})],
)
def test_under_a_policy_those_of_the_steps_taken_are_told(
    house: House, seconds: float, told: set[str]
) -> None:
    """And the later ones in their time; after the last step there is no timer any more."""
    house.start(slack="slack", pagerduty="pagerduty", email="email")
    house.plan = Plan(policies=(Policy(name="all", steps=STEPS),))
    house.record(webhook(alert("a")))
    for _ in range(int(seconds / 300)):
        house.state.clock.pass_(300)
        house.tick()
    house.plan = team(Policy(name="all", steps=RENAMED))
    assert house.start(team="slack", pagerduty="pagerduty", email="email") == {"slack": 1}
    assert house.told() == told


def test_the_last_step_is_told_under_its_new_name(house: House) -> None:
    """By the history: its timer is gone, and whoever was to be told had another name."""
    house.start(slack="slack", pagerduty="pagerduty", email="email")
    house.plan = Plan(policies=(Policy(name="all", steps=STEPS),))
    house.record(webhook(alert("a")))
    house.state.clock.pass_(900)
    house.tick()
    assert house.state.rows("SELECT * FROM timers") == []
    house.plan = Plan(policies=(Policy(name="all", steps=(*STEPS[:2], Step(to=("mail",), after=900.0))),))
    assert house.start(slack="slack", pagerduty="pagerduty", mail="email") == {"email": 1}
    assert house.told() == {"slack", "pagerduty", "mail"}


def test_nobody_is_called_for_what_was_acknowledged(house: House) -> None:
    """Its timer is gone as well, but the history knows how far it came."""
    house.start(slack="slack", pagerduty="pagerduty", email="email")
    house.plan = Plan(policies=(Policy(name="all", steps=STEPS),))
    house.record(webhook(alert("a")))
    house.state.rows("UPDATE incidents SET acknowledged_at = 1")
    house.state.clock.pass_(300)
    house.state.rows("UPDATE timers SET due_at = 0")
    house.tick()
    assert house.state.rows("SELECT * FROM timers") == []
    house.plan = team(Policy(name="all", steps=RENAMED))
    house.start(team="slack", pagerduty="pagerduty", email="email")
    assert house.told() == {"team"}


def test_a_name_of_another_kind_is_another_destination(house: House) -> None:
    """What a pager calls a message is none for Slack: what is open is told anew, and nothing is updated."""
    house.start(slack="pagerduty")
    house.record(webhook(alert("a")))
    house.tell()
    assert house.start(slack="slack") == {"slack": 1}
    (row,) = house.state.rows("SELECT sent_version, ts, channel, editable FROM deliveries")
    assert row == {"sent_version": 0, "ts": None, "channel": None, "editable": 1}
    assert house.start(slack="slack") == {}


def test_the_digests_of_a_destination_that_is_gone_end(house: House) -> None:
    """Nobody would ever end them; what they told of is told by those who are there."""
    for name in "abc":
        house.record(webhook(alert(name), group_key=name))
    storm = StormPolicy(backlog=2)
    house.state.database.write(
        lambda connection: digest.fold(connection, "slack", now=house.state.clock(), policy=storm)
    ).result()
    house.plan = team()
    assert house.start(team="slack") == {"slack": 3}
    open_ones = [row["id"] for row in house.state.incidents() if row["closed_at"] is None]
    assert open_ones == [1, 2, 3]
    assert house.state.rows("SELECT joining FROM digests") == [{"joining": 0}]
    waiting = house.state.rows("SELECT incident_id FROM waiting ORDER BY incident_id")
    assert [row["incident_id"] for row in waiting] == open_ones


def test_incidents_of_the_bridge_itself_go_to_those_who_hear_of_such(house: House) -> None:
    """Of a heartbeat with destinations of its own, of one without, and of a source that is refused."""
    beats = tuple(
        Heartbeat(name=name, matchers=(), deadline=30.0, destinations=own)
        for name, own in (("watchdog", ("ops",)), ("other", ()))
    )

    def miss(connection: Any) -> None:
        now = house.state.clock()
        heartbeats.register(connection, beats, now - 60)
        connection.execute("UPDATE heartbeats SET silent_seconds = 60")
        for news in heartbeats.check(connection, beats, now):
            episodes.record(
                connection,
                news.notification,
                source=OWN_SOURCE,
                destinations=("slack",),
                now=now,
                policy=StatePolicy(),
            )
        notices = Notices(database=house.state.database, destinations={"east": ("slack",)})
        notices.refused(connection, "east", "too large", now)

    house.state.database.write(miss).result()
    house.beats = beats
    house.plan = Plan(destinations={"default": ("team",), "east": ("far",)})
    assert house.start(team="slack", ops="slack", far="slack") == {"slack": 3}
    assert [house.told(number) for number in (1, 2, 3)] == [{"ops"}, {"team"}, {"far"}]


def test_an_incident_of_a_source_that_is_gone_goes_to_the_default(house: House) -> None:
    """Somebody is better than nobody."""
    house.record(webhook(alert("a")), source="west")
    house.plan = team()
    house.start(team="slack")
    assert house.told() == {"team"}
