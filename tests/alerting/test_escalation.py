from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.escalation import (
    DEFAULT_STALE_SECONDS,
    Facts,
    Over,
    Policy,
    Progress,
    Step,
    Tell,
    Wait,
    choose,
    decide,
)
from alerting.hours import Hours
from alerting.matchers import Matcher

START = 1_767_225_600.0
"""2026-01-01 00:00 UTC, a Thursday."""
HOUR = 3_600.0
UTC = ZoneInfo("UTC")
OFFICE = Hours(zone=UTC, days=frozenset(range(5)), begin=9 * 60, end=17 * 60)
NIGHT = Hours(zone=UTC, days=frozenset(range(7)), begin=22 * 60, end=7 * 60)

POLICY = Policy(
    name="p",
    steps=(Step(to=("slack",)), Step(to=("pagerduty",), after=300.0), Step(to=("email",), after=900.0)),
)
WARNING = Facts(critical=False)
FIRST = Progress(started_at=START)


def tell(policy: Policy, progress: Progress, facts: Facts, now: float) -> Tell:
    """A decision that must be a step."""
    decision = decide(policy, progress, facts, now)
    assert isinstance(decision, Tell), decision
    return decision


def after(step: Tell) -> Progress:
    """Where it goes on."""
    assert step.then is not None
    return step.then


def test_the_steps_come_at_their_times() -> None:
    """At once, after five and after fifteen minutes from the beginning; then it is over."""
    first = tell(POLICY, FIRST, WARNING, START)
    assert (first.to, first.reason, first.digest) == (("slack",), "opened", False)
    assert decide(POLICY, after(first), WARNING, START) == Wait(until=START + 300)
    second = tell(POLICY, after(first), WARNING, START + 300)
    assert (second.to, second.reason) == (("pagerduty",), "time")
    third = tell(POLICY, after(second), WARNING, START + 950)
    assert (third.to, third.then) == (("email",), None)


@pytest.mark.parametrize(
    ("facts", "stop_on", "over"),
    [
        (replace(WARNING, closed=True), "acknowledged", True),
        (replace(WARNING, closed=True), "resolved", True),
        (replace(WARNING, acknowledged=True), "acknowledged", True),
        (replace(WARNING, acknowledged=True), "resolved", False),
    ],
)
def test_what_ends_it(facts: Facts, stop_on: str, over: bool) -> None:
    """The end always; an acknowledgement unless the policy wants more."""
    policy = replace(POLICY, stop_on="resolved" if stop_on == "resolved" else "acknowledged")
    assert isinstance(decide(policy, Progress(step=1, started_at=START), facts, START + HOUR), Over) is over


def test_it_repeats_after_its_last_step() -> None:
    """The waits of the next round count from there."""
    policy = replace(POLICY, repeat=HOUR)
    last = tell(policy, Progress(step=2, started_at=START), WARNING, START + 900)
    assert last.then == Progress(round=1, started_at=START + 900)
    assert decide(policy, after(last), WARNING, START + 901) == Wait(until=START + 900 + HOUR)
    again = tell(policy, after(last), WARNING, START + 900 + HOUR)
    assert (again.to, again.reason) == (("slack",), "repeat")
    assert decide(policy, after(again), WARNING, START + 900 + HOUR) == Wait(until=START + 900 + HOUR + 300)


def test_who_cannot_be_reached_hands_on_at_once() -> None:
    """And only to the next step: the one after keeps its time."""
    facts = replace(WARNING, unreachable=frozenset({"slack"}))
    step = tell(POLICY, Progress(step=1, started_at=START), facts, START + 1)
    assert (step.to, step.reason) == (("pagerduty",), "unreachable")
    assert decide(POLICY, after(step), facts, START + 1) == Wait(until=START + 900)


def test_one_of_a_step_who_can_be_reached_is_enough() -> None:
    """The next step waits for its time."""
    policy = replace(POLICY, steps=(Step(to=("slack", "chat")), POLICY.steps[1]))
    facts = replace(WARNING, unreachable=frozenset({"slack"}))
    assert isinstance(decide(policy, Progress(step=1, started_at=START), facts, START + 1), Wait)


def test_quiet_hours_hold_what_is_not_critical_and_then_tell_it_together() -> None:
    """What comes next counts from the moment at which people were told."""
    policy = replace(POLICY, quiet_hours=NIGHT)
    wait = decide(policy, FIRST, WARNING, START)
    assert wait == Wait(until=START + 7 * HOUR, held=True)
    held = replace(FIRST, held=True)
    morning = tell(policy, held, WARNING, START + 7 * HOUR)
    assert (morning.to, morning.reason, morning.digest) == (("slack",), "quiet_hours", True)
    assert decide(policy, after(morning), WARNING, START + 7 * HOUR) == Wait(until=START + 7 * HOUR + 300)
    assert isinstance(decide(policy, held, replace(WARNING, closed=True), START + 7 * HOUR), Over)


def test_critical_passes_quiet_hours() -> None:
    """Also when it becomes so while it is held; then it is told by itself."""
    policy = replace(POLICY, quiet_hours=NIGHT)
    assert tell(policy, FIRST, Facts(critical=True), START).digest is False
    assert tell(policy, replace(FIRST, held=True), Facts(critical=True), START + HOUR).digest is False


def test_a_step_waits_for_its_business_hours_unless_a_later_one_is_due_before() -> None:
    """Nobody reads mail at night, and the pager does not wait for it."""
    mail = Step(to=("email",), after=60.0, business_hours=OFFICE)
    pager = Step(to=("pagerduty",), after=600.0)
    at_one = Progress(step=1, started_at=START)
    only = replace(POLICY, steps=(POLICY.steps[0], mail))
    assert decide(only, at_one, WARNING, START + 60) == Wait(until=START + 9 * HOUR)
    both = replace(POLICY, steps=(POLICY.steps[0], mail, pager))
    assert decide(both, at_one, WARNING, START + 60) == Wait(until=START + 600)
    assert tell(both, at_one, WARNING, START + 600).to == ("pagerduty",)
    assert tell(both, at_one, WARNING, START + 10 * HOUR).to == ("email",)


def test_a_silence_is_waited_for() -> None:
    """Whoever silenced it has seen it; if it still fires afterwards, it goes on."""
    facts = replace(WARNING, silenced_until=START + HOUR)
    progress = Progress(step=1, started_at=START)
    assert decide(POLICY, progress, facts, START + 300) == Wait(until=START + HOUR)
    assert tell(POLICY, progress, facts, START + HOUR).digest is False


def test_what_is_overdue_for_too_long_wakes_nobody() -> None:
    """A bridge that comes back after two days tells it in a digest, and goes on from there."""
    progress = Progress(step=1, started_at=START)
    now = START + 300 + DEFAULT_STALE_SECONDS + 1
    step = tell(POLICY, progress, WARNING, now)
    assert (step.reason, step.digest) == ("stale", True)
    assert decide(POLICY, after(step), WARNING, now) == Wait(until=now + 600)
    assert tell(POLICY, progress, WARNING, now - 10).digest is False


def test_the_first_policy_that_matches_counts() -> None:
    """By labels and source."""
    east = replace(POLICY, name="east", sources=("east",))
    critical = replace(POLICY, name="critical", matchers=(Matcher("severity=critical"),))
    policies = (east, critical)
    assert choose(policies, "east", {}) is east
    assert choose(policies, "west", {"severity": "critical"}) is critical
    assert choose(policies, "west", {}) is None


STEPS = st.lists(st.floats(0, 7_200), min_size=1, max_size=4).map(
    lambda waits: tuple(Step(to=(f"d{n}",), after=wait) for n, wait in enumerate(sorted(waits)))
)


@given(
    steps=STEPS,
    looks=st.lists(st.floats(0, 900), min_size=1, max_size=60),
    jumps=st.dictionaries(st.integers(0, 59), st.sampled_from([-HOUR, HOUR]), max_size=3),
    acknowledged_at=st.none() | st.integers(0, 59),
)
def test_no_call_is_lost_doubled_or_made_after_an_acknowledgement(
    steps: tuple[Step, ...], looks: list[float], jumps: dict[int, float], acknowledged_at: int | None
) -> None:
    """However often it is looked at, and with clocks that are an hour wrong in between."""
    policy = replace(POLICY, steps=steps)
    now, progress, told = START, FIRST, list[str]()
    finished = False
    for number, seconds in enumerate([*looks, 3 * HOUR, 3 * HOUR, 3 * HOUR, 3 * HOUR]):
        now += seconds + jumps.get(number, 0.0)
        taken = acknowledged_at is not None and number >= acknowledged_at
        before = len(told)
        while not finished:
            decision = decide(policy, progress, replace(WARNING, acknowledged=taken), now)
            if isinstance(decision, Wait):
                assert now < decision.until <= now + 7_200
                break
            if isinstance(decision, Over):
                finished = True
                break
            told += decision.to
            finished = decision.then is None
            progress = decision.then or progress
        assert not taken or len(told) == before
    names = [step.to[0] for step in steps]
    assert told == names[: len(told)]
    if acknowledged_at is None:
        assert told == names
