"""An incident, one open period of a group: when it ends, and what its destinations are asked to show.

Who changes an incident says so with an audit entry and a higher `want_version`; what is sent is rendered from
the state at the moment of sending, so many changes cost one call.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from . import audit, digest
from .payload import Alert
from .views import describe, severity_rank

NAMES_KEPT: Final = 10
"""Names of alerts in an audit entry; the count is always exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePolicy:
    """How long the state remembers and waits.

    Attributes
    ----------
    reopen_after_seconds : float
        How long a closed episode refuses to fire again. An old snapshot can be under way for Alertmanager's
        `group_interval` (5 min by default), its limit for one sending.
    unheard_after_seconds : float
        When an open alert that no snapshot mentions is closed. Alertmanager forgets what it has sent after
        120 h (`--data.retention`) and then sends it again, so after six days it has ended.
    gone_after_seconds : float
        When an open alert that Alertmanager, asked about it, no longer has is closed. After a restart it has
        nothing until Prometheus sends again, and a break between the two is mended within hours.
    retention_days : float
        How long closed incidents and the audit log are kept.
    """

    reopen_after_seconds: float = 360.0
    unheard_after_seconds: float = 6 * 86_400.0
    gone_after_seconds: float = 6 * 3_600.0
    retention_days: float = 90.0


@dataclass(slots=True)
class Change:
    """What a snapshot did to one incident.

    Attributes
    ----------
    reworded : bool
        Nothing began or ended, but other words are to be shown.
    began : "opened", "reopened" or None
        What the snapshot did to the incident as a whole.
    rank_before : int or None
        Its rank until an alert came that is more urgent; None if none did, or it has just begun.
    """

    opened: list[Alert] = field(default_factory=list)
    closed: list[Alert] = field(default_factory=list)
    reworded: bool = False
    began: Literal["opened", "reopened"] | None = None
    rank_before: int | None = None


def settle(connection: sqlite3.Connection, incident_id: int, change: Change, now: float) -> bool:
    """Write down what happened to an incident, close it if nothing of it fires, and ask for it to be told.

    Returns
    -------
    bool
        Whether it began or became more urgent.
    """
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
    left = open_count(connection, incident_id)
    # Alerts that Alertmanager did not list may still fire: an incident with such stays open.
    ends = incident["closed_at"] is None and left == 0 and incident["truncated"] == 0
    line = None
    if change.opened:
        began = change.began or "fired"
        line = _tell(connection, incident_id, began, {**named(change.opened), "left": left}, now)
    if change.closed or ends:
        ended = "closed" if ends else "resolved"
        line = _tell(connection, incident_id, ended, {**named(change.closed), "left": left}, now)
    if ends:
        connection.execute(
            "UPDATE incidents SET closed_at = ?, close_reason = 'resolved', ended_at ="
            " (SELECT MAX(ended_at) FROM episodes WHERE incident_id = id) WHERE id = ?",
            (now, incident_id),
        )
    if line is not None:
        connection.execute(
            "UPDATE incidents SET changed_at = ?, rank = COALESCE((SELECT MIN(rank) FROM episodes"
            " WHERE incident_id = ? AND closed_at IS NULL), rank) WHERE id = ?",
            (now, incident_id, incident_id),
        )
        _want(connection, incident_id, line, now)
    elif change.reworded:
        reword(connection, incident_id, now)
    ranks = [severity_rank(alert.labels.get("severity", "")) for alert in change.opened]
    if change.began is None and min(ranks, default=incident["rank"]) < incident["rank"]:
        change.rank_before = incident["rank"]
    return change.began is not None or change.rank_before is not None


def change(
    connection: sqlite3.Connection, incident_id: int, kind: str, detail: Mapping[str, object], now: float
) -> None:
    """Write down what somebody did about an incident, and ask every destination to show it."""
    line = _tell(connection, incident_id, kind, detail, now)
    connection.execute("UPDATE incidents SET changed_at = ? WHERE id = ?", (now, incident_id))
    _want(connection, incident_id, line, now)


def reword(connection: sqlite3.Connection, incident_id: int, now: float) -> None:
    """Ask the destinations that can edit for the newest words, without a line in the thread."""
    connection.execute(
        "UPDATE deliveries SET want_version = want_version + 1,"
        " wanted_at = CASE WHEN want_version > sent_version THEN wanted_at ELSE ? END"
        " WHERE incident_id = ? AND destination IN (SELECT name FROM destinations WHERE editable)",
        (now, incident_id),
    )


def _tell(
    connection: sqlite3.Connection, incident_id: int, kind: str, detail: Mapping[str, object], now: float
) -> int:
    """The id of a new audit entry for an incident."""
    source = connection.execute("SELECT source FROM incidents WHERE id = ?", (incident_id,)).fetchone()[
        "source"
    ]
    return audit.write(connection, kind, at=now, incident_id=incident_id, source=source, detail=detail)


def _want(connection: sqlite3.Connection, incident_id: int, line: int, now: float) -> None:
    """Ask every destination of an incident for its newest state, and for the thread up to an audit entry."""
    connection.execute(
        """
        UPDATE deliveries SET
            want_version = want_version + 1, want_line = :line,
            rank = i.rank, closed = i.closed_at IS NOT NULL,
            wanted_at = CASE WHEN want_version > sent_version OR want_line > told_line THEN wanted_at
                             ELSE :now END,
            -- What turns critical, or fires again, is no longer told by a digest, and was not told otherwise.
            digest_id = CASE WHEN i.closed_at IS NULL
                             AND (deliveries.closed OR (i.rank = 0 AND deliveries.rank > 0)) THEN NULL
                             ELSE digest_id END,
            sent_version = CASE WHEN i.closed_at IS NULL AND digest_id IS NOT NULL AND ts IS NULL
                                AND (deliveries.closed OR (i.rank = 0 AND deliveries.rank > 0)) THEN 0
                                ELSE sent_version END
        FROM (SELECT rank, closed_at FROM incidents WHERE id = :id) i WHERE incident_id = :id
        """,
        {"line": line, "now": now, "id": incident_id},
    )
    digest.touch(connection, incident_id, now)


def open_count(connection: sqlite3.Connection, incident_id: int) -> int:
    """How many alerts of an incident fire."""
    row = connection.execute(
        "SELECT COUNT(*) AS n FROM episodes WHERE incident_id = ? AND closed_at IS NULL", (incident_id,)
    ).fetchone()
    return int(row["n"])


_SILENT: Final = """
closed_at IS NULL AND (seen_at < :heard_after OR EXISTS (
    SELECT 1 FROM standings s WHERE s.episode_id = episodes.id AND s.state = 'gone' AND s.since < :gone_before
    AND episodes.seen_at <= s.since))
"""
"""Open alerts that nobody has mentioned for too long, and those that have been gone for too long."""


def maintain(connection: sqlite3.Connection, *, now: float, policy: StatePolicy) -> None:
    """Close what has not been heard of for too long, and forget what is older than the retention."""
    heard_after = now - policy.unheard_after_seconds
    silent: dict[int, list[str]] = {
        # Kept open only for alerts that Alertmanager counted and never listed.
        row["id"]: []
        for row in connection.execute(
            "SELECT id FROM incidents i WHERE closed_at IS NULL AND snapshot_at < ? AND NOT EXISTS"
            " (SELECT 1 FROM episodes e WHERE e.incident_id = i.id AND e.closed_at IS NULL)"
            " AND id NOT IN (SELECT incident_id FROM digests)",
            (heard_after,),
        )
    }
    limits = {"now": now, "heard_after": heard_after, "gone_before": now - policy.gone_after_seconds}
    for row in connection.execute(f"SELECT incident_id, labels FROM episodes WHERE {_SILENT}", limits):  # noqa: S608 - our own text
        silent.setdefault(row["incident_id"], []).append(describe(json.loads(row["labels"])))
    connection.execute(
        f"UPDATE episodes SET closed_at = :now, ended_at = :now, close_reason = 'unheard' WHERE {_SILENT}",  # noqa: S608 - our own text
        limits,
    )
    for incident_id, names in silent.items():
        left = open_count(connection, incident_id)
        detail = {"count": len(names), "names": names[:NAMES_KEPT], "left": left}
        line = _tell(connection, incident_id, "unheard", detail, now)
        if left == 0:
            connection.execute(
                "UPDATE incidents SET closed_at = :now, ended_at = :now, close_reason = 'unheard'"
                " WHERE id = :id",
                {"now": now, "id": incident_id},
            )
        _want(connection, incident_id, line, now)
    forget_before = now - policy.retention_days * 86_400.0
    connection.execute(
        "DELETE FROM incidents WHERE closed_at < ? AND id NOT IN (SELECT incident_id FROM waiting)",
        (forget_before,),
    )
    connection.execute("DELETE FROM episodes WHERE incident_id IS NULL AND closed_at < ?", (forget_before,))
    connection.execute("DELETE FROM audit WHERE incident_id IS NULL AND at < ?", (forget_before,))


def named(alerts: Sequence[Alert]) -> dict[str, object]:
    """How many alerts, and the names of the first."""
    return {"count": len(alerts), "names": [describe(alert.labels) for alert in alerts[:NAMES_KEPT]]}
