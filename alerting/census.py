"""How many incidents are open and taken on, and how long ago each heartbeat was heard: for the metrics."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import heartbeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The state in a few numbers.

    Attributes
    ----------
    silent : mapping of str to float
        Heartbeat to seconds of listening without it.
    """

    opened: int = 0
    acknowledged: int = 0
    silent: Mapping[str, float] = field(default_factory=dict)


def read(connection: sqlite3.Connection) -> Census:
    """The numbers as they are now; digests, which are incidents of our own, are not counted."""
    row = connection.execute(
        "SELECT COUNT(*) AS opened, COUNT(acknowledged_at) AS acknowledged FROM incidents"
        " WHERE closed_at IS NULL AND id NOT IN (SELECT incident_id FROM digests)"
    ).fetchone()
    return Census(opened=row["opened"], acknowledged=row["acknowledged"], silent=heartbeats.ages(connection))
