"""Columns read chunk by chunk in bounded memory, on the way to a profile.

Counts, missing values and moments are exact. A numeric column keeps its distribution as a `GrowingSample`. A
categorical column counts up to `MAX_FOLLOWED` categories exactly and beyond that by the rule of Misra and
Gries, whose error is bounded and kept.

References
----------
J. Misra and D. Gries, Finding repeated elements, Science of Computer Programming 2(2), 1982.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import ReferenceDataError
from ..statistics.binning import bin_counts_sample, quantile_edges
from ..statistics.sample import sorted_finite
from .distribution import GrowingSample
from .kinds import INF, MISSING, as_numbers, tally
from .profiles import CategoricalProfile, NumericProfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

INNER_FACTOR: Final = 4
"""Points of a summary while chunks are still coming, in those of the finished profile: with four, the carries
of 100 chunks cost at most 7/8192 of the mass, beside 1/2048 of the last compression."""

MAX_FOLLOWED: Final = 100_000
"""Categories counted at once, about 10 MB of a column; more are pruned with a stated error."""

MAX_TALLIED: Final = 1000
"""Categories a finished profile keeps beyond its bins, so that references merge and unseen ones are known."""

ID_DISTINCT_RATIO: Final = 0.9
"""A text column in which nine rows of ten have a value of their own is a key, not a category."""

ID_MIN_ROWS: Final = 100
"""Below so many rows, even true categories may all differ."""


class NumericAccumulator:
    """A numeric column on its way to a `NumericProfile`."""

    kind: Final = "numeric"

    def __init__(self, name: str, *, grid_points: int | None) -> None:
        self.name = name
        self._grid_points = grid_points
        self._missing = self._infinite = self._type_errors = 0
        self._values = GrowingSample(None if grid_points is None else INNER_FACTOR * grid_points)

    def update(self, values: NDArray[Any]) -> None:
        """Add the rows of one chunk."""
        numbers, wrong = as_numbers(values)
        finite = numbers[np.isfinite(numbers)]
        n_wrong = 0 if wrong is None else int(wrong.sum())
        n_missing = int(np.count_nonzero(np.isnan(numbers))) - n_wrong
        self._missing += n_missing
        self._type_errors += n_wrong
        self._infinite += len(numbers) - len(finite) - n_missing - n_wrong
        if len(finite):
            self._values.update(sorted_finite(finite))

    @classmethod
    def of(cls, profile: NumericProfile, *, grid_points: int | None) -> NumericAccumulator:
        """Accumulator that starts from a finished profile."""
        column = cls(profile.name, grid_points=grid_points)
        column._type_errors, column._missing, column._infinite = (int(c) for c in profile.counts[-3:])
        if profile.sample is not None and profile.moments is not None:
            column._values.add(profile.sample, profile.moments)
        return column

    def add_missing(self, rows: int) -> None:
        """Add rows of which nothing but their number is known."""
        self._missing += rows

    def merge(self, other: NumericAccumulator) -> None:
        """Add all rows that another accumulator has seen."""
        self._missing += other._missing
        self._infinite += other._infinite
        self._type_errors += other._type_errors
        self._values.merge(other._values)

    def condense(self) -> None:
        """Give up what is exact beyond the summary's size, before it travels."""
        self._values.condense()

    def profile(self, n_bins: int, edges: NDArray[np.float64] | None = None) -> NumericProfile:
        """The finished profile, on these edges or on its own quantiles."""
        sample = merged = self._values.sample()
        if sample is not None and self._grid_points is not None:
            sample = sample.compress(self._grid_points)
        if edges is None:
            edges = np.empty(0) if sample is None else quantile_edges(sample, n_bins)
        value_counts = np.zeros(len(edges) + 1, dtype=np.int64)
        if merged is not None:
            value_counts = bin_counts_sample(merged, edges)
        special = np.array([self._type_errors, self._missing, self._infinite], dtype=np.int64)
        return NumericProfile(
            name=self.name,
            edges=edges,
            counts=np.concatenate([value_counts, special]),
            sample=sample,
            moments=self._values.moments,
        )


class CategoricalAccumulator:
    """A categorical column on its way to a `CategoricalProfile`."""

    kind: Final = "categorical"

    def __init__(self, name: str) -> None:
        self.name = name
        self._missing = self._infinite = 0
        self._counts: dict[str, int] = {}
        self._pruned = 0
        self._forgotten = 0
        self._error = 0

    def update(self, values: NDArray[Any]) -> None:
        """Add the rows of one chunk."""
        self.add(tally(values))

    def add(self, counts: dict[str, int]) -> None:
        """Add rows that are counted already, as `kinds.tally` does."""
        for name, count in counts.items():
            if name == MISSING:
                self._missing += count
            elif name == INF:
                self._infinite += count
            else:
                self._counts[name] = self._counts.get(name, 0) + count
        if len(self._counts) > MAX_FOLLOWED:
            self._prune()

    @classmethod
    def of(cls, profile: CategoricalProfile) -> CategoricalAccumulator:
        """Accumulator that starts from a finished profile."""
        column = cls(profile.name)
        column._missing, column._infinite = (int(c) for c in profile.counts[-2:])
        column._counts = dict(profile.tally)
        column._pruned, column._error = profile.untallied, profile.count_error
        return column

    def add_missing(self, rows: int) -> None:
        """Add rows of which nothing but their number is known."""
        self._missing += rows

    def merge(self, other: CategoricalAccumulator) -> None:
        """Add all rows that another accumulator has seen."""
        self._missing += other._missing
        self._infinite += other._infinite
        self._pruned += other._pruned
        self._forgotten += other._forgotten
        self._error += other._error
        self.add(other._counts)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each category that is followed."""
        return self._counts

    def refuse_keys(self) -> None:
        """Refuse a column in which nearly every row has a category of its own.

        Raises
        ------
        ReferenceDataError
            If it is one.
        """
        rows = sum(self._counts.values()) + self._pruned
        if rows >= ID_MIN_ROWS:
            distinct = len(self._counts) + self._forgotten
            if distinct >= ID_DISTINCT_RATIO * rows:
                raise ReferenceDataError(
                    f"column {self.name!r}: found about {distinct:,} different values in {rows:,} rows, "
                    "which looks like a key; leave it out of `features`, or give its kind in `kinds`"
                )

    def profile(self, top_categories: int, categories: tuple[str, ...] | None = None) -> CategoricalProfile:
        """The finished profile, with these categories or its own most frequent ones."""
        rows = sum(self._counts.values()) + self._pruned
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        kept = dict(ranked[: max(top_categories, MAX_TALLIED)])
        error = max(self._error, ranked[len(kept)][1] if len(ranked) > len(kept) else 0)
        if categories is None:
            categories = tuple(kept)[:top_categories]
        in_bins = [self._counts.get(category, 0) for category in categories]
        counts = [*in_bins, rows - sum(in_bins), self._missing, self._infinite]
        return CategoricalProfile(
            name=self.name,
            categories=categories,
            counts=np.array(counts, dtype=np.int64),
            tally=kept,
            untallied=rows - sum(kept.values()),
            count_error=error,
        )

    def _prune(self) -> None:
        # Misra-Gries: take the first count that has no room off every count; none is too small by more.
        cut = sorted(self._counts.values(), reverse=True)[MAX_FOLLOWED // 2]
        rows, names = sum(self._counts.values()), len(self._counts)
        self._counts = {name: count - cut for name, count in self._counts.items() if count > cut}
        self._pruned += rows - sum(self._counts.values())
        self._forgotten += names - len(self._counts)
        self._error += cut
