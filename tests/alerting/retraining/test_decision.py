from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.matchers import Matcher
from alerting.retraining.cause import AlertCause
from alerting.retraining.decision import REASONS, Decision, Facts, Start, decide
from alerting.retraining.policy import DAY, Brakes, Trigger

from .conftest import STARTED, cause, policy

NOW = STARTED


def facts(**changes: Any) -> Facts:
    """A cause that nothing holds back."""
    values: dict[str, Any] = {
        "cause": cause(),
        "requested_at": NOW,
        "quality": "ok",
        "labelled_rows": 5_000.0,
        "firing": frozenset({"ModelDriftDetected"}),
        **changes,
    }
    return Facts(**values)


def codes(decision: Decision) -> tuple[str, list[str]]:
    """The verdict and the codes of its reasons."""
    return decision.verdict, [reason.code for reason in decision.reasons]


def start(at: float, *, trigger: str = "drift", succeeded: bool = False) -> Start:
    """An earlier run."""
    return Start(run_id=7, trigger_name=trigger, at=at, succeeded=succeeded)


def test_a_cause_that_nothing_holds_back_runs() -> None:
    """With the trigger that answers it, a strategy, and what was checked."""
    decision = decide(facts(), policy(), NOW)
    assert codes(decision) == ("run", ["ready"])
    assert (decision.trigger_name, decision.kind, decision.strategy) == ("drift", "data_drift", "full")
    assert decision.reasons[0].words == "no brake holds: data ok, labelled rows 5000, 0 earlier runs"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quality": "broken"}, ["quality_broken"]),
        ({"quality": "unknown"}, ["quality_unknown"]),
        ({"busy": 4}, ["busy"]),
        ({"labelled_rows": 999.0}, ["few_rows"]),
        ({"labelled_rows": None}, ["rows_unknown"]),
        ({"starts": (start(NOW - DAY / 2, trigger="other"),)}, ["cooldown"]),
        ({"starts": (start(NOW - DAY / 2),)}, ["cooldown", "cooldown"]),
        ({"starts": tuple(start(NOW - day * DAY) for day in (28, 27, 26, 25))}, ["budget"]),
        ({"quality": "broken", "busy": 4, "labelled_rows": 0.0}, ["busy", "quality_broken", "few_rows"]),
    ],
)
def test_each_brake_makes_it_wait_and_says_why(changes: dict[str, Any], expected: list[str]) -> None:
    """All that hold are told, not only the first."""
    decision = decide(facts(**changes), policy(), NOW)
    assert codes(decision) == ("wait", expected)
    assert decision.look_at is not None
    assert decision.look_at > NOW


def test_a_wait_whose_end_is_known_looks_again_then() -> None:
    """A cooldown is not asked about every minute."""
    decision = decide(facts(starts=(start(NOW - DAY / 2),)), policy(), NOW)
    assert decision.look_at == NOW + DAY / 2
    assert decide(facts(quality="broken"), policy(), NOW).look_at == NOW + 60


def test_a_brake_that_outlasts_patience_refuses_at_once() -> None:
    """And one that holds until patience ends refuses then, with the brake beside it."""
    brakes = Brakes(cooldown=30 * DAY)
    decision = decide(facts(starts=(start(NOW - DAY, trigger="x"),)), policy(brakes=brakes), NOW)
    assert codes(decision) == ("refuse", ["patience", "cooldown"])
    late = decide(facts(labelled_rows=0.0), policy(), NOW + 7 * DAY)
    assert codes(late) == ("refuse", ["patience", "few_rows"])
    assert late.reasons[1].words == "labelled rows since the change: found 0, need 1000"


def test_the_budget_frees_when_the_oldest_run_that_counts_leaves_the_period() -> None:
    """Four in thirty days: the fourth newest decides."""
    starts = tuple(start(NOW - day * DAY) for day in (29, 28, 27, 26, 25))
    decision = decide(facts(starts=starts), policy(), NOW)
    assert decision.reasons[0].until == NOW + 2 * DAY


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_name": "other"}, "no_trigger"),
        ({"alerts": (AlertCause(name="ModelLatencyBurn", labels={}),)}, "no_trigger"),
        ({"alerts": ()}, "no_trigger"),
        ({"origin": "schedule", "trigger_name": "weekly"}, "no_trigger"),
    ],
)
def test_what_no_trigger_answers_is_refused(changes: dict[str, Any], code: str) -> None:
    """Also a model that is not configured, which has no policy."""
    assert codes(decide(facts(cause=cause(**changes)), None, NOW)) == ("refuse", ["unknown_model"])
    if "model_name" not in changes:
        assert codes(decide(facts(cause=cause(**changes)), policy(), NOW)) == ("refuse", [code])


@pytest.mark.parametrize(
    ("trigger", "answers"),
    [
        ({"features": ("dep_hour",)}, True),
        ({"features": ("distance",)}, False),
        ({"matchers": (Matcher('feature_name=~"dep_.+"'),)}, True),
        ({"matchers": (Matcher('team="ml"'),)}, False),
        ({"alert_names": ("Other",)}, False),
        ({"kind": "manual"}, False),
    ],
)
def test_only_drift_of_critical_features_is_a_cause(trigger: dict[str, Any], answers: bool) -> None:
    """Name, labels and feature all have to fit the same alert."""
    values = {"name": "t", "kind": "data_drift", "alert_names": ("ModelDriftDetected",), **trigger}
    decision = decide(facts(), policy(triggers=(Trigger(**values),)), NOW)
    assert (decision.verdict == "run") == answers


def test_a_wish_ignores_the_cooldown_and_no_other_brake() -> None:
    """A person may be in a hurry, but not train on broken data, without labels or without money."""
    wish = cause(origin="manual", by="ana", alerts=())
    assert decide(facts(cause=wish, starts=(start(NOW - 60),)), policy(), NOW).verdict == "run"
    for changes in (
        {"quality": "broken"},
        {"labelled_rows": 0.0},
        {"busy": 3},
        {"starts": tuple(start(NOW - day * DAY) for day in (4, 3, 2, 1))},
    ):
        assert decide(facts(cause=wish, **changes), policy(), NOW).verdict != "run"


def test_a_cause_that_is_over_or_answered_is_refused() -> None:
    """An alert that went out while it waited, or a run that began after it was asked for and succeeded."""
    waiting = facts(requested_at=NOW - 3_600, firing=frozenset())
    assert codes(decide(waiting, policy(), NOW)) == ("refuse", ["cause_over"])
    assert decide(facts(firing=frozenset()), policy(), NOW).verdict == "run"
    assert decide(dataclasses.replace(waiting, firing=None), policy(), NOW).verdict == "run"
    answered = facts(requested_at=NOW - 2 * DAY, starts=(start(NOW - DAY, succeeded=True),))
    assert codes(decide(answered, policy(), NOW)) == ("refuse", ["answered"])


def test_a_retry_passes_only_the_brakes_of_danger() -> None:
    """Data that broke since the first attempt holds it; time, money and labels were checked then."""
    again = facts(attempts=1, labelled_rows=None, starts=(start(NOW - 60),))
    assert codes(decide(again, policy(), NOW)) == ("run", ["retry"])
    assert codes(decide(dataclasses.replace(again, quality="broken"), policy(), NOW)) == (
        "wait",
        ["quality_broken"],
    )


@pytest.mark.parametrize(
    ("changes", "own", "strategy"),
    [
        ({}, {}, "full"),
        ({}, {"strategies": {"warning": "incremental"}}, "incremental"),
        ({"severity": "critical"}, {"strategies": {"warning": "incremental"}}, "full"),
        (
            {"origin": "manual", "strategy": "feature_selection"},
            {"strategies": {"warning": "incremental"}},
            "feature_selection",
        ),
    ],
)
def test_the_strategy_follows_severity_unless_a_person_chose(
    changes: dict[str, Any], own: dict[str, Any], strategy: str
) -> None:
    """A trigger with a strategy of its own comes between the two."""
    assert decide(facts(cause=cause(**changes)), policy(**own), NOW).strategy == strategy
    trigger = Trigger(
        name="t", kind="data_drift", alert_names=("ModelDriftDetected",), strategy="incremental"
    )
    if changes.get("origin") != "manual":
        assert decide(facts(), policy(**own, triggers=(trigger,)), NOW).strategy == "incremental"


@given(
    quality=st.sampled_from(["ok", "broken", "unknown"]),
    labelled=st.none() | st.floats(0, 1e6),
    busy=st.none() | st.integers(1, 9),
    attempts=st.integers(0, 3),
    ages=st.lists(st.floats(0, 60 * DAY), max_size=8),
    succeeded=st.booleans(),
    waited=st.floats(0, 10 * DAY),
    origin=st.sampled_from(["alert", "report", "manual"]),
    firing=st.none() | st.sampled_from([frozenset(), frozenset({"ModelDriftDetected"})]),
)
def test_no_facts_make_it_run_on_broken_data_or_beside_another_run(
    *,
    quality: Any,
    labelled: float | None,
    busy: int | None,
    attempts: int,
    ages: list[float],
    succeeded: bool,
    waited: float,
    origin: Any,
    firing: Any,
) -> None:
    """Every decision has a known reason; one that waits looks again later and within its patience."""
    own = policy()
    starts = tuple(start(NOW - age, succeeded=succeeded) for age in sorted(ages, reverse=True))
    known = facts(
        cause=cause(origin=origin),
        requested_at=NOW - waited,
        attempts=attempts,
        quality=quality,
        labelled_rows=labelled,
        busy=busy,
        firing=firing,
        starts=starts,
    )
    decision = decide(known, own, NOW)
    assert decision.reasons[0].code in REASONS[decision.verdict]
    if decision.verdict == "run":
        assert quality == "ok"
        assert busy is None
        recent = [at for at in starts if at.at > NOW - own.brakes.budget_period]
        assert attempts or len(recent) < own.brakes.budget_runs
        assert attempts or (labelled is not None and labelled >= own.brakes.minimum_labelled_rows)
    if decision.verdict == "wait":
        assert decision.look_at is not None
        assert NOW < decision.look_at <= NOW - waited + own.brakes.patience
