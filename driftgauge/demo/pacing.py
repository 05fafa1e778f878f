"""Two clocks: the real one, in which programs work, and that of the replayed world."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable

HOLD_SECONDS = 0.1
"""Between two looks whether the replay may go on."""

LONGEST_SECONDS = 700.0
"""Held in all: a training that hangs is ended after 600 s. After that the replay goes on as it may."""


class Timetable:
    """At which real time it was what time in the replayed world."""

    def __init__(self) -> None:
        self._real: list[float] = []
        self._replayed: list[float] = []

    def note(self, real: float, replayed: float) -> None:
        """Remember a pair; pairs come in order."""
        # One list's append first: a reader in between finds a pair for every real time that it sees.
        self._replayed.append(replayed)
        self._real.append(real)

    def at(self, real: float) -> float:
        """The replayed time at a real one: that of the last pair before it, or of the first.

        Examples
        --------
        >>> table = Timetable()
        >>> table.note(100.0, 0.0)
        >>> table.note(101.0, 86400.0)
        >>> table.at(100.9), table.at(101.0), table.at(99.0)
        (0.0, 86400.0, 0.0)
        """
        return self._replayed[max(bisect.bisect_right(self._real, real) - 1, 0)]


class Holding:
    """A wait and a clock for `Pace` that stand still while something holds the replay.

    A training of ten seconds would take ten days at the replay's pace; in the replayed world, too, it takes
    ten seconds. At most `LONGEST_SECONDS` in all are held.

    Parameters
    ----------
    held : callable
        Whether to stand still.
    wait : callable
        Waits so many seconds and says whether to stop instead of going on.
    monotonic : callable
        Real seconds.
    """

    def __init__(
        self,
        held: Callable[[], bool],
        wait: Callable[[float], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._held = held
        self._wait = wait
        self._monotonic = monotonic
        self._lost = 0.0

    def wait(self, seconds: float) -> bool:
        """As `wait`, and then for as long as the replay is held."""
        if self._wait(seconds):
            return True
        began = self._monotonic()
        while self._lost < LONGEST_SECONDS and self._held():
            if self._wait(HOLD_SECONDS):
                return True
            now = self._monotonic()
            self._lost += now - began
            began = now
        return False

    def monotonic(self) -> float:
        """Seconds that the replay was not held."""
        return self._monotonic() - self._lost
