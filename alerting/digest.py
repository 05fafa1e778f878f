"""Digests: one message that tells of many incidents, and is kept up to date as they end.

A digest is an incident of the bridge's own, so it is sent, updated and found again like any other. What it
tells of is not sent for itself: the row of that incident names the digest instead. Nothing is dropped by
that; the history has every incident, and one that turns critical or fires again gets a message of its own.

`storm`      more waits for a destination than people can read; what is critical stays apart, up to a limit
`missed`     groups that began and ended before they could be told
`catch_up`   what still fires after quiet hours, or was overdue when the bridge came back
`daily`      what is open at an hour of the day; a summary that is not updated
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from . import audit
from .heartbeats import OWN_SOURCE
from .hours import Hours

Kind = Literal["storm", "missed", "catch_up", "daily"]

CALM_SECONDS: Final = 120.0
CALM_MEMBERS: Final = 5
"""A storm is over when fewer incidents than this have joined it for so long."""
REPEAT_SECONDS: Final = 600.0
"""Where nothing can be edited, a change of a digest is another message: ten minutes apart."""
DAILY_LATE_SECONDS: Final = 3_600.0
"""A summary that is later than this (the bridge was away) waits for the next day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StormPolicy:
    """When many messages become one.

    Attributes
    ----------
    backlog : int
        Incidents that may wait for a destination, each for a message of its own. Twenty messages are what
        people still read, and 17 seconds at Slack's pace.
    missed : int
        Incidents that began and ended before they could be told, from which on they are told together.
    critical_per_minute : int
        Critical incidents that keep a message of their own in a storm.
    edit_seconds : float
        Between two updates of a digest: 20 in five minutes.
    """

    backlog: int = 20
    missed: int = 2
    critical_per_minute: int = 10
    edit_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyDigest:
    """Who gets a summary of what is open, and when: at the beginning of the hours."""

    to: tuple[str, ...]
    hours: Hours


_ROOTS: Final = """
SELECT id, incident_id, queue FROM waiting
WHERE destination = :name AND queue IN (1, 2, 3) AND sent_version = 0
AND incident_id NOT IN (SELECT incident_id FROM digests) ORDER BY queue, wanted_at, id
"""


def fold(connection: sqlite3.Connection, name: str, *, now: float, policy: StormPolicy) -> None:
    """Before a call to a destination: put into digests what must not be told one by one."""
    _finish(connection, name, now)
    active = connection.execute(
        "SELECT incident_id FROM digests WHERE destination = ? AND kind = 'storm' AND joining", (name,)
    ).fetchone()
    digest_id = None if active is None else int(active["incident_id"])
    if digest_id is not None and _is_calm(connection, digest_id, now):
        connection.execute("UPDATE digests SET joining = 0 WHERE incident_id = ?", (digest_id,))
        digest_id = None
    limit = max(policy.backlog, policy.missed) + 1 if digest_id is None else -1
    roots = connection.execute(f"{_ROOTS} LIMIT :limit", {"name": name, "limit": limit}).fetchall()
    if digest_id is not None or len(roots) > policy.backlog:
        roots = connection.execute(_ROOTS, {"name": name}).fetchall()
        apart = _critical_left(connection, name, now, policy)
        critical = [row for row in roots if row["queue"] == 1]
        chosen = [row for row in roots if row["queue"] != 1] + critical[apart:]
        if chosen:
            digest_id = open_digest(connection, name, "storm", now) if digest_id is None else digest_id
            _join(connection, digest_id, chosen, now)
        _slow_down(connection, name, now, policy)
        return
    over = [row for row in roots if row["queue"] == 3]
    missed = _untold(connection, name) if over else None
    if missed is not None or len(over) >= policy.missed:
        _join(connection, missed or open_digest(connection, name, "missed", now), over, now)
        _finish(connection, name, now)
    _slow_down(connection, name, now, policy)


def open_digest(connection: sqlite3.Connection, destination: str, kind: Kind, now: float) -> int:
    """A new digest for a destination, which has to be told."""
    joining = kind == "storm"
    over = kind == "daily"
    cursor = connection.execute(
        "INSERT INTO incidents (source, group_key, labels, annotations, external_url, rank, truncated,"
        " unreadable, snapshot_at, began_at, opened_at, changed_at, ended_at, closed_at, close_reason)"
        " VALUES (:source, :key, '{}', '{}', '', 1, 0, 0, :now, :now, :now, :now, :ended, :ended, :reason)",
        {
            "source": OWN_SOURCE,
            "key": f"digest {kind} {destination} {now}",
            "now": now,
            "ended": now if over else None,
            "reason": "told" if over else None,
        },
    )
    digest_id = int(cursor.lastrowid or 0)
    connection.execute(
        "INSERT INTO digests (incident_id, destination, kind, joining) VALUES (?, ?, ?, ?)",
        (digest_id, destination, kind, joining),
    )
    connection.execute(
        "INSERT INTO deliveries (destination, incident_id, want_version, want_line, wanted_at, editable,"
        " rank, closed) SELECT name, ?, 1, 0, ?, editable, 1, 0 FROM destinations WHERE name = ?",
        (digest_id, now, destination),
    )
    audit.write(
        connection,
        "digest",
        at=now,
        incident_id=digest_id,
        source=OWN_SOURCE,
        destination=destination,
        detail={"kind": kind},
    )
    return digest_id


def add(connection: sqlite3.Connection, digest_id: int, incident_ids: Sequence[int], now: float) -> None:
    """Make incidents members of a digest, without touching how they are told."""
    connection.executemany(
        "INSERT OR IGNORE INTO members (digest_id, incident_id, joined_at) VALUES (?, ?, ?)",
        [(digest_id, incident_id, now) for incident_id in incident_ids],
    )


def tell_together(
    connection: sqlite3.Connection, destination: str, kind: Kind, incident_ids: Sequence[int], now: float
) -> None:
    """Tell a destination of incidents in a new digest; those it knows already are only listed there."""
    digest_id = open_digest(connection, destination, kind, now)
    add(connection, digest_id, incident_ids, now)
    connection.executemany(
        "INSERT OR IGNORE INTO deliveries (destination, incident_id, want_version, sent_version, want_line,"
        " told_line, wanted_at, editable, rank, closed, digest_id)"
        " SELECT d.name, i.id, 1, 1, 0, 0, :now, d.editable, i.rank, 0, :digest"
        " FROM destinations d, incidents i WHERE d.name = :name AND i.id = :id",
        [{"name": destination, "id": one, "now": now, "digest": digest_id} for one in incident_ids],
    )


def touch(connection: sqlite3.Connection, incident_id: int, now: float) -> None:
    """A member has changed: its digests are to be updated."""
    connection.execute(
        """
        UPDATE deliveries SET want_version = want_version + 1,
            wanted_at = CASE WHEN want_version > sent_version THEN wanted_at ELSE :now END
        WHERE incident_id IN (SELECT digest_id FROM deliveries
                              WHERE incident_id = :id AND digest_id IS NOT NULL)
        """,
        {"id": incident_id, "now": now},
    )


def register_daily(connection: sqlite3.Connection, daily: DailyDigest | None, now: float) -> None:
    """Note who gets the summary of the day and when, and forget the others.

    One that is new, or comes at other hours from now on, begins with the next hour: what was not configured
    has not been missed. For all others a restart across the hour changes nothing.
    """
    names = () if daily is None else daily.to
    hours = "" if daily is None else daily.hours.words()
    connection.execute(
        "DELETE FROM dailies WHERE hours != ? OR destination NOT IN (SELECT value FROM json_each(?))",
        (hours, json.dumps(names)),
    )
    connection.executemany(
        # A clock that was wrong when it was first configured must not put it off.
        "INSERT INTO dailies (destination, hours, since) VALUES (:name, :hours, :now)"
        " ON CONFLICT (destination) DO UPDATE SET since = MIN(since, :now)",
        [{"name": name, "hours": hours, "now": now} for name in names],
    )


def clock_set(connection: sqlite3.Connection, jump: float) -> None:
    """Let what was configured a moment ago stay so, on a clock that was set by so many seconds."""
    connection.execute("UPDATE dailies SET since = since + ?", (jump,))


def due_daily(connection: sqlite3.Connection, daily: DailyDigest, now: float) -> list[str]:
    """The destinations whose summary of the day has to be sent; none from before it was configured."""
    hour = daily.hours.latest(now)
    if now - hour > DAILY_LATE_SECONDS:
        return []
    known = {
        row["destination"]
        for row in connection.execute("SELECT destination FROM dailies WHERE since <= ?", (hour,))
    }
    sent = {
        row["destination"]
        for row in connection.execute(
            "SELECT d.destination FROM digests d JOIN incidents i ON i.id = d.incident_id"
            " WHERE d.kind = 'daily' AND i.opened_at >= ?",
            (hour,),
        )
    }
    return [name for name in daily.to if name in known and name not in sent]


def tell_daily(connection: sqlite3.Connection, destination: str, now: float) -> None:
    """Send a destination the summary of what is open."""
    opened = connection.execute(
        "SELECT id FROM incidents WHERE closed_at IS NULL AND id NOT IN (SELECT incident_id FROM digests)"
    ).fetchall()
    add(connection, open_digest(connection, destination, "daily", now), [row["id"] for row in opened], now)


def _join(connection: sqlite3.Connection, digest_id: int, rows: Sequence[sqlite3.Row], now: float) -> None:
    """Let a digest tell of incidents that wait."""
    add(connection, digest_id, [row["incident_id"] for row in rows], now)
    connection.execute(
        "UPDATE deliveries SET digest_id = ?, sent_version = want_version, told_line = want_line,"
        " failures = 0, due_at = 0, message_id = NULL, begun_at = NULL"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (digest_id, json.dumps([row["id"] for row in rows])),
    )
    touch(connection, rows[0]["incident_id"], now)


def _untold(connection: sqlite3.Connection, name: str) -> int | None:
    """A digest of what was missed that has not been told itself; it is open again for more."""
    row = connection.execute(
        "SELECT d.incident_id FROM digests d JOIN deliveries v"
        " ON v.incident_id = d.incident_id AND v.destination = d.destination"
        " WHERE d.destination = ? AND d.kind = 'missed' AND v.sent_version = 0 LIMIT 1",
        (name,),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE incidents SET closed_at = NULL, ended_at = NULL, close_reason = NULL WHERE id = ?",
        (row["incident_id"],),
    )
    return int(row["incident_id"])


def _slow_down(connection: sqlite3.Connection, name: str, now: float, policy: StormPolicy) -> None:
    """Let the next update of a digest wait for what else changes; its end is told at once."""
    rows = connection.execute(
        """
        SELECT w.id, w.editable, (SELECT MAX(a.at) FROM audit a WHERE a.incident_id = w.incident_id
                                  AND a.kind IN ('posted', 'found', 'updated')) AS told_at
        FROM digests d JOIN waiting w ON w.incident_id = d.incident_id
        WHERE d.destination = ? AND w.sent_version > 0 AND NOT w.closed
        AND w.call_kind IS NULL AND w.due_at <= ?
        """,
        (name, now),
    ).fetchall()
    for row in rows:
        due_at = (row["told_at"] or 0.0) + (policy.edit_seconds if row["editable"] else REPEAT_SECONDS)
        # A time of a clock that has been set back since is not waited for.
        if now < due_at <= now + REPEAT_SECONDS:
            connection.execute("UPDATE deliveries SET due_at = ? WHERE id = ?", (due_at, row["id"]))


def _critical_left(connection: sqlite3.Connection, name: str, now: float, policy: StormPolicy) -> int:
    """How many of the critical incidents that wait may have a message of their own now."""
    row = connection.execute(
        "SELECT COUNT(*) AS n FROM audit WHERE at > ? AND destination = ? AND kind IN ('posted', 'found')"
        " AND incident_id IN (SELECT id FROM incidents WHERE rank = 0)",
        (now - 60.0, name),
    ).fetchone()
    return max(0, policy.critical_per_minute - int(row["n"]))


def _is_calm(connection: sqlite3.Connection, digest_id: int, now: float) -> bool:
    """Whether hardly anything has joined a storm of late."""
    row = connection.execute(
        "SELECT COUNT(*) AS n FROM (SELECT 1 FROM members WHERE digest_id = ? AND joined_at > ? LIMIT ?)",
        (digest_id, now - CALM_SECONDS, CALM_MEMBERS),
    ).fetchone()
    return int(row["n"]) < CALM_MEMBERS


def _finish(connection: sqlite3.Connection, name: str, now: float) -> None:
    """Close the digests whose every member has ended; their message says so."""
    rows = connection.execute(
        """
        SELECT d.incident_id FROM digests d JOIN incidents i ON i.id = d.incident_id
        WHERE d.destination = ? AND NOT d.joining AND i.closed_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM members m JOIN incidents o ON o.id = m.incident_id
                        WHERE m.digest_id = d.incident_id AND o.closed_at IS NULL)
        """,
        (name,),
    ).fetchall()
    for row in rows:
        connection.execute(
            "UPDATE incidents SET closed_at = :now, close_reason = 'resolved', changed_at = :now, ended_at ="
            " (SELECT MAX(o.ended_at) FROM members m JOIN incidents o ON o.id = m.incident_id"
            "  WHERE m.digest_id = :id) WHERE id = :id",
            {"now": now, "id": row["incident_id"]},
        )
        connection.execute(
            "UPDATE deliveries SET want_version = want_version + 1, closed = 1, wanted_at = ?, due_at ="
            " CASE WHEN call_kind IS NULL THEN 0 ELSE due_at END WHERE incident_id = ?",
            (now, row["incident_id"]),
        )
