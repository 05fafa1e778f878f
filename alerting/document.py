"""An incident as JSON and as plain words, for receivers other than Slack. Pure.

Foreign text is cleaned of what hides or reorders it and cut; nothing of it is markup here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from . import guidance, markup
from .look import LinkPolicy
from .views import AlertView, GroupView, ThreadLine, describe

VERSION: Final = 1
"""Of the JSON. A reader may rely on every key of its version; keys may be added without a new one."""
MAX_NAME: Final = 256
MAX_WORDS: Final = 2_000
MAX_LABELS: Final = 64
"""As many as an alert may have (`payload`), so that none is left out."""
NAMES_SHOWN: Final = 5

STATES: Final = ("firing", "acknowledged", "resolved", "closed")
"""`closed` is over without word from Alertmanager."""


def state_of(view: GroupView) -> str:
    """One of `STATES`."""
    if view.closed_at is not None:
        return "resolved" if view.close_reason == "resolved" else "closed"
    return "firing" if view.acknowledged_at is None else "acknowledged"


def title(view: GroupView) -> str:
    """What and which model; the same for as long as the incident lasts, as far as its labels are."""
    name = cut(view.labels.get("alertname") or "Several alerts", MAX_NAME)
    model = cut(f"{view.labels.get('model_name', '')} {view.labels.get('model_version', '')}", MAX_NAME)
    return f"{name} · {model}" if model else name


def summary(view: GroupView) -> str:
    """The incident's sentence, or its first alert's, or nothing."""
    return cut(guidance.annotations_of(view).get("summary", ""), MAX_WORDS)


def counts(view: GroupView) -> str:
    """How many alerts fire and how many have resolved, in words."""
    firing = view.firing + view.unheard
    text = f"{firing} alert{'' if firing == 1 else 's'} firing"
    return text + (f", {view.resolved} resolved" if view.resolved else "")


def links(view: GroupView, policy: LinkPolicy) -> dict[str, str]:
    """Runbook, dashboard and Alertmanager, where they are addresses that may be shown."""
    return {name.lower(): url for name, url in guidance.places(view) if policy.allows(url)}


def happened(line: ThreadLine) -> str:
    """One thing that happened, as plain words."""
    names = ", ".join(cut(name, MAX_NAME) for name in line.names[:NAMES_SHOWN])
    more = line.count - len(line.names[:NAMES_SHOWN])
    names += f" and {more} more" if more > 0 else ""
    until = f" until {markup.utc(line.until)}" if line.until else ""
    parts = (
        line.kind.replace("_", " "),
        f"{until}{f' by {cut(line.by, MAX_NAME)}' if line.by else ''}{f': {names}' if names else ''}",
        f" ({cut(line.reason, MAX_NAME)})" if line.reason else "",
    )
    return "".join(parts)


def incident(view: GroupView, policy: LinkPolicy) -> dict[str, Any]:
    """What is known of an incident, without its single alerts."""
    return {
        "id": view.incident_id,
        "source": view.source,
        "state": state_of(view),
        "severity": cut(view.severity, MAX_NAME),
        "title": title(view),
        "summary": summary(view),
        "model_name": cut(view.labels.get("model_name", ""), MAX_NAME),
        "model_version": cut(view.labels.get("model_version", ""), MAX_NAME),
        "features": [cut(feature, MAX_NAME) for feature in view.features],
        "labels": _texts(view.labels),
        "counts": {
            "firing": view.firing,
            "unheard": view.unheard,
            "resolved": view.resolved,
            "truncated": view.truncated,
            "unreadable": view.unreadable,
        },
        "started_at": moment(view.opened_at),
        "changed_at": moment(view.changed_at),
        "ended_at": moment(view.closed_at),
        "acknowledged_at": moment(view.acknowledged_at),
        "acknowledged_by": view.acknowledged_by and cut(view.acknowledged_by, MAX_NAME),
        "silenced_until": moment(view.silenced_until),
        "links": links(view, policy),
    }


def alerts(views: Sequence[AlertView]) -> list[dict[str, Any]]:
    """Single alerts, as many as the state hands out: the most urgent ones."""
    return [
        {
            "name": describe(alert.labels),
            "state": alert.state,
            "labels": _texts(alert.labels),
            "annotations": _texts(alert.annotations),
            "started_at": moment(alert.started_at),
            "ended_at": moment(alert.ended_at),
        }
        for alert in views
    ]


def moment(seconds: float | None) -> str | None:
    """A time in ISO 8601, in UTC to the millisecond; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cut(text: str, limit: int) -> str:
    r"""Foreign text in one line, cleaned, at most `limit` characters long.

    Examples
    --------
    >>> cut("a\r\nBcc: b", 60), cut("too long", 4)
    ('a Bcc: b', 'too…')
    """
    cleaned = markup.clean(text)
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + markup.ELLIPSIS


def _texts(values: Mapping[str, str]) -> dict[str, str]:
    kept = list(values.items())[:MAX_LABELS]
    return {cut(name, MAX_NAME): cut(value, MAX_WORDS) for name, value in kept}
