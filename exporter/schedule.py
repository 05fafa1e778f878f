"""When checks run: every so many seconds, or at the times of a cron expression."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .errors import ConfigError
from .windows import CHECK_INTERVAL_SECONDS

DEFAULT_ZONE: Final = "UTC"
"""A cron expression in local time would skip or double an hour twice a year, unless somebody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When checks run, and whether they do in this process.

    Attributes
    ----------
    enabled : bool
        False where another process runs the checks on a shared store: `driftgauge monitor`.
    interval_seconds : float
        From one check to the next.
    cron : str or None
        Five fields (minute, hour, day, month, weekday) in place of the interval; needs APScheduler.
    timezone : str
        Of the expression, such as Europe/Berlin.
    jitter_seconds : float
        Each check comes at random up to so much later, lest replicas check at once; needs APScheduler.
    """

    enabled: bool = True
    interval_seconds: float = CHECK_INTERVAL_SECONDS
    cron: str | None = None
    timezone: str = DEFAULT_ZONE
    jitter_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.interval_seconds) and self.interval_seconds > 0):
            raise ConfigError(
                f"checks.interval_seconds: found {self.interval_seconds!r}, need a number above 0"
            )
        if not (math.isfinite(self.jitter_seconds) and self.jitter_seconds >= 0):
            raise ConfigError(
                f"checks.jitter_seconds: found {self.jitter_seconds!r}, need a number of 0 or more"
            )

    @property
    def plain(self) -> bool:
        """Whether a thread of our own does; else APScheduler is needed."""
        return self.cron is None and self.jitter_seconds == 0
