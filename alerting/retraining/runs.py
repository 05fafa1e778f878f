"""Runs in the state: asked for once, moved from state to state, each step with its event. SQL alone.

::

    requested -> running -> evaluating -> succeeded
        ^           |            |------> refused      the candidate is not what was declared
        |           |-------------------> failed       no attempt worked
        |           '-> requested                      an attempt failed; decided anew after a pause
        '--- waits --'-> refused                       a decision, with its reasons

A step names the state and the attempt that it leaves. If the run has left them already, it changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from .cause import Cause, Strategy
from .decision import Decision, Reason, Start

MAX_LISTED: Final = 1_000
"""Runs or events read at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row.

    Attributes
    ----------
    due_at : float
        When it is to be looked at again.
    attempt : int
        The present or the last one, from 1; 0 before the first.
    reasons : tuple of Reason
        Of the last decision, failure or refusal.
    result : dict or None
        What the training said, once it has ended well.
    """

    id: int
    model_name: str
    cause: Cause
    requested_at: float
    state: str
    due_at: float
    attempt: int
    trigger_name: str
    strategy: Strategy | None
    runner: str | None
    started_at: float | None
    attempt_started_at: float | None
    ended_at: float | None
    reasons: tuple[Reason, ...]
    result: Mapping[str, Any] | None


def request(connection: sqlite3.Connection, cause: Cause, now: float) -> tuple[int, bool]:
    """The run of a cause, and whether it is new: a known cause gets the run that it has."""
    found = connection.execute(
        "SELECT id FROM runs WHERE cause_key = ? AND model_name = ?", (cause.key, cause.model_name)
    ).fetchone()
    if found is not None:
        return int(found["id"]), False
    cursor = connection.execute(
        "INSERT INTO runs (cause_key, model_name, cause, requested_at, state, due_at)"
        " VALUES (?, ?, ?, ?, 'requested', ?)",
        (cause.key, cause.model_name, cause.to_json(), now, now),
    )
    run_id = int(cursor.lastrowid or 0)
    event(connection, "requested", now, run_id, origin=cause.origin, by=cause.by, reason=cause.words)
    return run_id, True


def step(
    connection: sqlite3.Connection,
    run: Run,
    state: str,
    *,
    now: float,
    kind: str,
    reasons: Iterable[Reason] = (),
    detail: Mapping[str, object] | None = None,
    **columns: object,
) -> bool:
    """Move a run from where it was read to a state; False if it is no longer there.

    Parameters
    ----------
    connection : sqlite3.Connection
    run : Run
    state : str
    now : float
    kind : str
        Of the event.
    reasons : iterable of Reason
    detail : mapping, optional
        More for the event.
    **columns
        Further columns of `runs`, by name.
    """
    told = list(reasons)
    values = {"state": state, "reasons": _reasons(told), **columns}
    names = ", ".join(f"{name} = :{name}" for name in values)
    changed = connection.execute(
        f"UPDATE runs SET {names} WHERE id = :id AND state = :before AND attempt = :was",  # noqa: S608 - our own
        {**values, "id": run.id, "before": run.state, "was": run.attempt},
    ).rowcount
    if changed:
        words = [{"code": reason.code, "words": reason.words} for reason in told]
        event(connection, kind, now, run.id, reasons=words, **(detail or {}))
    return bool(changed)


def decided(connection: sqlite3.Connection, run: Run, decision: Decision, *, now: float) -> bool:
    """Note a decision not to run: to wait, or never to. One that only repeats the last gives no event."""
    same = [reason.code for reason in run.reasons] == [reason.code for reason in decision.reasons]
    if decision.verdict == "wait" and same:
        return bool(
            connection.execute(
                "UPDATE runs SET due_at = ?, reasons = ? WHERE id = ? AND state = 'requested'",
                (decision.look_at, _reasons(decision.reasons), run.id),
            ).rowcount
        )
    if decision.verdict == "wait":
        state, columns = "requested", {"due_at": decision.look_at}
    else:
        state, columns = "refused", {"ended_at": now}
    return step(
        connection,
        run,
        state,
        now=now,
        kind=decision.verdict,
        reasons=decision.reasons,
        detail={"trigger": decision.trigger_name},
        trigger_name=decision.trigger_name,
        **columns,
    )


def due(connection: sqlite3.Connection, now: float, *, decisions: int) -> list[Run]:
    """What has to be looked at: all runs under way, then so many causes in the order in which they came.

    A cause that has been tried comes before one that has not, so that its pause does not let another by.
    """
    going = connection.execute(
        "SELECT * FROM runs WHERE state IN ('running', 'evaluating') AND due_at <= ? ORDER BY id", (now,)
    ).fetchall()
    waiting = connection.execute(
        "SELECT * FROM runs WHERE state = 'requested' AND due_at <= ? ORDER BY attempt = 0, id LIMIT ?",
        (now, decisions),
    ).fetchall()
    return [_run(row) for row in (*going, *waiting)]


def listed(
    connection: sqlite3.Connection, *, since: float = 0.0, model: str | None = None, limit: int = MAX_LISTED
) -> list[Run]:
    """Runs asked for since a time, newest first."""
    rows = connection.execute(
        "SELECT * FROM runs WHERE requested_at >= ? AND (? IS NULL OR model_name = ?)"
        " ORDER BY id DESC LIMIT ?",
        (since, model, model, min(limit, MAX_LISTED)),
    )
    return [_run(row) for row in rows]


def under_way(connection: sqlite3.Connection, model: str) -> list[Run]:
    """Runs of a model that have not ended, oldest first."""
    rows = connection.execute(
        "SELECT * FROM runs WHERE model_name = ? AND state IN ('requested', 'running', 'evaluating')"
        " ORDER BY id LIMIT ?",
        (model, MAX_LISTED),
    )
    return [_run(row) for row in rows]


def without_candidate(connection: sqlite3.Connection, model: str, *, after: int) -> list[Run]:
    """Runs of a model that were begun and gave no candidate, newest first, after so many."""
    rows = connection.execute(
        "SELECT * FROM runs WHERE model_name = ? AND state IN ('failed', 'refused') AND attempt > 0"
        " ORDER BY id DESC LIMIT ? OFFSET ?",
        (model, MAX_LISTED, after),
    )
    return [_run(row) for row in rows]


def get(connection: sqlite3.Connection, run_id: int) -> Run:
    """A run that is there."""
    return _run(connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())


def busy(connection: sqlite3.Connection, run: Run) -> int | None:
    """Another run of the model that is under way or between two attempts."""
    row = connection.execute(
        "SELECT id FROM runs WHERE model_name = ? AND id != ? AND"
        " (state IN ('running', 'evaluating') OR (state = 'requested' AND attempt > 0)) ORDER BY id LIMIT 1",
        (run.model_name, run.id),
    ).fetchone()
    return None if row is None else int(row["id"])


def starts(connection: sqlite3.Connection, run: Run) -> tuple[Start, ...]:
    """The other runs of the model that have begun, in the order of time."""
    rows = connection.execute(
        "SELECT id, trigger_name, started_at, state FROM runs"
        " WHERE model_name = ? AND id != ? AND started_at IS NOT NULL ORDER BY started_at, id",
        (run.model_name, run.id),
    )
    return tuple(
        Start(
            run_id=row["id"],
            trigger_name=row["trigger_name"],
            at=row["started_at"],
            succeeded=row["state"] == "succeeded",
        )
        for row in rows
    )


def events(connection: sqlite3.Connection, run_id: int) -> list[dict[str, Any]]:
    """What happened to a run, in order."""
    rows = connection.execute(
        "SELECT at, kind, detail FROM events WHERE run_id = ? ORDER BY id LIMIT ?", (run_id, MAX_LISTED)
    )
    return [{"at": row["at"], "kind": row["kind"], **json.loads(row["detail"])} for row in rows]


def event(connection: sqlite3.Connection, kind: str, now: float, run_id: int, **detail: object) -> None:
    """Write down what happened."""
    kept = {name: value for name, value in detail.items() if value not in ("", None, [])}
    connection.execute(
        "INSERT INTO events (at, run_id, kind, detail) VALUES (?, ?, ?, ?)",
        (now, run_id, kind, json.dumps(kept, ensure_ascii=False)),
    )


def _reasons(reasons: Iterable[Reason]) -> str:
    return json.dumps([asdict(reason) for reason in reasons], ensure_ascii=False)


def _run(row: sqlite3.Row) -> Run:
    return Run(
        cause=Cause.from_json(row["cause"]),
        reasons=tuple(Reason(**reason) for reason in json.loads(row["reasons"])),
        result=None if row["result"] is None else json.loads(row["result"]),
        **{name: row[name] for name in Run.__slots__ if name not in ("cause", "reasons", "result")},
    )
