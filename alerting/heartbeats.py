"""Signals that must not stop, such as Alertmanager's Watchdog: heard, missed, and heard again.

A signal is an alert that fires always. It opens no incident; when it has not been heard for its deadline, the
bridge opens one of its own, which is told and escalated like any other. The deadline counts only time in
which the bridge listened: neither a restart nor a clock that jumps can page anybody, and a restart costs the
page no more than the restart took.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from .markup import duration
from .matchers import Matcher, match_all
from .payload import NANOSECONDS, Alert, Notification

OWN_SOURCE: Final = "bridge"
"""The source of incidents that the bridge opens itself."""
CHECK_SECONDS: Final = 10.0
LONGEST_GAP_SECONDS: Final = 30.0
"""Between two checks more is not believed: the bridge was away, or the clock was changed."""
MENTION_SECONDS: Final = 3_600.0
"""How often a signal that is still missing is said again, so that its incident does not seem forgotten."""
ALERT_NAME: Final = "BridgeHeartbeatMissing"
FORGOTTEN: Final = "This signal is no longer configured as a heartbeat, so it is not missed."
_KEY: Final = "heartbeat "


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A signal, and for how long it may be silent.

    Attributes
    ----------
    deadline : float
        Seconds.
    destinations : tuple of str
        Who is told when no escalation policy says so; empty: those of the default source.
    """

    name: str
    matchers: tuple[Matcher, ...]
    deadline: float
    severity: str = "critical"
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A signal that went missing, came back or is no longer listened for, as a notification of our own."""

    heartbeat: Heartbeat
    kind: Literal["missing", "returned", "forgotten"]
    notification: Notification


def split(
    notification: Notification,
    beats: Sequence[Heartbeat],
    is_open: Callable[[Alert], bool] = lambda _: False,
) -> tuple[list[str], Notification]:
    """The heartbeats in a notification, and the notification without their alerts.

    Parameters
    ----------
    notification : Notification
    beats : sequence of Heartbeat
    is_open : callable
        Whether an incident tells of an alert. It does of a signal that was no heartbeat when it came first:
        such an alert is left in as its end, since nothing else would end it.
    """
    if not beats:
        return [], notification
    heard: list[str] = []
    others: list[Alert] = []
    for alert in notification.alerts:
        names = [beat.name for beat in beats if match_all(beat.matchers, alert.labels)]
        if not names:
            others.append(alert)
            continue
        if alert.status == "firing":
            heard += names
        if is_open(alert):
            others.append(replace(alert, status="resolved"))
    return heard, replace(notification, alerts=tuple(others))


def key(name: str) -> str:
    """The group of the incident about a signal, and the fingerprint of its alert."""
    return f"{_KEY}{name}"


def register(connection: sqlite3.Connection, beats: Iterable[Heartbeat], now: float) -> list[News]:
    """Begin to listen for the configured signals, and forget the others; the ends of their incidents."""
    names = [beat.name for beat in beats]
    known = {row["name"] for row in connection.execute("SELECT name FROM heartbeats")}
    connection.executemany(
        "DELETE FROM heartbeats WHERE name = ?", [(name,) for name in known if name not in names]
    )
    connection.executemany(
        "INSERT INTO heartbeats (name, silent_seconds, checked_at) VALUES (?, 0, ?)",
        [(name, now) for name in names if name not in known],
    )
    opened = connection.execute(
        "SELECT fingerprint, starts_at_ns, labels, annotations FROM episodes"
        " WHERE source = ? AND closed_at IS NULL AND fingerprint LIKE ?",
        (OWN_SOURCE, f"{_KEY}%"),
    ).fetchall()
    return [_forgotten(row, now) for row in opened if row["fingerprint"].removeprefix(_KEY) not in names]


def beat(connection: sqlite3.Connection, names: Iterable[str], now: float) -> None:
    """Write down that signals were heard."""
    connection.executemany(
        "UPDATE heartbeats SET seen_at = ?, silent_seconds = 0 WHERE name = ?",
        [(now, name) for name in names],
    )


def ages(connection: sqlite3.Connection) -> dict[str, float]:
    """For how long each signal has not been heard, in seconds of listening."""
    rows = connection.execute("SELECT name, silent_seconds FROM heartbeats")
    return {row["name"]: row["silent_seconds"] for row in rows}


def check(connection: sqlite3.Connection, beats: Iterable[Heartbeat], now: float) -> list[News]:
    """Let the time since the last check pass; what went missing or came back."""
    connection.execute(
        "UPDATE heartbeats SET silent_seconds = silent_seconds + MAX(0, MIN(:now - checked_at, :gap)),"
        " checked_at = :now WHERE ABS(:now - checked_at) >= :every",
        {"now": now, "gap": LONGEST_GAP_SECONDS, "every": CHECK_SECONDS},
    )
    silent = ages(connection)
    found: list[News] = []
    for entry in beats:
        opened = connection.execute(
            "SELECT e.starts_at_ns, e.seen_at FROM episodes e"
            " WHERE e.source = ? AND e.fingerprint = ? AND e.closed_at IS NULL",
            (OWN_SOURCE, key(entry.name)),
        ).fetchone()
        misses = silent.get(entry.name, 0.0) >= entry.deadline
        if misses and (opened is None or now - opened["seen_at"] >= MENTION_SECONDS):
            started_at_ns = int(now * NANOSECONDS) if opened is None else opened["starts_at_ns"]
            found.append(
                News(heartbeat=entry, kind="missing", notification=_notification(entry, started_at_ns, None))
            )
        elif not misses and opened is not None:
            ended = _notification(entry, opened["starts_at_ns"], int(now * NANOSECONDS))
            found.append(News(heartbeat=entry, kind="returned", notification=ended))
    return found


def _forgotten(row: sqlite3.Row, now: float) -> News:
    """The end of the incident of a signal that nobody listens for any more, by its open episode."""
    name = row["fingerprint"].removeprefix(_KEY)
    annotations = {**json.loads(row["annotations"]), "description": FORGOTTEN}
    ended = _told(name, json.loads(row["labels"]), annotations, row["starts_at_ns"], int(now * NANOSECONDS))
    return News(
        heartbeat=Heartbeat(name=name, matchers=(), deadline=0.0), kind="forgotten", notification=ended
    )


def _notification(entry: Heartbeat, started_at_ns: int, ended_at_ns: int | None) -> Notification:
    """The alert about a signal, as if Alertmanager had sent it."""
    labels = {"alertname": ALERT_NAME, "severity": entry.severity, "heartbeat": entry.name}
    annotations = {
        "summary": (
            f"{entry.name} has not been heard for {duration(entry.deadline)}: alerts may no longer arrive"
        ),
        "description": (
            "This signal fires always and comes through Prometheus and Alertmanager. One of the two, or the"
            " way between them and the bridge, does not work."
        ),
        "runbook_url": "docs/runbooks.md#bridgeheartbeatmissing",
    }
    return _told(entry.name, labels, annotations, started_at_ns, ended_at_ns)


def _told(
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    started_at_ns: int,
    ended_at_ns: int | None,
) -> Notification:
    """A notification of one alert about a signal."""
    alert = Alert(
        status="firing" if ended_at_ns is None else "resolved",
        fingerprint=key(name),
        starts_at_ns=started_at_ns,
        ends_at_ns=ended_at_ns,
        labels=labels,
        annotations=annotations,
        generator_url="",
    )
    return Notification(
        group_key=key(name),
        receiver=OWN_SOURCE,
        group_labels=labels,
        external_url="",
        alerts=(alert,),
        truncated_alerts=0,
        unreadable=(),
    )
