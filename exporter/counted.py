"""One column of a window, counted on the bins of the reference and ready to be measured.

The numbers of a column are either there, sorted, or summarised: a table on a cluster is never in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .reference.kinds import as_numbers
from .reference.profiles import NumericProfile
from .statistics.ecdf import cdf_difference
from .statistics.moments import Moments
from .statistics.sample import Sample, percentile_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reference.profiles import BinCounts, Floats, Profile


class Numbers(Protocol):
    """Finite numbers of a column, as statistics ask for them."""

    @property
    def n(self) -> int:
        """How many."""

    @property
    def ks_error(self) -> float:
        """How far their distribution function may be off, 0 to 1."""

    def compare(self, profile: NumericProfile) -> tuple[float, float]:
        """KS statistic and Wasserstein distance from a column of the reference."""

    def moments(self) -> Moments:
        """Their moments, exactly."""

    def sample(self) -> Sample:
        """Their distribution."""

    def percentiles(self) -> Floats:
        """The smallest value, those at 1 % to 99 %, and the largest: enough to draw them."""


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """All numbers, ascending."""

    ascending: Floats
    ks_error: float = 0.0

    @property
    def n(self) -> int:
        """As `Numbers` says, like the rest."""
        return len(self.ascending)

    def compare(self, profile: NumericProfile) -> tuple[float, float]:
        """Exact, but for the reference's own error."""
        assert profile.cells is not None
        return profile.cells.compare(self.ascending)

    def moments(self) -> Moments:
        """From the values."""
        return Moments.of(self.ascending)

    def sample(self) -> Sample:
        """Exact."""
        return Sample.of_sorted(self.ascending)

    def percentiles(self) -> Floats:
        """Exact."""
        return self.ascending[percentile_ranks(self.n) - 1]


@dataclass(frozen=True, slots=True, eq=False)
class Summarised:
    """A summary of the numbers."""

    distribution: Sample
    exact_moments: Moments

    @property
    def n(self) -> int:
        """As `Numbers` says, like the rest."""
        return self.exact_moments.n

    @property
    def ks_error(self) -> float:
        """As the summary states it."""
        return self.distribution.ks_error

    def compare(self, profile: NumericProfile) -> tuple[float, float]:
        """Within the errors of both sides."""
        assert profile.sample is not None
        return cdf_difference(profile.sample, self.distribution).ks_and_area()

    def moments(self) -> Moments:
        """Those that were kept beside the distribution."""
        return self.exact_moments

    def sample(self) -> Sample:
        """Within its stated error."""
        return self.distribution

    def percentiles(self) -> Floats:
        """Within its stated error."""
        return self.distribution.percentiles()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """One column of a window.

    Attributes
    ----------
    rows : int
        Rows of the window.
    bins : BinCounts
        On the bins of the reference.
    numbers : Numbers or None
        Of a numeric column; None if no row has a finite one.
    categories : mapping of str to int
        Rows by category; empty for a numeric column.
    """

    rows: int
    bins: BinCounts
    numbers: Numbers | None = None
    categories: Mapping[str, int] = field(default_factory=dict)


def count_column(profile: Profile, values: NDArray[Any]) -> Counted:
    """Counts of a float64 or object array, with all its values."""
    if isinstance(profile, NumericProfile):
        bins, finite = count_numbers(profile, values)
        return Counted(rows=len(values), bins=bins, numbers=Values(finite))
    categories = profile.tally_of(values)
    return Counted(rows=len(values), bins=profile.count_tally(categories), categories=categories)


def count_numbers(profile: NumericProfile, values: NDArray[Any]) -> tuple[BinCounts, Floats]:
    """Counts of a float64 or object array, and its finite numbers, ascending."""
    numbers, wrong = as_numbers(values)
    return profile.count_sorted(np.sort(numbers), 0 if wrong is None else int(wrong.sum()))
