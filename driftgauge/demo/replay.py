"""April to December again, in time order, faster than it was.

Time here is simulated: the clock stands at the hour that is being replayed. Each hour brings the flights that
leave in it, the outcomes of those that have landed (cancelled and diverted ones never have any), and once
a day a check. When the machine is slower than the asked speed, the clock falls behind and no flight is left
out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from exporter import Window

from .data import FEATURES, Flights

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86400.0

WINDOW = Window("14d", 14 * DAY_SECONDS)
"""Two weeks. A day has one weekday and one weather; with whole weeks every weekday has its share. Shorter
windows show weather instead of season: over one week pressure always exceeds a PSI of 0.2, humidity and wind
speed in most weeks. Over two, temperature and dew point stand out, from a PSI of 1 in April to 8 in July and
back to the winter's in December."""

FIRST_CHECK_SECONDS = WINDOW.seconds
"""Once the window is full; a part of it lacks weekdays, which would be drift that is none."""

CHECK_INTERVAL_SECONDS = DAY_SECONDS


class Predictor(Protocol):
    """What a replay needs of an instrumented model."""

    def predict_proba(self, rows: Any, *, ids: Any) -> Any:  # noqa: ANN401  # a pandas table, the model's answer
        """Answer the rows."""

    def record_outcomes(self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float]) -> Any:  # noqa: ANN401  # not read
        """Join the truth, which became known at these times."""

    def check_now(self) -> Any:  # noqa: ANN401  # not read
        """Check the window."""


class SimulatedClock:
    """Seconds since 1970 in the replayed world, set by the replay and read by the predictor."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """The simulated time."""
        return self.now


@dataclass(frozen=True, slots=True)
class Pace:
    """How simulated time maps to real time.

    Attributes
    ----------
    start : float
        Simulated time at which the replay begins.
    speed : float
        Simulated seconds per second.
    wait : callable
        Waits so many seconds and says whether to stop instead of going on.
    monotonic : callable
        Real seconds.
    """

    start: float
    speed: float
    wait: Callable[[float], bool]
    monotonic: Callable[[], float] = time.monotonic

    def hours(self, end: float) -> Iterator[float]:
        """Every simulated hour up to and with `end`, each in its time; ends early when told to stop."""
        began = self.monotonic()
        now = self.start
        while now <= end:
            ahead = (now - self.start) / self.speed - (self.monotonic() - began)
            if self.wait(max(ahead, 0.0)):
                return
            yield now
            now += HOUR_SECONDS


def replay(predictor: Predictor, flights: Flights, clock: SimulatedClock, hours: Iterator[float]) -> None:
    """Ask for every flight in the hour in which it leaves, and tell its outcome once it has landed.

    Parameters
    ----------
    predictor : Predictor
        The instrumented model; it reads `clock`.
    flights : Flights
        What is replayed; ids are positions in it.
    clock : SimulatedClock
        Set to the start of each hour.
    hours : iterator of float
        Simulated times, an hour apart.
    """
    landings = np.argsort(flights.landed, kind="stable")[: int(np.isfinite(flights.landed).sum())]
    landed_at = flights.landed[landings]
    next_flight, next_landing = 0, 0
    next_check: float | None = None
    for now in hours:
        clock.now = now
        if next_check is None:
            next_check = now + FIRST_CHECK_SECONDS
        last = int(np.searchsorted(landed_at, now, side="right"))
        if last > next_landing:
            ids = landings[next_landing:last]
            late, landed = flights.late[ids].astype(int), flights.landed[ids]
            predictor.record_outcomes(ids.tolist(), late.tolist(), landed.tolist())
            next_landing = last
        last = int(np.searchsorted(flights.scheduled, now + HOUR_SECONDS, side="left"))
        if last > next_flight:
            rows = flights.features[list(FEATURES)].iloc[next_flight:last]
            predictor.predict_proba(rows, ids=list(range(next_flight, last)))
            next_flight = last
        if now >= next_check:
            predictor.check_now()
            next_check += CHECK_INTERVAL_SECONDS
