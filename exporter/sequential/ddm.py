"""DDM: whether the error rate has risen above the lowest it has been."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from .detection import (
    Detections,
    Floats,
    Ints,
    State,
    as_errors,
    detect,
    last_state,
    refuse_error,
    require,
)

ABOVE_ANY: Final = 2.0
"""A first lowest rate that every other is below: a rate and its standard deviation are at most 1.21."""


@dataclass(slots=True, kw_only=True)
class DDM:
    """Drift detection method on a stream of errors (1) and right predictions (0).

    With the error rate p and its standard deviation s, it keeps both as they were when p + s was lowest, and
    compares p + s with that lowest p plus so many times that s. After a drift everything starts anew with the
    next value.

    Parameters
    ----------
    warm_start : int
        Values before the first decision, and after each drift: 30 in the paper.
    min_errors : int
        Errors before the first decision. Ours: without it (0, as in river) the first error of a model that
        was right 30 times is a drift. 30 is what EDDM waits for; at an error rate of 1 % false alarms fall
        from 8 among 10,000 values to one in 400,000.
    warning_threshold, drift_threshold : float
        Standard deviations above the lowest rate: 2 and 3 in the paper.

    Notes
    -----
    Detections are river's for the same parameters and `min_errors=0`. The other fields are the state:
    `DDM(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    J. Gama, P. Medas, G. Castillo, P. Rodrigues, Learning with drift detection, SBIA 2004.

    Examples
    --------
    >>> DDM().update_many([0, 0, 0, 1] * 50 + [1] * 20).drifts
    array([216])
    """

    warm_start: int = 30
    min_errors: int = 30
    warning_threshold: float = 2.0
    drift_threshold: float = 3.0
    state: State = "ok"
    started: int = 0
    n: int = 0
    errors: int = 0
    lowest_rate: float = ABOVE_ANY
    lowest_deviation: float = 0.0

    def __post_init__(self) -> None:
        require("warm_start", self.warm_start, "at least 1", holds=self.warm_start >= 1)
        require("min_errors", self.min_errors, "at least 0", holds=self.min_errors >= 0)
        require("warning_threshold", self.warning_threshold, "0 or more", holds=self.warning_threshold >= 0.0)
        require(
            "drift_threshold",
            self.drift_threshold,
            "at least warning_threshold",
            holds=self.drift_threshold >= self.warning_threshold,
        )

    @property
    def seen(self) -> int:
        """Values seen in all; the last one has the position `seen - 1`."""
        return self.started + self.n

    def update(self, value: float) -> State:
        """State after one more value."""
        if self.state == "drift":
            self._restart()
        if value == 1:
            self.errors += 1
        elif value != 0:
            refuse_error(value)
        self.n = n = self.n + 1
        if n <= self.warm_start or self.errors < self.min_errors:
            return self.state
        rate = self.errors / n
        deviation = math.sqrt(rate * (1.0 - rate) / n)
        level = rate + deviation
        if level <= self.lowest_rate + self.lowest_deviation:
            self.lowest_rate, self.lowest_deviation = rate, deviation
        if level > self.lowest_rate + self.drift_threshold * self.lowest_deviation:
            self.state = "drift"
        elif level > self.lowest_rate + self.warning_threshold * self.lowest_deviation:
            self.state = "warning"
        else:
            self.state = "ok"
        return self.state

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        return detect(self._scan, as_errors(values), self.seen)

    def _restart(self) -> None:
        self.state = "ok"
        self.started += self.n
        self.n = self.errors = 0
        self.lowest_rate, self.lowest_deviation = ABOVE_ANY, 0.0

    def _scan(self, chunk: Floats) -> tuple[int, Ints, bool]:
        if self.state == "drift":
            self._restart()
        errors = np.cumsum(chunk)
        errors += self.errors
        # Both conditions hold for good once they hold.
        first = max(0, self.warm_start - self.n, int(np.searchsorted(errors, self.min_errors)))
        warned, used, drifted = np.empty(0, np.int64), len(chunk), False
        if first < len(chunk):
            warned, used, drifted = self._decide(errors[first:], first)
        self.n += used
        self.errors = int(errors[used - 1])
        self.state = last_state(used, warned, drifted=drifted)
        return used, warned, drifted

    def _decide(self, errors: Floats, first: int) -> tuple[Ints, int, bool]:
        """Offsets of warnings, values used, and whether the last one is a drift."""
        counts = np.arange(self.n + first + 1.0, self.n + first + len(errors) + 1.0)
        rate = errors / counts
        deviation = np.sqrt(rate * (1.0 - rate) / counts)
        level = rate + deviation
        lowest = np.minimum(np.minimum.accumulate(level), self.lowest_rate + self.lowest_deviation)
        # Where the level is the lowest so far, rate and deviation are kept; -1 stands for those from before.
        kept = np.maximum.accumulate(np.where(level <= lowest, np.arange(len(level)), -1))
        lowest_rate = np.where(kept < 0, self.lowest_rate, rate[kept])
        lowest_deviation = np.where(kept < 0, self.lowest_deviation, deviation[kept])
        beyond = level > lowest_rate + self.drift_threshold * lowest_deviation
        end = int(beyond.argmax())
        drifted = bool(beyond[end])
        used = end + 1 if drifted else len(level)
        decided = slice(0, used - drifted)
        bound = lowest_rate[decided] + self.warning_threshold * lowest_deviation[decided]
        warned = np.flatnonzero(level[decided] > bound) + first
        self.lowest_rate = float(lowest_rate[used - 1])
        self.lowest_deviation = float(lowest_deviation[used - 1])
        return warned, used + first, drifted
