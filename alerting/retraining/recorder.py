"""Ended retrainings, told to MLflow once each. A server that is away holds up no decision and no training."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..errors import RegistryError, RegistryRefusedError
from . import runs
from .runs import Run
from .state import Lead, State

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 60.0
"""After a server that did not answer."""
RECORDED: Final = "recorded"
"""The event that says so, in the run's own history."""
OLDEST_SECONDS: Final = 30 * 86_400.0
"""What ended before is not told any more: a registry that is new should not be filled with the past."""
BATCH: Final = 20


class Recorder(Protocol):
    """Where it is recorded."""

    def record(self, registered: str, run: Run, events: list[dict[str, Any]]) -> str:
        """Write down how a retraining has ended; where."""


@dataclass(kw_only=True)
class Recording:
    """The errand of a service.

    Parameters
    ----------
    state : State
    lead : Lead
        Without it nothing is done: another process of this machine does it.
    recorder : Recorder
    registered : mapping of str to str
        Model to its name in the registry; other models are not recorded.
    clock : callable
        Seconds since 1970.
    """

    state: State
    lead: Lead
    recorder: Recorder
    registered: Mapping[str, str]
    clock: Callable[[], float]
    _told: set[tuple[int, str]] = field(default_factory=set)

    def step(self) -> float:
        """Record what has ended; seconds until there may be something again."""
        if not self.lead.held():
            return POLL_SECONDS
        with self.state.read() as connection:
            waiting = [
                (run, runs.events(connection, run.id))
                for run in unrecorded(connection, self.registered, self.clock() - OLDEST_SECONDS)
            ]
        pause = POLL_SECONDS
        for run, events in waiting:
            try:
                place = self.recorder.record(self.registered[run.model_name], run, events)
            except RegistryError as error:
                if (run.id, str(error)) not in self._told:
                    logger.warning("run %d is recorded later: %s", run.id, error)
                self._told.add((run.id, str(error)))
                if isinstance(error, RegistryRefusedError):
                    pause = RETRY_SECONDS  # the others may be taken
                    continue
                return RETRY_SECONDS
            with self.state.write() as connection:
                runs.event(connection, RECORDED, self.clock(), run.id, mlflow_run=place)
        return pause


def unrecorded(connection: sqlite3.Connection, models: Mapping[str, str], since: float) -> list[Run]:
    """Runs of these models that trained, have ended since a time, and are not recorded; oldest first."""
    rows = connection.execute(
        "SELECT id, model_name FROM runs WHERE ended_at >= ? AND started_at IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM events WHERE events.run_id = runs.id AND events.kind = ?) ORDER BY id",
        (since, RECORDED),
    ).fetchall()
    named = [row["id"] for row in rows if row["model_name"] in models]
    return [runs.get(connection, run_id) for run_id in named[:BATCH]]
