"""How a reference is cut into bins; kept in it, so that references merge under the same settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import ReferenceDataError
from ..statistics.binning import DEFAULT_BINS
from ..statistics.categories import DEFAULT_TOP

Task = Literal["classification", "regression"]

TASKS: Final[tuple[Task, ...]] = ("classification", "regression")

SeasonKind = Literal["hour_of_day", "day_of_week", "hour_of_week"]

SEASON_KINDS: Final[tuple[SeasonKind, ...]] = ("hour_of_day", "day_of_week", "hour_of_week")

SEASON_GRID_POINTS: Final = 256
"""Points of a numeric column within one key of a season, of which there are up to 168: a KS error of 0.004, a
twenty-fifth of the default threshold."""

SEGMENT_GRID_POINTS: Final = 128
"""Points of a numeric column within one segment, of which there are up to 20: together about as many as the
whole has. A KS error of 0.008, a tenth of what chance does in a segment's thousand rows."""

DEFAULT_GRID_POINTS: Final = 2048
"""Points of a numeric column's stored distribution: about 50 kB of JSON, and a KS error of 0.0005, which is a
two-hundredth of the default threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """Sizes of a reference.

    Attributes
    ----------
    n_bins : int
        Quantile bins of a numeric column; ties make them fewer, a frequent value more.
    top_categories : int
        Categories that get a bin of their own.
    grid_points : int or None
        Points at most of a numeric column's stored distribution, or two for each frequent value. None keeps
        every distinct value: exact, and as large as the data.
    season : {"hour_of_day", "day_of_week", "hour_of_week"} or None
        Also keep profiles by this key of the rows' timestamps.
    zone : str
        Time zone of the season's hours and days.
    joint_rows : int
        Rows drawn at random and kept whole, which tests of all features together need. 0 keeps none: they are
        training rows, readable by whoever reads the file.
    segment_by : str or None
        Also keep profiles within each frequent value of this categorical feature; see `segments`.
    """

    n_bins: int = DEFAULT_BINS
    top_categories: int = DEFAULT_TOP
    grid_points: int | None = DEFAULT_GRID_POINTS
    season: SeasonKind | None = None
    zone: str = "UTC"
    joint_rows: int = 0
    segment_by: str | None = None

    def __post_init__(self) -> None:
        if self.segment_by is not None and (not isinstance(self.segment_by, str) or not self.segment_by):
            raise ReferenceDataError(f"segment_by: found {self.segment_by!r}, need the name of a feature")
        if self.segment_by is not None and self.season is not None:
            raise ReferenceDataError(
                f"segment_by: found {self.segment_by!r} beside season {self.season!r}, need one of the two: "
                "within one segment and one hour there are too few rows"
            )
        if not isinstance(self.joint_rows, int) or self.joint_rows < 0:
            raise ReferenceDataError(f"joint_rows: found {self.joint_rows!r}, need an integer >= 0")
        for name, value, least in (("n_bins", self.n_bins, 2), ("top_categories", self.top_categories, 1)):
            if not isinstance(value, int) or value < least:
                raise ReferenceDataError(f"{name}: found {value!r}, need an integer >= {least}")
        points = self.grid_points
        if points is not None and (not isinstance(points, int) or points < self.n_bins):
            raise ReferenceDataError(f"grid_points: found {points!r}, need None or an integer >= n_bins")
        if self.season is not None and self.season not in SEASON_KINDS:
            raise ReferenceDataError(f"season: found {self.season!r}, need one of {', '.join(SEASON_KINDS)}")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ReferenceDataError(
                f"zone: found {self.zone!r}, need one such as 'Europe/Berlin'"
            ) from error

    def by_key(self) -> BuildSettings:
        """Settings of the profiles of one key of the season."""
        points = self.grid_points
        return replace(self, grid_points=None if points is None else min(points, SEASON_GRID_POINTS))

    def by_segment(self) -> BuildSettings:
        """Settings of the profiles of one segment."""
        points = self.grid_points
        least = max(self.n_bins, SEGMENT_GRID_POINTS)
        return replace(self, grid_points=None if points is None else min(points, least), segment_by=None)
