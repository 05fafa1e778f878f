"""When a monitor's checks run, and in which of several processes.

Of the workers of a server the one that is elected checks; another takes over within a second of its death and
goes on where its last check stood. Each model has a thread of its own, so that a slow one delays no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .answers import NotThereError
from .background import Background, Periodic
from .election import Election
from .handover import Handover
from .pages import own_pages
from .scheduled import Scheduled, longest_gap

if TYPE_CHECKING:
    from .effects import Effects
    from .families import MetricFamilies
    from .monitor import Monitor
    from .schedule import Schedule

logger = logging.getLogger("driftgauge.checking")

FIRST_CHECK_SECONDS: Final = 30.0
"""So long after the start the first check runs: a newcomer sees gauges before losing patience."""

TICK_SECONDS: Final = 1.0
"""How often the clock is looked at, so that a clock that runs fast (a replay's) is followed; and how often a
worker looks whether the one that checks is still there."""


class Checking:
    """Runs the checks of one model version. It starts and stops as a thread does.

    Parameters
    ----------
    monitor : Monitor
        What checks.
    effects : Effects
        Whose page is left for other processes.
    families : MetricFamilies
        Of the registry to count on; they say whether there are other workers.
    schedule : Schedule
        When.
    clock : callable
        Seconds since 1970.
    before : callable
        Called before each check: what waits to be stored belongs to it.
    serves : callable
        Whether this process has predicted anything. One that forks workers before it has is no worker.
    """

    def __init__(
        self,
        monitor: Monitor,
        effects: Effects,
        families: MetricFamilies,
        schedule: Schedule,
        *,
        clock: Callable[[], float] = time.time,
        before: Callable[[], None],
        serves: Callable[[], bool],
    ) -> None:
        self._monitor = monitor
        self._own_pages = own_pages(monitor, effects)
        self._clock = clock
        self._before = before
        self._serves = serves
        self._model = (monitor.model["model_name"], monitor.model["model_version"])
        self._needed = schedule.enabled and monitor.needed
        self._skipped = families.counter("driftgauge_checks_skipped_total", *self._model)
        self._turn = threading.Lock()
        self._election: Election | None = None
        self._handover: Handover | None = None
        self._waited = self._aside = False
        self._failure = ""
        self._schedule = schedule
        self._first = min(FIRST_CHECK_SECONDS, schedule.interval_seconds)
        self._due = clock() + self._first
        self._threads: Sequence[Background] = ()
        if not self._needed:
            return
        if families.workers is not None:
            self._election = Election(families.workers.path("lock", *self._model))
            self._handover = Handover(families.workers.path("json", *self._model))
        families.gauge("driftgauge_check_interval_seconds", *self._model).set(longest_gap(schedule))
        self._threads = (self._by_schedule(), *self._by_election())

    def _by_schedule(self) -> Background:
        name = f"driftgauge-check-{self._model[0]}"
        if self._schedule.plain:
            return Periodic(self._run_if_due, min(TICK_SECONDS, self._schedule.interval_seconds), name)
        return Scheduled(
            self._run, self._schedule, first_seconds=self._first, name=name, skipped=self._skipped.inc
        )

    def _by_election(self) -> Sequence[Background]:
        if self._election is None:
            return ()
        return (Periodic(self.stand, TICK_SECONDS, f"driftgauge-stand-{self._model[0]}"),)

    @property
    def checks_here(self) -> bool:
        """Whether this process runs the checks now."""
        return self._needed and (self._election is None or self._election.leading)

    def start(self) -> None:
        """Start the threads; also in a forked child."""
        self._turn = threading.Lock()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Check no more, and let another process take over."""
        for thread in self._threads:
            thread.stop(timeout_seconds)
        if self._election is not None:
            self._election.resign()

    def forked(self, *, child: bool) -> None:
        """In a child, begin as a worker; a parent that has predicted nothing leaves the checks to workers."""
        self._aside = not child
        self._waited = False
        if not child and self._election is not None and not self._serves():
            self._election.resign()

    def stand(self) -> None:
        """Stand for election, where there are other processes; who takes over from another checks at once."""
        if self._election is None or self._election.leading or (self._aside and not self._serves()):
            return
        if not self._election.stand():
            self._waited = True
            return
        assert self._handover is not None
        logger.info("checks of %s %s run in this process from now on", *self._model)
        self._monitor.begin(self._handover.memory())
        if self._waited:
            self._run()

    def page_left(self, name: str) -> Mapping[str, Any] | None:
        """A page of another process's checks; None where this one's own is to be shown.

        Raises
        ------
        NotThereError
            If the checks are made elsewhere and nothing is left here.
        """
        if self._handover is not None and not self.checks_here:
            return self._handover.page(name)
        if self._monitor.needed and not self._needed and not self._monitor.reports:
            raise NotThereError(
                f"{name}: found checks.enabled: false, need the address of the process that checks"
            )
        return None

    def _run_if_due(self) -> None:
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._schedule.interval_seconds
        self._run()
        late = self._clock() - self._due
        if late >= 0:
            self._skipped.inc(int(late // self._schedule.interval_seconds) + 1)

    def _run(self) -> None:
        if not self.checks_here:
            return
        with self._turn:
            self._before()
            try:
                self._monitor.run()
                if self._handover is not None:
                    pages = {name: page() for name, page in self._own_pages.items()}
                    self._handover.leave(pages, self._monitor.memory)
            except Exception as error:  # counted by the monitor; the next check is due in its time
                if repr(error) != self._failure:
                    logger.exception("check of %s %s failed (logged once)", *self._model)
                self._failure = repr(error)
            else:
                self._failure = ""
