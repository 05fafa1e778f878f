"""A fake PagerDuty: Events API v2 on this machine, which checks events and keeps alerts by their key."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from .. import pacing
from .loopback import Loopback, Reply, Request

ROUTING_KEY: Final = "R0UT1NGKEY0000000000000000000001"
"""A key of the right shape; the one that is accepted unless another is given."""
MAX_BYTES: Final = 512 * 1_024
MAX_SUMMARY: Final = 1_024
MAX_KEY: Final = 255
SEVERITIES: Final = ("critical", "error", "warning", "info")
ACTIONS: Final = ("trigger", "acknowledge", "resolve")


@dataclass(slots=True)
class PagerAlert:
    """One alert, from its first trigger on.

    Attributes
    ----------
    events : list of mapping
        All events with its key, without the routing key.
    """

    key: str
    state: Literal["triggered", "acknowledged", "resolved"] = "triggered"
    events: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the newest trigger said."""
        payload: Mapping[str, Any] = next(
            event["payload"] for event in reversed(self.events) if event["event_action"] == "trigger"
        )
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerCounters:
    """What happened so far. `doubled` counts alerts that stand there for an incident that has one already."""

    accepted: int
    refused: int
    rate_limited: int
    doubled: int


class FakePagerDuty(Loopback):
    """A PagerDuty on this machine; a context manager.

    Parameters
    ----------
    routing_key : str
        The one that is accepted.
    pace : pacing.Pace, optional
        Events it takes before it answers 429.
    seed : int
        Of the faults that happen with a probability.
    clock : callable
        Seconds since 1970.

    Examples
    --------
    >>> with FakePagerDuty() as pager:
    ...     pager.counters().accepted
    0
    """

    def __init__(
        self,
        *,
        routing_key: str = ROUTING_KEY,
        pace: pacing.Pace | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.alerts: dict[str, PagerAlert] = {}
        self._routing_key, self._pace, self._clock = routing_key, pace, clock
        self._bucket = pacing.Bucket(tokens=pace.burst if pace else 0.0, at=clock())
        self._events: Counter[str] = Counter()
        self._lock = threading.Lock()
        super().__init__(self._answer, "enqueue", seed)
        self.url += "/v2/enqueue"

    def counters(self) -> PagerCounters:
        """What happened so far."""
        with self._lock:
            incidents = Counter(
                (alert.payload.get("source"), incident)
                for alert in self.alerts.values()
                if (incident := alert.payload.get("custom_details", {}).get("incident")) is not None
            )
            return PagerCounters(
                accepted=self._events["accepted"],
                refused=self._events["refused"],
                rate_limited=self._events["rate_limited"],
                doubled=sum(count - 1 for count in incidents.values()),
            )

    def lost(self, expected: Iterable[str]) -> list[str]:
        """Of some words that should have been told, those that no event says."""
        with self._lock:
            said = "\n".join(str(alert.events) for alert in self.alerts.values())
        return [words for words in expected if words not in said]

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            if wait := self._wait():
                self._events["rate_limited"] += 1
                return Reply(429, {"status": "throttle exceeded"}, {"Retry-After": str(wait)})
            problems, event = _problems(request)
            if not problems and event["routing_key"] != self._routing_key:
                problems = ["Invalid routing key"]
            if problems:
                self._events["refused"] += 1
                return Reply(
                    400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
                )
            self._take({name: value for name, value in event.items() if name != "routing_key"})
            return Reply(
                202,
                {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]},
            )

    def _take(self, event: Mapping[str, Any]) -> None:
        """Let an event have its effect; of an alert that is unknown, only a trigger has one."""
        self._events["accepted"] += 1
        key, action = event["dedup_key"], event["event_action"]
        alert = self.alerts.get(key)
        if action == "trigger":
            alert = self.alerts.setdefault(key, PagerAlert(key))
            if alert.state == "resolved":
                alert.state = "triggered"
        if alert is None:
            return
        alert.events.append(event)
        if action == "acknowledge" and alert.state == "triggered":
            alert.state = "acknowledged"
        if action == "resolve":
            alert.state = "resolved"

    def _wait(self) -> int:
        """Whole seconds until another event is taken."""
        if self._pace is None:
            return 0
        seconds = pacing.wait(self._bucket, self._pace, self._clock())
        if seconds == 0:
            self._bucket = pacing.take(self._bucket, self._pace, self._clock())
        return math.ceil(seconds)


def _problems(request: Request) -> tuple[list[str], Mapping[str, Any]]:
    """What PagerDuty would not take of an event, and the event."""
    if len(request.body) > MAX_BYTES:
        return ["Event object is too large"], {}
    try:
        event = json.loads(request.body)
    except ValueError:
        return ["Event object is not JSON"], {}
    if request.path != "/v2/enqueue" or not isinstance(event, dict):
        return ["Event object is invalid"], {}
    problems = []
    if len(str(event.get("routing_key", ""))) != len(ROUTING_KEY):
        problems.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if event.get("event_action") not in ACTIONS:
        problems.append("'event_action' is missing or invalid")
    key = event.get("dedup_key")
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
        problems.append("'dedup_key' is missing or too long")
    problems += [
        "'links' is invalid"
        for link in event.get("links", [])
        if not str(link.get("href", "")).startswith(("http://", "https://"))
    ]
    if event.get("event_action") == "trigger":
        problems += _payload_problems(event.get("payload"))
    return problems, event


def _payload_problems(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing"]
    problems = [
        f"'payload.{name}' is missing or blank"
        for name in ("summary", "source", "severity")
        if not isinstance(payload.get(name), str) or not payload[name].strip()
    ]
    if len(str(payload.get("summary", ""))) > MAX_SUMMARY:
        problems.append("'payload.summary' is too long")
    if payload.get("severity") not in SEVERITIES:
        problems.append("'payload.severity' is invalid")
    try:
        datetime.fromisoformat(str(payload.get("timestamp", "2026-01-01")))
    except ValueError:
        problems.append("'payload.timestamp' is invalid")
    if not isinstance(payload.get("custom_details", {}), dict):
        problems.append("'payload.custom_details' is invalid")
    return problems
