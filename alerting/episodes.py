"""A snapshot of a group, written into the state: which episodes begin, go on and end, and what is news.

An episode is one firing of one alert, (fingerprint, startsAt) within a source. Rules that follow from how
Alertmanager behaves (measured with 0.25):

- Only the state of each listed alert counts. An alert that is absent may be silenced, inhibited, moved to
  another group or truncated: absent is not resolved.
- A closed episode stays closed: an old snapshot, sent again by a retry or by the other of a pair, opens
  nothing. But an Alertmanager that lost contact with Prometheus resolves its alerts and later fires them
  again *with the same startsAt*, so this holds for `reopen_after_seconds` after the end and no longer.
- The same alert may come with another startsAt (the earliest of two Prometheus wins) or with a later one (it
  ended and fired again between two sendings). An end closes what began before it.
- A route that is edited gives the same alerts a new group key. An incident whose open alerts are all in the
  snapshot moves with them; otherwise each alert stays where it was first told, and only new ones open
  anything.
- A group that fires again before anybody was told of its end goes on as the same incident.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from . import audit, escalation, incidents, timers
from .escalation import Policy
from .incidents import Change, StatePolicy
from .payload import NANOSECONDS, Alert, Notification
from .views import severity_rank

_INSERT: Final = """
INSERT INTO episodes (source, fingerprint, starts_at_ns, occurrence, incident_id, rank, severity, model_name,
    feature_name, labels, annotations, seen_at, ended_at, closed_at, close_reason)
VALUES (:source, :fingerprint, :starts_at_ns, 0, :incident_id, :rank, :severity, :model_name,
    :feature_name, :labels, :annotations, :now, :ended_at, :closed_at, :close_reason)
"""
_INSERT_NEXT: Final = """
INSERT INTO episodes (source, fingerprint, starts_at_ns, occurrence, incident_id, rank, severity, model_name,
    feature_name, labels, annotations, seen_at, ended_at, closed_at, close_reason)
SELECT :source, :fingerprint, :starts_at_ns, COALESCE(MAX(occurrence) + 1, 0), :incident_id, :rank,
    :severity, :model_name, :feature_name, :labels, :annotations, :now, :ended_at, :closed_at, :close_reason
FROM episodes WHERE source = :source AND fingerprint = :fingerprint AND starts_at_ns = :starts_at_ns
HAVING :closed_at IS NULL OR COUNT(*) = 0
"""
"""The same for a start that may be known: as its next occurrence, or not at all if it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a snapshot changed: `news` to hear, `update` for other words only, `duplicate` for nothing."""

    outcome: Literal["news", "update", "duplicate"]
    stale: int
    told: timers.Told = field(default_factory=list)


@dataclass(slots=True)
class _Snapshot:
    """A snapshot on its way into the state."""

    connection: sqlite3.Connection
    notification: Notification
    source: str
    now: float
    changes: defaultdict[int, Change] = field(default_factory=lambda: defaultdict(Change))
    heard: list[int] = field(default_factory=list)

    def sort(self, policy: StatePolicy) -> tuple[list[Alert], list[Alert]]:
        """Write what is known to go on or to have ended; the fresh and the stale alerts are left over."""
        fingerprints = self._fingerprints()
        # CROSS JOIN: from the alerts to the index, never through all episodes (40 times slower for 10,000).
        known = {
            row["fingerprint"]: row
            for row in self.connection.execute(
                "SELECT e.id, e.fingerprint, e.starts_at_ns, e.incident_id, e.annotations FROM json_each(?) f"
                " CROSS JOIN episodes e ON e.fingerprint = f.value AND e.source = ? AND e.closed_at IS NULL",
                (fingerprints, self.source),
            )
        }
        just_closed = {
            row["fingerprint"]: row["newest"]
            for row in self.connection.execute(
                "SELECT e.fingerprint, MAX(e.starts_at_ns) AS newest"
                " FROM json_each(?) f CROSS JOIN episodes e ON e.fingerprint = f.value AND e.source = ?"
                " AND e.closed_at > ? GROUP BY e.fingerprint",
                (fingerprints, self.source, self.now - policy.reopen_after_seconds),
            )
        }
        fresh: list[Alert] = []
        stale: list[Alert] = []
        for alert in self.notification.alerts:
            row = known.get(alert.fingerprint)
            if alert.status == "resolved":
                if self._resolve(alert, row):
                    del known[alert.fingerprint]
            elif row is not None:
                self._go_on(alert, row)
            elif alert.starts_at_ns <= just_closed.get(alert.fingerprint, -1):
                stale.append(alert)
            else:
                fresh.append(alert)
        if self.heard:
            self.connection.execute(
                "UPDATE episodes SET seen_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (self.now, json.dumps(self.heard)),
            )
        return fresh, stale

    def _resolve(self, alert: Alert, row: sqlite3.Row | None) -> bool:
        """Close the open episode that the end belongs to, if there is one; remember the end in any case."""
        ends_at_ns = alert.ends_at_ns or int(self.now * NANOSECONDS)
        closes = row is not None and row["starts_at_ns"] <= max(ends_at_ns, alert.starts_at_ns)
        if closes and row is not None:
            self._close(row["id"], ends_at_ns, "resolved")
            self.changes[row["incident_id"]].closed.append(alert)
        if row is None or row["starts_at_ns"] != alert.starts_at_ns:
            # Its firing was never heard of, or under another start: an old snapshot of it must not open it.
            self._insert(alert, row["incident_id"] if row is not None and closes else None, ends_at_ns)
        return closes

    def _go_on(self, alert: Alert, row: sqlite3.Row) -> None:
        """An alert that is known to fire: heard of again, perhaps in other words, or begun anew."""
        change = self.changes[row["incident_id"]]
        annotations = _json(alert.annotations)
        if alert.starts_at_ns > row["starts_at_ns"]:
            self._close(row["id"], alert.starts_at_ns, "superseded")
            self._insert(alert, row["incident_id"])
            change.reworded = True
        elif annotations != row["annotations"]:
            self.connection.execute(
                "UPDATE episodes SET seen_at = ?, annotations = ? WHERE id = ?",
                (self.now, annotations, row["id"]),
            )
            change.reworded = True
        else:
            self.heard.append(row["id"])

    def find_incident(self) -> int | None:
        """The open incident of the group, or one that now goes under the group's key."""
        key = (self.source, self.notification.group_key)
        own = self.connection.execute(
            "SELECT id FROM incidents WHERE source = ? AND group_key = ? AND closed_at IS NULL", key
        ).fetchone()
        if own is None:
            own = self.connection.execute(
                """
                SELECT i.id FROM incidents i
                WHERE i.id IN (SELECT value FROM json_each(:touched)) AND i.closed_at IS NULL
                AND EXISTS (SELECT 1 FROM episodes e WHERE e.incident_id = i.id AND e.closed_at IS NULL)
                AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.incident_id = i.id AND e.closed_at IS NULL
                                AND e.fingerprint NOT IN (SELECT value FROM json_each(:listed)))
                ORDER BY i.id LIMIT 1
                """,
                {"touched": json.dumps(list(self.changes)), "listed": self._fingerprints()},
            ).fetchone()
            if own is not None:
                self.connection.execute(
                    "UPDATE incidents SET group_key = ? WHERE id = ?",
                    (self.notification.group_key, own["id"]),
                )
        return None if own is None else int(own["id"])

    def open_incident(self, fresh: Sequence[Alert], destinations: Sequence[str]) -> int:
        """A new incident, or the group's last one if nobody has been told yet that it ended."""
        key = (self.source, self.notification.group_key)
        last = self.connection.execute(
            """
            SELECT i.id FROM incidents i
            WHERE i.id = (SELECT MAX(id) FROM incidents WHERE source = ? AND group_key = ?)
            -- Who is no longer configured will never be told: that cannot keep an incident open to be.
            AND EXISTS (SELECT 1 FROM deliveries d WHERE d.incident_id = i.id
                        AND d.destination IN (SELECT name FROM destinations))
            AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.incident_id = i.id
                            AND (d.sent_version = d.want_version
                                 OR (d.call_kind IS NOT NULL AND d.call_version = d.want_version)))
            """,
            key,
        ).fetchone()
        if last is not None:
            self.connection.execute(
                "UPDATE incidents SET closed_at = NULL, ended_at = NULL, close_reason = NULL WHERE id = ?",
                (last["id"],),
            )
            self.changes[last["id"]].began = "reopened"
            return int(last["id"])
        began_at = min(alert.starts_at_ns for alert in fresh) / NANOSECONDS
        cursor = self.connection.execute(
            "INSERT INTO incidents (source, group_key, labels, annotations, external_url, rank, truncated,"
            " unreadable, snapshot_at, began_at, opened_at, changed_at)"
            " VALUES (?, ?, '{}', '{}', '', 0, 0, 0, ?, ?, ?, ?)",
            (*key, self.now, began_at, self.now, self.now),
        )
        incident_id = int(cursor.lastrowid or 0)
        self.connection.executemany(
            "INSERT INTO deliveries (destination, incident_id, want_version, want_line, wanted_at, editable,"
            " rank, closed) SELECT name, ?, 0, 0, ?, editable, 0, 0 FROM destinations WHERE name = ?",
            [(incident_id, self.now, destination) for destination in destinations],
        )
        self.changes[incident_id].began = "opened"
        return incident_id

    def policy(self, fresh: Sequence[Alert], policies: Sequence[Policy]) -> Policy | None:
        """The escalation policy of the incident that fresh alerts will open."""
        labels = self.notification.common_labels()
        rank = min(severity_rank(alert.labels.get("severity", "")) for alert in fresh)
        return escalation.choose(policies, self.source, timers.labels_of(labels, rank))

    def describe(self, incident_id: int) -> None:
        """Write what the snapshot says of the group as a whole."""
        notification = self.notification
        told = {
            "labels": _json(notification.common_labels()),
            "annotations": _json(notification.common_annotations()),
            "truncated": notification.truncated_alerts,
            "unreadable": len(notification.unreadable),
        }
        before = self.connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
        if any(before[name] != value for name, value in told.items()):
            self.changes[incident_id].reworded = True
        self.connection.execute(
            "UPDATE incidents SET labels = :labels, annotations = :annotations, truncated = :truncated,"
            " unreadable = :unreadable, external_url = :external_url, group_labels = :group_labels,"
            " snapshot_at = :now WHERE id = :id",
            {
                **told,
                "external_url": notification.external_url,
                "group_labels": _json(notification.group_labels),
                "now": self.now,
                "id": incident_id,
            },
        )

    def open_episodes(self, fresh: Sequence[Alert], incident_id: int) -> None:
        """Begin an episode for each fresh alert: those that were never heard of in one go."""
        known = {
            (row["fingerprint"], row["starts_at_ns"])
            for row in self.connection.execute(
                "SELECT e.fingerprint, e.starts_at_ns FROM json_each(?) f"
                " CROSS JOIN episodes e ON e.source = ? AND e.fingerprint = f.value",
                (json.dumps([alert.fingerprint for alert in fresh]), self.source),
            )
        }
        for alert in fresh:
            if (alert.fingerprint, alert.starts_at_ns) in known:
                self._insert(alert, incident_id)
        self.connection.executemany(
            _INSERT,
            (
                self._row(alert, incident_id)
                for alert in fresh
                if (alert.fingerprint, alert.starts_at_ns) not in known
            ),
        )
        if fresh:
            self.changes[incident_id].opened += fresh

    def _fingerprints(self) -> str:
        """All that the snapshot lists, as JSON for `json_each`."""
        return json.dumps(list({alert.fingerprint for alert in self.notification.alerts}))

    def _insert(self, alert: Alert, incident_id: int | None, ends_at_ns: int | None = None) -> None:
        """A new episode; one that is over already is written as closed, unless that is known."""
        self.connection.execute(_INSERT_NEXT, self._row(alert, incident_id, ends_at_ns))

    def _row(self, alert: Alert, incident_id: int | None, ends_at_ns: int | None = None) -> dict[str, object]:
        """An episode as values for the database."""
        closed = ends_at_ns is not None
        severity = alert.labels.get("severity", "")
        return {
            "source": self.source,
            "fingerprint": alert.fingerprint,
            "starts_at_ns": alert.starts_at_ns,
            "incident_id": incident_id,
            "rank": severity_rank(severity),
            "severity": severity,
            "model_name": alert.labels.get("model_name", ""),
            "feature_name": alert.labels.get("feature_name", ""),
            "labels": _json(alert.labels),
            "annotations": _json(alert.annotations),
            "now": self.now,
            "ended_at": ends_at_ns / NANOSECONDS if ends_at_ns is not None else None,
            "closed_at": self.now if closed else None,
            "close_reason": "resolved" if closed else None,
        }

    def _close(self, episode_id: int, ends_at_ns: int, reason: str) -> None:
        self.connection.execute(
            "UPDATE episodes SET seen_at = ?, ended_at = ?, closed_at = ?, close_reason = ? WHERE id = ?",
            (self.now, ends_at_ns / NANOSECONDS, self.now, reason, episode_id),
        )


def record(
    connection: sqlite3.Connection,
    notification: Notification,
    *,
    source: str,
    destinations: Sequence[str],
    now: float,
    policy: StatePolicy,
    policies: Sequence[Policy] = (),
) -> Recorded:
    """Write a snapshot into the state, inside the transaction of `connection`.

    Parameters
    ----------
    connection : sqlite3.Connection
    notification : Notification
    source : str
        Which Alertmanager (or pair) sent it; identities of two sources never meet.
    destinations : sequence of str
        Who is told of an incident that this snapshot opens, if no escalation policy is meant for it.
    now : float
        Seconds since 1970.
    policy : StatePolicy
    policies : sequence of escalation.Policy
    """
    snapshot = _Snapshot(connection, notification, source, now)
    fresh, stale = snapshot.sort(policy)
    incident_id = snapshot.find_incident()
    if incident_id is None and fresh:
        planned = bool(policies) and snapshot.policy(fresh, policies) is not None
        incident_id = snapshot.open_incident(fresh, () if planned else destinations)
    if incident_id is not None:
        snapshot.open_episodes(fresh, incident_id)
        snapshot.describe(incident_id)
    told: timers.Told = []
    for touched, change in snapshot.changes.items():
        urgent = incidents.settle(connection, touched, change, now)
        if urgent and policies:
            told += timers.start(connection, touched, policies, now, rank_before=change.rank_before)
    if stale:
        audit.write(
            connection, "stale", at=now, source=source, incident_id=incident_id, detail=incidents.named(stale)
        )
    changes = snapshot.changes.values()
    if any(change.opened or change.closed for change in changes):
        return Recorded(outcome="news", stale=len(stale), told=told)
    return Recorded(
        outcome="update" if any(change.reworded for change in changes) else "duplicate", stale=len(stale)
    )


def is_open(connection: sqlite3.Connection, source: str, alert: Alert) -> bool:
    """Whether an incident tells that an alert fires."""
    row = connection.execute(
        "SELECT 1 FROM episodes WHERE source = ? AND fingerprint = ? AND closed_at IS NULL",
        (source, alert.fingerprint),
    ).fetchone()
    return row is not None


_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""JSON with a fixed order, so that equal mappings are equal texts; made once instead of at each call."""
