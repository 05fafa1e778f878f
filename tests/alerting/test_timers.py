from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting import actions, digest, episodes, incidents, outbox, payload
from alerting.database import Database
from alerting.digest import StormPolicy
from alerting.escalation import Policy, Step
from alerting.hours import Hours
from alerting.incidents import StatePolicy
from alerting.matchers import Matcher
from alerting.metrics import BridgeMetrics
from alerting.testing import alert, webhook
from alerting.timekeeper import Timekeeper
from alerting.timers import Plan

from .conftest import STARTED, Clock

HOUR = 3_600.0
RECEIVERS = ("slack", "pagerduty", "email")
STEPS = (Step(to=("slack",)), Step(to=("pagerduty",), after=300.0), Step(to=("email",), after=900.0))
POLICY = Policy(name="all", steps=STEPS)
NIGHT = Hours(zone=ZoneInfo("UTC"), days=frozenset(range(7)), begin=22 * 60, end=7 * 60)


@dataclass
class Office:
    """The state and the timekeeper of a bridge that can be closed and opened again."""

    folder: Path
    policies: tuple[Policy, ...] = (POLICY,)
    clock: Clock = field(default_factory=Clock)
    uptime: Clock = field(default_factory=lambda: Clock(1_000.0))

    def __post_init__(self) -> None:
        self.metrics = BridgeMetrics(["default"], RECEIVERS)
        self.open()

    def open(self) -> None:
        """Start the bridge."""
        self.database = Database(self.folder, busy_seconds=0.1)
        for name in RECEIVERS:
            self.write(
                lambda connection, name=name: outbox.register(
                    connection, name, channel=name, editable=name == "slack"
                )
            )
        self.timekeeper = Timekeeper(
            database=self.database,
            metrics=self.metrics,
            plan=Plan(policies=self.policies, destinations={"default": ("slack",)}),
            clock=self.clock,
            monotonic=self.uptime,
        )
        self.timekeeper.start()

    def restart(self) -> None:
        """Close the database and open it again."""
        self.database.close()
        self.open()

    def pass_(self, seconds: float) -> None:
        """Let time pass on both clocks, looking at it every five minutes."""
        while seconds > 0:
            self.clock.pass_(min(seconds, 300.0))
            self.uptime.pass_(min(seconds, 300.0))
            seconds -= 300.0
            self.look()

    def look(self) -> None:
        """One look, and more while something is due."""
        while self.timekeeper.step() == 0:
            pass

    def write(self, job: Callable[..., Any]) -> Any:
        """Run something in a transaction."""
        return self.database.write(job).result()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What a query finds."""
        found: list[dict[str, Any]] = self.write(
            lambda connection: [dict(row) for row in connection.execute(query, values)]
        )
        return found

    def record(self, raw: bytes) -> None:
        """Store a webhook body, as the intake does."""
        notification = payload.parse(raw)
        self.write(
            lambda connection: episodes.record(
                connection,
                notification,
                source="default",
                destinations=("slack",),
                now=self.clock(),
                policy=StatePolicy(),
                policies=self.policies,
            )
        )

    def acknowledge(self, incident_id: int = 1) -> None:
        """As an action does it."""
        self.rows("UPDATE incidents SET acknowledged_at = ? WHERE id = ?", self.clock(), incident_id)

    def told(self, incident_id: int = 1) -> list[str]:
        """Who was asked to show an incident, in order."""
        return [
            row["destination"]
            for row in self.rows(
                "SELECT destination FROM deliveries WHERE incident_id = ? ORDER BY id", incident_id
            )
        ]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A bridge with three receivers and one policy of three steps."""
    return Office(tmp_path / "state")


def test_the_first_step_comes_with_the_alert_and_the_others_in_their_time(office: Office) -> None:
    """The transaction that opens the incident tells the first."""
    office.record(webhook(alert("a")))
    assert office.told() == ["slack"]
    assert office.rows("SELECT want_version, closed, rank FROM deliveries")[0] == {
        "want_version": 1,
        "closed": 0,
        "rank": 1,
    }
    office.pass_(300)
    assert office.told() == ["slack", "pagerduty"]
    office.pass_(900)
    assert office.told() == ["slack", "pagerduty", "email"]
    assert office.rows("SELECT * FROM timers") == []
    details = [
        json.loads(row["detail"]) for row in office.rows("SELECT * FROM audit WHERE kind = 'escalated'")
    ]
    assert [(entry["names"], entry["reason"], entry["left"]) for entry in details] == [
        (["pagerduty"], "time", 1),
        (["email"], "time", 1),
    ]
    value = office.metrics.registry.get_sample_value(
        "bridge_escalations_total", {"receiver": "email", "reason": "time"}
    )
    assert value == 1


def test_no_page_after_an_acknowledgement(office: Office) -> None:
    """The row says so before the timer is looked at."""
    office.record(webhook(alert("a")))
    office.pass_(299)
    office.acknowledge()
    office.pass_(HOUR)
    assert office.told() == ["slack"]
    assert office.rows("SELECT * FROM timers") == []


def test_no_page_after_the_end(office: Office) -> None:
    """Nor after another one of the same group: that is another incident with steps of its own."""
    office.record(webhook(alert("a")))
    office.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line, ts = '1'")
    office.record(webhook(alert("a", "resolved")))
    office.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line")
    office.pass_(HOUR)
    assert office.told() == ["slack"]
    office.record(webhook(alert("a", starts_at="2026-01-01T01:30:00Z")))
    office.pass_(300)
    assert office.told(2) == ["slack", "pagerduty"]


def test_timers_survive_a_restart(office: Office) -> None:
    """What became due meanwhile is told at once, and only once."""
    office.record(webhook(alert("a")))
    office.clock.pass_(400)
    office.restart()
    office.look()
    office.restart()
    office.look()
    assert office.told() == ["slack", "pagerduty"]


def test_a_clock_that_jumps_moves_no_wait(office: Office) -> None:
    """An hour ahead pages nobody early, an hour back nobody late."""
    for jump in (HOUR, -HOUR):
        office.record(webhook(alert(f"a{jump}"), group_key=str(jump)))
        number = office.rows("SELECT MAX(id) AS id FROM incidents")[0]["id"]
        office.clock.pass_(jump)
        office.look()
        assert office.told(number) == ["slack"]
        office.pass_(300)
        assert office.told(number) == ["slack", "pagerduty"]
        office.acknowledge(number)


def test_a_parked_destination_hands_on_at_once(office: Office) -> None:
    """When it is parked later, and when it was already."""
    office.record(webhook(alert("a"), group_key="before"))
    office.write(
        lambda connection: outbox.park(connection, "slack", reason="token_revoked", retry_at=0, now=STARTED)
    )
    office.look()
    assert office.told() == ["slack", "pagerduty"]
    office.record(webhook(alert("b"), group_key="after"))
    assert office.told(2) == ["slack", "pagerduty"]


def test_a_destination_that_fails_for_long_hands_on(office: Office) -> None:
    """An hour without Slack must not be an hour without anybody."""
    office.policies = (Policy(name="all", steps=(STEPS[0], Step(to=("pagerduty",), after=4 * HOUR))),)
    office.restart()
    office.record(webhook(alert("a")))
    office.rows("UPDATE destinations SET failures = 9 WHERE name = 'slack'")
    office.pass_(290)
    assert office.told() == ["slack"]
    office.pass_(20)
    assert office.told() == ["slack", "pagerduty"]


def test_a_digest_that_nobody_was_told_hands_on_for_all_that_it_tells_of(office: Office) -> None:
    """An outage of Slack in a storm must not keep the pager quiet."""
    office.policies = (Policy(name="all", steps=(STEPS[0], Step(to=("pagerduty",), after=4 * HOUR))),)
    office.restart()
    for name in "abc":
        office.record(webhook(alert(name), group_key=name))
    storm = StormPolicy(backlog=2)
    office.write(lambda connection: digest.fold(connection, "slack", now=office.clock(), policy=storm))
    office.rows("UPDATE destinations SET failures = 9 WHERE name = 'slack'")
    office.pass_(290)
    assert [office.told(number) for number in (1, 2, 3)] == [["slack"]] * 3
    office.pass_(20)
    assert [office.told(number) for number in (1, 2, 3)] == [["slack", "pagerduty"]] * 3


def test_more_urgent_is_told_by_the_policy_for_it(office: Office) -> None:
    """A critical alert that joins a quiet group calls whom critical alerts call."""
    critical = Policy(
        name="critical", matchers=(Matcher("severity=critical"),), steps=(Step(to=("pagerduty",)),)
    )
    office.policies = (critical, Policy(name="others", steps=(Step(to=("slack",)),)))
    office.restart()
    office.record(webhook(alert("a")))
    assert office.told() == ["slack"]
    office.record(webhook(alert("a"), alert("b", severity="critical")))
    assert office.told() == ["slack", "pagerduty"]


CRITICAL_FIRST = (
    Policy(name="critical", matchers=(Matcher("severity=critical"),), steps=STEPS[:2]),
    Policy(name="others", steps=STEPS[:1]),
)
"""Critical alerts call, others are only shown."""


def take_on(office: Office, incident_id: int = 1) -> None:
    """Acknowledge, as a button does."""
    request = actions.Request(action="acknowledge", incident_id=incident_id, by="ana", via="http")
    office.write(
        lambda connection: actions.perform(connection, request, now=office.clock(), means=actions.Means())
    )


def test_an_acknowledgement_ends_when_another_policy_takes_over(office: Office) -> None:
    """Ana has taken on the warning and not the critical alert that joins it: that one calls, and says why."""
    office.policies = CRITICAL_FIRST
    office.restart()
    office.record(webhook(alert("a")))
    take_on(office)
    office.pass_(HOUR)
    office.record(webhook(alert("a"), alert("b", severity="critical")))
    (incident,) = office.rows("SELECT acknowledged_at, acknowledged_by FROM incidents")
    assert incident == {"acknowledged_at": None, "acknowledged_by": None}
    (line,) = office.rows("SELECT detail FROM audit WHERE kind = 'acknowledgement_lifted'")
    assert json.loads(line["detail"]) == {"names": ["ana"], "count": 1, "reason": "it has become more urgent"}
    office.pass_(300)
    assert office.told() == ["slack", "pagerduty"]


def test_an_acknowledgement_of_a_critical_alert_outlasts_its_flapping(office: Office) -> None:
    """It ended and came back while the group went on: whoever took it on still has it."""
    office.policies = CRITICAL_FIRST
    office.restart()
    office.record(webhook(alert("a"), alert("b", severity="critical")))
    take_on(office)
    office.record(webhook(alert("a"), alert("b", "resolved", severity="critical")))
    office.pass_(HOUR)
    office.record(webhook(alert("a"), alert("b", severity="critical", starts_at="2026-01-01T00:50:00Z")))
    office.pass_(HOUR)
    assert office.told() == ["slack"]
    assert office.rows("SELECT acknowledged_by FROM incidents") == [{"acknowledged_by": "ana"}]


def test_an_acknowledgement_stands_under_the_same_policy(office: Office) -> None:
    """Nobody else would be called: what is told is told already."""
    office.record(webhook(alert("a")))
    take_on(office)
    office.record(webhook(alert("a"), alert("b", severity="critical")))
    office.pass_(HOUR)
    assert office.told() == ["slack"]


def test_an_acknowledged_digest_does_not_hide_what_turns_critical(office: Office) -> None:
    """It joined after somebody had taken the digest on, and is more urgent than anything in it."""
    office.policies = CRITICAL_FIRST
    office.restart()
    for name in "abcxyz":  # enough for the storm to go on
        office.record(webhook(alert(name), group_key=name))
    storm = StormPolicy(backlog=2)
    office.write(lambda connection: digest.fold(connection, "slack", now=office.clock(), policy=storm))
    (row,) = office.rows("SELECT incident_id FROM digests")
    take_on(office, row["incident_id"])
    office.record(webhook(alert("d"), group_key="d"))
    office.write(lambda connection: digest.fold(connection, "slack", now=office.clock(), policy=storm))
    joined = office.rows("SELECT 1 FROM members WHERE incident_id = ?", row["incident_id"] + 1)
    assert len(joined) == 1
    office.record(webhook(alert("d"), alert("e", severity="critical"), group_key="d"))
    office.pass_(300)
    assert office.told(row["incident_id"] + 1) == ["slack", "pagerduty"]


def test_what_no_policy_matches_goes_to_its_source(office: Office) -> None:
    """As without any policy."""
    office.policies = (Policy(name="east", sources=("east",), steps=(Step(to=("email",)),)),)
    office.restart()
    office.record(webhook(alert("a")))
    assert office.told() == ["slack"]


def test_a_policy_that_was_taken_out_leaves_nobody_untold(office: Office) -> None:
    """Its incidents go to the destinations of their source."""
    office.policies = (Policy(name="night", steps=STEPS, quiet_hours=NIGHT),)
    office.restart()
    office.record(webhook(alert("a")))
    assert office.told() == []
    office.policies = ()
    office.restart()
    office.look()
    assert office.told() == ["slack"]
    assert office.rows("SELECT * FROM timers") == []


def test_quiet_hours_end_with_one_digest_of_what_still_fires(office: Office) -> None:
    """Three were held, one of them is over: one message tells of two, and their next steps come later."""
    office.policies = (Policy(name="night", steps=STEPS, quiet_hours=NIGHT),)
    office.restart()
    for name in "abc":
        office.record(webhook(alert(name), group_key=name))
    office.record(webhook(alert("x", severity="critical"), group_key="x"))
    office.record(webhook(alert("c", "resolved"), group_key="c"))
    assert [office.told(number) for number in (1, 2, 3, 4)] == [[], [], [], ["slack"]]
    office.acknowledge(4)
    office.pass_(7 * HOUR)
    (digest,) = office.rows("SELECT * FROM digests")
    assert digest["kind"] == "catch_up"
    members = office.rows("SELECT incident_id FROM members")
    assert [row["incident_id"] for row in members] == [1, 2]
    waiting = office.rows("SELECT incident_id FROM waiting WHERE destination = 'slack'")
    assert [row["incident_id"] for row in waiting] == [4, digest["incident_id"]]
    office.pass_(300)
    assert office.told(1) == ["slack", "pagerduty"]
    assert office.told(3) == []


def test_what_turns_critical_in_quiet_hours_is_told_at_once(office: Office) -> None:
    """By the policy that has held it; the next step counts from then, and not from before."""
    office.policies = (Policy(name="night", steps=STEPS, quiet_hours=NIGHT),)
    office.restart()
    office.record(webhook(alert("a")))
    office.pass_(HOUR)
    assert office.told() == []
    office.record(webhook(alert("a"), alert("b", severity="critical")))
    assert office.told() == ["slack"]
    assert office.rows("SELECT * FROM digests") == []
    office.pass_(300)
    assert office.told() == ["slack", "pagerduty"]
    office.pass_(600)
    assert office.told() == ["slack", "pagerduty", "email"]


def test_a_repeat_asks_again_with_a_line_in_the_thread(office: Office) -> None:
    """The same row, a newer version."""
    office.policies = (Policy(name="all", steps=STEPS[:1], repeat=HOUR),)
    office.restart()
    office.record(webhook(alert("a")))
    office.pass_(2 * HOUR)
    (row,) = office.rows("SELECT * FROM deliveries")
    assert row["want_version"] == 3
    assert [entry["kind"] for entry in office.rows("SELECT kind FROM audit WHERE kind = 'escalated'")] == [
        "escalated"
    ] * 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.sampled_from(["wait", "long wait", "restart", "ahead", "back", "acknowledge", "resolve"]),
        max_size=12,
    )
)
def test_whatever_happens_in_between_nobody_is_called_wrongly(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    """None after an acknowledgement or an end, none twice, none lost; with the real database."""
    office = Office(tmp_path_factory.mktemp("state"))
    office.record(webhook(alert("a")))
    over = False
    for event in events:
        before = office.told()
        if event == "restart":
            office.restart()
        elif event in ("ahead", "back"):
            office.clock.pass_(HOUR if event == "ahead" else -HOUR)
        elif event == "acknowledge":
            office.acknowledge()
            over = True
        elif event == "resolve":
            office.record(webhook(alert("a", "resolved")))
            over = True
        office.pass_(120 if event == "wait" else 600 if event == "long wait" else 1)
        assert not over or office.told() == before
    if not over:
        office.pass_(2 * HOUR)
        assert office.told() == ["slack", "pagerduty", "email"]
    assert len(set(office.told())) == len(office.told())
    office.database.close()


def test_digests_are_not_mistaken_for_forgotten_incidents(office: Office) -> None:
    """They have no alerts of their own, and end with their members."""
    office.policies = (Policy(name="night", steps=STEPS[:1], quiet_hours=NIGHT),)
    office.restart()
    office.record(webhook(alert("a")))
    office.pass_(7 * HOUR)
    office.clock.pass_(7 * 24 * HOUR)
    office.record(webhook(alert("a")))
    office.write(lambda connection: incidents.maintain(connection, now=office.clock(), policy=StatePolicy()))
    digest = office.rows("SELECT closed_at FROM incidents WHERE source = 'bridge'")
    assert digest == [{"closed_at": None}]
