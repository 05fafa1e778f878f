"""A step, again and again in a thread of its own, until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .errors import OutboxError

logger = logging.getLogger(__name__)

TROUBLE_SECONDS: Final = 5.0


@dataclass(kw_only=True)
class Loop:
    """What an errand needs to run beside the others.

    Parameters
    ----------
    name : str
    step : callable
        Does what is due; gives the seconds until there may be something again.
    failed : callable
        Called for an error that nobody expected.
    """

    name: str
    step: Callable[[], float]
    failed: Callable[[], None] = lambda: None
    wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Step until stopped. New work sets `wake`."""
        while not self._stop.is_set():
            self.wake.clear()
            try:
                pause = self.step()
            except OutboxError as error:
                logger.warning("%s: %s", self.name, error)
                pause = TROUBLE_SECONDS
            except Exception:
                # What is not understood must not end the loop.
                self.failed()
                logger.exception("%s: unexpected error", self.name)
                pause = TROUBLE_SECONDS
            if pause > 0:
                self.wake.wait(pause)

    def stop(self) -> None:
        """End `run` after the step that is under way."""
        self._stop.set()
        self.wake.set()
