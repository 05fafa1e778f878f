"""How far partitions are behind, in messages and in time.

Messages alone do not say how bad it is: a thousand are a second of one topic and a day of another. The oldest
message that has not been dealt with is known while its batch is in work. Between batches it is newer than the
last one that was dealt with, and than the moment at which nothing was left: the later of them bounds its age.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .ledger import Place

if TYPE_CHECKING:
    from .sink import Sink


class Lag:
    """Shows it for the partitions that a member holds.

    Parameters
    ----------
    sink : Sink
        Where it is shown.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, sink: Sink, clock: Callable[[], float] = time.time) -> None:
        self._sink = sink
        self._clock = clock
        self._since: dict[Place, float] = {}

    def reached(self, times: Mapping[Place, float]) -> None:
        """Everything of these partitions before these times of messages has been dealt with."""
        for place, at in times.items():
            self._since[place] = max(at, self._since.get(place, at))

    def show(self, place: Place, messages: int) -> None:
        """So many messages of a partition are left; how old they are at most where that is known."""
        now = self._clock()
        if not messages:
            self._since[place] = now
        since = self._since.get(place)
        # A producer's clock may be ahead of ours.
        self._sink.lag(*place, messages, None if since is None else max(0.0, now - since))

    def forget(self, place: Place) -> None:
        """A partition is no longer ours."""
        self._since.pop(place, None)
        self._sink.lag(*place, None, None)
