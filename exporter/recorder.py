"""From calls to counters and the window store: what happens to a prediction once its caller has gone on.

Nothing here raises to a caller. A fault is counted every time and logged once for each kind.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

from .buffer import Buffer
from .counters import ModelCounters
from .fallback import Answer, Fallback
from .gather import Layout, gather
from .giving_way import giving_way
from .observation import Call
from .stores import Store

logger = logging.getLogger("driftgauge.recorder")

RESCUED_BY: Final[ContextVar[str | None]] = ContextVar("driftgauge_rescued_by", default=None)
"""Strategy of the fallback that answered the latest call of this thread or task: a router that compares two
models must not take a fallback's answer for the model's."""


class Recorder:
    """Takes calls from the caller's thread and folds them into counters and store in the background.

    Parameters
    ----------
    counters : ModelCounters
        What is counted.
    layout : Layout
        What rows and answers look like.
    store : Store
        Where observations wait for the checks.
    max_pending_rows : int
        Rows that may wait for the next `flush`.
    clock : callable
        Seconds since 1970.
    fallback : Fallback, optional
        What answers when the model raises; it learns the last good answers in the background.
    """

    def __init__(
        self,
        counters: ModelCounters,
        layout: Layout,
        store: Store,
        *,
        max_pending_rows: int,
        clock: Callable[[], float],
        fallback: Fallback | None = None,
    ) -> None:
        self._counters = counters
        self._layout = layout
        self._store = store
        self._clock = clock
        self._fallback = fallback
        n_features = None if layout.features is None else len(layout.features)
        self.buffer = Buffer(max_pending_rows, counters.overflowed, n_features)
        self._lock = threading.Lock()
        self._logged: set[type[BaseException]] = set()

    def rescue(
        self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: BaseException
    ) -> Answer | None:
        """What the fallback answers in the model's place; None when its exception is to be raised."""
        if self._fallback is None:
            return None
        try:
            n_columns = None if self._layout.features is None else len(self._layout.features)
            answer = self._fallback.answer(method, args, kwargs, error, self._clock(), n_columns)
            self._counters.fell_back("none" if answer is None else answer.strategy)
            RESCUED_BY.set(None if answer is None else answer.strategy)
        except Exception as fault:  # noqa: BLE001 - the model's own exception must go on untouched
            self.fault(fault)
            return None
        return answer

    def failed(self, error: BaseException) -> None:
        """Count an exception of the model."""
        try:
            self._counters.failed(error)
        except Exception as fault:  # noqa: BLE001 - the model's own exception must go on untouched
            self.fault(fault)

    def fault(self, fault: BaseException, n_rows: int = 0) -> None:
        """Count a fault of the monitoring, and log the first of its kind."""
        with suppress(Exception):
            if type(fault) not in self._logged:
                self._logged.add(type(fault))
                logger.error(
                    "monitoring failed and goes on; predictions are unharmed (logged once)", exc_info=fault
                )
        with suppress(Exception):
            self._counters.fault(n_rows)

    def flush(self) -> None:
        """Fold everything that waits into the counters and the store."""
        with self._lock, giving_way():
            calls: list[Call] = []
            try:
                calls = self.buffer.take()
                if calls:
                    self._fold(calls)
            except Exception as fault:  # noqa: BLE001 - monitoring never breaks its host
                self.fault(fault, sum(call[7] for call in calls))

    def after_fork(self) -> None:
        """Make a forked child independent of locks that another thread of its parent may have held."""
        self._lock = threading.Lock()

    def _fold(self, calls: list[Call]) -> None:
        self._counters.called(calls)
        if self._fallback is not None:
            newest = {call[0]: call for call in calls}
            ahead = self._clock() - time.perf_counter()
            for method, call in newest.items():
                self._fallback.remember(method, call[2], call[5] + ahead)
        gathered = gather(calls, self._layout, self._clock() - time.perf_counter())
        self._counters.violated(gathered.violations)
        kept = sum(observations.n_rows for observations in gathered.observations)
        predicted = sum(call[7] for call in calls)
        if predicted > kept + gathered.unread_rows:
            self._counters.dropped("buffer_full", predicted - kept - gathered.unread_rows)
        self._counters.dropped("unreadable", gathered.unread_rows)
        for observations in gathered.observations:
            try:
                self._counters.observed(observations)
                self._store.append(observations)
            except Exception as fault:  # noqa: BLE001 - one batch must not cost the others
                self.fault(fault, observations.n_rows)
