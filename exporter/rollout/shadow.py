"""The challenger beside the champion: in a thread of its own, behind a queue that never fills up a caller.

Whatever happens here, a caller has its answer already. When the challenger is too slow for the traffic, calls
are dropped and counted.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

logger = logging.getLogger("driftgauge.rollout")

Job = Callable[[], None]


class Shadow:
    """A bounded queue of calls and the thread that makes them.

    Parameters
    ----------
    max_waiting : int
        Calls that may wait.
    name : str
        Of the thread.
    """

    def __init__(self, max_waiting: int, name: str) -> None:
        self._max_waiting = max_waiting
        self._name = name
        self._jobs: queue.Queue[Job | None] = queue.Queue(max_waiting)
        self._thread: threading.Thread | None = None
        self._logged: set[type[BaseException]] = set()

    def submit(self, job: Job) -> bool:
        """Let the thread make a call; False if there is no room and the call is dropped."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def start(self) -> None:
        """Start the thread; also in a forked child, which has none of its parent's and nothing that waits."""
        self._jobs = queue.Queue(self._max_waiting)
        self._thread = threading.Thread(target=self._run, args=(self._jobs,), name=self._name, daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Make all calls that wait, here and now; for hosts without threads."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            self._make(job)

    def stop(self, timeout_seconds: float) -> None:
        """End the thread after what waits, and wait for it at most so long."""
        if self._thread is None:
            return
        try:
            self._jobs.put(None, timeout=timeout_seconds)
        except queue.Full:  # it hangs in a call of the challenger; being a daemon it ends with the process
            return
        self._thread.join(timeout_seconds)
        self._thread = None

    def _run(self, jobs: queue.Queue[Job | None]) -> None:
        while (job := jobs.get()) is not None:
            self._make(job)

    def _make(self, job: Job | None) -> None:
        try:
            if job is not None:
                job()
        except Exception as fault:
            if type(fault) not in self._logged:
                self._logged.add(type(fault))
                logger.exception("the challenger failed in shadow; callers are unharmed (logged once a kind)")
