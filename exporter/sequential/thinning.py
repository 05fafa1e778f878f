"""How many outcomes of a stream tell as much as one independent one, and every so-manieth of them.

Detectors take errors to be independent. In production they come in bursts: a bad day, a slow hour. Then the
means of blocks waver more than those of independent errors, by a factor that survey statistics calls the
design effect, and every wave looks like a drift. Here it is measured on the stream itself, and detectors are
given one value of so many. A stream of independent errors is passed on whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..errors import ObservationError
from .detection import Floats, Ints

BLOCK: Final = 64
"""Values that are joined at once; shorter dependence is little of a burden to the detectors."""

SCALES: Final = (1, 2, 4, 8, 16)
"""Blocks that are joined further: up to 1,024 values, on which a stream's change is no longer its noise."""

REVIEW: Final = 1024
"""Values between two looks at the dependence."""

MOST_BLOCKS: Final = 1024
"""Newest blocks that are looked at: 65,536 values."""

LEAST_BLOCKS: Final = 16
"""Of one scale, below which nothing is said of it."""

LEFT_OUT: Final = 2
"""Largest differences of neighbours that do not count: a drift inside a block makes two, and is no noise."""

CHANCE: Final = 3.0
"""Standard errors by which blocks must waver more than independent ones would."""


class Thinning:
    """Chooses which values of a stream detectors are given.

    Notes
    -----
    What is chosen depends on the stream alone, not on how it was split into batches.

    References
    ----------
    L. Kish, Survey Sampling, Wiley, 1965 (design effect); J. von Neumann, Distribution of the ratio of the
    mean square successive difference to the variance, Ann. Math. Stat. 12, 1941, for a measure of noise that
    slow change does not enter.

    Examples
    --------
    >>> thinning = Thinning()
    >>> len(thinning.choose(np.repeat([0.0, 1.0, 0.0, 1.0], 512)))  # not yet known to come in blocks
    2048
    >>> thinning.choose(np.repeat([0.0, 1.0, 0.0, 1.0], 512))[:3].tolist()
    [12, 32, 52]
    """

    def __init__(self) -> None:
        self.seen = 0
        self.step = 1
        self._open: list[float] = []
        self._means: list[float] = []
        self._squares: list[float] = []

    def choose(self, values: Floats) -> Ints:
        """Positions in this batch of the values to pass on; up to the end of the batch."""
        chosen = [self.take(part)[0] + start for start, part in self.parts(values)]
        return np.concatenate(chosen) if chosen else np.empty(0, np.int64)

    def parts(self, values: Floats) -> list[tuple[int, Floats]]:
        """The batch cut where the dependence is looked at, each part with its offset."""
        ends = list(range(REVIEW - self.seen % REVIEW, len(values), REVIEW))
        starts = [0, *ends]
        return [(start, values[start:end]) for start, end in zip(starts, [*ends, len(values)], strict=True)]

    def take(self, part: Floats) -> tuple[Ints, bool]:
        """Positions to pass on in a part from `parts`, and whether one value now stands for twice as many."""
        first = -self.seen % self.step
        chosen = np.arange(first, len(part), self.step, dtype=np.int64)
        self.seen += len(part)
        joined = np.concatenate([np.array(self._open), part]) if self._open else part
        whole = len(joined) // BLOCK * BLOCK
        blocks = joined[:whole].reshape(-1, BLOCK)
        self._means = [*self._means, *blocks.mean(axis=1).tolist()][-MOST_BLOCKS:]
        self._squares = [*self._squares, *(blocks**2).mean(axis=1).tolist()][-MOST_BLOCKS:]
        self._open = joined[whole:].tolist()
        before = self.step
        if self.seen % REVIEW == 0:
            self.step = max(1, round(design_effect(self._means, self._squares)))
        return chosen, self.step >= 2 * before

    def to_dict(self) -> dict[str, Any]:
        """State as plain values."""
        return {
            "seen": self.seen, "step": self.step, "open": self._open,
            "means": self._means, "squares": self._squares,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Thinning:
        """The one that `to_dict` gave.

        Raises
        ------
        ObservationError
            If the values are not such.
        """
        restored = cls()
        try:
            restored.seen, restored.step = _count(values["seen"], 0), _count(values["step"], 1)
            restored._open = _numbers(values["open"], BLOCK - 1)
            restored._means = _numbers(values["means"], MOST_BLOCKS)
            restored._squares = _numbers(values["squares"], MOST_BLOCKS)
        except (KeyError, TypeError, ValueError) as error:
            raise ObservationError(f"saved thinning: {error!r}; need what `to_dict` gives") from error
        if len(restored._means) != len(restored._squares) or len(restored._open) != restored.seen % BLOCK:
            raise ObservationError("saved thinning: found parts of different streams, need those of one")
        return restored


def design_effect(means: Sequence[float], squares: Sequence[float]) -> float:
    """How much more the means of blocks waver than those of independent values; 1 where chance explains it.

    Parameters
    ----------
    means, squares : sequence of float
        Mean of the values, and of their squares, of each block of `BLOCK` values.
    """
    if len(means) < LEAST_BLOCKS:
        return 1.0
    every = np.array(means)
    variance = float(np.mean(squares)) - float(every.mean()) ** 2
    if variance <= 0.0:
        return 1.0
    found = 1.0
    for scale in SCALES:
        n = len(every) // scale
        if n < LEAST_BLOCKS:
            break
        joined = every[len(every) - n * scale :].reshape(n, scale).mean(axis=1)
        differences = np.sort(np.diff(joined) ** 2)[:-LEFT_OUT]
        ratio = float(differences.mean()) / 2.0 / (variance / (BLOCK * scale))
        # Of normal means the ratio has a variance of 3 / n about 1 (von Neumann), less what is left out.
        if ratio > 1.0 + CHANCE * math.sqrt(3.0 / n):
            found = max(found, ratio)
    return found


def _count(value: Any, least: int) -> int:  # noqa: ANN401 - read from a file
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"found {value!r}, need an integer >= {least}")
    return value


def _numbers(values: Any, most: int) -> list[float]:  # noqa: ANN401 - read from a file
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or len(array) > most or not np.isfinite(array).all():
        raise ValueError(f"found {len(array)} values, need at most {most} finite numbers")
    found: list[float] = array.tolist()
    return found
