"""HDDM-W: whether a weighted average of recent errors has risen above its lowest, beyond chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from .detection import Detections, State, as_values, refuse_value, require

ABOVE_ANY: Final = 1e9
"""A first cut that every other is below: an average is at most 1, and its bound at most 30."""


@dataclass(slots=True, kw_only=True)
class HDDMW:
    """Drift detection by McDiarmid's bound on exponentially weighted averages, for values from 0 to 1.

    The average of all values is kept as it was when average plus bound was lowest; the average of what came
    later is compared with it. It looks for rises alone. After a drift everything starts anew with the next
    value.

    Parameters
    ----------
    drift_confidence, warning_confidence : float
        Probability that one comparison exceeds its bound without a change: 0.001 and 0.005 in the paper.
    weight : float
        Of the newest value (lambda): 0.05 in the paper, which remembers some 20 values.

    Notes
    -----
    Detections are river's for the same parameters. The other fields are the state:
    `HDDMW(**dataclasses.asdict(detector))` goes on where the detector stood.

    References
    ----------
    I. Frias-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's bounds,
    IEEE Transactions on Knowledge and Data Engineering 27, 2015.

    Examples
    --------
    >>> HDDMW().update_many([0, 0, 0, 1] * 50 + [1] * 20).drifts
    array([214])
    """

    drift_confidence: float = 0.001
    warning_confidence: float = 0.005
    weight: float = 0.05
    state: State = "ok"
    started: int = 0
    n: int = 0
    average: float = 0.0
    spread: float = 1.0
    cut: float = ABOVE_ANY
    low_average: float = 0.0
    low_spread: float = 1.0
    later: int = 0
    later_average: float = 0.0
    later_spread: float = 1.0

    def __post_init__(self) -> None:
        require("weight", self.weight, "more than 0, less than 1", holds=0.0 < self.weight < 1.0)
        for name in ("drift_confidence", "warning_confidence"):
            value = getattr(self, name)
            require(name, value, "more than 1e-300, less than 1", holds=1e-300 < value < 1.0)
        require(
            "drift_confidence",
            self.drift_confidence,
            "at most warning_confidence",
            holds=self.drift_confidence <= self.warning_confidence,
        )

    @property
    def seen(self) -> int:
        """Values seen in all; the last one has the position `seen - 1`."""
        return self.started + self.n

    def update(self, value: float) -> State:
        """State after one more value."""
        if not 0.0 <= value <= 1.0:
            refuse_value(value, 0.0, 1.0)
        self._run((float(value),), [], [])
        return self.state

    def update_many(self, values: ArrayLike) -> Detections:
        """Positions of warnings and drifts among further values; the same as one at a time."""
        warnings: list[int] = []
        drifts: list[int] = []
        self._run(as_values(values, 0.0, 1.0).tolist(), warnings, drifts)
        return Detections(np.array(warnings, np.int64), np.array(drifts, np.int64))

    def _run(self, values: Iterable[float], warnings: list[int], drifts: list[int]) -> None:
        # What is kept restarts at every new lowest point, which has no form as an operation on arrays; local
        # names make the loop three times as fast as attributes.
        weight, rest = self.weight, 1.0 - self.weight
        weight_squared, rest_squared = weight * weight, rest * rest
        drift_factor = math.log(1.0 / self.drift_confidence) / 2.0
        warning_factor = math.log(1.0 / self.warning_confidence) / 2.0
        sqrt = math.sqrt
        state, started, n = self.state, self.started, self.n
        average, spread, cut = self.average, self.spread, self.cut
        low_average, low_spread = self.low_average, self.low_spread
        later, later_average, later_spread = self.later, self.later_average, self.later_spread
        for value in values:
            if state == "drift":
                started, n = started + n, 0
                spread, cut, later = 1.0, ABOVE_ANY, 0
            n += 1
            average = weight * value + rest * average if n > 1 else value
            spread = weight_squared + rest_squared * spread
            state = "ok"
            bound = average + sqrt(spread * drift_factor)
            if bound < cut:
                cut, low_average, low_spread = bound, average, spread
                later, later_spread = 0, 1.0
                continue
            later_average = weight * value + rest * later_average if later else value
            later_spread = weight_squared + rest_squared * later_spread
            later = 1
            rise = later_average - low_average
            if rise > 0.0:
                evidence = rise * rise / (low_spread + later_spread)
                if evidence > warning_factor:
                    state = "drift" if evidence > drift_factor else "warning"
                    (drifts if state == "drift" else warnings).append(started + n - 1)
        self.state, self.started, self.n = state, started, n
        self.average, self.spread, self.cut = average, spread, cut
        self.low_average, self.low_spread = low_average, low_spread
        self.later, self.later_average, self.later_spread = later, later_average, later_spread
