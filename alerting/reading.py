"""What the state says of an incident, read for a message or a page."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Final

from . import digest_view
from .audit import THREAD_KINDS
from .message import ALERTS_SHOWN
from .payload import NANOSECONDS
from .views import AlertState, AlertView, GroupView, ThreadLine

FEATURES_READ: Final = 200
LINES_READ: Final = 200
"""More than a message can name; it says how many more there are."""
_LINE_FIELDS: Final = frozenset(field.name for field in fields(ThreadLine))


def group(connection: sqlite3.Connection, incident_id: int, limit: int = ALERTS_SHOWN) -> GroupView:
    """An incident as it stands: counts of all its alerts, and the most urgent ones, up to a limit."""
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
    if (digest := digest_view.read(connection, incident)) is not None:
        return digest
    counts = connection.execute(
        """
        SELECT COUNT(*) FILTER (WHERE closed_at IS NULL AND seen_at >= :snapshot_at) AS firing,
               COUNT(*) FILTER (WHERE closed_at IS NULL AND seen_at < :snapshot_at) AS unheard,
               COUNT(*) FILTER (WHERE closed_at IS NOT NULL AND close_reason != 'superseded') AS resolved
        FROM episodes WHERE incident_id = :id
        """,
        {"id": incident_id, "snapshot_at": incident["snapshot_at"]},
    ).fetchone()
    alerts = connection.execute(
        "SELECT e.*, s.state FROM episodes e LEFT JOIN standings s ON s.episode_id = e.id"
        " WHERE incident_id = ? AND close_reason IS NOT 'superseded'"
        " ORDER BY closed_at IS NOT NULL, rank, starts_at_ns, fingerprint LIMIT ?",
        (incident_id, limit),
    ).fetchall()
    features = connection.execute(
        "SELECT DISTINCT feature_name FROM episodes WHERE incident_id = ? AND feature_name != ''"
        " AND (closed_at IS NULL OR ?) ORDER BY feature_name LIMIT ?",
        (incident_id, incident["closed_at"] is not None, FEATURES_READ),
    )
    return GroupView(
        incident_id=incident_id,
        source=incident["source"],
        severity=alerts[0]["severity"] if alerts else "",
        labels=json.loads(incident["labels"]),
        annotations=json.loads(incident["annotations"]),
        features=[row["feature_name"] for row in features],
        alerts=[_alert(row, incident["snapshot_at"]) for row in alerts],
        firing=counts["firing"],
        unheard=counts["unheard"],
        resolved=counts["resolved"],
        truncated=incident["truncated"],
        unreadable=incident["unreadable"],
        opened_at=incident["began_at"],
        changed_at=incident["changed_at"],
        closed_at=incident["ended_at"],
        close_reason=incident["close_reason"],
        external_url=incident["external_url"],
        acknowledged_at=incident["acknowledged_at"],
        acknowledged_by=incident["acknowledged_by"],
        silenced_until=incident["silenced_until"],
        standings={
            row["state"]: row["n"]
            for row in connection.execute(
                "SELECT s.state, COUNT(*) AS n FROM episodes e JOIN standings s ON s.episode_id = e.id"
                " WHERE e.incident_id = ? AND e.closed_at IS NULL GROUP BY s.state",
                (incident_id,),
            )
        },
    )


def lines(connection: sqlite3.Connection, incident_id: int, after: int, up_to: int) -> list[ThreadLine]:
    """What belongs in the thread of an incident, of the audit entries after one and up to another."""
    rows = connection.execute(
        "SELECT kind, at, detail FROM audit WHERE incident_id = ? AND id > ? AND id <= ?"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?",
        (incident_id, after, up_to, json.dumps(THREAD_KINDS), LINES_READ),
    ).fetchall()
    return [
        ThreadLine(
            kind=row["kind"],
            at=row["at"],
            **{name: value for name, value in json.loads(row["detail"]).items() if name in _LINE_FIELDS},
        )
        for row in reversed(rows)
    ]


def _alert(row: sqlite3.Row, snapshot_at: float) -> AlertView:
    state: AlertState = row["state"] or ("firing" if row["seen_at"] >= snapshot_at else "unheard")
    return AlertView(
        state=state if row["closed_at"] is None else "resolved",
        labels=json.loads(row["labels"]),
        annotations=json.loads(row["annotations"]),
        started_at=row["starts_at_ns"] / NANOSECONDS,
        ended_at=row["ended_at"],
    )
