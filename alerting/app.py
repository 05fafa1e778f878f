"""The composition root: state, senders, intake and pages become one program.

Nothing else makes threads or servers, and nothing in here decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette

from . import audit, census, database, entrances, handover, host_check, incidents, outbox, places
from .access import Gate
from .census import Census
from .config import BridgeConfig, require_slack
from .database import Database
from .delivery import Sender
from .errors import OutboxError
from .intake import Intake, Source
from .listening import SHUTDOWN_SECONDS, listening, serve
from .loop import Loop
from .metrics import BridgeMetrics
from .notices import Notices
from .outbox import Backlog
from .pages import Pages
from .timekeeper import Timekeeper

logger = logging.getLogger(__name__)

MAINTENANCE_SECONDS: Final = 3_600.0
"""How often silent alerts are closed and old ones forgotten: limits of days need no finer grain."""
LISTEN_BACKLOG: Final = 4_096
"""Connections that may wait to be accepted; a storm of 10,000 groups came over up to 4,000."""


@dataclass(kw_only=True)
class Bridge:
    """The running parts. `start` and `stop` belong to whoever serves the application.

    Attributes
    ----------
    application : Starlette
        Starts and stops the parts with its lifespan.
    """

    config: BridgeConfig
    database: Database
    metrics: BridgeMetrics
    senders: list[Sender]
    clock: Callable[[], float]
    application: Starlette = field(init=False)
    timekeeper: Timekeeper = field(init=False)
    _loops: list[Loop] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        notices = Notices(
            database=self.database,
            destinations={name: source.destinations for name, source in self.config.sources.items()},
            state=self.config.state,
            policies=self.config.escalation.plan.policies,
            told=self.wake,
            clock=self.clock,
        )
        self._loops.append(Loop(name="notices", step=notices.step))
        intake = Intake(
            sources={
                name: Source(
                    name=name,
                    destinations=source.destinations,
                    gate=Gate((*self.config.access.tokens, *source.tokens)),
                )
                for name, source in self.config.sources.items()
            },
            database=self.database,
            metrics=self.metrics,
            policy=self.config.intake,
            state=self.config.state,
            policies=self.config.escalation.plan.policies,
            beats=self.config.escalation.heartbeats,
            notices=notices,
            told=self.wake,
            clock=self.clock,
        )
        own = [token for source in self.config.sources.values() for token in source.tokens]
        pages = Pages(
            database=self.database,
            exposition=self.metrics.exposition,
            receivers=tuple(self.config.channels),
            gate=Gate((*self.config.access.tokens, *own)),
            open_metrics=self.config.access.open_metrics,
            alive=self.alive,
            clock=self.clock,
        )
        ways_in = entrances.build(
            self.config, database=self.database, metrics=self.metrics, told=self.wake, clock=self.clock
        )
        self._loops += ways_in.loops
        escalation = self.config.escalation
        self.timekeeper = Timekeeper(
            database=self.database,
            metrics=self.metrics,
            plan=escalation.plan,
            beats=escalation.heartbeats,
            daily=escalation.daily,
            state=self.config.state,
            told=self.wake,
            clock=self.clock,
        )
        self._loops.append(Loop(name="timekeeper", step=self.timekeeper.step))
        self.metrics.watch(
            self.backlog,
            self.clock,
            census=self._census,
            deadlines={beat.name: beat.deadline for beat in escalation.heartbeats},
        )
        self.application = Starlette(
            routes=[*intake.routes(), *pages.routes(), *ways_in.routes],
            middleware=host_check.middleware(self.config),
            lifespan=self._lifespan,
        )

    def start(self) -> None:
        """Register the destinations and start the loops."""
        for name, count in self.database.write(self._enroll).result().items():
            logger.warning(
                "state: %s is no longer configured, or of another kind: %d open incidents were handed on to"
                " the present destinations",
                name,
                count,
            )
        self.timekeeper.start()
        self._note("started")
        self._threads = [
            threading.Thread(target=sender.run, name=f"bridge-{sender.destination.name}", daemon=True)
            for sender in self.senders
        ]
        self._threads += [
            threading.Thread(target=loop.run, name=f"bridge-{loop.name}", daemon=True) for loop in self._loops
        ]
        self._threads.append(threading.Thread(target=self._maintain, name="bridge-maintenance", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the loops after their present call, and close the state."""
        self._stopping.set()
        for sender in self.senders:
            sender.stop()
        for loop in self._loops:
            loop.stop()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for thread in self._threads:
            # A call that takes longer is left to its fate: the next start looks for its message.
            thread.join(max(0.0, deadline - time.monotonic()))
        self._note("stopped")
        self.database.close()

    def wake(self) -> None:
        """Tell every sender that there may be something to send."""
        for sender in self.senders:
            sender.wake.set()

    def alive(self) -> bool:
        """Whether all loops run."""
        return all(thread.is_alive() for thread in self._threads)

    def backlog(self) -> dict[str, Backlog]:
        """What waits for each destination."""
        with database.reader(self.database.path) as connection:
            return outbox.backlog(connection, self.config.channels)

    def _census(self) -> Census:
        with database.reader(self.database.path) as connection:
            return census.read(connection)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(self.start)
        yield
        await asyncio.to_thread(self.stop)

    def _enroll(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Register the destinations; how many incidents of those that are gone were handed on to them."""
        now = self.clock()
        kinds = {sender.destination.name: sender.destination.kind for sender in self.senders}
        retired = handover.retire(connection, kinds, now)
        for sender in self.senders:
            sender.enroll(connection)
        escalation = self.config.escalation
        return handover.hand_on(connection, retired, escalation.plan, escalation.heartbeats, now)

    def _maintain(self) -> None:
        """Once an hour, close what is silent and forget what is old."""
        while not self._stopping.wait(MAINTENANCE_SECONDS):
            try:
                self.database.write(self._maintain_once).result()
            except (OutboxError, sqlite3.Error) as error:
                logger.warning("maintenance: %s", error)
            self.wake()

    def _maintain_once(self, connection: sqlite3.Connection) -> None:
        incidents.maintain(connection, now=self.clock(), policy=self.config.state)

    def _note(self, kind: str) -> None:
        with contextlib.suppress(OutboxError):
            self.database.write(lambda connection: audit.write(connection, kind, at=self.clock())).result()


def build_bridge(config: BridgeConfig, *, clock: Callable[[], float] = time.time) -> Bridge:
    """The parts, wired together and not yet running.

    Raises
    ------
    ConfigError
        If Slack cannot be reached with what is configured.
    OutboxError
        If the state cannot be used, or another bridge is active on it.
    """
    # At debug level it logs the path of a webhook, which is a secret.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    told = places.destinations(config, clock)
    state = Database(config.state_directory)
    metrics = BridgeMetrics(tuple(config.sources), tuple(config.channels))
    senders = [
        Sender(
            destination=destination,
            database=state,
            metrics=metrics,
            policy=config.delivery,
            storms=config.escalation.storms,
            clock=clock,
        )
        for destination in told
    ]
    return Bridge(config=config, database=state, metrics=metrics, senders=senders, clock=clock)


def run(config: BridgeConfig) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Raises
    ------
    ConfigError, OutboxError, PortTakenError
        If it cannot start.
    """
    require_slack(config)
    with listening(config.listen, backlog=LISTEN_BACKLOG) as listener:
        bridge = build_bridge(config)
        serve(bridge.application, listener, config.listen, name="bridge", backlog=LISTEN_BACKLOG)
