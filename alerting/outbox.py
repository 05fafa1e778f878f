"""What each destination should show and does show: the queue between the state and `delivery`.

A row is a desired state, not a message: the newest version is rendered when its turn comes. A call is
written down before it is made, with the time at which it must have ended, and crossed out after it. A row
whose call was never crossed out (a kill, a timeout, a dropped connection) has an unknown fate: a post is
looked for before it is repeated, an update is simply repeated. So a crash needs no recovery step; it looks
like any uncertain call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from . import audit, reading
from .calls import Kind
from .pacing import Bucket
from .views import GroupView, ThreadLine

SLACK: Final = "slack"
"""The kind of a destination that is a channel."""

_QUEUES: Final[tuple[Kind, ...]] = (
    "post",  # 0: a letter of unknown fate, which is looked for and not sent
    "post",  # 1: a critical incident that is not told
    "post",  # 2: another one
    "post",  # 3: one that is over and was never told
    "update",  # 4: the end of one that was
    "update",  # 5: other changes
    "reply",  # 6: lines of a thread
)
"""What the values of the column `queue` stand for, from the most to the least urgent."""

_CHOOSE: Final = """
SELECT * FROM waiting WHERE destination = ? AND queue = ? AND +due_at <= ? ORDER BY wanted_at, id LIMIT 1
"""
"""The plus keeps SQLite from the index on due_at: nearly everything is due, and it would sort all of it."""

_DONE: Final = {"post": "posted", "update": "updated", "reply": "replied"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One call to make, already written down as begun, with all that it takes to render it.

    Attributes
    ----------
    kind : "post", "update" or "reply"
    finds : bool
        The letter's fate is unknown: look for it instead of sending it.
    message_id : str
        Our opaque id inside the message, the same at every try.
    begun_at : float
        When the message was first tried.
    version, line : int
        How far the destination is told once the call is delivered.
    """

    delivery_id: int
    incident_id: int
    kind: Kind
    finds: bool
    message_id: str
    begun_at: float
    channel: str | None
    ts: str | None
    version: int
    line: int
    plain: bool
    failures: int
    group: GroupView
    lines: Sequence[ThreadLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for a destination: how many incidents, and since when the oldest."""

    pending: int
    oldest_at: float | None
    parked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationState:
    """How a destination as a whole is doing.

    Attributes
    ----------
    channel_id : str or None
        Slack's id of its present channel; None until something was posted there.
    """

    failures: int
    retry_at: float
    parked_reason: str | None
    channel_id: str | None


def register(
    connection: sqlite3.Connection, name: str, *, channel: str, editable: bool, kind: str = SLACK
) -> None:
    """Note a configured destination; one that failed before gets a new chance.

    One of another kind than before is another destination: `handover.retire` has to forget the old one first.
    """
    connection.execute(
        """
        INSERT INTO destinations (name, editable, kind, channel) VALUES (:name, :editable, :kind, :channel)
        ON CONFLICT (name) DO UPDATE SET
            editable = :editable, kind = :kind, channel = :channel, failures = 0, retry_at = 0,
            channel_id = CASE WHEN channel = :channel THEN channel_id END
        """,
        {"name": name, "editable": editable, "kind": kind, "channel": channel},
    )
    connection.execute("UPDATE deliveries SET editable = ? WHERE destination = ?", (editable, name))


def destination(connection: sqlite3.Connection, name: str) -> DestinationState:
    """How a registered destination is doing."""
    row = connection.execute("SELECT * FROM destinations WHERE name = ?", (name,)).fetchone()
    return DestinationState(
        failures=row["failures"],
        retry_at=row["retry_at"],
        parked_reason=row["parked_reason"],
        channel_id=row["channel_id"],
    )


def bucket(connection: sqlite3.Connection, name: str, full: float) -> Bucket:
    """A token bucket as it was left; a new one is full."""
    row = connection.execute("SELECT * FROM paces WHERE bucket = ?", (name,)).fetchone()
    if row is None:
        return Bucket(tokens=full, at=0.0)
    return Bucket(tokens=row["tokens"], at=row["at"], not_before=row["not_before"], share=row["share"])


def save_bucket(connection: sqlite3.Connection, name: str, value: Bucket) -> None:
    """Keep a token bucket."""
    connection.execute(
        "INSERT OR REPLACE INTO paces (bucket, tokens, at, not_before, share) VALUES (?, ?, ?, ?, ?)",
        (name, value.tokens, value.at, value.not_before, value.share),
    )


def clock_set_back(connection: sqlite3.Connection, seconds: float) -> None:
    """Let all that waits for a time wait as long as it would have, on a clock that shows so much less."""
    connection.execute("UPDATE deliveries SET due_at = due_at - ? WHERE due_at > 0", (seconds,))
    connection.execute("UPDATE destinations SET retry_at = retry_at - ?", (seconds,))
    connection.execute("UPDATE paces SET at = at - ?, not_before = not_before - ?", (seconds, seconds))


def begin(
    connection: sqlite3.Connection,
    name: str,
    *,
    now: float,
    may_post: bool,
    may_update: bool,
    lease_seconds: float,
    new_id: str,
    alerts: int,
) -> Work | None:
    """The next call for a destination, written down as begun; None if nothing is due.

    Parameters
    ----------
    connection : sqlite3.Connection
    name : str
        The destination.
    now : float
    may_post, may_update : bool
        What the pace of its channel allows now.
    lease_seconds : float
        Until when the call has surely ended, whatever becomes of us.
    new_id : str
        The id of the message, if it is tried for the first time.
    alerts : int
        How many of the incident's alerts to read.
    """
    row = _next(connection, name, now=now, may_post=may_post, may_update=may_update)
    if row is None:
        return None
    kind, finds = _QUEUES[row["queue"]], row["call_kind"] in ("post", "reply")
    message_id, begun_at = row["message_id"] or new_id, row["begun_at"] or now
    version, line = row["want_version"], row["want_line"]
    if finds:
        version, line = row["call_version"], row["call_line"]
    else:
        connection.execute(
            "UPDATE deliveries SET call_kind = ?, call_version = ?, call_line = ?, message_id = ?,"
            " begun_at = ?, due_at = ? WHERE id = ?",
            (kind, version, line, message_id, begun_at, now + lease_seconds, row["id"]),
        )
    return Work(
        delivery_id=row["id"],
        incident_id=row["incident_id"],
        kind=row["call_kind"] if finds else kind,
        finds=finds,
        message_id=message_id,
        begun_at=begun_at,
        channel=row["channel"],
        ts=row["ts"],
        version=version,
        line=line,
        plain=bool(row["plain"]),
        failures=row["failures"],
        group=reading.group(connection, row["incident_id"], alerts),
        lines=reading.lines(connection, row["incident_id"], row["told_line"], line),
    )


def _next(
    connection: sqlite3.Connection, name: str, *, now: float, may_post: bool, may_update: bool
) -> sqlite3.Row | None:
    """The most urgent row that is due; one seek per queue, however many rows wait."""
    for queue, kind in enumerate(_QUEUES):
        if queue == 0 or (may_update if kind == "update" else may_post):
            row: sqlite3.Row | None = connection.execute(_CHOOSE, (name, queue, now)).fetchone()
            if row is not None:
                return row
    return None


def next_due(connection: sqlite3.Connection, name: str) -> float | None:
    """When the next waiting row of a destination is due; None if nothing waits."""
    row = connection.execute(
        "SELECT MIN(due_at) AS due_at FROM waiting WHERE destination = ?",
        (name,),
    ).fetchone()
    return None if row["due_at"] is None else float(row["due_at"])


def delivered(
    connection: sqlite3.Connection, name: str, work: Work, *, channel: str | None, ts: str | None, now: float
) -> None:
    """Cross out a call that was delivered, or a message that was found."""
    connection.execute(
        """
        UPDATE deliveries SET
            sent_version = CASE WHEN :kind = 'reply' THEN sent_version ELSE :version END,
            told_line = CASE WHEN :kind = 'update' THEN told_line ELSE :line END,
            channel = CASE WHEN :kind = 'post' THEN :channel ELSE channel END,
            ts = CASE WHEN :kind = 'post' THEN :ts ELSE ts END,
            call_kind = NULL, message_id = NULL, begun_at = NULL, failures = 0, due_at = 0, plain = 0
        WHERE id = :id
        """,
        {
            "kind": work.kind,
            "version": work.version,
            "line": work.line,
            "channel": channel,
            "ts": ts,
            "id": work.delivery_id,
        },
    )
    _note(connection, name, work, "found" if work.finds else _DONE[work.kind], now)
    parked = destination(connection, name).parked_reason is not None
    connection.execute(
        "UPDATE destinations SET failures = 0, retry_at = 0, parked_reason = NULL, parked_at = NULL,"
        " channel_id = COALESCE(?, channel_id) WHERE name = ?",
        (channel, name),
    )
    if parked:
        audit.write(connection, "recovered", at=now, destination=name)


def unneeded(connection: sqlite3.Connection, work: Work) -> None:
    """Cross out a letter in which there was nothing to tell; what was told before stays as it is."""
    connection.execute(
        "UPDATE deliveries SET sent_version = ?, told_line = ?, call_kind = NULL, message_id = NULL,"
        " begun_at = NULL, failures = 0, due_at = 0, plain = 0 WHERE id = ?",
        (work.version, work.line, work.delivery_id),
    )


def unsent(connection: sqlite3.Connection, work: Work, *, due_at: float) -> None:
    """Cross out a call that surely had no effect; it comes again."""
    connection.execute(
        "UPDATE deliveries SET call_kind = NULL, failures = failures + 1, due_at = ? WHERE id = ?",
        (due_at, work.delivery_id),
    )


def unknown(connection: sqlite3.Connection, work: Work, *, due_at: float) -> None:
    """Leave a call begun: from `due_at` on, its message is looked for."""
    connection.execute(
        "UPDATE deliveries SET failures = failures + 1, due_at = ? WHERE id = ?", (due_at, work.delivery_id)
    )


def gone(connection: sqlite3.Connection, name: str, work: Work, *, due_at: float, now: float) -> None:
    """The root message no longer exists: the incident gets a new one."""
    connection.execute(
        "UPDATE deliveries SET call_kind = NULL, message_id = NULL, begun_at = NULL, ts = NULL,"
        " sent_version = 0, failures = failures + 1, due_at = ? WHERE id = ?",
        (due_at, work.delivery_id),
    )
    _note(connection, name, work, "gone", now)


def refused(connection: sqlite3.Connection, name: str, work: Work, *, reason: str, now: float) -> None:
    """Slack does not take the message: text alone is next; refused again, this version is given up."""
    if work.plain:
        connection.execute(
            "UPDATE deliveries SET call_kind = NULL, message_id = NULL, begun_at = NULL, sent_version = ?,"
            " told_line = ?, plain = 0, due_at = 0 WHERE id = ?",
            (work.version, work.line, work.delivery_id),
        )
    else:
        connection.execute(
            "UPDATE deliveries SET call_kind = NULL, plain = 1, due_at = 0 WHERE id = ?", (work.delivery_id,)
        )
    _note(connection, name, work, "refused" if work.plain else "simplified", now, reason=reason)


def resend(connection: sqlite3.Connection, name: str, work: Work, *, doubtful: bool, now: float) -> None:
    """A letter that was looked for goes out again; `doubtful` if nobody could tell whether it is there."""
    connection.execute("UPDATE deliveries SET call_kind = NULL, due_at = 0 WHERE id = ?", (work.delivery_id,))
    if doubtful:
        _note(connection, name, work, "repeated", now)


def pause(connection: sqlite3.Connection, name: str, *, retry_at: float) -> None:
    """Let a destination rest as a whole: what failed would fail for every message."""
    connection.execute(
        "UPDATE destinations SET failures = failures + 1, retry_at = ? WHERE name = ?", (retry_at, name)
    )


def park(connection: sqlite3.Connection, name: str, *, reason: str, retry_at: float, now: float) -> None:
    """Set a destination aside until somebody mends it; one call at `retry_at` finds out."""
    if destination(connection, name).parked_reason is None:
        audit.write(connection, "parked", at=now, destination=name, detail={"reason": reason})
        connection.execute("UPDATE destinations SET parked_at = ? WHERE name = ?", (now, name))
    connection.execute("UPDATE destinations SET parked_reason = ? WHERE name = ?", (reason, name))
    pause(connection, name, retry_at=retry_at)


def backlog(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, Backlog]:
    """What waits for each destination."""
    waiting = {
        row["destination"]: row
        for row in connection.execute(
            "SELECT destination, COUNT(*) AS n, MIN(wanted_at) AS oldest FROM waiting GROUP BY destination"
        )
    }
    parked = {
        row["name"]
        for row in connection.execute("SELECT name FROM destinations WHERE parked_reason IS NOT NULL")
    }
    return {
        name: Backlog(
            pending=waiting[name]["n"] if name in waiting else 0,
            oldest_at=waiting[name]["oldest"] if name in waiting else None,
            parked=name in parked,
        )
        for name in names
    }


def _note(
    connection: sqlite3.Connection, name: str, work: Work, kind: str, now: float, **detail: object
) -> None:
    detail |= {"after_seconds": round(now - work.group.changed_at, 3)} if kind in ("posted", "found") else {}
    audit.write(connection, kind, at=now, incident_id=work.incident_id, destination=name, detail=detail)
