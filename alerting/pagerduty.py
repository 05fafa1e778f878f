"""One event to PagerDuty's Events API v2 -> what became of it.

An incident is one alert of PagerDuty, known by a `dedup_key` that stays the same from its trigger to its
resolution; so an event of unknown fate is simply sent again.
Limits: https://developer.pagerduty.com/docs/events-api-v2-overview and
https://developer.pagerduty.com/docs/send-alert-event.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from . import document, guidance, http_verdict, web
from .calls import Letter, NotFound, Outcome, Rejected, RetryLater, Search, Uncertain, Verdict
from .first_commands import first_commands
from .look import LinkPolicy
from .pacing import Pace
from .secret import Secret
from .views import GroupView

URL: Final = "https://events.pagerduty.com/v2/enqueue"
"""https://events.eu.pagerduty.com/v2/enqueue for accounts of the EU region."""
PACE: Final = Pace(per_second=2.0, burst=10.0)
"""120 events a minute for one integration key, as PagerDuty's support names its limit."""
MAX_SUMMARY: Final = 1_024
MAX_EVENT_BYTES: Final = 512 * 1_024
MAX_DETAIL: Final = 1_000
"""Of one text in the details: read on a telephone."""
SOURCE: Final = "driftgauge"

SEVERITIES: Final = {"critical": "critical", "error": "error", "warning": "warning", "info": "info"}
"""PagerDuty knows these four."""
OTHER_SEVERITY: Final = "warning"
"""A word that PagerDuty does not know should neither wake anybody nor be overlooked."""

_BAD_REQUEST: Final = 400
_KEY_WORDS: Final = ("routing_key", "routing key", "integration key", "invalid key")


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyPolicy:
    """How PagerDuty is reached.

    Attributes
    ----------
    url : str
        Where events are sent; another one for the EU region or a fake.
    connect_timeout_seconds, read_timeout_seconds : float
        Of one call.
    """

    url: str = URL
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 10.0

    @property
    def timeouts(self) -> web.Timeouts:
        """The limits of one exchange."""
        return web.Timeouts(connect=self.connect_timeout_seconds, read=self.read_timeout_seconds)


@dataclass(frozen=True, kw_only=True)
class PagerDuty:
    """A service of PagerDuty, by its integration key.

    Parameters
    ----------
    policy : PagerDutyPolicy
    routing_key : Secret
    links : LinkPolicy
    clock : callable
        Seconds since 1970, for a Retry-After that is a date.
    """

    editable: ClassVar = False
    repeatable: ClassVar = True
    pace: ClassVar = PACE

    policy: PagerDutyPolicy
    routing_key: Secret
    links: LinkPolicy = field(default_factory=LinkPolicy)
    clock: Callable[[], float] = time.time

    @property
    def call_seconds(self) -> float:
        """The longest that one call takes."""
        return self.policy.timeouts.total

    def send(self, letter: Letter) -> Outcome:
        """Send one event: trigger, acknowledge or resolve, as the incident stands."""
        body = {"routing_key": self.routing_key.reveal(), **event(letter, self.links)}
        answer = web.exchange("POST", self.policy.url, timeouts=self.policy.timeouts, body=body)
        return _judge(answer, self.clock(), letter.thread)

    def find(self, letter: Letter) -> Search:
        """There is nothing to look for: the same event again has no further effect."""
        del letter
        return NotFound()


def event(letter: Letter, links: LinkPolicy) -> dict[str, Any]:
    """The event without its routing key; never larger than PagerDuty takes."""
    view = letter.group
    action = {"firing": "trigger", "acknowledged": "acknowledge"}.get(document.state_of(view), "resolve")
    written: dict[str, Any] = {"event_action": action, "dedup_key": letter.thread, "client": SOURCE}
    if action != "trigger":
        return written
    shown = document.links(view, links)
    written["links"] = [{"href": url, "text": name.capitalize()} for name, url in shown.items()]
    if "dashboard" in shown:
        written["client_url"] = shown["dashboard"]
    written["payload"] = {
        "summary": _summary(view),
        "source": document.cut(view.labels.get("instance") or view.source, document.MAX_NAME),
        "severity": SEVERITIES.get(view.severity, OTHER_SEVERITY),
        "timestamp": document.moment(view.opened_at),
        "component": document.cut(view.labels.get("model_name") or SOURCE, document.MAX_NAME),
        "class": document.cut(view.labels.get("alertname") or "alerts", document.MAX_NAME),
    }
    # What PagerDuty has refused is sent again without anything that it need not have.
    details = {} if letter.plain else _details(letter)
    full = {**written, "payload": {**written["payload"], "custom_details": details}}
    return full if details and len(web.encode(full)) <= MAX_EVENT_BYTES - MAX_SUMMARY else written


def _summary(view: GroupView) -> str:
    """What a telephone reads out."""
    sentence = document.summary(view)
    words = f"{document.title(view)}: {sentence}" if sentence else document.title(view)
    return document.cut(f"{words} ({document.counts(view)})", MAX_SUMMARY)


def _details(letter: Letter) -> dict[str, Any]:
    """What somebody who was woken needs to know, without a screen full of labels."""
    view = letter.group
    annotations = guidance.annotations_of(view)
    told = {
        "incident": view.incident_id,
        "model_version": view.labels.get("model_version"),
        "features": [document.cut(feature, document.MAX_NAME) for feature in view.features[:20]],
        "score": annotations.get("score"),
        "threshold": annotations.get("threshold"),
        "window": view.labels.get("window"),
        "since": document.moment(view.opened_at),
        "alerts": document.counts(view),
        "firing": [
            f"{entry['name']}: {document.cut(alert.annotations.get('description', ''), MAX_DETAIL)}"
            for alert, entry in zip(view.alerts, document.alerts(view.alerts), strict=True)
            if alert.state != "resolved"
        ],
        "first_commands": [
            document.cut(f"{words}: {command}", MAX_DETAIL)
            for words, command in first_commands(view.labels, annotations)
        ],
        "what_happened": [document.happened(line) for line in letter.lines[-10:]],
    }
    return {
        name: document.cut(value, MAX_DETAIL) if isinstance(value, str) else value
        for name, value in told.items()
        if value
    }


def _judge(answer: web.Answer | RetryLater | Uncertain, now: float, ts: str) -> Verdict:
    """What PagerDuty's answer means; a wrong key is told from a wrong event by its words alone."""
    if isinstance(answer, web.Answer) and answer.status == _BAD_REQUEST:
        words = answer.text.lower()
        if any(word in words for word in _KEY_WORDS):
            return Rejected(reason="auth", scope="destination", detail="routing key refused")
    return http_verdict.judge(answer, now, ts=ts)
