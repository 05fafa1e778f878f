"""Where performance is going: a trend over windows that do not overlap, and how much it wavers."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from ..errors import ObservationError
from ..performance import GREATER_IS_BETTER
from ..performance.verdict import NOT_JUDGED, Verdict
from ..statistics import mann_kendall

Direction = Literal["declining", "stable", "improving"]

LEAST_POINTS: Final = 8
"""As for the drift of scores: eight in order have p = 5e-5."""

MOST_POINTS: Final = 400
"""More than a year of days."""

DAY_SECONDS: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceTrend:
    """Where one measure is going.

    Attributes
    ----------
    direction : str
        declining, stable or improving; for a loss, falling is improving.
    slope : float
        Change of the measure a day: the median over all pairs of windows.
    p_value : float
        Of such an order of windows without a trend.
    volatility_ratio : float
        Standard deviation from one window to the next, without the trend, as a share of the mean.
    points : int
        Windows that take part.
    """

    direction: Direction
    slope: float
    p_value: float
    volatility_ratio: float
    points: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "direction": self.direction,
            "slope_per_day": self.slope,
            "p_value": self.p_value,
            "volatility_ratio": self.volatility_ratio,
            "points": self.points,
        }


class PerformanceHistory:
    """Measures of one window, remembered once in each length of it.

    Parameters
    ----------
    spacing_seconds : float
        Length of the window: values of windows that overlap are no independent witnesses.
    """

    def __init__(self, spacing_seconds: float) -> None:
        self._spacing = spacing_seconds
        self._points: dict[str, deque[tuple[float, float]]] = {}

    def add(self, verdicts: Mapping[str, Verdict], now: float) -> None:
        """Remember what a check found, if the last remembered one is a window ago."""
        for name, verdict in verdicts.items():
            value = verdict.measure.value
            if value is None or name in NOT_JUDGED or verdict.state == "unknown":
                continue
            points = self._points.setdefault(name, deque(maxlen=MOST_POINTS))
            if points and now < points[-1][0] - self._spacing:
                points.clear()  # the clock was set back; what it said before cannot be put in order with now
            if not points or now - points[-1][0] >= self._spacing:
                points.append((now, value))

    def trends(self, alpha: float) -> dict[str, PerformanceTrend]:
        """Trend of each measure that has enough windows."""
        return {
            name: _trend(name, points, alpha)
            for name, points in self._points.items()
            if len(points) >= LEAST_POINTS
        }

    def to_dict(self) -> dict[str, Any]:
        """What is remembered, as plain values that JSON can hold."""
        return {
            "spacing_seconds": self._spacing,
            "points": {name: [list(point) for point in points] for name, points in self._points.items()},
        }

    def restore(self, values: Mapping[str, Any]) -> None:
        """Remember again what `to_dict` gave.

        Raises
        ------
        ObservationError
            If the values are not such, or of a window of another length. Nothing is then changed.
        """
        try:
            spacing = values["spacing_seconds"]
            restored = {name: _points(name, found) for name, found in values["points"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ObservationError(f"saved history: {error!r}; need what `to_dict` gives") from error
        if spacing != self._spacing:
            raise ObservationError(f"saved history: found a window of {spacing} s, need {self._spacing} s")
        self._points = restored


def _points(name: str, values: Any) -> deque[tuple[float, float]]:  # noqa: ANN401 - read from a file
    if name not in GREATER_IS_BETTER:
        raise ValueError(f"found the measure {name!r}")
    points = deque(((float(at), float(value)) for at, value in values), maxlen=MOST_POINTS)
    flat = np.array(points, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(flat).all() or (np.diff(flat[:, 0]) < 0).any():
        raise ValueError(f"{name}: found points that are not finite or not in order")
    return points


def _trend(name: str, points: deque[tuple[float, float]], alpha: float) -> PerformanceTrend:
    days = np.array([time for time, _ in points]) / DAY_SECONDS
    values = np.array([value for _, value in points])
    found = mann_kendall(values, days)
    better = found.slope > 0 if GREATER_IS_BETTER[name] else found.slope < 0
    direction: Direction = "stable"
    if found.p_value <= alpha and found.slope != 0.0:
        direction = "improving" if better else "declining"
    steps = np.diff(values - found.slope * days)
    mean = abs(float(values.mean()))
    # Successive differences vary twice as much as the values.
    spread = float(np.sqrt((steps**2).mean() / 2.0))
    return PerformanceTrend(
        direction=direction,
        slope=found.slope,
        p_value=found.p_value,
        volatility_ratio=spread / mean if mean > 0 else math.inf if spread else 0.0,
        points=len(values),
    )
