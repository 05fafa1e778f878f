"""How far each statistic strays without drift, as a reference's own history shows it.

Rows in production depend on one another and on the time of day, so a window holds less news than its
number of rows says. Calibration measures every statistic between the reference and blocks of its own history
that are as long as a window. What is kept is the mean of the squared effect and its degrees of freedom
(twice the squared mean over the variance), since such squares are weighted sums of chi-squares. The tail far
out, which no history is long enough to show, is then that of an F distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scipy.special import fdtrc, fdtri

SQUARES: Final = ("psi", "jensen_shannon")
"""Tests whose effect is a sum of squares already."""


@dataclass(frozen=True, slots=True)
class BlockNull:
    """One statistic of one column over the blocks of the history.

    Attributes
    ----------
    mean : float
        Of the squared effect (of PSI and Jensen-Shannon, which are squares already, of the effect).
    freedom : float
        Of the chi-square with that ratio of mean to variance.
    """

    mean: float
    freedom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Statistics over the blocks of a reference's history, for windows of one length.

    Attributes
    ----------
    rows : float
        Rows of a block, on average.
    blocks : float
        How many blocks fit into the history side by side: the evidence behind every number here.
    nulls : dict of str to dict of str to BlockNull
        By column and test.
    """

    rows: float
    blocks: float
    nulls: Mapping[str, Mapping[str, BlockNull]] = field(default_factory=dict)

    def p_value(self, column: str, test: str, effect: float, rows: float) -> float:
        """Probability of at least this effect without drift, in a window of so many rows; 0 if unknown."""
        null = self.nulls.get(column, {}).get(test)
        if null is None or null.mean <= 0.0:
            return 0.0
        freedom = _tail_freedom(null.freedom)
        return float(fdtrc(freedom, freedom * self.blocks, squared(test, effect) / self._mean(null, rows)))

    def critical(self, column: str, test: str, alpha: float, rows: float) -> float:
        """Effect that is reached with this probability without drift; 0 where not known."""
        null = self.nulls.get(column, {}).get(test)
        if null is None or null.mean <= 0.0:
            return 0.0
        freedom = _tail_freedom(null.freedom)
        ratio = float(fdtri(freedom, freedom * self.blocks, 1.0 - alpha))
        return from_squared(test, ratio * self._mean(null, rows))

    def _mean(self, null: BlockNull, rows: float) -> float:
        # A smaller window strays further; that a bigger one strays less is true of noise and not of seasons.
        return null.mean * max(1.0, self.rows / max(rows, 1.0))


def squared(test: str, effect: float) -> float:
    """An effect on the scale on which it adds up like a chi-square."""
    if test in SQUARES:
        return effect
    return math.log(effect) ** 2 if test == "variance_ratio" and effect > 0.0 else effect**2


def from_squared(test: str, square: float) -> float:
    """The effect that `squared` gave."""
    if test in SQUARES:
        return square
    return math.exp(math.sqrt(square)) if test == "variance_ratio" else math.sqrt(square)


def _tail_freedom(freedom: float) -> float:
    """Degrees of freedom whose tail falls no slower than that of any such weighted sum of chi-squares.

    With weights that sum to 1, the sum of their squares is 1 / freedom, so the largest is at most its root.
    It alone rules the tail, and a chi-square of sqrt(freedom) degrees has that tail.
    """
    return min(freedom, math.sqrt(freedom))
