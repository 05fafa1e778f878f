from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from alerting import heartbeats, payload
from alerting.access import Gate
from alerting.heartbeats import Heartbeat
from alerting.intake import Intake, Source
from alerting.matchers import Matcher
from alerting.metrics import BridgeMetrics
from alerting.testing import FakeSlack, alert, webhook
from alerting.timekeeper import Timekeeper
from alerting.timers import Plan

if TYPE_CHECKING:
    from .conftest import BridgeProcess, State

WATCHDOG = Heartbeat(name="watchdog", matchers=(Matcher("alertname=Watchdog"),), deadline=300.0)
BEAT = webhook(alert("w", labels={"alertname": "Watchdog", "severity": "none"}), group_key="watchdog")


@dataclass
class Station:
    """Intake and timekeeper on one state."""

    state: State

    def __post_init__(self) -> None:
        self.metrics = BridgeMetrics(["default"], ["slack"])
        self.intake = Intake(
            sources={"default": Source(name="default", destinations=("slack",), gate=Gate([]))},
            database=self.state.database,
            metrics=self.metrics,
            beats=(WATCHDOG,),
            clock=self.state.clock,
        )
        self.start()

    def start(self) -> None:
        """Start the timekeeper, as after a restart."""
        self.timekeeper = Timekeeper(
            database=self.state.database,
            metrics=self.metrics,
            plan=Plan(destinations={"default": ("slack",)}),
            beats=(WATCHDOG,),
            clock=self.state.clock,
            monotonic=self.state.clock,
        )
        self.timekeeper.start()

    def post(self, raw: bytes) -> int:
        """Post to the intake."""

        async def call() -> int:
            transport = httpx.ASGITransport(Starlette(routes=list(self.intake.routes())))
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return (await client.post("/alertmanager", content=raw)).status_code

        return asyncio.run(call())

    def listen(self, seconds: float) -> None:
        """Let time pass, looking every ten seconds."""
        for _ in range(int(seconds / 10)):
            self.state.clock.pass_(10)
            self.timekeeper.step()


@pytest.fixture
def station(state: State) -> Station:
    """A bridge that listens for the Watchdog."""
    return Station(state)


def test_a_heartbeat_opens_nothing_and_is_remembered(station: Station) -> None:
    """It would be a message that never ends."""
    assert station.post(BEAT) == 200
    assert station.state.incidents() == []
    (row,) = station.state.rows("SELECT * FROM heartbeats")
    assert row["seen_at"] == station.state.clock()


def test_other_alerts_of_the_same_notification_are_told(station: Station) -> None:
    """A group may hold more than the signal."""
    watchdog = alert("w", labels={"alertname": "Watchdog", "severity": "none"})
    station.post(webhook(watchdog, alert("a")))
    assert [row["fingerprint"] for row in station.state.rows("SELECT fingerprint FROM episodes")] == ["a"]


def test_a_signal_that_stops_is_one_incident_until_it_comes_back(station: Station) -> None:
    """Within its deadline and one look; with the end when it is heard again."""
    station.post(BEAT)
    station.listen(290)
    assert station.state.incidents() == []
    station.listen(20)
    (incident,) = station.state.incidents()
    assert (incident["source"], incident["rank"], incident["closed_at"]) == ("bridge", 0, None)
    assert station.state.rows("SELECT destination FROM deliveries") == [{"destination": "slack"}]
    station.listen(2 * 3_600)
    assert len(station.state.incidents()) == 1
    station.post(BEAT)
    station.listen(10)
    assert station.state.incidents()[0]["close_reason"] == "resolved"
    station.state.rows("UPDATE deliveries SET sent_version = want_version, told_line = want_line")
    station.listen(310)
    assert [row["closed_at"] is None for row in station.state.incidents()] == [False, True]


def test_a_signal_that_never_came_is_missed_too(station: Station) -> None:
    """A route that was never made looks like one that broke."""
    station.listen(310)
    assert len(station.state.incidents()) == 1


def test_a_resolved_watchdog_is_no_heartbeat(station: Station) -> None:
    """It says that the rule is gone."""
    ended = alert("w", "resolved", labels={"alertname": "Watchdog", "severity": "none"})
    assert station.post(webhook(ended)) == 200
    assert station.state.rows("SELECT seen_at FROM heartbeats") == [{"seen_at": None}]


def test_a_restart_costs_no_more_than_it_took(station: Station) -> None:
    """The deadline goes on where it was."""
    station.post(BEAT)
    station.listen(200)
    station.state.clock.pass_(15)
    station.start()
    station.listen(80)
    assert station.state.incidents() == []
    station.listen(20)
    assert len(station.state.incidents()) == 1


def test_an_hour_away_or_a_clock_that_jumps_pages_nobody(station: Station) -> None:
    """While the bridge could not listen, a signal cannot be missed."""
    station.post(BEAT)
    station.state.clock.pass_(3_600)
    station.start()
    station.listen(200)
    station.state.clock.pass_(-3_600)
    station.listen(50)
    assert station.state.incidents() == []


def test_a_signal_that_is_no_longer_configured_is_forgotten(station: Station) -> None:
    """Its row would be missed for ever."""
    station.state.database.write(lambda connection: heartbeats.register(connection, [], 0.0)).result()
    assert station.state.rows("SELECT * FROM heartbeats") == []


def test_the_incident_of_a_signal_that_is_no_longer_configured_ends(station: Station) -> None:
    """Nothing would ever be heard of it again; that is said, and its severity stays what it was."""
    station.listen(310)
    station.timekeeper.beats = (replace(WATCHDOG, name="alive"),)
    station.timekeeper.start()
    (incident,) = station.state.incidents()
    assert (incident["close_reason"], incident["ended_at"]) == ("resolved", station.state.clock())
    assert json.loads(incident["labels"])["severity"] == "critical"
    assert "no longer configured" in incident["annotations"]
    assert station.state.rows("SELECT want_version, closed FROM deliveries") == [
        {"want_version": 2, "closed": 1}
    ]


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_a_signal_that_was_an_alert_before_ends_as_one(station: Station, status: str) -> None:
    """Its incident was opened before it became a heartbeat, and nothing else would end it."""
    station.state.record(BEAT)
    labels = {"alertname": "Watchdog", "severity": "none"}
    assert station.post(webhook(alert("w", status, labels=labels), group_key="watchdog")) == 200
    assert [row["close_reason"] for row in station.state.incidents()] == ["resolved"]
    (beat,) = station.state.rows("SELECT seen_at FROM heartbeats")
    assert (beat["seen_at"] is not None) is (status == "firing")
    assert station.post(BEAT) == 200
    assert len(station.state.incidents()) == 1


def test_without_heartbeats_a_watchdog_is_an_alert_like_any_other() -> None:
    """Nothing is set aside that nobody asked for."""
    notification = payload.parse(BEAT)
    assert heartbeats.split(notification, ()) == ([], notification)


CONFIG = """
state: {directory: state}
slack: {connect_timeout_seconds: 1, read_timeout_seconds: 1}
heartbeats: {watchdog: {match: ['alertname="Watchdog"'], deadline: 30s}}
escalation: [{name: all, steps: [{to: [slack]}]}]
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""


@pytest.mark.slow
def test_a_watchdog_that_stops_is_told_although_the_bridge_restarts(
    bridge: Callable[..., BridgeProcess], live_slack: FakeSlack, eventually: Callable[..., Any]
) -> None:
    """One page within the deadline and half a minute, by real processes."""
    process = bridge(live_slack, config=CONFIG).start()
    assert process.post(BEAT).status_code == 200
    process.kill()
    process.start()
    eventually(live_slack.workspace.roots, seconds=60)
    (root,) = live_slack.workspace.roots()
    assert "BridgeHeartbeatMissing" in str(root.body)
    assert process.post(BEAT).status_code == 200
    eventually(lambda: "Resolved" in str(live_slack.workspace.roots()[0].body), seconds=20)
