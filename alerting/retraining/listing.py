"""Runs as plain values, for HTTP, the command line and whoever keeps records elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from .. import document
from . import runs
from .policy import ModelPolicy
from .runs import Run

_NEWEST: Final = 1


def run_json(run: Run, events: Iterable[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A run with what asked for it, why it stands where it stands, and what came of it."""
    result = run.result or {}
    values: dict[str, Any] = {
        "run_id": run.id,
        "model_name": run.model_name,
        "state": run.state,
        "trigger": run.trigger_name,
        "strategy": run.strategy,
        "runner": run.runner,
        "attempt": run.attempt,
        "cause": {
            "key": run.cause.key,
            "origin": run.cause.origin,
            "by": run.cause.by,
            "reason": run.cause.words,
            "since": document.moment(run.cause.since),
            "severity": run.cause.severity,
            "alert_names": list(run.cause.alert_names),
            "features": list(run.cause.features),
        },
        "reasons": [{"code": reason.code, "words": reason.words} for reason in run.reasons],
        "requested_at": document.moment(run.requested_at),
        "started_at": document.moment(run.started_at),
        "ended_at": document.moment(run.ended_at),
        "next_look_at": document.moment(run.due_at) if run.state == "requested" else None,
        "result": {key: result.get(key) for key in ("model_path", "reference_path", "metrics", "comparison")}
        if result
        else None,
    }
    if events is not None:
        values["events"] = [{**event, "at": document.moment(event["at"])} for event in events]
    return values


def history(
    connection: sqlite3.Connection, *, since: float, model: str | None, limit: int
) -> list[dict[str, Any]]:
    """Runs asked for since a time with all that happened to them, newest first."""
    found = runs.listed(connection, since=since, model=model, limit=limit)
    return [run_json(run, runs.events(connection, run.id)) for run in found]


def status(
    connection: sqlite3.Connection, models: Iterable[ModelPolicy], *, now: float
) -> list[dict[str, Any]]:
    """Of each model what runs, what waits and why, what was last, what is due, and what the budget leaves."""
    stands = []
    for model in models:
        open_runs = runs.under_way(connection, model.name)
        period = model.brakes.budget_period
        used = connection.execute(
            "SELECT COUNT(*) FROM runs WHERE model_name = ? AND started_at > ?", (model.name, now - period)
        ).fetchone()[0]
        timers = connection.execute(
            "SELECT trigger_name, due_at FROM timers WHERE model_name = ? ORDER BY due_at", (model.name,)
        )
        last = runs.listed(connection, model=model.name, limit=_NEWEST)
        stands.append(
            {
                "model_name": model.name,
                "running": [run_json(run) for run in open_runs if run.state != "requested"],
                "waiting": [run_json(run) for run in open_runs if run.state == "requested"],
                "last": run_json(last[0]) if last else None,
                "budget": {
                    "runs": model.brakes.budget_runs,
                    "used": used,
                    "period_seconds": period,
                },
                "timers": [
                    {"trigger": row["trigger_name"], "due_at": document.moment(row["due_at"])}
                    for row in timers
                ],
            }
        )
    return stands
