"""Asking Alertmanager about the alerts that it does not mention any more.

A notification lists only what is sent: an alert that is absent may be silenced, inhibited or over. So
Alertmanager is asked from time to time, as long as anything is open, and each open alert gets the state that
it has there. What it no longer has is shown as gone and not called resolved: after a restart Alertmanager
knows nothing until Prometheus sends again.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from . import incidents
from .alertmanager import Alertmanager, AlertmanagerPolicy, Failed
from .database import Database

logger = logging.getLogger(__name__)

FRESH_SECONDS: Final = 60.0
"""An alert that was mentioned so recently is not looked for: the answer may be older than the mention."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An open alert, and how it stood when it was last asked for."""

    episode_id: int
    incident_id: int
    fingerprint: str
    state: str | None


@dataclass(kw_only=True)
class Poller:
    """The errand that asks.

    Parameters
    ----------
    database : Database
    alertmanager : Alertmanager
    policy : AlertmanagerPolicy
    told : callable
        Called after a commit that gives somebody something to send.
    counted : callable
        Called with how each call ended: `ok` or `failed`.
    clock : callable
    """

    database: Database
    alertmanager: Alertmanager
    policy: AlertmanagerPolicy
    told: Callable[[], None] = lambda: None
    counted: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.time
    _trouble: str = ""

    def step(self) -> float:
        """Ask once if anything is open; seconds until the next time."""
        asked_at = self.clock()
        if self.database.write(lambda connection: self._open(connection, asked_at)).result():
            held = self.alertmanager.alerts()
            self.counted("failed" if isinstance(held, Failed) else "ok")
            self._say(held.reason if isinstance(held, Failed) else "")
            if not isinstance(held, Failed):
                states = {standing.fingerprint: standing.state for standing in held}
                if self.database.write(
                    lambda connection: self._compare(connection, states, asked_at)
                ).result():
                    self.told()
        return self.policy.poll_seconds

    def _open(self, connection: sqlite3.Connection, asked_at: float) -> Sequence[_Open]:
        """The open alerts of the sources that stand behind this Alertmanager."""
        return [
            _Open(row["id"], row["incident_id"], row["fingerprint"], row["state"])
            for source in self.policy.sources
            for row in connection.execute(
                "SELECT e.id, e.incident_id, e.fingerprint, s.state"
                " FROM episodes e LEFT JOIN standings s ON s.episode_id = e.id"
                " WHERE e.source = ? AND e.closed_at IS NULL AND e.incident_id IS NOT NULL"
                " AND e.seen_at <= ?",
                (source, asked_at - FRESH_SECONDS),
            )
        ]

    def _compare(
        self, connection: sqlite3.Connection, states: Mapping[str, str], asked_at: float
    ) -> frozenset[int]:
        """Write down how the open alerts stand; the incidents that are to be shown anew."""
        touched = set()
        for alert in self._open(connection, asked_at):
            found = states.get(alert.fingerprint, "gone")
            state = None if found == "active" else found
            if state == alert.state:
                continue
            touched.add(alert.incident_id)
            connection.execute("DELETE FROM standings WHERE episode_id = ?", (alert.episode_id,))
            if state is not None:
                connection.execute(
                    "INSERT INTO standings (episode_id, state, since) VALUES (?, ?, ?)",
                    (alert.episode_id, state, asked_at),
                )
        for incident_id in touched:
            incidents.reword(connection, incident_id, self.clock())
        return frozenset(touched)

    def _say(self, trouble: str) -> None:
        """Log a trouble once, not at every try."""
        if trouble and trouble != self._trouble:
            logger.warning("alertmanager: cannot be asked for its alerts: %s", trouble)
        self._trouble = trouble
