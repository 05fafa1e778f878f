"""A destination that is no longer configured, or is of another kind now: who tells its incidents from now on.

What it was asked to tell would wait for ever, and would make its incidents look as if they had been told. So
at the start its rows are deleted, and those who would have been told of its open incidents by now, as the
configuration stands, are asked to tell them. All of it belongs in one transaction with the registration of
the present destinations.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from . import audit, heartbeats, timers
from .heartbeats import OWN_SOURCE, Heartbeat
from .intake import DEFAULT_SOURCE
from .notices import SOURCE_LABEL
from .timers import Plan


def retire(connection: sqlite3.Connection, kinds: Mapping[str, str], now: float) -> dict[str, list[int]]:
    """Forget the destinations that are no longer there.

    Parameters
    ----------
    connection : sqlite3.Connection
    kinds : mapping of str to str
        The configured destinations, and what they are; one that was of another kind is another one.
    now : float
        Seconds since 1970.

    Returns
    -------
    dict of str to list of int
        The open incidents that each of them told or was to tell.
    """
    known = {
        row["name"]: row["kind"]
        for row in connection.execute(
            "SELECT name, kind FROM destinations UNION ALL SELECT DISTINCT destination, NULL FROM deliveries"
            " WHERE destination NOT IN (SELECT name FROM destinations) ORDER BY name"
        )
    }
    return {
        name: _forget(connection, name, now)
        for name, kind in known.items()
        if name not in kinds or kind not in (None, kinds[name])
    }


def hand_on(
    connection: sqlite3.Connection,
    retired: Mapping[str, Sequence[int]],
    plan: Plan,
    beats: Sequence[Heartbeat],
    now: float,
) -> dict[str, int]:
    """Ask the present destinations to tell what the retired ones told.

    Parameters
    ----------
    connection : sqlite3.Connection
        The present destinations are registered.
    retired : mapping of str to sequence of int
        What `retire` has found.
    plan : Plan
    beats : sequence of Heartbeat
    now : float

    Returns
    -------
    dict of str to int
        How many incidents of each were handed on.
    """
    counts = {}
    for name, incident_ids in retired.items():
        counts[name] = sum(_tell(connection, number, plan, beats, now) for number in incident_ids)
        audit.write(connection, "retired", at=now, destination=name, detail={"handed_on": counts[name]})
    return counts


def _forget(connection: sqlite3.Connection, name: str, now: float) -> list[int]:
    """Delete what was to be told to a destination; the open incidents among it."""
    # Its digests would never end: only a sender of that name looks after them.
    connection.execute(
        "UPDATE incidents SET closed_at = :now, ended_at = :now, close_reason = 'told'"
        " WHERE closed_at IS NULL AND id IN (SELECT incident_id FROM digests WHERE destination = :name)",
        {"now": now, "name": name},
    )
    connection.execute("UPDATE digests SET joining = 0 WHERE destination = ?", (name,))
    opened = connection.execute(
        "SELECT i.id FROM deliveries d JOIN incidents i ON i.id = d.incident_id"
        " WHERE d.destination = ? AND i.closed_at IS NULL ORDER BY i.id",
        (name,),
    ).fetchall()
    connection.execute("DELETE FROM deliveries WHERE destination = ?", (name,))
    connection.execute("DELETE FROM destinations WHERE name = ?", (name,))
    return [row["id"] for row in opened]


def _tell(
    connection: sqlite3.Connection, incident_id: int, plan: Plan, beats: Sequence[Heartbeat], now: float
) -> bool:
    """Ask those who would have been told of an incident by now; whether there is anybody."""
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
    names = timers.reached(connection, incident, plan)
    if names is None:
        names = _unescalated(incident, plan, beats)
    for name in names:
        timers.show(connection, incident_id, name, now)
    return bool(names)


def _unescalated(incident: sqlite3.Row, plan: Plan, beats: Sequence[Heartbeat]) -> tuple[str, ...]:
    """Who is told of an incident that no policy is meant for."""
    source = incident["source"]
    if source == OWN_SOURCE:
        own = {heartbeats.key(beat.name): beat.destinations for beat in beats}.get(incident["group_key"])
        if own:
            return own
        source = json.loads(incident["labels"]).get(SOURCE_LABEL, DEFAULT_SOURCE)
    # The source itself may be gone, too: then somebody is better than nobody.
    return plan.destinations.get(source) or plan.destinations.get(DEFAULT_SOURCE, ())
