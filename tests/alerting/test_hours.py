from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.hours import Hours

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = frozenset(range(7))
NIGHT = Hours(zone=BERLIN, days=EVERY_DAY, begin=22 * 60, end=7 * 60)
OFFICE = Hours(zone=BERLIN, days=frozenset(range(5)), begin=9 * 60, end=17 * 60)


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    """Seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def utc(seconds: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-01-14T21:59:59", False),
        ("2026-01-14T22:00", True),
        ("2026-01-15T03:00", True),
        ("2026-01-15T07:00", False),
    ],
)
def test_a_night_goes_over_midnight(moment: str, inside: bool) -> None:
    """It begins on one day and ends on the next; its end is outside."""
    assert NIGHT.contains(at(moment)) is inside


def test_a_span_belongs_to_the_day_on_which_it_begins() -> None:
    """Friday's night is still Friday's at three on Saturday; Saturday has none."""
    fridays = Hours(zone=BERLIN, days=frozenset({4}), begin=22 * 60, end=7 * 60)
    assert fridays.contains(at("2026-01-17T03:00"))
    assert not fridays.contains(at("2026-01-17T23:00"))


def test_opening_and_closing() -> None:
    """From Friday evening the office opens on Monday; inside, both are what one expects."""
    assert OFFICE.opening(at("2026-01-16T18:00")) == at("2026-01-19T09:00")
    assert OFFICE.opening(at("2026-01-19T10:00")) == at("2026-01-19T10:00")
    assert OFFICE.closing(at("2026-01-19T10:00")) == at("2026-01-19T17:00")
    assert OFFICE.closing(at("2026-01-19T18:00")) == at("2026-01-19T18:00")
    assert OFFICE.latest(at("2026-01-18T12:00")) == at("2026-01-16T09:00")


def test_the_days_on_which_a_clock_is_changed() -> None:
    """Berlin's nights of 28 March and 24 October 2026 have eight and ten hours, not nine."""
    spring, autumn = at("2026-03-28T22:00"), at("2026-10-24T22:00")
    assert NIGHT.closing(spring) - spring == 8 * 3_600
    assert NIGHT.closing(autumn) - autumn == 10 * 3_600


def test_a_time_that_is_skipped_or_comes_twice() -> None:
    """A jump makes 02:30 to 03:30; of two, a span begins at the first and ends at the second."""
    early = Hours(zone=BERLIN, days=EVERY_DAY, begin=150, end=300)
    assert utc(early.opening(at("2026-03-29T00:00"))) == "2026-03-29 01:30"
    assert utc(early.opening(at("2026-10-25T00:00"))) == "2026-10-25 00:30"
    late = Hours(zone=BERLIN, days=EVERY_DAY, begin=60, end=150)
    assert utc(late.closing(at("2026-10-25T01:30"))) == "2026-10-25 01:30"
    gone = Hours(zone=BERLIN, days=EVERY_DAY, begin=150, end=180)
    assert utc(gone.opening(at("2026-03-29T00:00"))) == "2026-03-30 00:30"


@pytest.mark.parametrize(("begin", "end"), [(60, 150), (22 * 60, 150)])
def test_a_span_that_ends_in_a_skipped_hour_ends_as_if_it_were_there(begin: int, end: int) -> None:
    """02:30 of 29 March is 03:30 by the new time, and not an hour before that."""
    hours = Hours(zone=BERLIN, days=EVERY_DAY, begin=begin, end=end)
    assert utc(hours.closing(at("2026-03-29T01:30"))) == "2026-03-29 01:30"


@pytest.mark.parametrize("minute", [120, 150, 179])
def test_an_hour_that_is_skipped_still_has_its_moment(minute: int) -> None:
    """The daily digest of that day comes, whatever the change of the clock leaves of its span."""
    hours = Hours(zone=BERLIN, days=EVERY_DAY, begin=minute, end=minute + 1)
    assert utc(hours.latest(at("2026-03-29T12:00"))) == f"2026-03-29 01:{minute - 120:02}"


def test_hours_that_differ_have_other_words() -> None:
    """In their zone, their days or their times."""
    others = (
        Hours(zone=ZoneInfo("UTC"), days=EVERY_DAY, begin=22 * 60, end=7 * 60),
        Hours(zone=BERLIN, days=frozenset({0, 1}), begin=22 * 60, end=7 * 60),
        Hours(zone=BERLIN, days=EVERY_DAY, begin=21 * 60, end=7 * 60),
        Hours(zone=BERLIN, days=EVERY_DAY, begin=22 * 60, end=8 * 60),
    )
    assert len({NIGHT.words(), *(hours.words() for hours in others)}) == 5
    assert NIGHT.words() == "Europe/Berlin mon,tue,wed,thu,fri,sat,sun 1320 420"


@given(
    now=st.floats(min_value=1.7e9, max_value=1.9e9),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    begin=st.integers(0, 1_439),
    end=st.integers(0, 1_439),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_opening_is_inside_and_closing_is_outside(
    now: float, days: frozenset[int], begin: int, end: int, zone: str
) -> None:
    """For any span in any zone: never before now, and exactly at the edge of what `contains` says."""
    hours = Hours(zone=ZoneInfo(zone), days=days, begin=begin, end=end if begin != end else (end + 9) % 1_440)
    opening = hours.opening(now)
    assert opening >= now
    assert hours.contains(opening)
    assert (opening == now) is hours.contains(now)
    closing = hours.closing(now)
    assert not hours.contains(closing)
    assert (closing == now) is (not hours.contains(now))
    assert hours.latest(now) <= now
