"""A window of any size, read chunk by chunk or in parts that merge, in bounded memory.

Counts on the bins of the reference, missing values and moments are exact; the distribution of numbers is a
`GrowingSample`, whose error is stated and taken off before significance is judged. The order of parts changes
nothing but the last bits of moments and where within its stated error a distribution lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .counted import Counted, Summarised, count_numbers
from .errors import ObservationError
from .measure import (
    Measurement,
    compared_columns,
    error_text,
    failed_column,
    measure_counted,
    missing_column,
)
from .reference.accumulate import CategoricalAccumulator
from .reference.distribution import GrowingSample
from .reference.profiles import NumericProfile
from .statistics.sample import require_sorted_finite

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from .policy import TestType
    from .reference.profiles import BinCounts, CategoricalProfile, Profile
    from .reference.table import Profiles
    from .rows import Rows

WINDOW_POINTS: Final = 8192
"""Points of a numeric column's distribution: 128 kB, and a KS error of about 0.0001 for each time that parts
are merged, a thousandth of the default threshold."""


class NumericSummary:
    """A numeric column of a window."""

    def __init__(self, profile: NumericProfile) -> None:
        self._profile = profile
        self._rows = 0
        self._bins: BinCounts | None = None
        self._values = GrowingSample(WINDOW_POINTS)

    def update(self, values: NDArray[Any]) -> None:
        """Add the rows of one chunk."""
        bins, finite = count_numbers(self._profile, values)
        self._rows += len(values)
        self._bins = bins if self._bins is None else self._bins.merge(bins)
        if len(finite):
            self._values.update(require_sorted_finite(finite))

    def merge(self, other: NumericSummary) -> None:
        """Add all rows that another summary of the column has seen."""
        if other._bins is None:
            return
        self._rows += other._rows
        self._bins = other._bins if self._bins is None else self._bins.merge(other._bins)
        self._values.merge(other._values)

    def condense(self) -> None:
        """Give up what is exact beyond the summary's size, before it travels."""
        self._values.condense()

    def counted(self) -> Counted | None:
        """The column; None if no chunk had it."""
        if self._bins is None:
            return None
        sample, moments = self._values.sample(), self._values.moments
        if sample is None or moments is None:
            return Counted(rows=self._rows, bins=self._bins)
        return Counted(rows=self._rows, bins=self._bins, numbers=Summarised(sample, moments))


class CategoricalSummary:
    """A categorical column of a window."""

    def __init__(self, profile: CategoricalProfile) -> None:
        self._profile = profile
        self._rows = 0
        self._bins: BinCounts | None = None
        self._known: dict[str, int] = {}
        # What the reference never saw may be of any number: only the most frequent of them stay.
        self._new = CategoricalAccumulator(profile.name)

    def update(self, values: NDArray[Any]) -> None:
        """Add the rows of one chunk."""
        found = self._profile.tally_of(values)
        bins = self._profile.count_tally(found)
        self._rows += len(values)
        self._bins = bins if self._bins is None else self._bins.merge(bins)
        self._add_known({name: count for name, count in found.items() if name in self._profile.tally})
        self._new.add({name: count for name, count in found.items() if name not in self._profile.tally})

    def merge(self, other: CategoricalSummary) -> None:
        """Add all rows that another summary of the column has seen."""
        if other._bins is None:
            return
        self._rows += other._rows
        self._bins = other._bins if self._bins is None else self._bins.merge(other._bins)
        self._add_known(other._known)
        self._new.merge(other._new)

    def condense(self) -> None:
        """Nothing: it is never larger than it may travel."""

    def counted(self) -> Counted | None:
        """The column; None if no chunk had it."""
        if self._bins is None:
            return None
        return Counted(rows=self._rows, bins=self._bins, categories={**self._known, **self._new.counts})

    def _add_known(self, counts: dict[str, int]) -> None:
        for name, count in counts.items():
            self._known[name] = self._known.get(name, 0) + count


def _summary(profile: Profile) -> NumericSummary | CategoricalSummary:
    return NumericSummary(profile) if isinstance(profile, NumericProfile) else CategoricalSummary(profile)


class WindowSummary:
    """All compared columns of a window.

    Parameters
    ----------
    profiles : Profiles
        What the window is compared with: of a reference, or `Reference.profiles_at` some times.
    """

    def __init__(self, profiles: Profiles) -> None:
        self.rows = 0
        self._profiles = profiles
        self._columns: dict[str, NumericSummary | CategoricalSummary] = {}
        self._failed: dict[str, str] = {}

    def update(self, rows: Rows) -> None:
        """Add the rows of one chunk. A column that cannot be read costs the others nothing."""
        self.rows += rows.n_rows
        for profile, values in compared_columns(self._profiles, rows):
            if values is None or profile.name in self._failed:
                continue
            column = self._columns.get(profile.name)
            if column is None:
                column = self._columns[profile.name] = _summary(profile)
            try:
                column.update(values)
            except Exception as error:  # noqa: BLE001 - one column that fails must not cost the others
                self._failed[profile.name] = error_text(error)

    def merge(self, other: WindowSummary) -> None:
        """Add all rows that another summary of the same window has seen.

        Raises
        ------
        ObservationError
            If a column is numeric in one and categorical in the other: they were made with other profiles.
        """
        self.rows += other.rows
        self._failed = {**other._failed, **self._failed}
        for name, theirs in other._columns.items():
            mine = self._columns.setdefault(name, theirs)
            if mine is theirs:
                continue
            if isinstance(mine, NumericSummary) and isinstance(theirs, NumericSummary):  # noqa: SIM114 - types
                mine.merge(theirs)
            elif isinstance(mine, CategoricalSummary) and isinstance(theirs, CategoricalSummary):
                mine.merge(theirs)
            else:
                raise ObservationError(f"merge: found column {name!r} of two kinds, need one reference")

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary: what a part does before it travels."""
        for column in self._columns.values():
            column.condense()

    def measure(self, min_samples: int, wanted: Collection[TestType]) -> list[Measurement]:
        """As `measure.measure_rows`, of all rows together."""
        measured = []
        for name, profile in {**self._profiles.features, **self._profiles.named()}.items():
            column = self._columns.get(name)
            counted = None if column is None else column.counted()
            if name in self._failed:
                measured.append(failed_column(profile, self._failed[name]))
            elif counted is not None:
                measured.append(measure_counted(profile, counted, min_samples, wanted))
            elif name in self._profiles.features:
                measured.append(missing_column(profile))
        return measured
