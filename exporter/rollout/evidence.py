"""Which of two models has the smaller loss: an answer that holds however often one looks.

A bet against "the challenger's mean loss is at most `m` smaller" is a sum of money that cannot grow in the
mean while that is true. It exceeds 1 / alpha with a probability of at most alpha, at any time, so looking
early, often or until it pleases is safe. Nothing about sample sizes or distributions is assumed: losses only
have to lie between 0 and 1.

- **Paired** (shadow: both answered the row): the bet is on the difference x of the two losses.
- **Split** (canary: one of them answered, drawn by a known share p): the bet is on (T - p)(c - loss), where T
  is 1 for the challenger and c any constant near the usual loss. Its mean is p(1 - p) times the difference
  at each share, also when the world changes between one stage and the next.

Losses are rounded to `LEVELS` steps, so that all evidence is a table of counts: small, as JSON, and the sum
of tables is the table of all rows, whichever worker saw them. The stake is a mixture over fixed ones.

References
----------
I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by betting, JRSS B 86, 2024.
S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, Time-uniform, nonparametric, nonasymptotic confidence
sequences, Annals of Statistics 49, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ObservationError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LEVELS: Final = 20
"""Steps between a loss of 0 and of 1. Right and wrong are exact; other losses are off by 0.025 at most, up
and down alike for both models."""

STAKES: Final = np.geomspace(0.01, 0.49, 10)
"""The best stake is difference / variance: 0.01 is that of half a point at the largest variance. Below one
half no bet can lose more than there is, whatever the true difference."""

BISECTIONS: Final = 16
"""Each halves the range of 2 that a difference can have: bounds are exact to 0.00003 and err outwards."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Rows of a stage in which each was answered by one of the two.

    Attributes
    ----------
    share : float
        Probability with which a row went to the challenger.
    counts : ndarray of shape (2, LEVELS + 1)
        Rows of champion and challenger by their loss.
    """

    share: float
    counts: Counts = field(default_factory=lambda: np.zeros((2, LEVELS + 1), dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Challenger's gain over the champion, in units of the loss; above zero it is better.

    Attributes
    ----------
    difference : float or None
        Mean loss of the champion less that of the challenger; None before both have rows.
    low, high : float
        Each end holds at all times together with a confidence of 1 - alpha. Where the difference itself moved
        from one stage to the next, they may lie on the wrong sides of each other: each tells of its own time.
    rows : int
        Rows behind it.
    """

    difference: float | None
    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What is known of the losses of two models.

    Attributes
    ----------
    centre : float
        Usual loss, from 0 to 1; fixed before the first row. A poor guess costs rows, never validity.
    paired : ndarray of shape (2 * LEVELS + 1,)
        Rows by champion's loss less challenger's.
    splits : mapping of int to Split
        By stage.

    Examples
    --------
    >>> evidence = Evidence(centre=0.2)
    >>> evidence = evidence.with_pairs(np.array([1.0] * 90 + [0.0] * 910), np.zeros(1000))
    >>> found = evidence.interval(alpha=0.05)
    >>> found.difference, round(found.low, 3), round(found.high, 3)
    (0.09, 0.066, 0.12)
    """

    centre: float
    paired: Counts = field(default_factory=lambda: np.zeros(2 * LEVELS + 1, dtype=np.int64))
    splits: Mapping[int, Split] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return int(self.paired.sum() + sum(int(split.counts.sum()) for split in self.splits.values()))

    def rows_of(self, role: int) -> int:
        """Rows that the champion (0) or the challenger (1) answered; a pair counts for both."""
        return int(self.paired.sum() + sum(int(split.counts[role].sum()) for split in self.splits.values()))

    def with_pairs(self, champion: Floats, challenger: Floats) -> Evidence:
        """Evidence with further rows that both answered, by their losses."""
        difference = _levels(champion) - _levels(challenger) + LEVELS
        return replace(self, paired=self.paired + np.bincount(difference, minlength=2 * LEVELS + 1))

    def with_split(self, stage: int, share: float, role: int, losses: Floats) -> Evidence:
        """Evidence with further rows of a stage that the champion (0) or the challenger (1) answered."""
        split = self.splits.get(stage) or Split(share=share)
        counts = split.counts.copy()
        counts[role] += np.bincount(_levels(losses), minlength=LEVELS + 1)
        return replace(self, splits={**self.splits, stage: replace(split, counts=counts)})

    def merge(self, other: Evidence) -> Evidence:
        """What both know, of different rows."""
        splits = dict(self.splits)
        for stage, split in other.splits.items():
            mine = splits.get(stage)
            splits[stage] = split if mine is None else replace(mine, counts=mine.counts + split.counts)
        return replace(self, paired=self.paired + other.paired, splits=splits)

    def log_wealth(self, margin: float, *, upwards: bool) -> float:
        """Log of the money made by betting that the difference is above `margin`, or below it.

        Under "it is not" this exceeds log(1 / alpha) with a probability of at most alpha, ever.
        """
        total = log_mixture(self.paired, paired_payoffs(margin), upwards=upwards)
        if self.splits:
            counts = np.concatenate([split.counts.ravel() for split in self.splits.values()])
            payoffs = np.concatenate(
                [split_payoffs(split.share, self.centre, margin).ravel() for split in self.splits.values()]
            )
            total = total + log_mixture(counts, payoffs, upwards=upwards)
        return total

    def interval(self, alpha: float) -> Interval:
        """Difference with its always-valid bounds."""
        return Interval(
            difference=self.difference,
            low=self._bound(-math.log(alpha), upwards=True),
            high=self._bound(-math.log(alpha), upwards=False),
            rows=self.rows,
        )

    @property
    def difference(self) -> float | None:
        """Differences of pairs and stages, weighted by the precision that rows of equal variance give."""
        n_pairs = int(self.paired.sum())
        steps = np.arange(-LEVELS, LEVELS + 1) / LEVELS
        parts = [(float(n_pairs), float(self.paired @ steps) / n_pairs)] if n_pairs else []
        losses = np.arange(LEVELS + 1) / LEVELS
        for split in self.splits.values():
            rows = split.counts.sum(axis=1)
            if rows.all():
                means = split.counts @ losses / rows
                parts.append((float(rows.prod() / rows.sum()), float(means[0] - means[1])))
        weight = sum(part[0] for part in parts)
        return sum(part[0] * part[1] for part in parts) / weight if parts else None

    def _bound(self, needed: float, *, upwards: bool) -> float:
        """The margin at which a bet is won: wealth falls as the margin moves towards the truth."""
        won, open_ = (-1.0, 1.0) if upwards else (1.0, -1.0)
        if self.log_wealth(won, upwards=upwards) < needed:
            return won
        for _ in range(BISECTIONS):
            middle = (won + open_) / 2.0
            if self.log_wealth(middle, upwards=upwards) >= needed:
                won = middle
            else:
                open_ = middle
        return won

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "centre": self.centre,
            "paired": self.paired.tolist(),
            "splits": {
                str(stage): {"share": split.share, "counts": split.counts.tolist()}
                for stage, split in self.splits.items()
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave.

        Raises
        ------
        ObservationError
            If it is something else.
        """
        try:
            splits = {
                int(stage): Split(
                    share=float(split["share"]), counts=_counts(split["counts"], (2, LEVELS + 1))
                )
                for stage, split in values["splits"].items()
            }
            paired = _counts(values["paired"], (2 * LEVELS + 1,))
            return cls(centre=float(values["centre"]), paired=paired, splits=splits)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ObservationError(
                f"evidence: found {type(error).__name__}: {error}, need what Evidence.to_dict gives"
            ) from error


def paired_payoffs(margin: float) -> Floats:
    """What a stake of 1 pays for each difference of two losses."""
    return np.arange(-LEVELS, LEVELS + 1) / LEVELS - margin


def split_payoffs(share: float, centre: float, margin: float) -> Floats:
    """What a stake of 1 pays for a row of champion or challenger, by its loss; shape (2, LEVELS + 1)."""
    gains = centre - np.arange(LEVELS + 1) / LEVELS
    return np.outer([-share, 1.0 - share], gains) - margin * share * (1.0 - share)


def log_mixture(counts: Counts, payoffs: Floats, *, upwards: bool) -> float:
    """Log of the mean wealth over all stakes after so many rows with each payoff."""
    seen = counts > 0  # right and wrong alone are a few cells of many
    growth = counts[seen] @ np.log1p(payoffs[seen, None] * (STAKES if upwards else -STAKES))
    largest = float(growth.max())
    return largest + math.log(float(np.exp(growth - largest).mean()))


def _levels(losses: Floats) -> Counts:
    if len(losses) and not (np.min(losses) >= 0.0 and np.max(losses) <= 1.0):
        raise ObservationError(f"loss: found values from {np.min(losses)} to {np.max(losses)}, need 0 to 1")
    return np.rint(np.asarray(losses) * LEVELS).astype(np.int64)


def _counts(values: Any, shape: tuple[int, ...]) -> Counts:  # noqa: ANN401 - whatever the JSON held
    counts = np.asarray(values, dtype=np.int64)
    if counts.shape != shape or counts.min() < 0:
        raise ValueError(f"counts of shape {counts.shape}")
    return counts
