"""Age and schedule as rows: each is due at a time, and asks for a retraining once for each time.

A service that was away catches up once, not once for each time that it missed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from . import runs
from .cause import Cause
from .policy import ModelPolicy, Trigger


def align(
    connection: sqlite3.Connection,
    models: Iterable[ModelPolicy],
    now: float,
    made: Mapping[str, float] | None = None,
) -> None:
    """Make the rows what the configuration says: new and changed ones begin now, removed ones go.

    Parameters
    ----------
    connection : sqlite3.Connection
    models : iterable of ModelPolicy
    now : float
        Seconds since 1970.
    made : mapping of str to float, optional
        Model to when its champion was trained, where that is known: an age begins there, unless a run has
        succeeded since.
    """
    wanted = {
        (model.name, trigger.name): trigger
        for model in models
        for trigger in model.triggers
        if trigger.next_due(now) is not None
    }
    for row in connection.execute("SELECT model_name, trigger_name, spec FROM timers").fetchall():
        place = (row["model_name"], row["trigger_name"])
        if place in wanted and row["spec"] == _spec(wanted[place]):
            del wanted[place]
        else:
            connection.execute("DELETE FROM timers WHERE model_name = ? AND trigger_name = ?", place)
    for (model_name, name), trigger in wanted.items():
        base = now
        if trigger.kind == "age":
            base = min(now, _trained_at(connection, model_name) or (made or {}).get(model_name, now))
        connection.execute(
            "INSERT INTO timers (model_name, trigger_name, spec, due_at) VALUES (?, ?, ?, ?)",
            (model_name, name, _spec(trigger), trigger.next_due(base)),
        )


def aged(connection: sqlite3.Connection, models: Iterable[ModelPolicy], now: float) -> list[str]:
    """Models whose age is due."""
    ages = {
        (model.name, trigger.name) for model in models for trigger in model.triggers if trigger.kind == "age"
    }
    due = connection.execute(
        "SELECT model_name, trigger_name FROM timers WHERE due_at <= ?", (now,)
    ).fetchall()
    return sorted({row["model_name"] for row in due if (row["model_name"], row["trigger_name"]) in ages})


def fire(
    connection: sqlite3.Connection,
    models: Iterable[ModelPolicy],
    now: float,
    made: Mapping[str, float] | None = None,
) -> int:
    """Ask for what is due, and set each row to its next time; how many were new.

    Parameters
    ----------
    connection : sqlite3.Connection
    models : iterable of ModelPolicy
    now : float
        Seconds since 1970.
    made : mapping of str to float, optional
        Model to when it was trained by what is known now: an age that is not due by it waits until it is.
    """
    triggers = {(model.name, trigger.name): trigger for model in models for trigger in model.triggers}
    asked = 0
    for row in connection.execute(
        "SELECT * FROM timers WHERE due_at <= ? ORDER BY due_at", (now,)
    ).fetchall():
        trigger = triggers.get((row["model_name"], row["trigger_name"]))
        if trigger is None:  # a command with another configuration may see rows that are not its own
            continue
        trained_at = (made or {}).get(row["model_name"]) if trigger.kind == "age" else None
        later = None if trained_at is None else trigger.next_due(min(now, trained_at))
        if later is not None and later > now:
            connection.execute(
                "UPDATE timers SET due_at = ? WHERE model_name = ? AND trigger_name = ?",
                (later, row["model_name"], trigger.name),
            )
            continue
        cause = Cause(
            key=f"{trigger.kind}:{trigger.name}:{row['due_at']:.0f}",
            model_name=row["model_name"],
            origin="age" if trigger.kind == "age" else "schedule",
            trigger_name=trigger.name,
            since=_trained_at(connection, row["model_name"]) or row["due_at"],
        )
        asked += runs.request(connection, cause, now)[1]
        connection.execute(
            "UPDATE timers SET due_at = ? WHERE model_name = ? AND trigger_name = ?",
            (trigger.next_due(now), row["model_name"], row["trigger_name"]),
        )
    return asked


def trained(connection: sqlite3.Connection, model: ModelPolicy, now: float) -> None:
    """A run of the model has succeeded: its age begins anew."""
    for trigger in model.triggers:
        if trigger.kind == "age":
            connection.execute(
                "UPDATE timers SET due_at = ? WHERE model_name = ? AND trigger_name = ?",
                (trigger.next_due(now), model.name, trigger.name),
            )


def _trained_at(connection: sqlite3.Connection, model_name: str) -> float | None:
    """When the newest run that succeeded ended."""
    row = connection.execute(
        "SELECT MAX(ended_at) AS at FROM runs WHERE model_name = ? AND state = 'succeeded'", (model_name,)
    ).fetchone()
    return None if row["at"] is None else float(row["at"])


def _spec(trigger: Trigger) -> str:
    """What a row depends on."""
    hours = trigger.hours
    when = None if hours is None else (str(hours.zone), sorted(hours.days), hours.begin)
    return f"{trigger.kind} {trigger.every} {when}"
