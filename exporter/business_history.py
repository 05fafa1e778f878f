"""Business metrics beside drift and performance, step by step in bounded memory."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .business import BusinessMeasure, Correlation, correlate
from .errors import InsufficientDataError, ObservationError

Series = Literal["drift", "performance"]

SERIES: Final[tuple[Series, ...]] = ("drift", "performance")

MAX_STEPS: Final = 400
"""Steps kept, as scores of a gradual drift: half a month of hours, more than a year of days."""


@dataclass(slots=True)
class _Step:
    """What happened in one step."""

    totals: dict[str, float] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    scores: dict[Series, float] = field(default_factory=dict)


class BusinessHistory:
    """Values of business metrics and scores on an even grid of time.

    A counter's value of a step is what was added in it, a gauge's the mean of what was recorded, a score's
    that of its last check, which saw most of the step's rows. A step of which nothing is known is a gap.

    Parameters
    ----------
    measures : mapping of str to BusinessMeasure
        By name.
    step_seconds : float
        Length of a step: that of the window that scores are of, so that neighbours share no rows.
    """

    def __init__(self, measures: Mapping[str, BusinessMeasure], *, step_seconds: float) -> None:
        self._measures = dict(measures)
        self.step_seconds = step_seconds
        self._steps: dict[int, _Step] = {}
        self._lock = threading.Lock()

    def recorded(self, measure: str, value: float, at: float) -> None:
        """Keep a value of a business metric."""
        with self._lock:
            step = self._at(at)
            step.totals[measure] = step.totals.get(measure, 0.0) + value
            step.records[measure] = step.records.get(measure, 0) + 1

    def scored(self, scores: Mapping[Series, float | None], at: float) -> None:
        """Keep what a check found; None for what it could not know."""
        with self._lock:
            step = self._at(at)
            known = {name: score for name, score in scores.items() if score is not None}
            step.scores.update({name: score for name, score in known.items() if math.isfinite(score)})

    def correlations(self, now: float) -> dict[tuple[str, Series], Correlation]:
        """How each metric goes with each score over the steps that are over; only where enough is known."""
        with self._lock:
            current = int(now // self.step_seconds)
            over = [number for number in self._steps if number < current]
            if not over:
                return {}
            grid = range(max(min(over), current - MAX_STEPS), current)
            steps = [self._steps.get(number, _Step()) for number in grid]
            business = {name: self._series_of(measure, steps) for name, measure in self._measures.items()}
            scores: dict[Series, NDArray[np.float64]] = {
                name: np.array([step.scores.get(name, np.nan) for step in steps]) for name in SERIES
            }
        found: dict[tuple[str, Series], Correlation] = {}
        for name, values in business.items():
            for series, score in scores.items():
                try:
                    found[name, series] = correlate(values, score)
                except InsufficientDataError:  # too few steps so far, or one of the two never moves
                    continue
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""
        with self._lock:
            steps = [[number, step.totals, step.records, step.scores] for number, step in self._steps.items()]
            return {"step_seconds": self.step_seconds, "steps": copy.deepcopy(steps)}

    def restore(self, values: Mapping[str, Any]) -> None:
        """Remember again what `to_dict` gave.

        Raises
        ------
        ObservationError
            If the values are not such, or of steps of another length. Nothing is then changed.
        """
        try:
            length = values["step_seconds"]
            steps = {
                int(number): _Step(
                    totals={str(name): float(total) for name, total in totals.items()},
                    records={str(name): int(count) for name, count in records.items()},
                    scores={name: float(scores[name]) for name in SERIES if name in scores},
                )
                for number, totals, records, scores in values["steps"]
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ObservationError(f"business history: found {error!r}, need what to_dict gave") from error
        if length != self.step_seconds:
            raise ObservationError(f"business history: found steps of {length} s, need {self.step_seconds} s")
        with self._lock:
            self._steps = steps

    def _series_of(self, measure: BusinessMeasure, steps: list[_Step]) -> NDArray[np.float64]:
        name = measure.name
        totals = np.array([step.totals.get(name, np.nan) for step in steps])
        if measure.kind == "counter":
            return totals
        records = [max(step.records.get(name, 0), 1) for step in steps]
        return np.asarray(totals / np.array(records), np.float64)

    def _at(self, at: float) -> _Step:
        number = int(at // self.step_seconds)
        step = self._steps.setdefault(number, _Step())
        newest = max(self._steps)
        for old in [known for known in self._steps if known <= newest - MAX_STEPS]:
            del self._steps[old]
        return step
