"""Hours of a week in a time zone: quiet hours, business hours, the hour of a daily digest. Pure.

Local times become instants day by day, so days of 23 and 25 hours come out right. A time that a clock skips
is taken as if the clock had not been changed; of one that comes twice, a span begins at the first and ends at
the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY: Final = 24 * 60
_LOOK_AHEAD_DAYS: Final = 9
"""A week, the day before it, and one for a span that its clock change has emptied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The same span on some days of the week.

    Attributes
    ----------
    zone : ZoneInfo
    days : frozenset of int
        Monday is 0; a span over midnight belongs to the day on which it begins.
    begin, end : int
        Minutes since midnight; an end that is not after the begin is on the next day.
    """

    zone: ZoneInfo
    days: frozenset[int]
    begin: int
    end: int

    def contains(self, now: float) -> bool:
        """Whether a time is inside."""
        return any(begin <= now < end for begin, end in self._spans(now))

    def opening(self, now: float) -> float:
        """The time itself if it is inside, else when the next span begins."""
        return min(max(begin, now) for begin, end in self._spans(now) if end > now)

    def closing(self, now: float) -> float:
        """When the span around a time ends, with those that follow at once; the time itself outside."""
        for begin, end in sorted(self._spans(now)):
            if begin <= now < end:
                now = end
        return now

    def latest(self, now: float) -> float:
        """The last time at or before `now` at which a span began."""
        today = self._today(now)
        days = (today - timedelta(days=back) for back in range(-1, _LOOK_AHEAD_DAYS))
        begins = (self._begin(day) for day in days if day.weekday() in self.days)
        return max(begin for begin in begins if begin <= now)

    def words(self) -> str:
        """The hours as text that differs when they do."""
        days = ",".join(DAYS[day] for day in sorted(self.days))
        return f"{self.zone.key} {days} {self.begin} {self.end}"

    def _spans(self, now: float) -> Iterator[tuple[float, float]]:
        """The spans that can matter around a time, as seconds since 1970."""
        today = self._today(now)
        for ahead in range(-1, _LOOK_AHEAD_DAYS):
            day = today + timedelta(days=ahead)
            if day.weekday() in self.days:
                begin = self._begin(day)
                last = day if self.end > self.begin else day + timedelta(days=1)
                # Of a time that comes twice the second is later, of one that is skipped the first.
                end = max(self._instant(last, self.end, fold) for fold in (0, 1))
                if begin < end:
                    yield begin, end

    def _today(self, now: float) -> date:
        return datetime.fromtimestamp(now, UTC).astimezone(self.zone).date()

    def _begin(self, day: date) -> float:
        """When the span of a day begins, even if a change of the clock leaves nothing of it."""
        return self._instant(day, self.begin, fold=0)

    def _instant(self, day: date, minutes: int, fold: int) -> float:
        hour, minute = divmod(minutes, 60)
        return datetime(day.year, day.month, day.day, hour, minute, fold=fold, tzinfo=self.zone).timestamp()
