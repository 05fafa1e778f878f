"""Where wishes are taken: one transaction each, within the time that a caller has, counted and told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from .actions import Means, Result
from .buttons import Action
from .database import Database, Job
from .errors import OutboxError

logger = logging.getLogger(__name__)

COMMIT_SECONDS: Final = 2.5
"""Slack takes an answer for three seconds and then shows a warning sign."""

T = TypeVar("T")


@dataclass(kw_only=True)
class Desk:
    """What every entrance for actions needs.

    Parameters
    ----------
    database : Database
    means : Means
        What actions can be carried out with.
    told : callable
        Called after an action that gives somebody something to send or to ask.
    counted : callable
        Called with action, entrance and outcome.
    clock : callable
        Seconds since 1970.
    """

    database: Database
    means: Means = field(default_factory=Means)
    told: Callable[[], None] = lambda: None
    counted: Callable[[str, str, str], None] = lambda *_: None
    clock: Callable[[], float] = time.time

    async def take(self, job: Job[T]) -> T:
        """Run a job in a transaction; returns when it is on the disk.

        Raises
        ------
        OutboxError
            If it could not be stored in time.
        """
        write = self.database.write(job)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(write), COMMIT_SECONDS)
        except TimeoutError:
            raise OutboxError("state: found it busy for too long, come again") from None
        except OutboxError as error:
            logger.warning("actions: cannot store: %s", error)
            raise

    def done(self, action: Action, via: str, result: Result) -> None:
        """Count an action, and wake those who have something to do by it."""
        self.counted(action, via, result.outcome)
        if result.outcome == "done":
            self.told()
