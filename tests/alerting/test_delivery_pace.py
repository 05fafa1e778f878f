"""How fast a destination is told: token buckets, 429s, and what a new process knows of them."""

from __future__ import annotations

import email.utils
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from alerting.calls import Letter, Outcome, Receiver, Search
from alerting.delivery import DeliveryPolicy
from alerting.pacing import Pace
from alerting.testing import Fault, alert, webhook
from alerting.timekeeper import Timekeeper
from alerting.timers import Plan

if TYPE_CHECKING:
    from .conftest import Clock, Desk

SLOW = DeliveryPolicy()
"""The pace of a real channel."""


def titles(desk: Desk) -> list[str]:
    """The headlines of all root messages, oldest first."""
    return [str(root.body["blocks"][0]["text"]["text"]) for root in desk.slack.workspace.roots()]


@pytest.mark.parametrize("header", ["1", "30", "1.5", "date", None])
def test_no_call_comes_before_the_time_that_slack_asked_for(desk: Desk, header: str | None) -> None:
    """Retry-After as a number, a decimal, a date, or not at all: that channel waits, then goes on."""
    asked = {"1": 1.0, "30": 30.0, "1.5": 1.5, "date": 60.0, None: 30.0}[header]
    shown = email.utils.formatdate(desk.clock() + 60, usegmt=True) if header == "date" else header
    desk.slack.faults.add(
        Fault(method="chat.postMessage", status=429, error="ratelimited", retry_after=shown)
    )
    desk.state.record(webhook(alert("a")))
    assert desk.sender.step() == 0
    started = desk.clock()
    desk.settle(patience=asked - 0.01)
    assert desk.slack.workspace.calls["chat.postMessage"] == 1
    desk.settle(patience=asked + 1.0)  # at half its pace, a call takes two seconds to earn
    assert titles(desk)
    assert desk.clock() - started >= asked
    assert desk.metric("bridge_deliveries_total", outcome="retry", reason="rate_limited") == 1


def test_a_429_survives_a_restart(desk: Desk, desk_of: Callable[..., Desk]) -> None:
    """A new process knows what the old one was told."""
    desk.slack.faults.add(Fault(status=429, error="ratelimited", retry_after="20"))
    desk.state.record(webhook(alert("a")))
    desk.sender.step()
    again = desk_of()
    again.settle(patience=19.0)
    assert titles(again) == []
    again.settle(patience=2.0)
    assert len(titles(again)) == 1


def test_a_channel_is_slower_after_a_429_also_for_a_new_process(desk_of: Callable[..., Desk]) -> None:
    """One post every two seconds instead of one a second: the limit is found and not run into again."""
    desk = desk_of(policy=SLOW)
    desk.slack.faults.add(Fault(status=429, error="ratelimited", retry_after="1"))
    for number in range(8):
        desk.state.record(webhook(alert(str(number)), group_key=str(number)))
    desk.sender.step()
    again = desk_of(policy=SLOW)
    again.settle(patience=60.0, limit=100)
    times = [root.versions[0][0] for root in again.slack.workspace.roots()]
    assert len(times) == 8
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] == pytest.approx(2.0, abs=0.05)


def test_updates_go_on_while_posts_must_wait(desk: Desk) -> None:
    """A 429 of posts does not silence what is already told."""
    desk.state.record(webhook(alert("a"), group_key="one"))
    desk.settle()
    desk.slack.faults.add(Fault(method="chat.postMessage", status=429, error="ratelimited", retry_after="60"))
    desk.state.record(webhook(alert("b"), group_key="two"))
    desk.settle()
    desk.state.record(webhook(alert("a", annotations={"summary": "new words"}), group_key="one"))
    desk.settle()
    assert "new words" in str(desk.slack.workspace.roots()[0].body)
    assert len(titles(desk)) == 1


def test_a_channel_is_paced_ahead_of_slacks_own_limit(desk_of: Callable[..., Desk]) -> None:
    """Twenty groups into a channel that takes one post a second: not one 429."""
    desk = desk_of(policy=SLOW)
    desk.slack.workspace.pace = None
    for number in range(20):
        desk.state.record(webhook(alert(str(number)), group_key=str(number)))
    started = desk.clock()
    desk.settle(patience=60.0, limit=200)
    assert len(titles(desk)) == 20
    assert desk.slack.workspace.messages[-1].versions[0][0] - started == pytest.approx(17.0)


@dataclass
class Late:
    """A receiver behind a slow network: each call arrives after so many seconds."""

    behind: Receiver
    clock: Clock
    delays: Iterator[float]
    editable: bool = True
    repeatable: bool = False

    def send(self, letter: Letter) -> Outcome:
        self.clock.pass_(next(self.delays))
        return self.behind.send(letter)

    def find(self, letter: Letter) -> Search:
        return self.behind.find(letter)


def test_a_call_that_arrives_late_is_not_followed_too_soon(desk_of: Callable[..., Desk]) -> None:
    """Slack counts calls when they arrive: a quick one after a late one is still a second after it."""
    desk = desk_of(policy=SLOW)
    desk.slack.workspace.pace = Pace(per_second=1.0, burst=3.0)
    late = Late(desk.sender.destination.receiver, desk.clock, itertools.chain([0.9], itertools.repeat(0.0)))
    desk.sender.destination = replace(desk.sender.destination, receiver=late)
    for number in range(8):
        desk.state.record(webhook(alert(str(number)), group_key=str(number)))
    desk.settle(patience=60.0, limit=100)
    assert len(titles(desk)) == 8
    assert desk.slack.workspace.counters().rate_limited == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="chat.postMessage", status=429, error="ratelimited", retry_after="60"),
        Fault(method="chat.postMessage", status=200, error="an_error_nobody_has_heard_of"),
        Fault(method="chat.postMessage", status=503, error="service_unavailable", retry_after="60"),
    ],
    ids=["of a channel", "of a message", "of a destination"],
)
@pytest.mark.parametrize("set_by", [-7_200.0, -1_800.0, 7_200.0])
def test_a_clock_that_is_set_lengthens_no_wait(desk: Desk, fault: Fault, set_by: float) -> None:
    """What was to be tried in a minute is tried in a minute, not after the clock has caught up."""
    uptime = 1_000.0
    timekeeper = Timekeeper(
        database=desk.state.database,
        metrics=desk.metrics,
        plan=Plan(destinations={"default": ("slack",)}),
        clock=desk.clock,
        monotonic=lambda: uptime,
    )
    timekeeper.start()
    desk.slack.faults.add(fault)
    desk.state.record(webhook(alert("a")))
    assert desk.sender.step() == 0
    desk.clock.pass_(set_by)
    timekeeper.step()
    desk.settle(patience=62.0)
    assert len(titles(desk)) == 1
