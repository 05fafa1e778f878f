"""What happened, in order: one table that Slack's threads, the command line and the history page read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ACTION_KINDS: Final = (
    "acknowledged",
    "silenced",  # Alertmanager is silent about it
    "unsilenced",  # by somebody
    "silence_ended",  # by itself
    "silence_failed",  # Alertmanager did not take it
    "retraining_requested",
)
"""What people do about an incident, and what becomes of it."""

THREAD_KINDS: Final = (
    "fired",
    "reopened",
    "resolved",
    "closed",
    "unheard",
    "escalated",
    "acknowledgement_lifted",  # it became more urgent than what was taken on
    *ACTION_KINDS,
)
"""What belongs in a message's thread; `message` has a sentence for each."""

KINDS: Final = (
    "opened",  # an incident began
    *THREAD_KINDS,  # more alerts; a group again before its end was told; some ended; all did; none heard of
    "stale",  # a firing alert that had just been closed: an old snapshot
    "posted",  # Slack has a new root message
    "updated",  # Slack has the root message's new text
    "replied",  # Slack has a line in the thread
    "found",  # a message of unknown fate was found in the channel
    "repeated",  # a message of unknown fate was sent again; it may stand there twice
    "gone",  # the root message was deleted; a new one follows
    "simplified",  # Slack refused the blocks; text alone follows
    "refused",  # Slack refused the text as well; given up until something changes
    "digest",  # a message that tells of many incidents began
    "parked",  # a destination that cannot work until somebody mends it
    "recovered",  # a parked destination that works again
    "retired",  # a destination that is no longer configured; the others were told of its open incidents
    "action_refused",  # somebody asked for what may not or cannot be done
    "silence_requested",  # Alertmanager is still to be asked
    "quarantined",  # a body or an alert that could not be read
    "started",
    "stopped",
)

MAX_ENTRIES: Final = 10_000
"""Entries read at most; a page or a terminal can show no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened.

    Attributes
    ----------
    at : float
        Seconds since 1970.
    models : tuple of str
        Models of the incident's alerts.
    """

    at: float
    kind: str
    source: str
    destination: str
    incident_id: int | None
    title: str
    models: tuple[str, ...]
    detail: Mapping[str, Any]


def write(
    connection: sqlite3.Connection,
    kind: str,
    *,
    at: float,
    incident_id: int | None = None,
    source: str = "",
    destination: str = "",
    detail: Mapping[str, object] | None = None,
) -> int:
    """The id of a new entry."""
    cursor = connection.execute(
        "INSERT INTO audit (at, kind, source, destination, incident_id, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (at, kind, source, destination, incident_id, json.dumps(detail or {}, ensure_ascii=False)),
    )
    return int(cursor.lastrowid or 0)


def read(
    connection: sqlite3.Connection, *, since: float, model: str | None = None, limit: int = MAX_ENTRIES
) -> list[Entry]:
    """The entries since a time, newest first; with a model, only those of its incidents.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `database.reader`.
    since : float
        Seconds since 1970.
    model : str, optional
        A `model_name`.
    limit : int
        The newest so many.
    """
    rows = connection.execute(
        """
        SELECT a.*, i.labels,
               (SELECT json_group_array(DISTINCT e.model_name) FROM episodes e
                WHERE e.incident_id = a.incident_id AND e.model_name != '') AS models
        FROM audit a LEFT JOIN incidents i ON i.id = a.incident_id
        WHERE a.at >= :since AND (:model IS NULL OR a.incident_id IN
              (SELECT incident_id FROM episodes WHERE model_name = :model))
        ORDER BY a.id DESC LIMIT :limit
        """,
        {"since": since, "model": model, "limit": min(limit, MAX_ENTRIES)},
    )
    return [
        Entry(
            at=row["at"],
            kind=row["kind"],
            source=row["source"],
            destination=row["destination"],
            incident_id=row["incident_id"],
            title=json.loads(row["labels"] or "{}").get("alertname", ""),
            models=tuple(json.loads(row["models"] or "[]")),
            detail=json.loads(row["detail"]),
        )
        for row in rows
    ]


def quarantine(
    connection: sqlite3.Connection, *, at: float, source: str, reason: str, excerpt: str, keep: int = 1_000
) -> None:
    """Keep the beginning of something that could not be read, and the newest `keep` of such in all."""
    connection.execute(
        "INSERT INTO quarantine (at, source, reason, excerpt) VALUES (?, ?, ?, ?)",
        (at, source, reason, excerpt),
    )
    connection.execute(
        "DELETE FROM quarantine WHERE id <= (SELECT MAX(id) FROM quarantine) - ?",
        (keep,),
    )
    write(connection, "quarantined", at=at, source=source, detail={"reason": reason})
