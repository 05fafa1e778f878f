"""Who is told of an incident, and when: a policy, where it stands, and the time -> what to do now. Pure.

A policy is a list of steps. Each is due so long after the incident began to be told; an acknowledgement (or
only its end, by `stop_on`) ends the list. What has been decided is written down by `timers` in the same
transaction that reads whether the incident is still open, so nobody is called for what is taken care of.

- A step outside its business hours waits for them, unless a later step is due before: then that comes next.
- Quiet hours keep every step of what is not critical. What still fires at their end is told in one digest,
  what turns critical meanwhile by itself and at once, and the waits go on from there.
- If nobody of the last step can be reached, the next one is due at once.
- A step that is overdue by more than `stale_after` (the bridge was away) calls nobody: it is told in a
  digest.
- A clock that was set back makes no wait longer than it was meant to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from .hours import Hours
from .matchers import Matcher, match_all

DEFAULT_STALE_SECONDS: Final = 86_400.0
"""A day: far above any clock that was an hour wrong, and below the age at which a call surprises."""

REASONS: Final = ("opened", "time", "unreachable", "repeat", "quiet_hours", "stale")
"""Why a step was taken: a closed list, used as a metric label."""

Reason = Literal["opened", "time", "unreachable", "repeat", "quiet_hours", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Destinations to tell, so many seconds after the beginning."""

    to: tuple[str, ...]
    after: float = 0.0
    business_hours: Hours | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What happens with incidents that all `matchers` match.

    Attributes
    ----------
    sources : tuple of str
        Only incidents of these; empty means of all.
    repeat : float or None
        Seconds after the last step until the list begins anew.
    stop_on : "acknowledged" or "resolved"
        What ends the list; a resolved incident always does.
    stale_after : float
        A step that is overdue by more seconds is told in a digest.
    quiet_hours : Hours or None
        When only critical incidents are told.
    """

    name: str
    steps: tuple[Step, ...]
    matchers: tuple[Matcher, ...] = ()
    sources: tuple[str, ...] = ()
    repeat: float | None = None
    stop_on: Literal["acknowledged", "resolved"] = "acknowledged"
    stale_after: float = DEFAULT_STALE_SECONDS
    quiet_hours: Hours | None = None

    def matches(self, source: str, labels: Mapping[str, str]) -> bool:
        """Whether the policy is meant for such an incident."""
        return (not self.sources or source in self.sources) and match_all(self.matchers, labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an escalation stands.

    Attributes
    ----------
    round, step : int
        The next step, and how often the list was gone through.
    started_at : float
        Since when the waits of this round count.
    held : bool
        Quiet hours have kept the next step back.
    """

    round: int = 0
    step: int = 0
    started_at: float
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a decision needs to know of an incident.

    Attributes
    ----------
    unreachable : frozenset of str
        Destinations that wait for somebody to mend them.
    """

    critical: bool
    acknowledged: bool = False
    closed: bool = False
    silenced_until: float | None = None
    unreachable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is to be done before a time."""

    until: float
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """A step to take now.

    Attributes
    ----------
    digest : bool
        Tell it in a digest with others instead of by itself.
    then : Progress or None
        Where the escalation stands afterwards; None if this was its last step.
    """

    step: int
    to: tuple[str, ...]
    reason: Reason
    digest: bool
    then: Progress | None


Decision = Over | Wait | Tell


def choose(policies: Iterable[Policy], source: str, labels: Mapping[str, str]) -> Policy | None:
    """The first policy that is meant for an incident."""
    return next((policy for policy in policies if policy.matches(source, labels)), None)


def decide(policy: Policy, progress: Progress, facts: Facts, now: float) -> Decision:
    """What the escalation of an incident does at a time; one step at most, so ask again after a `Tell`.

    Parameters
    ----------
    policy : Policy
    progress : Progress
    facts : Facts
        As they are now, read in the transaction that writes down what was decided.
    now : float
        Seconds since 1970.

    Returns
    -------
    Over, Wait or Tell
    """
    stopped = facts.closed or (facts.acknowledged and policy.stop_on == "acknowledged")
    if stopped or progress.step >= len(policy.steps):
        return Over()
    started_at = min(progress.started_at, now)
    begin = started_at + (policy.repeat or 0.0 if progress.round else 0.0)
    hurries = _is_unreachable(policy, progress, facts)
    ready_at, index = min(
        (_ready(step, begin + step.after, now, hurries=hurries and index == progress.step), index)
        for index, step in enumerate(policy.steps)
        if index >= progress.step
    )
    if ready_at > now:
        return Wait(until=ready_at)
    if facts.silenced_until is not None and facts.silenced_until > now:
        return Wait(until=facts.silenced_until)
    if policy.quiet_hours is not None and not facts.critical and policy.quiet_hours.contains(now):
        return Wait(until=policy.quiet_hours.closing(now), held=True)
    step = policy.steps[index]
    due_at = max(begin + step.after, facts.silenced_until or 0.0)
    if step.business_hours is not None:
        due_at = step.business_hours.opening(due_at)
    stale = not progress.held and now - due_at > policy.stale_after
    digest = stale or (progress.held and not facts.critical)
    reason: Reason = "time" if index else "opened"
    if progress.round and not index:
        reason = "repeat"
    if hurries and begin + step.after > now:
        reason = "unreachable"
    if digest:
        reason = "stale" if stale else "quiet_hours"
    if digest or progress.held:
        # What comes next counts from the moment at which people are told.
        started_at = now - step.after - (begin - started_at)
    return Tell(
        step=index,
        to=step.to,
        reason=reason,
        digest=digest,
        then=_after(policy, progress, index, started_at, now),
    )


def _is_unreachable(policy: Policy, progress: Progress, facts: Facts) -> bool:
    """Whether nobody of the last step can be told."""
    if progress.step == 0:
        return False
    return all(name in facts.unreachable for name in policy.steps[progress.step - 1].to)


def _ready(step: Step, due_at: float, now: float, *, hurries: bool) -> float:
    """When a step may be taken at the earliest, from now on."""
    at = now if hurries else max(due_at, now)
    return at if step.business_hours is None else step.business_hours.opening(at)


def _after(policy: Policy, progress: Progress, index: int, started_at: float, now: float) -> Progress | None:
    """Where the escalation stands once a step is taken."""
    if index + 1 < len(policy.steps):
        return Progress(round=progress.round, step=index + 1, started_at=started_at)
    if policy.repeat is None:
        return None
    return Progress(round=progress.round + 1, step=0, started_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A step as it would be taken if nobody did anything."""

    at: float
    tell: Tell


def forecast(policy: Policy, facts: Facts, now: float) -> list[Forecast]:
    """Every step for an incident that begins now, with the first round of repeats."""
    found: list[Forecast] = []
    progress: Progress | None = Progress(started_at=now)
    while progress is not None and progress.round <= 1:
        decision = decide(policy, progress, facts, now)
        if isinstance(decision, Wait):
            now, progress = decision.until, replace(progress, held=progress.held or decision.held)
        elif isinstance(decision, Tell):
            found.append(Forecast(at=now, tell=decision))
            progress = decision.then
        else:
            break
    return found
