"""ADWIN: whether the recent values can be cut into two parts with different means."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

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

LOOKS: Final = 32
"""Looks whose borders are laid out together; sums of so many times `clock` values are part of the state."""

SLACK: Final = 1.0 - 1e-9
"""The quick comparison lets rounding pass; the exact one decides."""

LEVELS: Final[tuple[State, State, State]] = ("ok", "warning", "drift")


@dataclass(slots=True, kw_only=True)
class ADWIN:
    """Adaptive windowing on a stream of numbers, for changes of the mean in either direction.

    The window reaches back to the last drift, in buckets whose sizes double with age; every `clock` values
    the means before and after each border between buckets are compared. After a drift everything starts anew
    with the next value.

    Parameters
    ----------
    delta, warning_delta : float
        Probability of a false alarm at one look: 0.002 in the paper's code; the warning, which is ours, at
        five times that, as HDDM has it.
    clock : int
        Values between two looks.
    max_buckets : int
        Buckets of each size (M in the paper).
    min_window_length : int
        Values that each part needs.
    grace_period : int
        Values before the first decision.

    Notes
    -----
    Detections are those of river 0.26 for the same parameters. As there, a drift forgets the whole window,
    also the young part that the paper keeps: one change is then one drift. Sums are taken from the first
    value, so a large offset costs no precision. The other fields are the state:
    `ADWIN(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    A. Bifet, R. Gavaldà, Learning from time-changing data with adaptive windowing, SIAM International
    Conference on Data Mining, 2007.

    Examples
    --------
    >>> ADWIN().update_many([0, 0, 0, 1] * 50 + [1] * 60).drifts
    array([255])
    """

    delta: float = 0.002
    warning_delta: float = 0.01
    clock: int = 32
    max_buckets: int = 5
    min_window_length: int = 5
    grace_period: int = 10
    state: State = "ok"
    started: int = 0
    n: int = 0
    origin: float = 0.0
    squares: float = 0.0
    sums: list[float] = field(default_factory=lambda: [0.0])

    def __post_init__(self) -> None:
        for name in ("delta", "warning_delta"):
            value = getattr(self, name)
            require(name, value, "more than 1e-300, less than 1", holds=1e-300 < value < 1.0)
        require("delta", self.delta, "at most warning_delta", holds=self.delta <= self.warning_delta)
        for name in ("clock", "min_window_length"):
            require(name, getattr(self, name), "at least 1", holds=getattr(self, name) >= 1)
        require("max_buckets", self.max_buckets, "at least 2", holds=self.max_buckets >= 2)
        require("grace_period", self.grace_period, "at least 0", holds=self.grace_period >= 0)

    @property
    def seen(self) -> int:
        """Values seen in all; the last one has the position `seen - 1`."""
        return self.started + self.n

    def update(self, value: float) -> State:
        """State after one more value."""
        value = float(value)
        if not -LARGEST <= value <= LARGEST:
            refuse_value(value, -LARGEST, LARGEST)
        n = self.n
        if self.state == "drift":
            self._restart()
            n = 0
        if n == 0:
            self.origin = value
        value -= self.origin
        sums = self.sums
        sums.append(sums[-1] + value)
        self.squares += value * value
        self.n = n = n + 1
        if n % self.clock == 0:
            self._look()
        return self.state

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        return detect(self._scan, as_values(values), self.seen)

    def _restart(self) -> None:
        self.state = "ok"
        self.started += self.n
        self.n = 0
        self.squares, self.sums = 0.0, [0.0]

    def _look(self) -> None:
        n, sums = self.n, self.sums
        block, look = divmod(n // self.clock - 1, LOOKS)
        plan = self._plan(block)
        part = slice(plan.starts[look], plan.starts[look + 1])
        mean = sums[-1] / n
        bound = self._bound(n, mean, self.squares)
        level = 0
        for border, index in zip(plan.border[part].tolist(), plan.index[part].tolist(), strict=True):
            excess = sums[index] - border * mean
            if excess * excess > bound * (border * (n - border)):
                level = max(level, self._level(border, n, sums[index], sums[-1], self.squares))
        self.state = LEVELS[level]
        self._close_block()

    def _scan(self, chunk: Floats) -> tuple[int, Ints, bool]:
        if self.state == "drift":
            self._restart()
        if self.n == 0:
            self.origin = float(chunk[0])
        block, done = divmod(self.n // self.clock, LOOKS)
        chunk = chunk[: (block + 1) * LOOKS * self.clock - self.n] - self.origin
        sums = np.cumsum(np.concatenate([self.sums[-1:], chunk]))[1:]
        squares = np.cumsum(np.concatenate([[self.squares], chunk * chunk]))[1:]
        levels = self._levels(block, done, sums, squares)
        drifted = len(levels) > 0 and levels[-1] == 2
        used = (done + block * LOOKS + len(levels)) * self.clock - self.n if drifted else len(chunk)
        # A state lasts until the next look.
        warning = [self.state == "warning", *(level == 1 for level in levels)]
        warned = np.flatnonzero(np.repeat(warning, self.clock)[self.n % self.clock + 1 :][: used - drifted])
        self.n += used
        self.sums += sums[:used].tolist()
        self.squares = float(squares[used - 1])
        self.state = last_state(used, warned, drifted=drifted)
        self._close_block()
        return used, warned, drifted

    def _levels(self, block: int, done: int, sums: Floats, squares: Floats) -> list[int]:
        """Level of each look that further sums complete, up to a drift."""
        looks = (self.n + len(sums)) // self.clock - self.n // self.clock
        plan = self._plan(block)
        part = slice(plan.starts[done], plan.starts[done + looks])
        ends = np.arange(1, looks + 1) * self.clock + (self.n - self.n % self.clock)
        total, square = sums[ends - self.n - 1], squares[ends - self.n - 1]
        mean = total / ends
        bound = np.array([self._bound(*each) for each in zip(ends.tolist(), mean, square, strict=True)])
        look, border = plan.look[part] - done, plan.border[part]
        before = np.concatenate([self.sums, sums])[plan.index[part]]
        excess = before - border * mean[look]
        levels = [0] * looks
        for at in np.flatnonzero(excess * excess > bound[look] * (border * (ends[look] - border))).tolist():
            which = int(look[at])
            if 2 in levels[:which]:
                break
            level = self._level(
                int(border[at]),
                int(ends[which]),
                float(before[at]),
                float(total[which]),
                float(square[which]),
            )
            levels[which] = max(levels[which], level)
        return levels[: levels.index(2) + 1] if 2 in levels else levels

    def _bound(self, n: int, mean: float, squares: float) -> float:
        """What no cut can be a warning without: it ignores the terms that only make the bound higher."""
        if n < 2:
            return math.inf
        variance = max(0.0, squares / n - mean * mean)
        return 2.0 * variance * math.log(2.0 * math.log(n) / self.warning_delta) / n * SLACK

    def _level(self, border: int, n: int, before: float, total: float, squares: float) -> int:
        """Level of a cut: 0 nothing, 1 a warning, 2 a drift (theorem 3.2 of the paper, with its variance)."""
        change = abs(before / border - (total - before) / (n - border))
        variance = max(0.0, squares / n - (total / n) ** 2)
        least = self.min_window_length - 1
        reciprocal = 1.0 / (border - least) + 1.0 / (n - border - least)
        for level, delta in ((2, self.delta), (1, self.warning_delta)):
            log = math.log(2.0 * math.log(n) / delta)
            if change > math.sqrt(2.0 * reciprocal * variance * log) + 2.0 / 3.0 * log * reciprocal:
                return level
        return 0

    def _plan(self, block: int) -> Plan:
        return plan_looks(block, self.clock, self.max_buckets, self.min_window_length, self.grace_period)

    def _close_block(self) -> None:
        """Forget the sums between borders when the next looks have a plan of their own."""
        if self.state == "drift":
            self.sums = [0.0]
        elif self.n % (LOOKS * self.clock) == 0:
            kept = bucket_borders(self.n, self.max_buckets)
            before = bucket_borders(self.n - LOOKS * self.clock, self.max_buckets)
            known = {
                border: index for index, border in enumerate([*before[::-1], self.n - LOOKS * self.clock])
            }
            offset = len(before) - (self.n - LOOKS * self.clock)
            self.sums = [self.sums[known.get(at, at + offset)] for at in [*kept[::-1], self.n]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Borders that `LOOKS` looks in a row compare at.

    Attributes
    ----------
    border, look, index : ndarray
        Of each comparison: values before the border, its look, and which of the kept sums is theirs.
    starts : list of int
        Where the comparisons of each look begin, and where the last ones end.
    """

    border: Ints
    look: Ints
    index: Ints
    starts: list[int]


@lru_cache(maxsize=64)
def plan_looks(block: int, clock: int, max_buckets: int, min_window_length: int, grace_period: int) -> Plan:
    """Borders of the looks after `block` times `LOOKS` others: they do not depend on the values."""
    base = block * LOOKS * clock
    ends = base + clock * np.arange(1, LOOKS + 1)
    size = 1 << np.arange(int(ends[-1]).bit_length())
    # As in `bucket_borders`, solved: buckets that each size has ever had, and how many of them were merged.
    had = np.maximum(0, (ends[:, None] + max_buckets - 1) // size - (max_buckets - 1))
    count = had - 2 * np.pad(had[:, 1:], ((0, 0), (0, 1)))
    youngest = ends[:, None] - np.cumsum(count * size, axis=1) + count * size
    each = np.arange(1, max_buckets + 1)
    table = np.where(each <= count[:, :, None], youngest[:, :, None] - size[:, None] * each, -1).reshape(
        LOOKS, -1
    )
    compared = (
        (table >= min_window_length)
        & (ends[:, None] - table >= min_window_length)
        & (ends[:, None] > grace_period)
    )
    look, column = np.nonzero(compared)
    borders = table[look, column]
    kept = np.array([*bucket_borders(base, max_buckets)[::-1], base])
    index = np.where(borders < base, np.searchsorted(kept, borders), borders - base + len(kept) - 1)
    starts = np.searchsorted(look, np.arange(LOOKS + 1)).tolist()
    return Plan(borders, look, index, starts)


def bucket_borders(n: int, max_buckets: int) -> list[int]:
    """Where each bucket of a window of `n` values begins, youngest first.

    When there is one bucket too many of a size, its two oldest become one of twice the size; from the
    number of buckets that a size has ever had follows how many it has now.

    Examples
    --------
    >>> bucket_borders(8, max_buckets=2)
    [7, 6, 4, 0]
    """
    borders: list[int] = []
    border, size = n, 1
    while n:
        merged = max(0, (n - max_buckets + 1) // 2)
        count = n - 2 * merged
        borders.extend(range(border - size, border - size * count - 1, -size))
        border -= size * count
        n, size = merged, 2 * size
    return borders
