"""Escalation in the state: what `escalation` decides is read, decided and written in one transaction.

So an acknowledgement or an end that is committed before it is seen, and one that comes after it finds the
call written down: no page after an acknowledgement, none lost, none twice, however the threads run or the
process ends. `due_at` only says when to look again; what is due follows from when the incident began to be
told.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import digest, escalation, incidents
from .escalation import Facts, Policy, Progress, Tell, Wait
from .views import SEVERITIES

UNREACHABLE_SECONDS: Final = 300.0
"""A destination that fails, and has not told an incident for so long, counts as out of reach."""
SILENCE_CHECK_SECONDS: Final = 60.0
"""How often an incident that is silenced is looked at: somebody may end the silence."""
BATCH: Final = 500
"""Incidents in one transaction, so that intake never waits long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is told of what.

    Attributes
    ----------
    policies : tuple of Policy
        The first that matches counts.
    destinations : mapping of str to tuple of str
        By source, for incidents that no policy matches: all of them at once.
    """

    policies: tuple[Policy, ...] = ()
    destinations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def policy(self, name: str) -> Policy | None:
        """The policy of a name."""
        return next((policy for policy in self.policies if policy.name == name), None)


Told = list[tuple[str, str]]
"""Destinations that were asked to tell something, each with its reason."""


def start(connection: sqlite3.Connection, incident_id: int, policies: Sequence[Policy], now: float) -> Told:
    """Begin the escalation of an incident, or begin another one because it has become more urgent.

    Call it when all else of the snapshot is written: labels and severity decide.
    """
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
    policy = escalation.choose(policies, incident["source"], _labels(incident))
    before = connection.execute("SELECT policy FROM timers WHERE incident_id = ?", (incident_id,)).fetchone()
    if policy is None or (before is not None and before["policy"] == policy.name):
        return []
    progress = Progress(started_at=now)
    _save(connection, incident_id, policy, progress, now)
    told, together = _advance(connection, incident, policy, progress, now)
    _tell_together(connection, together, now)
    return told


def tick(connection: sqlite3.Connection, plan: Plan, now: float) -> tuple[Told, bool]:
    """Take what is due, of `BATCH` incidents at most; what was told, and whether more is due."""
    _hurry(connection, now)
    rows = connection.execute(
        "SELECT i.*, t.policy, t.round, t.step, t.started_at, t.held FROM timers t"
        " JOIN incidents i ON i.id = t.incident_id WHERE t.due_at <= ? ORDER BY t.due_at LIMIT ?",
        (now, BATCH),
    ).fetchall()
    told: Told = []
    together: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        policy = plan.policy(row["policy"]) or escalation.choose(plan.policies, row["source"], _labels(row))
        if policy is None:  # it is no longer in the configuration
            _forget(connection, row["id"])
            if row["closed_at"] is None:
                for name in plan.destinations.get(row["source"], ()):
                    show(connection, row["id"], name, now)
            continue
        progress = Progress(
            round=row["round"], step=row["step"], started_at=row["started_at"], held=bool(row["held"])
        )
        found, digested = _advance(connection, row, policy, progress, now)
        told += found
        for name, members in digested.items():
            together[name] += members
    _tell_together(connection, together, now)
    return told, len(rows) == BATCH


def look_again(connection: sqlite3.Connection, *, jump: float = 0.0) -> None:
    """Decide everything anew: the configuration may be another one, or a clock was set by `jump` seconds."""
    connection.execute("UPDATE timers SET due_at = 0, started_at = started_at + ?", (jump,))


def next_due(connection: sqlite3.Connection) -> float | None:
    """When the next timer is due."""
    row = connection.execute("SELECT MIN(due_at) AS due_at FROM timers").fetchone()
    return None if row["due_at"] is None else float(row["due_at"])


def show(connection: sqlite3.Connection, incident_id: int, destination: str, now: float) -> None:
    """Ask a destination to show an incident as it is, with its thread up to now, unless it does."""
    connection.execute(
        """
        INSERT OR IGNORE INTO deliveries
            (destination, incident_id, want_version, want_line, wanted_at, editable, rank, closed)
        SELECT d.name, i.id, 1, (SELECT COALESCE(MAX(id), 0) FROM audit WHERE incident_id = i.id), :now,
               d.editable, i.rank, i.closed_at IS NOT NULL
        FROM destinations d, incidents i WHERE d.name = :name AND i.id = :id
        """,
        {"name": destination, "id": incident_id, "now": now},
    )


def labels_of(common: Mapping[str, str], rank: int) -> dict[str, str]:
    """What a policy matches: the labels that all alerts share, and the severity of the most urgent one."""
    return {**common, "severity": SEVERITIES[rank]} if rank < len(SEVERITIES) else dict(common)


def _advance(
    connection: sqlite3.Connection, incident: sqlite3.Row, policy: Policy, progress: Progress, now: float
) -> tuple[Told, dict[str, list[int]]]:
    """Take every step of an incident that is due; what was told, and what belongs in a digest."""
    told: Told = []
    together: dict[str, list[int]] = {}
    facts = _facts(connection, incident, now)
    while True:
        decision = escalation.decide(policy, progress, facts, now)
        if isinstance(decision, Wait):
            held = Progress(
                round=progress.round,
                step=progress.step,
                started_at=min(progress.started_at, now),
                held=progress.held or decision.held,
            )
            until = decision.until
            if facts.silenced_until is not None and facts.silenced_until > now:
                until = min(until, now + SILENCE_CHECK_SECONDS)
            _save(connection, incident["id"], policy, held, until)
            return told, together
        if not isinstance(decision, Tell):
            _forget(connection, incident["id"])
            return told, together
        _take(connection, incident["id"], policy, progress, decision, now)
        told += [(name, decision.reason) for name in decision.to]
        if decision.digest:
            together |= {name: [incident["id"]] for name in decision.to}
        if decision.then is None:
            _forget(connection, incident["id"])
            return told, together
        progress = decision.then


def _take(
    connection: sqlite3.Connection,
    incident_id: int,
    policy: Policy,
    progress: Progress,
    decision: Tell,
    now: float,
) -> None:
    """Write down a step; the first one is the incident's beginning and needs no line of its own."""
    if decision.step or progress.round or decision.digest:
        detail = {
            "names": list(decision.to),
            "count": len(decision.to),
            "left": incidents.open_count(connection, incident_id),
            "reason": decision.reason,
            "policy": policy.name,
        }
        incidents.change(connection, incident_id, "escalated", detail, now)
    if not decision.digest:
        for name in decision.to:
            show(connection, incident_id, name, now)


def _facts(connection: sqlite3.Connection, incident: sqlite3.Row, now: float) -> Facts:
    """What decides, as it is in this transaction; who has taken on a digest has taken on what it tells of."""
    taken = incident["acknowledged_at"] is not None or (
        connection.execute(
            "SELECT 1 FROM members m JOIN incidents d ON d.id = m.digest_id"
            " WHERE m.incident_id = ? AND d.acknowledged_at IS NOT NULL",
            (incident["id"],),
        ).fetchone()
        is not None
    )
    # What a digest tells counts as told once the digest is.
    unreachable = connection.execute(
        "SELECT d.name FROM destinations d LEFT JOIN deliveries own"
        " ON own.destination = d.name AND own.incident_id = :id"
        " LEFT JOIN deliveries v ON v.destination = d.name AND v.incident_id = COALESCE(own.digest_id, :id)"
        " WHERE d.parked_reason IS NOT NULL"
        " OR (d.failures > 0 AND v.sent_version = 0 AND v.wanted_at < :since)",
        {"id": incident["id"], "since": now - UNREACHABLE_SECONDS},
    )
    return Facts(
        critical=incident["rank"] == 0,
        acknowledged=taken,
        closed=incident["closed_at"] is not None,
        silenced_until=incident["silenced_until"],
        unreachable=frozenset(row["name"] for row in unreachable),
    )


def _hurry(connection: sqlite3.Connection, now: float) -> None:
    """Look at once at incidents that wait for a destination which cannot be reached."""
    connection.execute(
        """
        WITH untold AS (
            SELECT w.destination, w.incident_id FROM destinations d JOIN waiting w ON w.destination = d.name
            WHERE w.sent_version = 0
            AND (d.parked_reason IS NOT NULL OR (d.failures > 0 AND w.wanted_at < :since)))
        UPDATE timers SET due_at = 0 WHERE due_at > :now AND incident_id IN (
            SELECT incident_id FROM untold
            UNION SELECT v.incident_id FROM untold u JOIN deliveries v
            ON v.digest_id = u.incident_id AND v.destination = u.destination)
        """,
        {"now": now, "since": now - UNREACHABLE_SECONDS},
    )


def _tell_together(connection: sqlite3.Connection, together: Mapping[str, Sequence[int]], now: float) -> None:
    for name, members in together.items():
        digest.tell_together(connection, name, "catch_up", members, now)


def _labels(incident: sqlite3.Row) -> dict[str, str]:
    return labels_of(json.loads(incident["labels"]), incident["rank"])


def _save(
    connection: sqlite3.Connection, incident_id: int, policy: Policy, progress: Progress, due_at: float
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO timers (incident_id, policy, round, step, started_at, held, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            incident_id,
            policy.name,
            progress.round,
            progress.step,
            progress.started_at,
            progress.held,
            due_at,
        ),
    )


def _forget(connection: sqlite3.Connection, incident_id: int) -> None:
    connection.execute("DELETE FROM timers WHERE incident_id = ?", (incident_id,))
