"""Fields that the configuration files share: spans of time, times of day, days, zones, matchers, names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from .errors import ConfigError
from .hours import DAYS, MINUTES_A_DAY
from .matchers import Matcher

_SPAN: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)

T = TypeVar("T")


def _reads(read: Callable[[object], T | None], kind: str, needed: str) -> BeforeValidator:
    """A check that a value can be read; the reader gives None for what it cannot."""

    def check(value: object) -> T:
        result = read(value)
        if result is None:
            # The words become part of "found ..., need ...".
            raise PydanticCustomError("unreadable", "{needed}", {"kind": kind, "needed": needed})
        return result

    return BeforeValidator(check)


def _seconds(value: object) -> float | None:
    """Seconds of 90s, 5m, 1h30m or 2d."""
    match = _SPAN.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _minutes(value: object) -> int | None:
    """Minutes since midnight of 07:00; YAML reads 22:00 without quotation marks as 1320, the same."""
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        value = int(match[1]) * 60 + int(match[2])
    return value if type(value) is int and 0 <= value < MINUTES_A_DAY else None


def _days(value: object) -> frozenset[int] | None:
    """Days of the week of `mon-fri` or `sat,sun`."""
    if not isinstance(value, str):
        return None
    found: set[int] = set()
    for part in value.replace(" ", "").lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return None
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + ahead) % len(DAYS) for ahead in range((end - begin) % len(DAYS) + 1)}
    return frozenset(found)


def _zone(value: object) -> ZoneInfo | None:
    """A time zone of the tz database."""
    try:
        return ZoneInfo(value) if isinstance(value, str) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _matcher(value: object) -> Matcher | None:
    try:
        return Matcher(value) if isinstance(value, str) else None
    except ConfigError:
        return None


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Names = Annotated[list[Name], Field(min_length=1)]
Span = Annotated[float, _reads(_seconds, "span", "a span of time such as 90s, 5m, 1h30m or 2d")]
Clock = Annotated[int, _reads(_minutes, "clock", 'a time of day such as "22:00"')]
Days = Annotated[frozenset[int], _reads(_days, "days", "days such as mon-fri or sat,sun")]
Zone = Annotated[ZoneInfo, _reads(_zone, "zone", "a time zone such as Europe/Berlin or UTC")]
MatcherText = Annotated[
    Matcher,
    _reads(_matcher, "matcher", 'a matcher such as severity="critical" or model_name=~"flight_.+"'),
]
