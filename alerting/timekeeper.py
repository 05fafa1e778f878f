"""What happens because time passes: timers, heartbeats and the daily digest, one step every few seconds.

It decides nothing; it looks at the clock and lets `timers`, `heartbeats` and `digest` do what is due. A clock
that was set while the bridge runs shows against the monotonic one: what counts from a beginning moves with
it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import digest, episodes, heartbeats, outbox, silences, timers
from .database import Database
from .digest import DailyDigest
from .heartbeats import OWN_SOURCE, Heartbeat, News
from .incidents import StatePolicy
from .intake import DEFAULT_SOURCE
from .metrics import BridgeMetrics
from .timers import Plan, Told

TICK_SECONDS: Final = 2.0
"""How late a step can be; a look that finds nothing costs less than a millisecond and no write."""
JUMP_SECONDS: Final = 30.0
"""Two clocks that part by more between two looks were not drifting: one was set."""


@dataclass(kw_only=True)
class Timekeeper:
    """The clockwork of the bridge.

    Parameters
    ----------
    database : Database
    metrics : BridgeMetrics
    plan : Plan
    beats : sequence of Heartbeat
    daily : DailyDigest or None
    state : StatePolicy
    told : callable
        Called after a commit that gives somebody something to send.
    clock, monotonic : callable
        Seconds since 1970, and seconds that nobody can set. Replaced in tests.
    """

    database: Database
    metrics: BridgeMetrics
    plan: Plan
    beats: Sequence[Heartbeat] = ()
    daily: DailyDigest | None = None
    state: StatePolicy = field(default_factory=StatePolicy)
    told: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _ahead: float = 0.0

    def start(self) -> None:
        """Before the first step: look at everything anew, as the configuration may have changed."""
        self._ahead = self.clock() - self.monotonic()
        self.database.write(self._begin).result()

    def step(self) -> float:
        """Do what is due; seconds until the next look."""
        now = self.clock()
        jump = now - self.monotonic() - self._ahead
        if abs(jump) > JUMP_SECONDS:
            self._ahead += jump
            self.database.write(lambda connection: _clock_set(connection, jump)).result()
        told, more = self.database.write(lambda connection: self._tick(connection, now)).result()
        for receiver, reason in told:
            self.metrics.escalated(receiver, reason)
        # Digests and ends of heartbeats are news without a step of their own.
        self.told()
        return 0.0 if more else TICK_SECONDS

    def _begin(self, connection: sqlite3.Connection) -> None:
        now = self.clock()
        for news in heartbeats.register(connection, self.beats, now):
            self._record(connection, news, now)
        digest.register_daily(connection, self.daily, now)
        timers.look_again(connection)

    def _tick(self, connection: sqlite3.Connection, now: float) -> tuple[Told, bool]:
        told, more = timers.tick(connection, self.plan, now)
        for news in heartbeats.check(connection, self.beats, now):
            told += self._record(connection, news, now)
        if self.daily is not None:
            for name in digest.due_daily(connection, self.daily, now):
                digest.tell_daily(connection, name, now)
        return told, more

    def _record(self, connection: sqlite3.Connection, news: News, now: float) -> Told:
        """Open or close the incident of a heartbeat, as if Alertmanager had told of it."""
        own = news.heartbeat.destinations or self.plan.destinations.get(DEFAULT_SOURCE, ())
        return episodes.record(
            connection,
            news.notification,
            source=OWN_SOURCE,
            destinations=own,
            now=now,
            policy=self.state,
            policies=self.plan.policies,
        ).told


def _clock_set(connection: sqlite3.Connection, jump: float) -> None:
    """Move all that counts from a time or waits for one."""
    timers.look_again(connection, jump=jump)
    digest.clock_set(connection, jump)
    # After one that was set forward all is due and tried once more, which harms nobody.
    if jump < 0:
        outbox.clock_set_back(connection, -jump)
        silences.clock_set_back(connection, -jump)
