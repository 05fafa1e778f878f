"""An incident as a reader should see it: what `outbox` reads from the database and `message` writes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from . import markup

SEVERITIES: Final = ("critical", "warning", "info")
"""From the most to the least urgent; any other word is shown as it is and ranks last."""
UNKNOWN_SEVERITY: Final = len(SEVERITIES)

NAME_LENGTH: Final = 80
"""Of a name in a list: enough for a feature or an instance, short enough for a phone."""

LABELS_NAMED: Final = 4
"""Of one alert in its name: the longest names of our own rules have three, and more is a list to study."""
PLACES: Final[tuple[str, ...]] = ("feature_name", "instance", "endpoint")
"""The first of them that an alert has says where it is; its value needs no explanation."""
SUBJECTS: Final[tuple[str, ...]] = (
    "attribute",
    "measure",
    "with",
    "guard",
    "kind",
    "violation",
    "topic",
    "receiver",
    "source",
    "integration",
    "heartbeat",
    "rule_group",
    "reason",
)
"""What else one rule of ours tells several alerts apart by; a name always has them."""
DETAILS: Final[tuple[str, ...]] = ("test_type", "window", "segment")
"""Said beside the name in a message; in it only where there is nothing else."""
IDENTITY: Final[tuple[str, ...]] = ("alertname", "model_name", "model_version")
"""What a group usually shares and its headline says; said of one alert only where it differs."""
PLUMBING: Final[frozenset[str]] = frozenset({"severity", "job"})
"""Said by the colour, or of no use to a reader."""

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


def describe(labels: Mapping[str, str], common: Mapping[str, str] | None = None) -> str:
    """An alert in a few plain words: its feature or place, what it says of it, or else its name.

    Parameters
    ----------
    labels : mapping of str to str
        Of the alert.
    common : mapping of str to str, optional
        Of its group, where the usual words are those of another alert too: then every label that the group
        does not have in common is said as well.

    Examples
    --------
    >>> describe({"alertname": "ModelDriftDetected", "feature_name": "dep_hour"})
    'dep_hour'
    >>> describe({"alertname": "ModelFairnessDifference", "attribute": "carrier", "measure": "recall"})
    'attribute carrier, measure recall'
    """
    parts = [_words(name, markup.clean(labels[name])) for name in named_by(labels, common)]
    return _fitting(parts) or "alert"


def describe_all(alerts: Sequence[AlertView], common: Mapping[str, str]) -> list[str]:
    """Each of a group's alerts in a few words, with more of them where two would read the same."""
    words = [describe(alert.labels) for alert in alerts]
    shared = {text for text, count in Counter(words).items() if count > 1}
    return [
        describe(alert.labels, common) if text in shared else text
        for alert, text in zip(alerts, words, strict=True)
    ]


def named_by(labels: Mapping[str, str], common: Mapping[str, str] | None = None) -> list[str]:
    """The labels that `describe` says, by name and in its order."""
    filled = [name for name in labels if markup.clean(name) and markup.clean(labels[name])]
    place = [name for name in PLACES if name in filled][:1]
    subjects = [name for name in SUBJECTS if name in filled]
    other = [name for name in filled if name not in {*PLACES, *SUBJECTS, *DETAILS, *IDENTITY, *PLUMBING}]
    named = place + subjects or [name for name in DETAILS if name in filled] or other
    named = named or [name for name in IDENTITY[:1] if name in filled]
    if common is not None:
        differing = [
            name
            for name in filled
            if name not in PLUMBING | set(DETAILS) and common.get(name) != labels[name]
        ]
        # What and which model come before the finer points, as in a headline.
        identity = [name for name in IDENTITY if name in differing]
        named = list(dict.fromkeys(identity + named + differing))
    return named[:LABELS_NAMED]


def _words(name: str, value: str) -> str:
    """A label in words: what needs no explanation as its value alone."""
    return value if name in {*PLACES, *IDENTITY} else f"{markup.clean(name)} {value}"


def _fitting(parts: Sequence[str]) -> str:
    """Parts as one text that fits a name; the middle of what is long is left out, as ends differ most."""
    if len(parts) == 1:
        return parts[0][:NAME_LENGTH]
    # Two characters stand between two parts, and two around the whole where it is shown as code.
    room = NAME_LENGTH - 2 * len(parts)
    kept = list(parts)
    for left, index in enumerate(sorted(range(len(parts)), key=lambda one: len(parts[one]))):
        share = room // (len(parts) - left)
        kept[index] = _without_middle(parts[index], share)
        room -= len(kept[index])
    return ", ".join(kept)


def _without_middle(text: str, limit: int) -> str:
    """A text of at most so many characters, with its beginning and its end."""
    end = (limit - 1) // 2
    return text if len(text) <= limit else text[: limit - 1 - end] + markup.ELLIPSIS + text[-end:]
