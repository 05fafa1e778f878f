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
from .views import SEVERITIES, severity_rank

UNREACHABLE_SECONDS: Final = 300.0
"""A destination that fails, and has not told an incident for so long, counts as out of reach."""
SILENCE_CHECK_SECONDS: Final = 60.0
"""How often an incident that is silenced is looked at: somebody may end the silence."""
LIFTED: Final = "it has become more urgent"
"""Why an acknowledgement is lifted, for the history and for those who get words without markup."""
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


def start(
    connection: sqlite3.Connection,
    incident_id: int,
    policies: Sequence[Policy],
    now: float,
    *,
    rank_before: int | None = None,
) -> Told:
    """Begin the escalation of an incident, or decide it anew because it has become more urgent.

    Call it when all else of the snapshot is written: labels and severity decide. What stays with its policy
    goes on where it is, and at once: quiet hours no longer hold what is critical now. Another policy begins
    at its beginning, and an acknowledgement of what was less urgent does not stop it.

    Parameters
    ----------
    connection : sqlite3.Connection
    incident_id : int
    policies : sequence of Policy
    now : float
        Seconds since 1970.
    rank_before : int, optional
        Its rank before it became more urgent; None if it has just begun.
    """
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone()
    policy = escalation.choose(policies, incident["source"], _labels(incident))
    if policy is None:
        return []
    if rank_before is not None and policy != _chosen(policies, incident, rank_before):
        incident = _lift(connection, incident, now)
    timer = connection.execute("SELECT * FROM timers WHERE incident_id = ?", (incident_id,)).fetchone()
    goes_on = timer is not None and timer["policy"] == policy.name
    progress = _progress(timer) if goes_on else Progress(started_at=now)
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
        found, digested = _advance(connection, row, policy, _progress(row), now)
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


def reached(connection: sqlite3.Connection, incident: sqlite3.Row, plan: Plan) -> tuple[str, ...] | None:
    """Who the escalation of an incident has told by now, in the names of the present configuration.

    Returns
    -------
    tuple of str or None
        The destinations of the steps that were taken; None if no policy is meant for the incident.
    """
    timer = connection.execute(
        "SELECT policy, round, step FROM timers WHERE incident_id = ?", (incident["id"],)
    ).fetchone()
    named = None if timer is None else plan.policy(timer["policy"])
    policy = named or escalation.choose(plan.policies, incident["source"], _labels(incident))
    if policy is None:
        return None
    if timer is None:
        taken = 1 + _steps_noted(connection, incident["id"])
    else:
        taken = len(policy.steps) if timer["round"] else timer["step"]
    return tuple(dict.fromkeys(name for step in policy.steps[:taken] for name in step.to))


def _steps_noted(connection: sqlite3.Connection, incident_id: int) -> int:
    """How many steps after the first were taken, by the incident's own history: its timer may be gone."""
    row = connection.execute(
        "SELECT COUNT(*) AS n FROM audit WHERE incident_id = ? AND kind = 'escalated'"
        " AND json_extract(detail, '$.reason') IN ('time', 'unreachable')",
        (incident_id,),
    ).fetchone()
    return int(row["n"])


def labels_of(common: Mapping[str, str], rank: int) -> dict[str, str]:
    """What a policy matches: the labels that all alerts share, and the severity of the most urgent one."""
    return {**common, "severity": severity_of(rank)} if severity_of(rank) else dict(common)


def severity_of(rank: int) -> str:
    """The word for how urgent something is; empty if it has one that nobody knows."""
    return SEVERITIES[rank] if rank < len(SEVERITIES) else ""


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
        acknowledged=_taken_by(connection, incident) is not None,
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


def _chosen(policies: Sequence[Policy], incident: sqlite3.Row, rank: int) -> Policy | None:
    """The policy that would be meant for an incident if it were of another rank."""
    labels = labels_of(json.loads(incident["labels"]), rank)
    return escalation.choose(policies, incident["source"], labels)


def _lift(connection: sqlite3.Connection, incident: sqlite3.Row, now: float) -> sqlite3.Row:
    """Take back who has taken an incident on: it was something less urgent; the incident as it is then."""
    taken = _taken_by(connection, incident)
    if taken is None or _was_as_urgent(connection, incident):
        return incident
    connection.execute(
        "UPDATE incidents SET acknowledged_at = NULL, acknowledged_by = NULL WHERE id = ?", (incident["id"],)
    )
    # A digest that somebody has taken on told of it while it was less urgent.
    connection.execute(
        "DELETE FROM members WHERE incident_id = ? AND digest_id IN"
        " (SELECT id FROM incidents WHERE acknowledged_at IS NOT NULL)",
        (incident["id"],),
    )
    lifted = {"names": [taken], "count": 1, "reason": LIFTED}
    incidents.change(connection, incident["id"], "acknowledgement_lifted", lifted, now)
    found: sqlite3.Row = connection.execute(
        "SELECT * FROM incidents WHERE id = ?", (incident["id"],)
    ).fetchone()
    return found


def _taken_by(connection: sqlite3.Connection, incident: sqlite3.Row) -> str | None:
    """Who has taken an incident on, by itself or with a digest that tells of it."""
    if incident["acknowledged_at"] is not None:
        return str(incident["acknowledged_by"])
    row = connection.execute(
        "SELECT d.acknowledged_by FROM members m JOIN incidents d ON d.id = m.digest_id"
        " WHERE m.incident_id = ? AND d.acknowledged_at IS NOT NULL",
        (incident["id"],),
    ).fetchone()
    return None if row is None else str(row["acknowledged_by"])


def _was_as_urgent(connection: sqlite3.Connection, incident: sqlite3.Row) -> bool:
    """Whether an incident was as urgent as it is now when it was acknowledged, and less so in between."""
    row = connection.execute(
        "SELECT json_extract(detail, '$.severity') AS severity FROM audit"
        " WHERE incident_id = ? AND kind = 'acknowledged' ORDER BY id DESC LIMIT 1",
        (incident["id"],),
    ).fetchone()
    known = row is not None and row["severity"] is not None
    return known and severity_rank(row["severity"]) <= incident["rank"]


def _progress(timer: sqlite3.Row) -> Progress:
    """Where an escalation stands, by its row."""
    return Progress(
        round=timer["round"], step=timer["step"], started_at=timer["started_at"], held=bool(timer["held"])
    )


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
