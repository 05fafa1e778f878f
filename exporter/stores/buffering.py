"""A store in front of one that may be away: what cannot be kept now waits, up to a bound.

The counters of a model go on while its store is down. So that a window has no hole afterwards, batches wait
in memory and are appended in their order once the store answers. Above the bound the oldest go, and are
counted.

Being away is trouble of the store: `StoreError`, and `ConfigError` for a place that holds something else,
which somebody may move. Anything else is taken for trouble of the batch: it would be refused however often it
is sent, and everything behind it would wait for ever. So it goes, is counted, and the next one is tried.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigError, ExporterError, StoreError
from ..observation import JoinedOutcomes, Observations
from .forks import hold_across_forks
from .memory import rows_of

if TYPE_CHECKING:
    from . import Store

logger = logging.getLogger(__name__)

MAX_WAITING_ROWS: Final = 100_000
"""About 16 MB with 20 columns: ten seconds of 10,000 rows a second, or a day of one."""

RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 30.0
"""Doubling from one to the other: a server that is back is found soon, one that is away is left alone."""


class BufferingStore:
    """A store whose appends wait while it is away; everything else fails as it does, with `StoreError`.

    Parameters
    ----------
    store : Store
    max_waiting_rows : int
        Rows that wait at most.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        store: Store,
        *,
        max_waiting_rows: int = MAX_WAITING_ROWS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._dropped: Callable[[int], None] = lambda _: None
        self._max_waiting_rows = max_waiting_rows
        self._clock = clock
        self._lock = threading.Lock()
        hold_across_forks(self._lock, in_child=self._forget)
        self._waiting: deque[Observations] = deque()
        self._waiting_rows = 0
        self._pause = 0.0
        self._not_before = 0.0
        self._refusals: set[type[Exception]] = set()

    def on_drop(self, dropped: Callable[[int], None]) -> None:
        """Tell how many rows had no room to wait, or were refused by the store."""
        self._dropped = dropped

    @property
    def waiting_rows(self) -> int:
        """Rows that the store has not taken yet."""
        return self._waiting_rows

    def append(self, observations: Observations) -> None:
        """Keep these rows, or let them wait; trouble of the store is logged and never raised here."""
        with self._lock:
            self._waiting.append(observations)
            self._waiting_rows += observations.n_rows
            try:
                if self._clock() >= self._not_before:
                    self._deliver()
            except StoreError as error:
                self._rest(error)
            finally:
                self._shed()

    def outcomes(
        self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float] | None = None
    ) -> JoinedOutcomes:
        """Join outcomes; those of rows that still wait could not be found, so these are delivered first.

        Raises
        ------
        StoreError
            If the store is away: nothing was joined, send the outcomes again.
        ObservationError
            If they can never be joined.
        """
        self.deliver()
        with _away():
            return self._store.outcomes(ids, y_true, at)

    def window(self, since: float, until: float | None = None, limit: int | None = None) -> Observations:
        """As the store's."""
        self.deliver()
        with _away():
            return self._store.window(since, until, limit)

    def prune(self, now: float) -> int:
        """As the store's."""
        with _away():
            return self._store.prune(now)

    def size(self) -> int:
        """Rows held by the store and rows that wait."""
        with _away():
            return self._store.size() + self._waiting_rows

    def deliver(self) -> None:
        """Append what waits, but for what the store refuses.

        Raises
        ------
        StoreError
            If the store is away.
        """
        with self._lock:
            try:
                self._deliver()
            except StoreError as error:
                self._rest(error)
                raise

    def _forget(self) -> None:
        """Leave what waits to the process that saw it: a forked child would append it a second time."""
        self._waiting.clear()
        self._waiting_rows = 0

    def _deliver(self) -> None:
        while self._waiting:
            oldest = self._waiting[0]
            refused = 0
            try:
                with _away():
                    self._store.append(oldest)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - one batch must not cost the others
                self._tell_refused(oldest, error)
                refused = oldest.n_rows
            # Only now: what is taken away before it is stored would be lost by the error between.
            self._waiting_rows -= self._waiting.popleft().n_rows
            if refused:
                self._dropped(refused)
        if self._pause:
            logger.info("store: answers again, nothing waits any more")
        self._pause = self._not_before = 0.0

    def _tell_refused(self, observations: Observations, error: Exception) -> None:
        """Log a batch that the store refuses, the first for each kind of reason."""
        if type(error) in self._refusals:
            return
        self._refusals.add(type(error))
        logger.warning(
            "store: found %d rows that it refuses (%s: %s); they are dropped, others go on (logged once)",
            observations.n_rows,
            type(error).__name__,
            error,
            # Our own errors say all there is to say; of others it matters where they come from.
            exc_info=None if isinstance(error, ExporterError) else error,
        )

    def _rest(self, error: StoreError) -> None:
        """Leave the store alone for a while; its first failure is logged."""
        if not self._pause:
            logger.warning("store: %s; rows wait in memory (logged once until it answers)", error)
        self._pause = min(max(RETRY_SECONDS, 2.0 * self._pause), MAX_RETRY_SECONDS)
        self._not_before = self._clock() + self._pause

    def _shed(self) -> None:
        """Drop the oldest rows that have no room to wait."""
        excess = self._waiting_rows - self._max_waiting_rows
        if excess <= 0:
            return
        self._waiting_rows -= excess
        left = excess
        while left:
            oldest = self._waiting.popleft()
            if oldest.n_rows > left:
                self._waiting.appendleft(rows_of(oldest, slice(left, None)))
            left -= min(left, oldest.n_rows)
        self._dropped(excess)


@contextmanager
def _away() -> Iterator[None]:
    """Tell a place that holds something else as one that is away: neither lies with who appends or asks."""
    try:
        yield
    except ConfigError as error:
        raise StoreError(str(error)) from error
