"""An incident -> a request for a retraining, once for each cause.

A cause is an incident with one of the chosen alerts, or the wish of a person. It carries the same key however
often it is sent, so the service starts one run for it. The key follows from what is asked for: an alert of
another name, feature or model that joins later is another question, about all that fires of its model. What
was asked for is kept where other receivers keep the name of their message, so that nothing is asked for again
when some of it ends or comes back. Whether a run is allowed now (cooldown, budget, broken data) is for the
service to say: it answers 2xx once it has taken the request down.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
"""Of an incident, to find causes among them, all of which are listed in what is asked. An incident that has
asked for as many different things has asked enough."""
ASKED: Final = "retraining_requested"
"""The audit entry of a person's wish."""
MARK_LENGTH: Final = 8
"""Hexadecimal digits that stand for one thing asked for: beside a thousand others, one in four million new
ones would look known."""
KEY_LENGTH: Final = 16
"""Hexadecimal digits in the key of a request: two of an incident are never the same."""
DECIDING: Final = ("model_name", "alertname", "feature_name")
"""Labels that make an alert another thing to ask for; a new severity or measure of the same is none."""
_SEPARATOR: Final = ":"
"""Between the thread and the marks of what was asked for; no thread has one."""


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
        view, (thread, asked) = letter.group, _told(letter)
        wish = next((line for line in reversed(letter.lines) if line.kind == ASKED), None)
        causes = self.policy.causes(view)
        silenced = view.silenced_until is not None and view.silenced_until > letter.at
        joined = [] if silenced or view.closed_at is not None or asked is None else _joined(causes, asked)
        if wish is None and not joined:
            return Unneeded()
        # A wish is a cause of its own, also after a request that came by itself.
        key = f"{thread}.{_digest(_marks(joined), KEY_LENGTH) if wish is None else int(wish.at)}"
        body = self._body(letter, key, joined if wish is None else list(view.alerts), wish)
        told = sorted({*_marks(causes), *(asked or ())})
        ts = f"{thread}{_SEPARATOR}{','.join(told)}"
        return webhook.post(self.place, self.secret, key, body, now=self.clock(), ts=ts)

    def find(self, letter: Letter) -> Search:
        """There is nothing to look for: the same cause again has no further effect."""
        del letter
        return NotFound()

    def _body(
        self, letter: Letter, cause: str, causes: Sequence[AlertView], wish: ThreadLine | None
    ) -> Mapping[str, Any]:
        view = letter.group
        features = view.features if wish is not None else _values(causes, "feature_name")
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
            "alert_names": _values(causes, "alertname"),
            "features": [document.cut(feature, document.MAX_NAME) for feature in features],
            "quality": guidance.annotations_of(view).get("quality"),
            "incident": document.incident(view, self.links),
            "alerts": _shortest(causes) if letter.plain else _listed(causes),
        }


def _told(letter: Letter) -> tuple[str, frozenset[str] | None]:
    """The thread of an incident, and marks of what was asked for; None if only an older bridge knows that."""
    thread, separator, marks = (letter.ts or "").partition(_SEPARATOR)
    if letter.ts is None:
        return letter.message_id, frozenset()
    return thread, frozenset(marks.split(",")) - {""} if separator else None


def _joined(causes: Sequence[AlertView], asked: frozenset[str]) -> list[AlertView]:
    """All causes of the models of which one was not asked for; one without a model counts for every model."""
    if len(asked) >= ALERTS_READ:
        return []
    models = {alert.labels.get("model_name", "") for alert in causes if _mark(alert) not in asked}
    if not models or "" in models:
        return list(causes) if models else []
    return [alert for alert in causes if alert.labels.get("model_name", "") in models | {""}]


def _mark(alert: AlertView) -> str:
    """A few characters for what an alert asks for."""
    return _digest((alert.labels.get(name, "") for name in DECIDING), MARK_LENGTH)


def _marks(alerts: Iterable[AlertView]) -> list[str]:
    """What alerts ask for, each thing once, in an order of its own."""
    return sorted({_mark(alert) for alert in alerts})


def _digest(texts: Iterable[str], length: int) -> str:
    """A few characters, the same for the same texts in the same order."""
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:length]


def _listed(causes: Sequence[AlertView]) -> list[dict[str, Any]]:
    """Every cause, since none may be lost; those that no message would list without their annotations."""
    rest = [replace(alert, annotations={}) for alert in causes[ALERTS_SHOWN:]]
    return document.alerts([*causes[:ALERTS_SHOWN], *rest])


def _shortest(causes: Sequence[AlertView]) -> list[dict[str, Any]]:
    """Nothing, if the request says it all without its alerts; of several models what tells them apart."""
    if len({alert.labels.get("model_name", "") for alert in causes}) < 2:
        return []
    bare = {
        _mark(alert): replace(
            alert, annotations={}, labels={name: alert.labels.get(name, "") for name in DECIDING}
        )
        for alert in causes
    }
    return document.alerts(list(bare.values()))


def _values(alerts: Sequence[AlertView], name: str) -> list[str]:
    """What alerts have in a label, in the order of the alphabet."""
    return sorted({alert.labels.get(name, "") for alert in alerts} - {""})


def _common(view: GroupView, causes: Sequence[AlertView], name: str) -> str | None:
    """What the causes have in common in a label; None if they differ or do not have it."""
    values = {alert.labels.get(name, "") for alert in causes} or {view.labels.get(name, "")}
    value = document.cut(values.pop(), document.MAX_NAME) if len(values) == 1 else ""
    return value or None
