"""Where a rollout stands, and what follows from it: values in, values out.

A state names the champion, the challenger and the stages that have begun. It never says anything that would
make both champion: which of the two serves follows from `status` alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from ..errors import ConfigError, ObservationError
from ..rollout_policy import STAGE_KINDS, RolloutPolicy, StageKind
from .evidence import Evidence

Status = Literal["running", "promoted", "rolled_back"]

STATUSES: Final[tuple[Status, ...]] = ("running", "promoted", "rolled_back")

GUARD_TOLERANCES: Final[Mapping[str, str]] = {
    "error_ratio": "error_tolerance",
    "slow_ratio": "slow_tolerance",
    "fallback_ratio": "fallback_tolerance",
}
"""Guardrail to the field of the policy that says how much is allowed."""

MAX_EVENTS: Final = 100
"""Kept in the file; a rollout has one for each stage and one for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A stage that has begun."""

    kind: StageKind
    share: float
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was decided: when, what and why; announced once a worker has counted it."""

    at: float
    what: Literal["started", "advanced", "promoted", "rolled_back"]
    stage: int
    reason: str
    note: str = ""
    announced: bool = False


def fresh_guards() -> dict[str, Evidence]:
    """No evidence yet, for each guardrail; calls that fail are rare, so their usual loss is 0."""
    return {guard: Evidence(centre=0.0) for guard in GUARD_TOLERANCES}


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """All that survives a restart.

    Attributes
    ----------
    name, champion, challenger : str
        Of the model, and the two versions. The champion is the one that was there before.
    key : str
        With which ids are hashed; of its own for each rollout, so that not the same users are always first.
    status : {"running", "promoted", "rolled_back"}
        Whether it has ended, and how.
    stages : tuple of Begun
        Those that have begun; the last one is the current one.
    outcomes : Evidence
        Losses of both, from rows whose truth is known.
    guards : mapping of str to Evidence
        By guardrail: calls that failed, were slow, or were answered by a fallback.
    events : tuple of Event
        The audit log, oldest first.
    origins : mapping of str to mapping
        Version to where it is loaded from; empty for one that the configuration names. Only of a model whose
        challengers come as candidates.
    """

    name: str
    champion: str
    challenger: str
    key: str
    status: Status = "running"
    stages: tuple[Begun, ...]
    outcomes: Evidence
    guards: Mapping[str, Evidence] = field(default_factory=fresh_guards)
    events: tuple[Event, ...] = ()
    origins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def stage(self) -> int:
        """Place of the current stage, from 0."""
        return len(self.stages) - 1

    @property
    def serving(self) -> str:
        """Version that is champion now."""
        return self.challenger if self.status == "promoted" else self.champion

    @property
    def stage_rows(self) -> int:
        """Rows with outcomes that the current stage has brought."""
        if self.stages[-1].kind == "shadow":
            return int(self.outcomes.paired.sum())
        split = self.outcomes.splits.get(self.stage)
        return 0 if split is None else int(split.counts.sum())

    def stage_at(self, time: float, settle_seconds: float) -> int | None:
        """Stage in which a row was predicted; None before all, and while workers were still hearing of it."""
        for number in range(self.stage, -1, -1):
            if time >= self.stages[number].started_at:
                return number if time >= self.stages[number].started_at + settle_seconds else None
        return None

    def with_evidence(self, outcomes: Evidence, guards: Mapping[str, Evidence]) -> RolloutState:
        """State that knows these rows and calls too. What comes after the end changes nothing."""
        if self.status != "running":
            return self
        merged = {guard: known.merge(guards[guard]) for guard, known in self.guards.items()}
        return replace(self, outcomes=self.outcomes.merge(outcomes), guards=merged)


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next and why; the reason of a rollback is a value of the label `reason`."""

    what: Literal["advanced", "promoted", "rolled_back"]
    reason: str


def begin(
    name: str,
    champion: str,
    challenger: str,
    *,
    key: str,
    policy: RolloutPolicy,
    centre: float,
    now: float,
    origins: Mapping[str, Mapping[str, Any]] | None = None,
) -> RolloutState:
    """State of a rollout that begins now."""
    first = policy.stages[0]
    return RolloutState(
        name=name,
        champion=champion,
        challenger=challenger,
        key=key,
        stages=(Begun(kind=first.kind, share=first.share, started_at=now),),
        outcomes=Evidence(centre=centre),
        events=(Event(at=now, what="started", stage=0, reason=first.kind),),
        origins=origins or {},
    )


def decide(state: RolloutState, policy: RolloutPolicy, now: float) -> Step | None:
    """What the evidence says should be done now; None to go on as it is.

    May be asked as often as one likes: each answer against the challenger, or for it, is wrong with a
    probability of at most the policy's alpha over the whole rollout.
    """
    if state.status != "running":
        return None
    for guard, tolerance in GUARD_TOLERANCES.items():
        wealth = state.guards[guard].log_wealth(-getattr(policy, tolerance), upwards=False)
        if wealth >= -math.log(policy.guard_alpha):
            return Step("rolled_back", guard)
    needed = -math.log(policy.alpha)
    if state.outcomes.log_wealth(0.0, upwards=False) >= needed:
        return Step("rolled_back", "worse")
    stage, begun = policy.stages[state.stage], state.stages[-1]
    # A clock that went backwards makes a time below zero: the stage then waits until it has passed.
    enough = state.stage_rows >= stage.min_rows and now - begun.started_at >= stage.min_seconds
    if enough and state.stage + 1 < len(policy.stages):
        return Step("advanced", policy.stages[state.stage + 1].kind)
    if enough:
        margin = -policy.margin if policy.promote_on == "not_worse" else 0.0
        # A bet won in one week stays won; the mean of all rows tells when later weeks say otherwise.
        difference = state.outcomes.difference
        better = difference is not None and difference > margin
        if better and state.outcomes.log_wealth(margin, upwards=True) >= needed:
            return Step("promoted", policy.promote_on)
    out_of_time = now - state.stages[0].started_at >= policy.max_seconds
    if state.outcomes.rows >= policy.max_rows or out_of_time:
        return Step("rolled_back", "undecided")
    return None


def apply(state: RolloutState, step: Step, policy: RolloutPolicy, now: float) -> RolloutState:
    """State after a step."""
    events = (*state.events, Event(at=now, what=step.what, stage=state.stage, reason=step.reason))[
        -MAX_EVENTS:
    ]
    if step.what == "advanced":
        following = policy.stages[state.stage + 1]
        begun = Begun(kind=following.kind, share=following.share, started_at=now)
        return replace(state, stages=(*state.stages, begun), events=events)
    return replace(state, status=step.what, events=events)


def ended(
    state: RolloutState, what: Literal["promoted", "rolled_back"], reason: str, note: str, now: float
) -> RolloutState:
    """State after a decision that the evidence did not make."""
    event = Event(at=now, what=what, stage=state.stage, reason=reason, note=note)
    return replace(state, status=what, events=(*state.events, event)[-MAX_EVENTS:])


def resumes(state: RolloutState, policy: RolloutPolicy) -> bool:
    """Whether a policy still has the stages that have begun; a rollout under another one begins anew."""
    planned = [(stage.kind, stage.share) for stage in policy.stages[: len(state.stages)]]
    return planned == [(begun.kind, begun.share) for begun in state.stages]


def encode(state: RolloutState) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "name": state.name,
        "champion": state.champion,
        "challenger": state.challenger,
        "key": state.key,
        "status": state.status,
        "stages": [dataclasses.asdict(begun) for begun in state.stages],
        "outcomes": state.outcomes.to_dict(),
        "guards": {guard: evidence.to_dict() for guard, evidence in state.guards.items()},
        "events": [dataclasses.asdict(event) for event in state.events],
        "origins": {version: dict(origin) for version, origin in state.origins.items()},
    }


def describe(state: RolloutState, alpha: float) -> dict[str, Any]:
    """What people and tools may see of a state, with the difference and its bounds; never the key.

    Who knew the key could choose the version that answers an id.
    """
    plain = {key: value for key, value in encode(state).items() if key not in {"key", "guards"}}
    found = state.outcomes.interval(alpha)
    return {**plain, "serving": state.serving, "outcomes": dataclasses.asdict(found)}


def decode(values: Mapping[str, Any]) -> RolloutState:
    """State from what `encode` gave.

    Raises
    ------
    ConfigError
        If it is something else.
    """
    try:
        state = RolloutState(
            name=str(values["name"]),
            champion=str(values["champion"]),
            challenger=str(values["challenger"]),
            key=str(values["key"]),
            status=values["status"],
            stages=tuple(Begun(**begun) for begun in values["stages"]),
            outcomes=Evidence.from_dict(values["outcomes"]),
            guards={guard: Evidence.from_dict(values["guards"][guard]) for guard in GUARD_TOLERANCES},
            events=tuple(Event(**event) for event in values["events"]),
            origins={str(version): dict(found) for version, found in values.get("origins", {}).items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError, ObservationError) as error:
        raise ConfigError(
            f"damaged ({type(error).__name__}: {error}), need the file as it was saved"
        ) from error
    kinds = {begun.kind for begun in state.stages}
    if state.status not in STATUSES or not kinds or not kinds <= set(STAGE_KINDS):
        raise ConfigError(
            f"damaged (status {state.status!r}, stages {sorted(kinds)}), need the file as saved"
        )
    return state
