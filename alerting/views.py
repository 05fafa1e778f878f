"""An incident as a reader should see it: what `outbox` reads from the database and `message` writes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from . import markup

SEVERITIES: Final = ("critical", "warning", "info")
"""From the most to the least urgent; any other word is shown as it is and ranks last."""
UNKNOWN_SEVERITY: Final = len(SEVERITIES)

NAME_LENGTH: Final = 80
"""Of a name in a list: enough for a feature or an instance, short enough for a phone."""

AlertState = Literal["firing", "unheard", "resolved", "silenced", "inhibited", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One alert.

    Attributes
    ----------
    state : str
        `unheard` fires as far as we know, but the last snapshot did not list it; `silenced`, `inhibited` and
        `gone` are what Alertmanager said when it was asked.
    """

    state: AlertState
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One incident of a group as it stands when the message is written.

    Attributes
    ----------
    labels, annotations : mapping of str to str
        What all alerts of the group have in common.
    alerts : sequence of AlertView
        The most urgent ones, as many as are to be shown or fewer.
    firing, unheard, resolved : int
        How many alerts there are in each state, shown or not.
    truncated : int
        Alerts that Alertmanager did not list (`max_alerts`).
    changed_at : float
        When the newest thing told here happened, in seconds.
    acknowledged_by : str or None
        Who has taken it on; the words of the one who did.
    silenced_until : float or None
        Until when Alertmanager was asked to be quiet about it.
    standings : mapping of str to int
        How many of the alerts that fire as far as we know are silenced, inhibited or gone.
    """

    incident_id: int
    source: str
    severity: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    features: Sequence[str]
    alerts: Sequence[AlertView]
    firing: int
    unheard: int
    resolved: int
    truncated: int
    unreadable: int
    opened_at: float
    changed_at: float
    closed_at: float | None
    close_reason: str | None
    external_url: str
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    silenced_until: float | None = None
    standings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLine:
    """One thing that happened to an incident, for its thread.

    Attributes
    ----------
    count, names, left : int, sequence of str, int
        How many alerts it is about, the first of them, and how many still fire.
    by, until, reason : str, float or None, str
        Who did it, until when it holds, and why it was not done.
    """

    kind: str
    at: float
    count: int = 0
    names: Sequence[str] = ()
    left: int = 0
    by: str = ""
    until: float | None = None
    reason: str = ""


def severity_rank(severity: str) -> int:
    """0 for the most urgent; unknown words rank last."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else UNKNOWN_SEVERITY


def describe(labels: Mapping[str, str]) -> str:
    """An alert in a few plain words: its feature, or its instance, or else its name."""
    for name in ("feature_name", "instance", "endpoint", "alertname"):
        if labels.get(name):
            return markup.clean(labels[name])[:NAME_LENGTH]
    return "alert"
