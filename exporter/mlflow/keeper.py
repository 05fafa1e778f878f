"""Aliases that follow a rollout, whatever process decided and whether or not it lived to say so."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from ..background import Periodic
from ..errors import ExporterError
from ..rollout import Event, StateFile
from .aliases import Move, Standing

logger = logging.getLogger("driftgauge.mlflow")

LOOK_SECONDS: Final = 5.0
"""Between two looks at the state file, a few kilobytes; the registry is asked only when something changed."""
RETRY_SECONDS: Final = 60.0
"""After a registry that did not answer: it may be asked by every worker of a service."""


class Aliases(Protocol):
    """What a keeper needs of a `ModelRegistry`."""

    def follow(self, *, champion: str, challenger: str, standing: Standing) -> tuple[Move, ...]:
        """Set the aliases as a rollout stands."""


class AliasKeeper:
    """Keeps the registry's aliases as a rollout's state file says, from a thread of its own.

    What was decided while nobody could say so, by a process that was killed or with a registry that was away,
    is made up for at the next look. Give it to the rollout as `on_event`, so that it looks at once.

    Parameters
    ----------
    registry : ModelRegistry
    state_path : path
        Of the rollout's state file.
    clock : callable
        Seconds, for the pause after a fault.
    background : bool
        Whether a thread looks; without it call `reconcile`.
    """

    def __init__(
        self,
        registry: Aliases,
        state_path: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        background: bool = True,
    ) -> None:
        self._registry = registry
        self._file = StateFile(state_path)
        self._clock = clock
        self._turn = threading.Lock()
        self._done: tuple[str, str, str] | None = None
        self._not_before = -math.inf
        self._told = ""
        self._periodic = Periodic(_looker(self), LOOK_SECONDS, "driftgauge-mlflow")
        if background:
            self._periodic.start()
            weakref.finalize(self, self._periodic.stop, 0)

    def __call__(self, _event: Event) -> None:
        """Look at the next turn, even after a fault; `on_event` of a rollout. It waits for nobody."""
        self._not_before = -math.inf

    def reconcile(self) -> tuple[Move, ...]:
        """Make the aliases what the state file says; the moves that were needed.

        Raises
        ------
        ConfigError, ReferenceDataError, RegistryError, StoreError
            If they cannot be; the champion is then as it was, or as it should be.
        """
        with self._turn:
            state = self._file.read()
            if state is None:
                return ()
            wanted = (state.champion, state.challenger, state.status)
            if wanted == self._done:
                return ()
            moved = self._registry.follow(
                champion=state.champion, challenger=state.challenger, standing=state.status
            )
            self._done = wanted
        for move in moved:
            logger.info("alias %s: %s", move.alias, move.version or "taken away")
        return moved

    def look(self) -> None:
        """Reconcile, unless it failed a moment ago; each new fault is logged once."""
        if self._clock() < self._not_before:
            return
        # Before the attempt: an event in the meantime ends the pause, and what nobody expected has one, too.
        self._not_before = self._clock() + RETRY_SECONDS
        try:
            self.reconcile()
        except ExporterError as fault:
            if str(fault) != self._told:
                logger.warning("aliases stay as they are, and are looked at again: %s", fault)
            self._told = str(fault)
        else:
            self._not_before = -math.inf
            self._told = ""

    def close(self) -> None:
        """Stop the thread."""
        self._periodic.stop(LOOK_SECONDS)


def _looker(keeper: AliasKeeper) -> Callable[[], None]:
    """Its `look` without holding it: a keeper that nobody holds any more ends its thread."""
    reference = weakref.ref(keeper)

    def look() -> None:
        alive = reference()
        if alive is not None:
            alive.look()

    return look
