"""Page and Hinkley's test: whether the mean of a stream has risen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .detection import (
    LARGEST,
    Detections,
    Floats,
    Ints,
    State,
    as_values,
    detect,
    last_state,
    refuse_value,
    require,
)


@dataclass(slots=True, kw_only=True)
class PageHinkley:
    """Page-Hinkley test on a stream of numbers.

    Sums how far each value lies above the mean so far; a drift is a sum that has climbed by more than
    `threshold` above its lowest point. After a drift everything starts anew with the next value.

    Parameters
    ----------
    min_instances : int
        Values before the first decision, and after each drift.
    delta : float
        Change of the mean that is tolerated, in the unit of the values.
    threshold : float
        Climb that is a drift (lambda), in the unit of the values: 50 suits errors of 0 and 1. Divide others
        by their usual size first.
    warning_share : float
        Share of the threshold that is a warning. Ours: the test itself knows no warning.
    alpha : float
        Weight of the sum at each step; below 1 it forgets. As in river, which takes 0.9999; Page's own test
        has 1.
    mode : {"up", "down", "both"}
        Which changes count. Errors that become fewer are no reason to wake anybody, hence `up`; river's
        default is `both`.

    Notes
    -----
    Detections are river's for the same parameters, up to the last bits of the sums. The other fields are the
    state: `PageHinkley(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    E. S. Page, Continuous inspection schemes, Biometrika 41, 1954; J. Gama et al., On evaluating stream
    learning algorithms, Machine Learning 90, 2013.

    Examples
    --------
    >>> PageHinkley(threshold=5.0).update_many([0.0] * 100 + [1.0] * 20).drifts
    array([105])
    """

    min_instances: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    warning_share: float = 0.5
    alpha: float = 0.9999
    mode: Literal["up", "down", "both"] = "up"
    state: State = "ok"
    started: int = 0
    n: int = 0
    total: float = 0.0
    rise: float = 0.0
    lowest: float = 0.0
    fall: float = 0.0
    highest: float = 0.0

    def __post_init__(self) -> None:
        require("min_instances", self.min_instances, "at least 1", holds=self.min_instances >= 1)
        require("delta", self.delta, "0 or more", holds=0.0 <= self.delta <= LARGEST)
        require("threshold", self.threshold, "more than 0", holds=0.0 < self.threshold <= LARGEST)
        require("warning_share", self.warning_share, "from 0 to 1", holds=0.0 <= self.warning_share <= 1.0)
        require("alpha", self.alpha, "more than 0, at most 1", holds=0.0 < self.alpha <= 1.0)
        # A name of a mode is no number, but the message is the same.
        require("mode", self.mode, "up, down or both", holds=self.mode in ("up", "down", "both"))  # type: ignore[arg-type]

    @property
    def seen(self) -> int:
        """Values seen in all; the last one has the position `seen - 1`."""
        return self.started + self.n

    def update(self, value: float) -> State:
        """State after one more value."""
        value = float(value)
        if not -LARGEST <= value <= LARGEST:
            refuse_value(value, -LARGEST, LARGEST)
        if self.state == "drift":
            self._restart()
        self.n = n = self.n + 1
        self.total = total = self.total + value
        deviation = value - total / n
        climb = 0.0
        if self.mode != "down":
            self.rise = rise = self.alpha * self.rise + (deviation - self.delta)
            self.lowest = min(self.lowest, rise)
            climb = rise - self.lowest
        if self.mode != "up":
            self.fall = fall = self.alpha * self.fall + (deviation + self.delta)
            self.highest = max(self.highest, fall)
            climb = max(climb, self.highest - fall)
        if n < self.min_instances or climb <= self.warning_share * self.threshold:
            self.state = "ok"
        else:
            self.state = "drift" if climb > self.threshold else "warning"
        return self.state

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        return detect(self._scan, as_values(values), self.seen)

    def _restart(self) -> None:
        self.started += self.n
        self.n = 0
        self.total = self.rise = self.lowest = self.fall = self.highest = 0.0

    def _scan(self, chunk: Floats) -> tuple[int, Ints, bool]:
        if self.state == "drift":
            self._restart()
        counts = np.arange(self.n + 1.0, self.n + len(chunk) + 1.0)
        total = _sums(self.total, chunk, 1.0)
        deviation = chunk - total / counts
        climb = np.zeros(len(chunk))
        if self.mode != "down":
            rise = _sums(self.rise, deviation - self.delta, self.alpha)
            lowest = np.minimum(np.minimum.accumulate(rise), self.lowest)
            climb = rise - lowest
        if self.mode != "up":
            fall = _sums(self.fall, deviation + self.delta, self.alpha)
            highest = np.maximum(np.maximum.accumulate(fall), self.highest)
            climb = np.maximum(climb, highest - fall)
        climb[: max(0, self.min_instances - 1 - self.n)] = 0.0
        beyond = climb > self.threshold
        end = int(beyond.argmax())
        drifted = bool(beyond[end])
        used = end + 1 if drifted else len(chunk)
        warned = np.flatnonzero(climb[: used - drifted] > self.warning_share * self.threshold)
        self.n += used
        self.total = float(total[used - 1])
        if self.mode != "down":
            self.rise, self.lowest = float(rise[used - 1]), float(lowest[used - 1])
        if self.mode != "up":
            self.fall, self.highest = float(fall[used - 1]), float(highest[used - 1])
        self.state = last_state(used, warned, drifted=drifted)
        return used, warned, drifted


def _sums(before: float, values: Floats, alpha: float) -> Floats:
    """Running sums that forget by `alpha`, with the same rounding as one addition after the other."""
    if alpha == 1.0:
        sums = np.empty(len(values) + 1)
        sums[0], sums[1:] = before, values
        return np.cumsum(sums, out=sums)[1:]
    # Imported for those alone who need it: it takes longer than all the rest of this package.
    from scipy.signal import lfilter  # noqa: PLC0415

    filtered, _ = lfilter([1.0], [1.0, -alpha], values, zi=[alpha * before])
    return np.asarray(filtered, np.float64)
