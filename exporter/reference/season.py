"""References keyed by hour of day, day of week or hour of week.

A window of the night compared with all hours drifts every night. With a keyed reference it is compared with
the mixture of those hours that its own rows come from, in their proportions. Bins and categories are those of
the whole reference, so that counts stay comparable.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from .mixture import mix
from .table import Profiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .profiles import Floats
    from .settings import SeasonKind

_HOUR, _DAY = 3600, 86400

_EPOCH_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday; Monday is 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Season:
    """Profiles by a key of time.

    Attributes
    ----------
    kind : str
        hour_of_day (keys 0 to 23), day_of_week (0 is Monday) or hour_of_week (0 is Monday's first hour).
    zone : str
        Time zone in which hours and days are counted, for example "UTC" or "Europe/Berlin".
    profiles : dict of int to Profiles
        By key; a key that no row of the reference had is absent.
    """

    kind: SeasonKind
    zone: str
    profiles: Mapping[int, Profiles]

    def matched(self, whole: Profiles, times: Floats) -> Profiles:
        """Profiles that match the times of a window's rows, in seconds since 1970.

        Rows without a time, and rows of a key that the reference does not have, are matched with the whole.
        """
        return self.mixed(whole, self.rows_by_key(times), len(times))

    def rows_by_key(self, times: Floats) -> dict[int, int]:
        """Rows of each key among these times; those without a time have none."""
        known = times[np.isfinite(times)]
        keys, rows = np.unique(season_keys(known, self.kind, self.zone), return_counts=True)
        return dict(zip(keys.tolist(), rows.tolist(), strict=True))

    def mixed(self, whole: Profiles, by_key: Mapping[int, int], rows: int) -> Profiles:
        """Profiles that match a window of so many rows, of which these are of known keys."""
        found = [(key, count) for key, count in by_key.items() if key in self.profiles]
        parts = [(self.profiles[key], count / rows) for key, count in found]
        unmatched = rows - sum(count for _, count in found)
        if unmatched or not parts:
            parts.append((whole, unmatched / rows if rows else 1.0))
        return mix(whole, parts)


def season_keys(times: Floats, kind: SeasonKind, zone: str) -> NDArray[np.int64]:
    """Key of each time in seconds since 1970."""
    hours = np.floor_divide(times, _HOUR)
    distinct, inverse = np.unique(hours, return_inverse=True)
    # A zone's distance from UTC is looked up once an hour: changes within an hour are history.
    local = times + _offsets(distinct * _HOUR, zone)[inverse]
    hour = np.floor_divide(local, _HOUR).astype(np.int64) % 24
    day = (np.floor_divide(local, _DAY).astype(np.int64) + _EPOCH_WEEKDAY) % 7
    if kind == "hour_of_day":
        return hour
    return day if kind == "day_of_week" else day * 24 + hour


def _offsets(times: Floats, zone: str) -> Floats:
    """Seconds that a zone was ahead of UTC at each time."""
    if zone == "UTC":
        return np.zeros(len(times))
    info = ZoneInfo(zone)
    found = (dt.datetime.fromtimestamp(time, info).utcoffset() for time in times.tolist())
    return np.array([0.0 if offset is None else offset.total_seconds() for offset in found])
