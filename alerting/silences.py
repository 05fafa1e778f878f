"""From a wished silence to Alertmanager's own, and back when it ends.

A row of `silences` is what is wished for an incident; `incidents.silence_id` and `silenced_until` are what
Alertmanager has. A wish is tried until it is carried out, is overtaken by another, or cannot be any more; a
kill in between costs nothing. A silence is never made twice: its comment carries an id of ours, which is
looked for after a try of unknown fate.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from . import incidents, pacing
from .actions import labels_of
from .alertmanager import Alertmanager, Failed
from .database import Database

IDLE_SECONDS: Final = 30.0
"""How late the end of a silence may be told."""
_PRODUCT: Final = "driftgauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be asked of Alertmanager for one incident."""

    incident_id: int
    version: int
    until: float | None
    by: str
    mark: str
    tried: bool
    failures: int
    labels: Mapping[str, str]
    silence_id: str | None


@dataclass(kw_only=True)
class Silencer:
    """The errand between the wishes and Alertmanager.

    Parameters
    ----------
    database : Database
    alertmanager : Alertmanager
    told : callable
        Called after a commit that gives somebody something to send.
    counted : callable
        Called with how each call ended: `ok` or `failed`.
    clock, draw : callable
        Seconds since 1970; a number in [0, 1).
    """

    database: Database
    alertmanager: Alertmanager
    told: Callable[[], None] = lambda: None
    counted: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.time
    draw: Callable[[], float] = field(default=random.random)

    def step(self) -> float:
        """Carry out at most one wish; seconds until there may be another."""
        now = self.clock()
        wish = self.database.write(lambda connection: self._next(connection, now)).result()
        if wish is None:
            ended = self.database.write(lambda connection: _end(connection, self.clock())).result()
            if ended:
                self.told()
            due_at = self.database.write(_next_due).result()
            return IDLE_SECONDS if due_at is None else max(0.1, min(IDLE_SECONDS, due_at - self.clock()))
        made = self._carry_out(wish, now)
        self.counted("failed" if isinstance(made, Failed) else "ok")
        self.database.write(lambda connection: self._settle(connection, wish, made)).result()
        self.told()
        return 0.0

    def _next(self, connection: sqlite3.Connection, now: float) -> Wish | None:
        """The next wish that is due, marked as tried."""
        row = connection.execute(
            "SELECT s.*, i.group_labels, i.silence_id FROM silences s"
            " JOIN incidents i ON i.id = s.incident_id"
            " WHERE NOT settled AND due_at <= ? ORDER BY wanted_at LIMIT 1",
            (now,),
        ).fetchone()
        if row is None:
            return None
        connection.execute(
            "UPDATE silences SET failures = failures + 1 WHERE incident_id = ?", (row["incident_id"],)
        )
        return Wish(
            incident_id=row["incident_id"],
            version=row["version"],
            until=row["until"],
            by=row["wanted_by"],
            mark=row["mark"],
            tried=row["failures"] > 0,
            failures=row["failures"] + 1,
            labels=labels_of(row),
            silence_id=row["silence_id"],
        )

    def _carry_out(self, wish: Wish, now: float) -> str | Failed | None:
        """The id of the silence there is now, or None if there is none."""
        if wish.until is None:
            return self._clear(wish)
        if wish.until <= now:
            return Failed(reason="Alertmanager could not be reached before it would have ended", lasting=True)
        if wish.tried:
            found = self.alertmanager.find_silence(f"{wish.mark}.{wish.version}.")
            if found is not None:
                return found
        return self.alertmanager.silence(
            labels=wish.labels,
            starts_at=now,
            ends_at=wish.until,
            by=wish.by,
            comment=f"{_PRODUCT}: incident {wish.incident_id}, request {wish.mark}.{wish.version}.",
            replaces=wish.silence_id,
        )

    def _clear(self, wish: Wish) -> Failed | None:
        """End all silences of an incident: a crash may have left one whose id nobody wrote down."""
        found = wish.silence_id or self.alertmanager.find_silence(f"{wish.mark}.")
        while isinstance(found, str):
            failed = self.alertmanager.expire(found)
            if failed is not None:
                return failed
            found = self.alertmanager.find_silence(f"{wish.mark}.")
        return found

    def _settle(self, connection: sqlite3.Connection, wish: Wish, made: str | Failed | None) -> None:
        """Write down what became of a wish."""
        now = self.clock()
        current = connection.execute(
            "SELECT version FROM silences WHERE incident_id = ?", (wish.incident_id,)
        ).fetchone()
        if current is None:
            return  # the incident was forgotten
        overtaken = current["version"] != wish.version
        if isinstance(made, Failed):
            if overtaken:
                return
            if not made.lasting:
                due_at = now + pacing.backoff(wish.failures, self.draw)
                connection.execute(
                    "UPDATE silences SET due_at = ? WHERE incident_id = ?", (due_at, wish.incident_id)
                )
                return
            connection.execute("UPDATE silences SET settled = 1 WHERE incident_id = ?", (wish.incident_id,))
            detail: dict[str, object] = {"by": wish.by, "reason": made.reason}
            incidents.change(connection, wish.incident_id, "silence_failed", detail, now)
            return
        connection.execute(
            "UPDATE incidents SET silence_id = ?, silenced_until = ? WHERE id = ?",
            (made, wish.until, wish.incident_id),
        )
        if overtaken:
            return
        connection.execute("UPDATE silences SET settled = 1 WHERE incident_id = ?", (wish.incident_id,))
        kind = "unsilenced" if wish.until is None else "silenced"
        incidents.change(connection, wish.incident_id, kind, {"by": wish.by, "until": wish.until}, now)


def _end(connection: sqlite3.Connection, now: float) -> int:
    """Tell that silences have ended by themselves; of how many incidents."""
    rows = connection.execute(
        "SELECT id, closed_at, (SELECT COUNT(*) FROM episodes e WHERE e.incident_id = i.id"
        " AND e.closed_at IS NULL) AS left FROM incidents i WHERE silenced_until <= ?",
        (now,),
    ).fetchall()
    for row in rows:
        connection.execute(
            "UPDATE incidents SET silence_id = NULL, silenced_until = NULL WHERE id = ?", (row["id"],)
        )
        if row["closed_at"] is None:
            incidents.change(connection, row["id"], "silence_ended", {"left": row["left"]}, now)
    return len(rows)


def clock_set_back(connection: sqlite3.Connection, seconds: float) -> None:
    """Let wishes that failed wait as long as they would have, on a clock that shows so much less."""
    connection.execute("UPDATE silences SET due_at = due_at - ? WHERE due_at > 0", (seconds,))


def _next_due(connection: sqlite3.Connection) -> float | None:
    """When the next wish is due or the next silence ends."""
    row = connection.execute(
        "SELECT MIN(at) AS at FROM (SELECT due_at AS at FROM silences WHERE NOT settled"
        " UNION ALL SELECT silenced_until FROM incidents WHERE silenced_until IS NOT NULL)"
    ).fetchone()
    return None if row["at"] is None else float(row["at"])
