"""EDDM: whether errors follow each other more closely than they did."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(slots=True, kw_only=True)
class EDDM:
    """Early drift detection method on a stream of errors (1) and right predictions (0).

    With the mean m of the distances between errors and their standard deviation s, it compares m + 2 s with
    the highest that it has been. After a drift everything starts anew with the next value.

    Parameters
    ----------
    warm_start : int
        Errors before the first decision, and after each drift: 30 in the paper.
    alpha, beta : float
        Shares of the highest m + 2 s below which there is a warning, or a drift: 0.95 and 0.9 in the paper.
        They are no probabilities, and false alarms are frequent: see docs/concept-drift.md.

    Notes
    -----
    Detections are river's for the same parameters. A warning ends with the first error that is no longer
    below `alpha`; in river it outlasts a new highest value. The other fields are the state:
    `EDDM(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    M. Baena-Garcia et al., Early drift detection method, Fourth International Workshop on Knowledge Discovery
    from Data Streams, 2006.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> EDDM().update_many(rng.random(2000) < np.repeat([0.1, 0.4], 1000)).drifts
    array([ 298,  638, 1007, 1390, 1558, 1691, 1768, 1861, 1943])
    """

    warm_start: int = 30
    alpha: float = 0.95
    beta: float = 0.9
    state: State = "ok"
    started: int = 0
    n: int = 0
    errors: int = 0
    last_error: int = 0
    squares: float = 0.0
    highest: float = 0.0

    def __post_init__(self) -> None:
        require("warm_start", self.warm_start, "at least 1", holds=self.warm_start >= 1)
        require("alpha", self.alpha, "from 0 to 1", holds=0.0 <= self.alpha <= 1.0)
        require("beta", self.beta, "from 0 to alpha", holds=0.0 <= self.beta <= self.alpha)

    @property
    def seen(self) -> int:
        """Values seen in all; the last one has the position `seen - 1`."""
        return self.started + self.n

    def update(self, value: float) -> State:
        """State after one more value."""
        if self.state == "drift":
            self._restart()
        if value == 1:
            self.n += 1
            self._error()
        elif value == 0:
            self.n += 1
        else:
            refuse_error(value)
        return self.state

    def _error(self) -> None:
        n = self.n
        self.errors = errors = self.errors + 1
        distance = n - self.last_error
        self.last_error = n
        self.squares += distance * distance
        if n <= self.warm_start:
            return
        mean = n / errors  # distances add up to n
        variance = max(0.0, self.squares - n * mean) / max(1, errors - 1)
        width = mean + 2.0 * math.sqrt(variance)
        self.highest = max(self.highest, width)
        level = width / self.highest
        if errors <= self.warm_start or level >= self.alpha:
            self.state = "ok"
        else:
            self.state = "drift" if level < self.beta else "warning"

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        return detect(self._scan, as_errors(values), self.seen)

    def _restart(self) -> None:
        self.state = "ok"
        self.started += self.n
        self.n = self.errors = self.last_error = 0
        self.squares = self.highest = 0.0

    def _scan(self, chunk: Floats) -> tuple[int, Ints, bool]:
        if self.state == "drift":
            self._restart()
        at = np.flatnonzero(chunk)
        if not len(at):
            self.n += len(chunk)
            warned = np.arange(len(chunk)) if self.state == "warning" else at
            return len(chunk), warned, False
        level, highest, squares = self._levels(at)
        beyond = level < self.beta
        end = int(beyond.argmax())
        drifted = bool(beyond[end])
        if not drifted:
            end = len(at) - 1
        used = int(at[end]) + 1 if drifted else len(chunk)
        # A state lasts until the next error.
        lasts = np.diff(at[: end + 1], prepend=0, append=used)
        warning = np.concatenate([[self.state == "warning"], level[: end + 1] < self.alpha])
        warned = np.flatnonzero(np.repeat(warning, lasts)[: used - drifted])
        self.last_error = self.n + int(at[end]) + 1
        self.n += used
        self.errors += end + 1
        self.squares, self.highest = float(squares[end]), float(highest[end])
        self.state = last_state(used, warned, drifted=drifted)
        return used, warned, drifted

    def _levels(self, at: Ints) -> tuple[Floats, Floats, Floats]:
        """Level, highest m + 2 s and sum of squared distances at each error; level 1 before any decision."""
        n = at + (self.n + 1.0)
        errors = np.arange(self.errors + 1.0, self.errors + len(at) + 1.0)
        distances = np.diff(n, prepend=float(self.last_error))
        squares = np.cumsum(np.concatenate([[self.squares], distances * distances]))[1:]
        mean = n / errors
        variance = np.maximum(0.0, squares - n * mean) / np.maximum(1.0, errors - 1.0)
        width = mean + 2.0 * np.sqrt(variance)
        width[n <= self.warm_start] = 0.0
        highest = np.maximum(np.maximum.accumulate(width), self.highest)
        level = np.ones(len(at))
        decides = errors > self.warm_start
        level[decides] = width[decides] / highest[decides]
        return level, highest, squares
