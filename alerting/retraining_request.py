"""An incident -> a request for a retraining, once for each cause.

A cause is an incident with one of the chosen alerts, or the wish of a person. It carries the same key however
often it is sent, so the service starts one run for it. Whether a run is allowed now (cooldown, budget, broken
data) is for the service to say: it answers 2xx once it has taken the request down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from . import document, guidance, webhook
from .calls import Letter, NotFound, Outcome, Search, Unneeded
from .look import LinkPolicy
from .matchers import Matcher, match_all
from .message import ALERTS_SHOWN
from .secret import Secret
from .views import AlertView, GroupView, ThreadLine
from .webhook import WebhookPolicy

ALERTS_READ: Final = 1_000
"""Of an incident, to find causes among them; what is asked lists the first as any message does."""
ASKED: Final = "retraining_requested"
"""The audit entry of a person's wish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingPolicy:
    """Which incidents are causes.

    Attributes
    ----------
    alert_names : tuple of str
        An incident is a cause if one of these fires in it; empty means any.
    matchers : tuple of Matcher
        That all must match the same alert's labels.
    """

    alert_names: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()

    def causes(self, view: GroupView) -> list[AlertView]:
        """The alerts that call for a retraining, of those that the state hands out (`ALERTS_READ`)."""
        return [
            alert
            for alert in view.alerts
            if alert.state == "firing"
            and (not self.alert_names or alert.labels.get("alertname") in self.alert_names)
            and match_all(self.matchers, alert.labels)
        ]


@dataclass(frozen=True, kw_only=True)
class RetrainingService:
    """A service that retrains models, asked by signed requests.

    Parameters
    ----------
    policy : RetrainingPolicy
    place : WebhookPolicy
    secret : Secret
        What the requests are signed with.
    links : LinkPolicy
    clock : callable
        Seconds since 1970.
    """

    editable: ClassVar = False
    repeatable: ClassVar = True
    pace: ClassVar = webhook.PACE

    policy: RetrainingPolicy
    place: WebhookPolicy
    secret: Secret
    links: LinkPolicy = field(default_factory=LinkPolicy)
    clock: Callable[[], float] = time.time

    @property
    def call_seconds(self) -> float:
        """The longest that one call takes."""
        return self.place.timeouts.total

    def send(self, letter: Letter) -> Outcome:
        """Ask for a retraining if there is a cause that was not yet asked for."""
        view = letter.group
        wish = next((line for line in reversed(letter.lines) if line.kind == ASKED), None)
        causes = list(view.alerts) if wish is not None else self.policy.causes(view)
        silenced = view.silenced_until is not None and view.silenced_until > letter.at
        if wish is None and (letter.ts is not None or not causes or silenced or view.closed_at is not None):
            return Unneeded()
        # A wish is a cause of its own, also after a request that came by itself.
        cause = letter.thread if wish is None else f"{letter.thread}.{int(wish.at)}"
        body = self._body(letter, cause, causes, wish)
        return webhook.post(self.place, self.secret, cause, body, now=self.clock(), ts=letter.thread)

    def find(self, letter: Letter) -> Search:
        """There is nothing to look for: the same cause again has no further effect."""
        del letter
        return NotFound()

    def _body(
        self, letter: Letter, cause: str, causes: Sequence[AlertView], wish: ThreadLine | None
    ) -> Mapping[str, Any]:
        view = letter.group
        return {
            "version": document.VERSION,
            "kind": "retraining",
            "id": cause,
            "sent_at": document.moment(letter.at),
            "cause": {
                "key": cause,
                "trigger": "alert" if wish is None else "manual",
                "by": None if wish is None else document.cut(wish.by, document.MAX_NAME),
                "since": document.moment(view.opened_at),
            },
            "model_name": _common(view, causes, "model_name"),
            "model_version": _common(view, causes, "model_version"),
            "severity": document.cut(view.severity, document.MAX_NAME),
            "alert_names": sorted({alert.labels.get("alertname", "") for alert in causes} - {""}),
            "features": [document.cut(feature, document.MAX_NAME) for feature in view.features],
            "quality": guidance.annotations_of(view).get("quality"),
            "incident": document.incident(view, self.links),
            "alerts": [] if letter.plain else document.alerts(causes[:ALERTS_SHOWN]),
        }


def _common(view: GroupView, causes: Sequence[AlertView], name: str) -> str | None:
    """What the causes have in common in a label; None if they differ or do not have it."""
    values = {alert.labels.get(name, "") for alert in causes} or {view.labels.get(name, "")}
    value = document.cut(values.pop(), document.MAX_NAME) if len(values) == 1 else ""
    return value or None
