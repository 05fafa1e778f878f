"""References within segments: profiles of the rows of each frequent value of one categorical feature.

A window compared with all rows shows that flights have become longer; whether each carrier's own have, or
only the mix of carriers has changed, it does not show. Bins and categories are those of the whole reference,
as in a season, so that a segment can be drawn beside it. A segment is kept with all its rows or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import ReferenceDataError
from .baseline import segment_names
from .kinds import INF, MISSING, category_names
from .profiles import CategoricalProfile
from .table import Profiles, TableAccumulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..rows import Rows
    from .kinds import Kind
    from .profiles import Profile
    from .settings import BuildSettings, Task

MIN_PROFILE_ROWS: Final = 500
"""Rows of a segment that is worth a profile. With fewer, chance in the reference alone comes near to the
default threshold of KS: it reaches 1.63 / sqrt(500) = 0.07 once in a hundred times."""

MAX_FOLLOWED: Final = 100
"""Values that are followed while rows still come, five for each that is kept: one that is frequent over all
is among them unless the rows are sorted by it."""

MAX_TALLIED: Final = 100
"""Categories of a column that a segment keeps, twice those with a bin of their own: a merge needs them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """Profiles by segment.

    Attributes
    ----------
    feature : str
        Its values are the segments.
    profiles : dict of str to Profiles
        By value, the most frequent first: of every other feature, of scores, predictions and labels.
    """

    feature: str
    profiles: Mapping[str, Profiles]

    def compared(self, whole: Profiles) -> dict[str, Profiles]:
        """What rows of each segment are compared with: a category is unseen only if the whole lacks it."""
        known = {**whole.features, **whole.named()}

        def widened(profile: CategoricalProfile) -> CategoricalProfile:
            everywhere = known[profile.name]
            assert isinstance(everywhere, CategoricalProfile)
            tally = {**dict.fromkeys(everywhere.tally, 0), **profile.tally}
            return replace(profile, tally=tally, untallied=everywhere.untallied)

        return {segment: _changed(part, widened) for segment, part in self.profiles.items()}


class SegmentAccumulator:
    """The rows of a table on their way to `Segments`.

    Parameters
    ----------
    feature : str
        Whose values are the segments.
    names : list of str
        All features.
    kinds : mapping of str to {"numeric", "categorical"}
        Those that are declared.
    settings : BuildSettings
        Of the whole reference.
    """

    def __init__(
        self, feature: str, names: Sequence[str], kinds: Mapping[str, Kind], settings: BuildSettings
    ) -> None:
        self.feature = feature
        self._names = [name for name in names if name != feature]
        self._kinds = {name: kind for name, kind in kinds.items() if name != feature}
        self._settings = settings.by_segment()
        self._tables: dict[str, TableAccumulator] = {}
        self._rows: dict[str, int] = {}

    @classmethod
    def of(cls, segments: Segments, task: Task | None, settings: BuildSettings) -> SegmentAccumulator:
        """Accumulator that starts from finished profiles."""
        found = cls(segments.feature, (), {}, settings)
        for segment, part in segments.profiles.items():
            found._tables[segment] = TableAccumulator.of(part, task, found._settings)
            found._rows[segment] = next(iter(part.features.values())).rows
        return found

    def update(self, rows: Rows, whole: TableAccumulator) -> None:
        """Add the rows of one chunk, which the accumulator of all rows has seen.

        Raises
        ------
        ReferenceDataError
            If the feature is numeric.
        """
        if whole.kind_of(self.feature) == "numeric":
            raise _numeric(self.feature)
        found = rows_by_value(rows.columns.arrays[self.feature])
        frequent = sorted(found, key=lambda segment: -len(found[segment]))[:MAX_FOLLOWED]
        for segment in dict.fromkeys((*frequent, *(found.keys() & self._tables.keys()))):
            if segment not in self._tables:
                self._tables[segment] = TableAccumulator(self._names, self._kinds, whole.task, self._settings)
            self._tables[segment].follow(whole)
            self._tables[segment].update(rows.select(found[segment]))
            self._rows[segment] = self._rows.get(segment, 0) + len(found[segment])
        self._forget_rare()

    def merge(self, other: SegmentAccumulator) -> None:
        """Add all rows that another accumulator has seen."""
        for segment, table in other._tables.items():
            if segment in self._tables:
                self._tables[segment].merge(table)
            else:
                self._tables[segment] = table
            self._rows[segment] = self._rows.get(segment, 0) + other._rows[segment]
        self._forget_rare()

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary, before it travels."""
        for table in self._tables.values():
            table.condense()

    def segments(self, whole: Profiles) -> tuple[Segments, list[str]]:
        """The finished profiles on the bins of the whole, and what to say about frequent values left out.

        Raises
        ------
        ReferenceDataError
            If the feature is numeric, has no value that is frequent enough, or is the only one.
        """
        profile = whole.features[self.feature]
        if not isinstance(profile, CategoricalProfile):
            raise _numeric(self.feature)
        if len(whole.features) == 1:
            raise ReferenceDataError(
                f"segment_by: found {self.feature!r} alone, need another feature to compare within its values"
            )
        rows = {name: profile.tally.get(name, 0) for name in segment_names(profile)}
        frequent = [name for name, found in rows.items() if found >= MIN_PROFILE_ROWS]
        kept = [name for name in frequent if self._rows.get(name) == rows[name]]
        if not kept:
            raise ReferenceDataError(
                f"segment_by: found no value of {self.feature!r} with {MIN_PROFILE_ROWS} rows of its own, "
                "need at least one"
            )
        profiles = {name: _changed(self._tables[name].profiles(whole), _shortened) for name in kept}
        left_out = [
            f"segment {name!r} of {self.feature!r} was left out: some of its {rows[name]:,} rows are in no "
            "profile; rows in random order, or references with the same segments, keep it"
            for name in frequent
            if name not in kept
        ]
        return Segments(feature=self.feature, profiles=profiles), left_out

    def _forget_rare(self) -> None:
        # One that is not followed from its first row on is found incomplete by its number of rows.
        for name in sorted(self._rows, key=lambda name: -self._rows[name])[MAX_FOLLOWED:]:
            del self._rows[name], self._tables[name]


def merged_segments(
    mine: Segments | None,
    theirs: Segments | None,
    whole: Profiles,
    task: Task | None,
    settings: BuildSettings,
) -> tuple[Segments | None, list[str]]:
    """Segments of the rows of two references of the same settings, and what to say about those left out."""
    if mine is None or theirs is None:
        return None, []
    table = SegmentAccumulator.of(mine, task, settings)
    table.merge(SegmentAccumulator.of(theirs, task, settings))
    return table.segments(whole)


def rows_by_value(values: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """Rows of each value of a column, by their places; those without one are of no segment."""
    codes: dict[str, int] = {}
    of_row = np.array([codes.setdefault(name, len(codes)) for name in category_names(values)], dtype=np.int64)
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(len(codes) + 1))
    return {
        name: order[first:last]
        for name, first, last in zip(codes, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        if name not in (MISSING, INF)
    }


def _changed(part: Profiles, change: Callable[[CategoricalProfile], CategoricalProfile]) -> Profiles:
    def of(profile: Profile) -> Profile:
        return change(profile) if isinstance(profile, CategoricalProfile) else profile

    return replace(
        part,
        features={name: of(profile) for name, profile in part.features.items()},
        predicted_classes=None if part.predicted_classes is None else change(part.predicted_classes),
        labels=None if part.labels is None else of(part.labels),
    )


def _shortened(profile: CategoricalProfile) -> CategoricalProfile:
    listed = list(profile.tally.items())
    kept, rest = dict(listed[:MAX_TALLIED]), listed[MAX_TALLIED:]
    if not rest:
        return profile
    return replace(
        profile,
        tally=kept,
        untallied=profile.untallied + sum(count for _, count in rest),
        count_error=max(profile.count_error, rest[0][1]),
    )


def _numeric(feature: str) -> ReferenceDataError:
    return ReferenceDataError(
        f"segment_by: found the numeric feature {feature!r}, need a categorical one; declare it in `kinds` "
        "if its numbers are codes"
    )
