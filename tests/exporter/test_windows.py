import math

import numpy as np
import pytest

from exporter import ConfigError, Window
from exporter.windows import DEFAULT_WINDOWS, checked_windows


def test_a_window_ends_now() -> None:
    """A window holds what was seen after its begin and up to now: nothing older, nothing of the future."""
    times = np.array([6400.0, 6400.001, 10_000.0, 10_000.1, np.nan])
    assert Window("1h", 3600.0).select(times, now=10_000.0).tolist() == [False, True, True, False, False]


def test_windows_side_by_side_share_no_border() -> None:
    """Two windows one after the other count each row once."""
    times = np.arange(0.0, 7200.0, 0.5)
    hour = Window("1h", 3600.0)
    both = hour.select(times, 3600.0).astype(int) + hour.select(times, 7200.0)
    assert both[1:].tolist() == [1] * (len(times) - 1)


def test_an_hour_and_a_day_by_default() -> None:
    """What began an hour ago shows in the first window."""
    assert [(w.name, w.seconds) for w in DEFAULT_WINDOWS] == [("1h", 3600.0), ("1d", 86400.0)]


def test_windows_are_sorted_and_named_apart() -> None:
    """Windows come shortest first; two of one name, or none at all, are refused."""
    day, hour = Window("1d", 86400.0), Window("1h", 3600.0)
    assert checked_windows([day, hour]) == (hour, day)
    for windows in ([], [hour, hour]):
        with pytest.raises(ConfigError, match="windows: found"):
            checked_windows(windows)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_bad_lengths_are_refused(seconds: float) -> None:
    """A window has a length."""
    with pytest.raises(ConfigError, match="window 'x': found"):
        Window("x", seconds)


def test_a_window_has_a_name() -> None:
    """A window without a name could not be told apart in metrics."""
    with pytest.raises(ConfigError, match="empty name"):
        Window("", 60.0)
