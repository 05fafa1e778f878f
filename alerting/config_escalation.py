"""The sections `escalation`, `heartbeats`, `storms` and `daily_digest` of config/bridge.yaml."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import pydantic
from pydantic import ConfigDict, Field

from .config_fields import Clock, Days, MatcherText, Name, Names, Span, Zone
from .digest import DailyDigest, StormPolicy
from .escalation import DEFAULT_STALE_SECONDS, Policy, Step
from .heartbeats import Heartbeat
from .hours import DAYS, MINUTES_A_DAY, Hours
from .timers import Plan

SHORTEST_DEADLINE_SECONDS: Final = 30.0
"""Of a heartbeat: three of the bridge's looks at it."""
SHORTEST_REPEAT_SECONDS: Final = 60.0


class Section(pydantic.BaseModel):
    """What all sections share: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


_STORM = StormPolicy()
EVERY_DAY: Final = frozenset(range(len(DAYS)))


class HoursSection(Section):
    """The same span on some days of the week."""

    zone: Zone = ZoneInfo("UTC")
    days: Days = EVERY_DAY
    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    def value(self) -> Hours:
        """The span itself."""
        return Hours(zone=self.zone, days=self.days, begin=self.begin, end=self.end)


def _hours(section: HoursSection | None) -> Hours | None:
    return None if section is None else section.value()


class StepSection(Section):
    """Whom to tell, how long after the beginning."""

    to: Names
    after: Span = 0.0
    business_hours: HoursSection | None = None


class PolicySection(Section):
    """What happens with the incidents that it matches."""

    name: Name
    match: list[MatcherText] = []
    sources: list[Name] = []
    steps: Annotated[list[StepSection], Field(min_length=1)]
    repeat: Span | None = None
    stop_on: Literal["acknowledged", "resolved"] = "acknowledged"
    stale_after: Span = DEFAULT_STALE_SECONDS
    quiet_hours: HoursSection | None = None

    def value(self) -> Policy:
        """The policy itself."""
        return Policy(
            name=self.name,
            matchers=tuple(self.match),
            sources=tuple(self.sources),
            steps=tuple(
                Step(
                    to=tuple(step.to),
                    after=step.after,
                    business_hours=_hours(step.business_hours),
                )
                for step in self.steps
            ),
            repeat=self.repeat,
            stop_on=self.stop_on,
            stale_after=self.stale_after,
            quiet_hours=_hours(self.quiet_hours),
        )


class HeartbeatSection(Section):
    """A signal that must not stop."""

    match: Annotated[list[MatcherText], Field(min_length=1)]
    deadline: Span
    severity: Literal["critical", "warning", "info"] = "critical"
    destinations: list[Name] = []


class StormsSection(Section):
    """When many messages become one."""

    backlog: Annotated[int, Field(ge=2, le=100_000)] = _STORM.backlog
    missed: Annotated[int, Field(ge=1, le=100_000)] = _STORM.missed
    critical_per_minute: Annotated[int, Field(ge=0, le=1_000)] = _STORM.critical_per_minute
    edit_every: Span = _STORM.edit_seconds


class DailyDigestSection(Section):
    """A summary of what is open, once a day."""

    to: Names
    at: Clock
    zone: Zone = ZoneInfo("UTC")
    days: Days = EVERY_DAY

    def value(self) -> DailyDigest:
        """When and to whom."""
        end = (self.at + 1) % MINUTES_A_DAY
        return DailyDigest(
            to=tuple(self.to), hours=Hours(zone=self.zone, days=self.days, begin=self.at, end=end)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationConfig:
    """What these sections say, for the parts that act on it."""

    plan: Plan
    heartbeats: tuple[Heartbeat, ...]
    storms: StormPolicy
    daily: DailyDigest | None


def compose(
    policies: Iterable[PolicySection],
    beats: Mapping[str, HeartbeatSection],
    storms: StormsSection,
    daily: DailyDigestSection | None,
    *,
    destinations: Mapping[str, tuple[str, ...]],
) -> EscalationConfig:
    """The sections as values; `destinations` are those of each source."""
    return EscalationConfig(
        plan=Plan(policies=tuple(policy.value() for policy in policies), destinations=destinations),
        heartbeats=_heartbeats(beats),
        storms=StormPolicy(
            backlog=storms.backlog,
            missed=storms.missed,
            critical_per_minute=storms.critical_per_minute,
            edit_seconds=storms.edit_every,
        ),
        daily=None if daily is None else daily.value(),
    )


def _heartbeats(sections: Mapping[str, HeartbeatSection]) -> tuple[Heartbeat, ...]:
    return tuple(
        Heartbeat(
            name=name,
            matchers=tuple(section.match),
            deadline=section.deadline,
            severity=section.severity,
            destinations=tuple(section.destinations),
        )
        for name, section in sections.items()
    )


def contradictions(
    policies: Iterable[PolicySection],
    beats: Mapping[str, HeartbeatSection],
    daily: DailyDigestSection | None,
    *,
    destinations: Collection[str],
    sources: Collection[str],
) -> Iterator[str]:
    """What is wrong between these sections and the others."""
    named: list[tuple[str, Iterable[str]]] = []
    seen: set[str] = set()
    for number, policy in enumerate(policies):
        where = f"escalation.{number}"
        if policy.name in seen:
            yield f"{where}.name: found {policy.name} twice, need a name of its own"
        seen.add(policy.name)
        yield from _unknown(f"{where}.sources", policy.sources, sources)
        named += [(f"{where}.steps.{index}.to", step.to) for index, step in enumerate(policy.steps)]
        yield from _wrong_times(where, policy)
    for name, beat in beats.items():
        named.append((f"heartbeats.{name}.destinations", beat.destinations))
        if beat.deadline < SHORTEST_DEADLINE_SECONDS:
            yield f"heartbeats.{name}.deadline: found {beat.deadline:g} seconds, need 30s or more"
    if daily is not None:
        named.append(("daily_digest.to", daily.to))
    for where, names in named:
        yield from _unknown(where, names, destinations)


def _unknown(where: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where}: found {name}, need one of {', '.join(sorted(known))}"


def _wrong_times(where: str, policy: PolicySection) -> Iterator[str]:
    """Times of a policy that cannot be meant."""
    for index, step in enumerate(policy.steps):
        yield from _empty_span(f"{where}.steps.{index}.business_hours", step.business_hours)
        if index and step.after < policy.steps[index - 1].after:
            yield (
                f"{where}.steps.{index}.after: found an earlier time than that of the step before, need"
                " steps in their order (each counts from the beginning)"
            )
    if policy.repeat is not None and policy.repeat < SHORTEST_REPEAT_SECONDS:
        yield f"{where}.repeat: found {policy.repeat:g} seconds, need a minute or more"
    yield from _empty_span(f"{where}.quiet_hours", policy.quiet_hours)


def _empty_span(where: str, hours: HoursSection | None) -> Iterator[str]:
    if hours is not None and hours.begin == hours.end:
        yield f"{where}: found the same time in from and to, need two"
