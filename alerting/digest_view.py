"""A digest as a reader should see it: what it tells of, counted, with the most urgent first.

It has the shape of any other incident, so every receiver can tell it as it is.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from .message import ALERTS_SHOWN
from .views import SEVERITIES, AlertView, GroupView

NAMES: Final = {
    "storm": "Many alerts at once",
    "missed": "Over before they could be told",
    "catch_up": "Still firing",
    "daily": "Daily digest",
}
SENTENCES: Final = {
    "storm": "So much began that it is told together",
    "missed": "These began and ended before this place could be reached",
    "catch_up": "This was held back, or waited while the bridge was away",
    "daily": "This is open",
}
MODELS_NAMED: Final = 5
_OTHER: Final = "other"


def read(connection: sqlite3.Connection, incident: sqlite3.Row) -> GroupView | None:
    """The digest that an incident is, or None if it is an ordinary one."""
    digest = connection.execute(
        "SELECT kind FROM digests WHERE incident_id = ?", (incident["id"],)
    ).fetchone()
    if digest is None:
        return None
    kind = digest["kind"]
    by_rank = connection.execute(
        "SELECT o.rank, COUNT(*) AS n, COUNT(*) FILTER (WHERE o.closed_at IS NULL) AS firing"
        " FROM members m JOIN incidents o ON o.id = m.incident_id WHERE m.digest_id = ?"
        " GROUP BY o.rank ORDER BY o.rank",
        (incident["id"],),
    ).fetchall()
    by_model = connection.execute(
        "SELECT COALESCE(json_extract(o.labels, '$.model_name'), '') AS model, COUNT(*) AS n"
        " FROM members m JOIN incidents o ON o.id = m.incident_id WHERE m.digest_id = ?"
        " GROUP BY model ORDER BY n DESC, model",
        (incident["id"],),
    ).fetchall()
    top = connection.execute(
        "SELECT o.* FROM members m JOIN incidents o ON o.id = m.incident_id WHERE m.digest_id = ?"
        " ORDER BY o.closed_at IS NOT NULL, o.rank, o.began_at, o.id LIMIT ?",
        (incident["id"], ALERTS_SHOWN),
    ).fetchall()
    total = sum(row["n"] for row in by_rank)
    firing = sum(row["firing"] for row in by_rank)
    severity = _word(
        min((row["rank"] for row in by_rank if row["firing"] or not firing), default=len(SEVERITIES))
    )
    labels = {"alertname": NAMES[kind]} | ({"severity": severity} if severity else {})
    if len(by_model) == 1 and by_model[0]["model"]:
        labels["model_name"] = by_model[0]["model"]
    counts = ", ".join(f"{row['n']} {_word(row['rank']) or _OTHER}" for row in by_rank)
    models = ", ".join(f"{row['model'] or _OTHER} {row['n']}" for row in by_model[:MODELS_NAMED])
    rest = len(by_model) - MODELS_NAMED
    models += f" and {rest} more" if rest > 0 else ""
    groups = f"{total} group{'' if total == 1 else 's'}"
    told = f"{groups} ({counts}). By model: {models}" if total else "nothing"
    return GroupView(
        incident_id=incident["id"],
        source=incident["source"],
        severity=severity,
        labels=labels,
        annotations={"summary": f"{SENTENCES[kind]}: {told}"},
        features=(),
        alerts=[_member(row) for row in top],
        firing=firing,
        unheard=0,
        resolved=total - firing,
        truncated=0,
        unreadable=0,
        opened_at=min([incident["began_at"], *(row["began_at"] for row in top)]),
        changed_at=incident["changed_at"],
        closed_at=None if kind == "daily" else incident["ended_at"],
        close_reason=None if kind == "daily" else incident["close_reason"],
        external_url="",
        acknowledged_at=incident["acknowledged_at"],
        acknowledged_by=incident["acknowledged_by"],
    )


def _member(row: sqlite3.Row) -> AlertView:
    """An incident as one line of the digest: what it is, and of which model."""
    labels = json.loads(row["labels"])
    words = (
        labels.get("alertname", "several alerts"),
        labels.get("model_name", ""),
        labels.get("feature_name", ""),
    )
    severity = {"severity": _word(row["rank"])} if _word(row["rank"]) else {}
    return AlertView(
        state="firing" if row["closed_at"] is None else "resolved",
        labels={"alertname": " ".join(word for word in words if word), **severity},
        annotations=json.loads(row["annotations"]),
        started_at=row["began_at"],
        ended_at=row["ended_at"],
    )


def _word(rank: int) -> str:
    """The word of a rank; empty for one that nobody knows."""
    return SEVERITIES[rank] if rank < len(SEVERITIES) else ""
