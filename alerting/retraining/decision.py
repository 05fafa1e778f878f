"""Whether a retraining runs now, waits or never runs: facts and policy -> a decision with reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from .cause import Cause, Strategy
from .policy import Kind, ModelPolicy, Trigger

Quality = Literal["ok", "broken", "unknown"]
Verdict = Literal["run", "wait", "refuse"]

WAITS: Final = ("busy", "quality_broken", "quality_unknown", "cooldown", "budget", "few_rows", "rows_unknown")
REFUSALS: Final = ("unknown_model", "no_trigger", "answered", "cause_over", "patience")
REASONS: Final = {"run": ("ready", "retry"), "wait": WAITS, "refuse": REFUSALS}
"""Codes of the first reason of each verdict, fit for a metric's label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, as a code and in words; `until` is when it may have passed, if that is known."""

    code: str
    words: str
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A run of the model that has begun before."""

    run_id: int
    trigger_name: str
    at: float
    succeeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when a decision is made.

    Attributes
    ----------
    cause : Cause
    requested_at : float
        Seconds since 1970.
    attempts : int
        Of this cause so far; what failed and is tried again has passed the brakes of time and money before.
    quality : str
        Of the model's data now.
    labelled_rows : float or None
        With outcomes since the change began; None if nobody knows.
    firing : frozenset of str or None
        Names of the model's alerts that fire now; None if nobody knows.
    busy : int or None
        Another run of the model that is under way.
    starts : tuple of Start
        Runs of the model, without this cause's, in the order of time.
    """

    cause: Cause
    requested_at: float
    attempts: int = 0
    quality: Quality = "unknown"
    labelled_rows: float | None = None
    firing: frozenset[str] | None = None
    busy: int | None = None
    starts: tuple[Start, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, and why.

    Attributes
    ----------
    verdict : str
    reasons : tuple of Reason
        At least one; the first is the one that counts.
    trigger_name : str
        Empty if none answers the cause.
    kind : str or None
        The trigger's.
    strategy : str or None
        Of a run.
    look_at : float or None
        When to decide again, of one that waits.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    trigger_name: str = ""
    kind: Kind | None = None
    strategy: Strategy | None = None
    look_at: float | None = None


def decide(facts: Facts, policy: ModelPolicy | None, now: float) -> Decision:
    """Whether to retrain.

    Parameters
    ----------
    facts : Facts
    policy : ModelPolicy or None
        None for a model that the configuration does not have.
    now : float
        Seconds since 1970.

    Returns
    -------
    Decision
    """
    cause = facts.cause
    if policy is None:
        return _refused("unknown_model", f"model_name: found {cause.model_name!r}, need a configured model")
    trigger = policy.trigger_for(cause)
    if trigger is None:
        what = ", ".join(cause.alert_names) or cause.origin
        return _refused("no_trigger", f"triggers of {policy.name}: none answers {what}")
    over = _over(facts, policy, trigger, now)
    if over is not None:
        return Decision(verdict="refuse", reasons=(over,), trigger_name=trigger.name, kind=trigger.kind)
    waits = tuple(_waits(facts, policy, trigger, now))
    patient_until = facts.requested_at + policy.brakes.patience
    hopeless = [wait for wait in waits if wait.until is not None and wait.until > patient_until]
    if waits and (now >= patient_until or hopeless):
        words = f"the brakes will hold for longer than {_span(policy.brakes.patience)}"
        if now >= patient_until:
            words = f"the brakes have held for {_span(policy.brakes.patience)}"
        reasons = (Reason(code="patience", words=words), *waits)
        return Decision(verdict="refuse", reasons=reasons, trigger_name=trigger.name, kind=trigger.kind)
    if waits:
        look_at = min(max(now + policy.brakes.recheck, *(wait.until or 0.0 for wait in waits)), patient_until)
        return Decision(
            verdict="wait", reasons=waits, trigger_name=trigger.name, kind=trigger.kind, look_at=look_at
        )
    return Decision(
        verdict="run",
        reasons=(_ready(facts),),
        trigger_name=trigger.name,
        kind=trigger.kind,
        strategy=policy.strategy_for(cause, trigger),
    )


def _over(facts: Facts, policy: ModelPolicy, trigger: Trigger, now: float) -> Reason | None:
    """Why a cause needs no run any more."""
    cause = facts.cause
    if cause.origin == "manual" or facts.attempts:
        return None
    newest = next((start for start in reversed(facts.starts) if start.succeeded), None)
    if newest is not None and newest.at >= facts.requested_at and cause.origin != "schedule":
        words = f"run {newest.run_id} began after this was asked for, and succeeded"
        return Reason(code="answered", words=words)
    heard = set(cause.alert_names) & set(trigger.alert_names)
    waited = now - facts.requested_at >= policy.brakes.recheck
    # At first an alert may not yet be seen by whoever is asked; a report is no alert.
    if cause.origin == "alert" and facts.firing is not None and waited and not heard & facts.firing:
        return Reason(code="cause_over", words=f"{', '.join(sorted(heard))}: no longer firing")
    return None


def _waits(facts: Facts, policy: ModelPolicy, trigger: Trigger, now: float) -> Iterator[Reason]:
    """Every brake that holds."""
    brakes, cause = policy.brakes, facts.cause
    if facts.busy is not None:
        yield Reason(code="busy", words=f"run {facts.busy} of {policy.name} is under way")
    if facts.quality == "broken":
        yield Reason(code="quality_broken", words="the data is broken; a model must not learn from it")
    elif facts.quality == "unknown" and brakes.unknown_quality == "wait":
        yield Reason(code="quality_unknown", words="nobody knows whether the data is sound")
    if facts.attempts:
        return
    last = facts.starts[-1].at if facts.starts else None
    if last is not None and cause.origin != "manual" and now < last + brakes.cooldown:
        yield _cooldown(f"{policy.name}: last run", last, brakes.cooldown)
    own = max((start.at for start in facts.starts if start.trigger_name == trigger.name), default=None)
    if own is not None and now < own + trigger.cooldown:
        yield _cooldown(f"trigger {trigger.name}: last run", own, trigger.cooldown)
    recent = [start.at for start in facts.starts if start.at > now - brakes.budget_period]
    if len(recent) >= brakes.budget_runs:
        words = f"{len(recent)} runs in {_span(brakes.budget_period)}, {brakes.budget_runs} are allowed"
        yield Reason(code="budget", words=words, until=recent[-brakes.budget_runs] + brakes.budget_period)
    if brakes.minimum_labelled_rows and facts.labelled_rows is None:
        words = f"labelled rows since the change: nobody knows, need {brakes.minimum_labelled_rows}"
        yield Reason(code="rows_unknown", words=words)
    elif facts.labelled_rows is not None and facts.labelled_rows < brakes.minimum_labelled_rows:
        found = f"found {facts.labelled_rows:.0f}, need {brakes.minimum_labelled_rows}"
        yield Reason(code="few_rows", words=f"labelled rows since the change: {found}")


def _cooldown(what: str, at: float, seconds: float) -> Reason:
    return Reason(
        code="cooldown",
        words=f"{what} began {_moment(at)}, cooldown {_span(seconds)}",
        until=at + seconds,
    )


def _ready(facts: Facts) -> Reason:
    rows = "unknown" if facts.labelled_rows is None else f"{facts.labelled_rows:.0f}"
    checked = f"data {facts.quality}, labelled rows {rows}, {len(facts.starts)} earlier runs"
    if facts.attempts:
        return Reason(code="retry", words=f"attempt {facts.attempts} failed; {checked}")
    return Reason(code="ready", words=f"no brake holds: {checked}")


def _refused(code: str, words: str) -> Decision:
    return Decision(verdict="refuse", reasons=(Reason(code=code, words=words),))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _span(seconds: float) -> str:
    return f"{seconds / 86_400:g} d" if seconds >= 86_400 else f"{seconds / 3_600:g} h"
