"""KSWIN: whether the newest values of a sliding window have another distribution than the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from ..statistics import ks_p_value
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

ERRORS: Final = frozenset({0.0, 1.0})

MOST_WINDOWS: Final = 512
"""Windows that are sorted together: a few hundred kilobytes."""


@dataclass(slots=True, kw_only=True)
class KSWIN:
    """Kolmogorov-Smirnov test of the newest values of a sliding window against the older ones.

    After a drift everything starts anew with the next value.

    Parameters
    ----------
    alpha, warning_alpha : float
        Significance of one test that is a drift, or a warning. The paper's experiments take 0.0001; river's
        default of 0.005 raises false alarms every few hundred values, because every value brings a test.
    window_size : int
        Values in the window; before there are so many, the state is ok. 100 in river.
    stat_size : int
        Newest values that are compared with the others. 30 in the paper.

    Notes
    -----
    The paper draws `stat_size` of the older values at random. Here all of them are compared: that needs no
    random numbers, gives the same answer each time, and finds smaller changes. The p-value is exact and
    conservative where values are tied, so errors of 0 and 1 need a larger change than numbers do. The other
    fields are the state: `KSWIN(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    C. Raab, M. Heusinger, F.-M. Schleif, Reactive soft prototype computing for concept drift streams,
    Neurocomputing 416, 2020.

    Examples
    --------
    >>> KSWIN().update_many([0.1, 0.2, 0.3, 0.4] * 50 + [0.6, 0.7] * 20).drifts
    array([214])
    """

    alpha: float = 0.0001
    warning_alpha: float = 0.0005
    window_size: int = 100
    stat_size: int = 30
    state: State = "ok"
    started: int = 0
    n: int = 0
    window: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("alpha", "warning_alpha"):
            value = getattr(self, name)
            require(name, value, "more than 0, less than 1", holds=0.0 < value < 1.0)
        require("alpha", self.alpha, "at most warning_alpha", holds=self.alpha <= self.warning_alpha)
        require("stat_size", self.stat_size, "at least 1", holds=self.stat_size >= 1)
        require(
            "window_size", self.window_size, "more than stat_size", holds=self.window_size > self.stat_size
        )

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
        self.n += 1
        self.window.append(value)
        self.state = "ok"
        if len(self.window) < self.window_size:
            return self.state
        newest, rest = self.stat_size, self.window_size - self.stat_size
        if set(self.window) <= ERRORS:
            more, fewer = sum(self.window[rest:]), sum(self.window[:rest])
            unit = math.gcd(newest, rest)
            distance = abs(more * (rest // unit) - fewer * (newest // unit))
        else:
            distance = int(_distances(np.array(self.window), self.window_size, newest)[0])
        if distance >= least_distance(self.warning_alpha, newest, rest):
            self.state = "drift" if distance >= least_distance(self.alpha, newest, rest) else "warning"
        del self.window[0]
        return self.state

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        return detect(self._scan, as_values(values), self.seen)

    def _restart(self) -> None:
        self.started += self.n
        self.n, self.window = 0, []

    def _scan(self, chunk: Floats) -> tuple[int, Ints, bool]:
        if self.state == "drift":
            self._restart()
        chunk = chunk[:MOST_WINDOWS]
        series = np.concatenate([self.window[-self.window_size + 1 :], chunk])
        used, warned, drifted = len(chunk), np.empty(0, np.int64), False
        if len(series) >= self.window_size:
            distance = _distances(series, self.window_size, self.stat_size)
            first = len(chunk) - len(distance)
            beyond = distance >= least_distance(self.alpha, self.stat_size, self.window_size - self.stat_size)
            end = int(beyond.argmax())
            drifted = bool(beyond[end])
            used = first + end + 1 if drifted else len(chunk)
            warning = least_distance(self.warning_alpha, self.stat_size, self.window_size - self.stat_size)
            warned = np.flatnonzero(distance[: used - first - drifted] >= warning) + first
        self.n += used
        self.window = series[: len(series) - len(chunk) + used][-self.window_size + 1 :].tolist()
        self.state = last_state(used, warned, drifted=drifted)
        return used, warned, drifted


def _distances(series: Floats, size: int, newest: int) -> Ints:
    """KS statistic of the newest values of each window against the others, in units of `least_distance`."""
    unit = math.gcd(newest, size - newest)
    if ((series == 0.0) | (series == 1.0)).all():
        # Of errors it is the difference of their shares, without sorting.
        ones = np.concatenate([[0], np.cumsum(series, dtype=np.int64)])
        middle = ones[size - newest : len(ones) - newest]
        more, fewer = ones[size:] - middle, middle - ones[: len(middle)]
        difference = np.abs(more * ((size - newest) // unit) - fewer * (newest // unit))
        return np.asarray(difference, np.int64)
    windows = sliding_window_view(series, size)
    order = np.argsort(windows, axis=1)
    step = np.where(order >= size - newest, (size - newest) // unit, -(newest // unit))
    difference = np.abs(np.cumsum(step, axis=1))
    ordered = np.take_along_axis(windows, order, axis=1)
    # Between tied values the two distribution functions are not yet compared.
    difference[:, :-1][ordered[:, :-1] == ordered[:, 1:]] = 0
    return np.asarray(difference.max(axis=1), np.int64)


@lru_cache(maxsize=64)
def least_distance(alpha: float, n: int, m: int) -> int:
    """Smallest KS statistic whose p-value is at most `alpha`, in units of 1 / lcm(n, m).

    Examples
    --------
    >>> least_distance(0.0001, 30, 70)
    99
    """
    unit = math.lcm(n, m)
    low, high = 0, unit + 1  # even complete separation may not be significant
    while high - low > 1:
        middle = (low + high) // 2
        if ks_p_value(middle / unit, n, m) <= alpha:
            high = middle
        else:
            low = middle
    return high
