"""Incidents as rows for people and programs: what is open, who has taken it on, what is silenced."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Final

from .views import SEVERITIES

MAX_LISTED: Final = 1_000
"""Incidents listed at most; a storm has more, and its digest and the history have them."""


def listing(
    connection: sqlite3.Connection, *, with_closed: bool = False, limit: int = MAX_LISTED
) -> list[dict[str, object]]:
    """The newest incidents, the open ones first, as JSON values.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `database.reader`.
    with_closed : bool
        Those that have ended too.
    limit : int
    """
    rows = connection.execute(
        """
        SELECT i.*, (SELECT COUNT(*) FROM episodes e WHERE e.incident_id = i.id AND e.closed_at IS NULL)
               AS firing
        FROM incidents i WHERE closed_at IS NULL OR ? ORDER BY closed_at IS NOT NULL, id DESC LIMIT ?
        """,
        (with_closed, limit),
    )
    return [_described(row) for row in rows]


def _described(row: sqlite3.Row) -> dict[str, object]:
    labels = json.loads(row["labels"])
    return {
        "id": row["id"],
        "title": labels.get("alertname", "Several alerts"),
        "model": labels.get("model_name", ""),
        "version": labels.get("model_version", ""),
        "severity": SEVERITIES[row["rank"]] if row["rank"] < len(SEVERITIES) else "",
        "source": row["source"],
        "firing": row["firing"],
        "labels": labels,
        "began_at": _time(row["began_at"]),
        "ended_at": _time(row["ended_at"]) if row["closed_at"] is not None else None,
        "acknowledged_at": _time(row["acknowledged_at"]),
        "acknowledged_by": row["acknowledged_by"],
        "silenced_until": _time(row["silenced_until"]),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
