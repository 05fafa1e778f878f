"""Which rows a check looks at: those observed in the last so many seconds, and of these the last so many.

Several windows run side by side. What began an hour ago shows in the short one and is lost in the long one;
what comes slowly, or in little traffic, shows in the long one alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError

HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that ends now, or the newest rows in it.

    Attributes
    ----------
    name : str
        As it is written in metrics' label `window`, for example "1h".
    seconds : float
        Its length.
    rows : int, optional
        Rows at most, the newest: a window by count, whose rows are no older than `seconds`.
    """

    name: str
    seconds: float
    rows: int | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("window: found an empty name, need one such as '1h'")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ConfigError(f"window {self.name!r}: found {self.seconds!r} seconds, need a number above 0")
        if self.rows is not None and self.rows < 1:
            raise ConfigError(
                f"window {self.name!r}: found {self.rows!r} rows, need an integer of at least 1"
            )

    def select(self, times: NDArray[np.float64], now: float) -> NDArray[np.bool_]:
        """Which rows lie in (now - seconds, now]; rows of the future and rows without a time do not."""
        return np.asarray((times > now - self.seconds) & (times <= now))


DEFAULT_WINDOWS: Final = (Window("1h", HOUR_SECONDS), Window("1d", DAY_SECONDS))
"""An hour shows what has just begun; a day has the rows that small changes need."""

CHECK_INTERVAL_SECONDS: Final = 300.0
"""Twelve looks at the short window while it moves by its own length; an alert within minutes."""


def checked_windows(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The same windows, shortest first; of the same length those by rows first.

    Raises
    ------
    ConfigError
        If there is none, or a name stands twice.
    """
    names = [window.name for window in windows]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"windows: found {names}, need at least one, each with a name of its own")
    return tuple(sorted(windows, key=lambda window: (window.seconds, window.rows is None)))


def windows_of(seconds: Mapping[str, float] | None, rows: Mapping[str, int]) -> tuple[Window, ...]:
    """Windows of time, by default `DEFAULT_WINDOWS`, and besides those of the newest rows in the longest."""
    given = None if seconds is None else [Window(name, length) for name, length in seconds.items()]
    windows = checked_windows(DEFAULT_WINDOWS if given is None else given)
    longest = windows[-1].seconds
    return checked_windows([*windows, *(Window(name, longest, number) for name, number in rows.items())])
