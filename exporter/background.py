"""A function called every so often in a daemon thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("driftgauge.background")


class Background(Protocol):
    """What runs beside its caller until stopped."""

    def start(self) -> None:
        """Start; also in a forked child, which has none of its parent's threads."""

    def stop(self, timeout_seconds: float) -> None:
        """Ask it to end, and wait at most so long."""


class Periodic:
    """Calls a function every `interval_seconds` until stopped; an exception is logged and does not end it.

    Parameters
    ----------
    function : callable
        What to call; one call at a time.
    interval_seconds : float
        Pause between the end of one call and the start of the next.
    name : str
        Of the thread.
    """

    def __init__(self, function: Callable[[], object], interval_seconds: float, name: str) -> None:
        self._function = function
        self._interval_seconds = interval_seconds
        self._name = name
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; also in a forked child, which has none of its parent's."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Ask the thread to end and wait for it at most so long."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval_seconds):
            try:
                self._function()
            except Exception:
                logger.exception("%s failed; it goes on", self._name)
