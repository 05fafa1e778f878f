"""Gradual drift: scores that rise from window to window, each too small to be drift by itself.

    history = ScoreHistory(spacing_seconds=86400)
    history.add(report)                      # after every check of the window of a day
    history.rising(policy)                   # what will be drift, and when, if it goes on like this

Again two keys: the rise is significant (Mann and Kendall's test, corrected over all columns and tests), and
it matters (on the line of Theil and Sen the score reaches its threshold within the horizon).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import ConfigError, InsufficientDataError, ObservationError
from .statistics.multiple import benjamini_hochberg
from .statistics.trend import Trend, mann_kendall

if TYPE_CHECKING:
    from .policy import Policy
    from .report import Report

DEFAULT_LIMIT: Final = 400
"""Scores kept of each test: more than a year of days, half a month of hours, and a test in milliseconds."""

STEPS_A_THRESHOLD: Final = 10_000
"""Scores are kept as whole numbers of a ten-thousandth of their threshold: finer than chance moves any, and
written to a file in a tenth of the time."""

LEAST_SCORES: Final = 8
"""Eight scores in order have p = 5e-5; with fewer, no order is significant among a hundred columns."""

HORIZON_SECONDS: Final = 7 * 86400.0
"""A week: time to look, to retrain and to roll out before the drift is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTrend:
    """Where the score of one test of a column is going.

    Attributes
    ----------
    column, test : str
        Whose score.
    rising : bool
        Whether it rises significantly and reaches its threshold within the horizon.
    slope : float
        Effect over threshold per second.
    level : float
        Effect over threshold now, on the line.
    q_value : float
        Significance of the trend after correction for all columns and tests.
    seconds_left : float
        Until the line reaches the threshold; 0 if it is there, infinite if it never does.
    scores : int
        How many it rests on.
    """

    column: str
    test: str
    rising: bool
    slope: float
    level: float
    q_value: float
    seconds_left: float
    scores: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values; no time left where the threshold is never reached."""
        return {
            **asdict(self),
            "seconds_left": self.seconds_left if math.isfinite(self.seconds_left) else None,
        }


class ScoreHistory:
    """Scores of one window over time, in bounded memory.

    Parameters
    ----------
    spacing_seconds : float
        Time between two scores that are kept: the window's length, so that no row is in two of them.
    limit : int
        Scores kept of each test; the oldest go first.
    """

    def __init__(self, *, spacing_seconds: float, limit: int = DEFAULT_LIMIT) -> None:
        if not spacing_seconds > 0.0 or limit < LEAST_SCORES:
            raise ConfigError(
                f"score history: found spacing_seconds={spacing_seconds!r} and limit={limit!r}, "
                f"need a number above 0 and an integer >= {LEAST_SCORES}"
            )
        self._spacing_seconds = spacing_seconds
        self._entries: deque[tuple[float, dict[str, int]]] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, report: Report) -> bool:
        """Keep the scores of a check unless the last kept one is younger than the spacing; whether it did."""
        if self._entries and report.checked_at - self._entries[-1][0] < self._spacing_seconds:
            return False
        scores = {
            f"{test} {name}": round(finding.ratio * STEPS_A_THRESHOLD)
            for name, column in report.columns.items()
            for test, finding in column.findings.items()
            if finding.decides and math.isfinite(finding.ratio)
        }
        self._entries.append((report.checked_at, scores))
        return True

    def trends(self, policy: Policy, horizon_seconds: float = HORIZON_SECONDS) -> list[ScoreTrend]:
        """Trend of each test of each column that has enough scores."""
        lines = self._lines()
        q_values = benjamini_hochberg([trend.p_value for trend, _, _ in lines.values()]).tolist()
        found: list[ScoreTrend] = []
        for (key, (trend, level, n)), q_value in zip(lines.items(), q_values, strict=True):
            test, column = key.split(" ", 1)
            left = max(0.0, (1.0 - level) / trend.slope) if trend.slope > 0.0 else math.inf
            found.append(
                ScoreTrend(
                    column=column,
                    test=test,
                    rising=q_value <= policy.alpha and left <= horizon_seconds,
                    slope=trend.slope,
                    level=level,
                    q_value=q_value,
                    seconds_left=left,
                    scores=n,
                )
            )
        return found

    def rising(self, policy: Policy, horizon_seconds: float = HORIZON_SECONDS) -> dict[str, ScoreTrend]:
        """For each column whose scores rise towards drift, the test that gets there first."""
        found: dict[str, ScoreTrend] = {}
        for trend in self.trends(policy, horizon_seconds):
            known = found.get(trend.column)
            if trend.rising and (known is None or trend.seconds_left < known.seconds_left):
                found[trend.column] = trend
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file or a row."""
        keys = dict.fromkeys(key for _, scores in self._entries for key in scores)
        return {
            "spacing_seconds": self._spacing_seconds,
            "times": [at for at, _ in self._entries],
            "scores": {key: [scores.get(key) for _, scores in self._entries] for key in keys},
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
            entries: list[tuple[float, dict[str, int]]] = [(float(at), {}) for at in values["times"]]
            for key, column in values["scores"].items():
                for (_, scores), score in zip(entries, column, strict=True):
                    if score is not None:
                        scores[_known(key)] = int(score)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ObservationError(f"score history: found {error!r}, need what to_dict gave") from error
        if spacing != self._spacing_seconds:
            raise ObservationError(
                f"score history: found a window of {spacing} s, need {self._spacing_seconds} s"
            )
        self._entries.clear()
        self._entries.extend(entries)

    def _lines(self) -> dict[str, tuple[Trend, float, int]]:
        """Trend, level now and number of scores of each test of each column that has enough of them."""
        series: dict[str, list[tuple[float, int]]] = {}
        for at, scores in self._entries:
            for key, score in scores.items():
                series.setdefault(key, []).append((at, score))
        trends = {}
        for key, points in series.items():
            if len(points) < LEAST_SCORES:
                continue
            times, ratios = np.array(points).T
            ratios = ratios / STEPS_A_THRESHOLD
            try:
                trend = mann_kendall(ratios, times)
            except (InsufficientDataError, ObservationError):  # a clock that was set back
                continue
            level = float(np.median(ratios - trend.slope * (times - times[-1])))
            trends[key] = (trend, level, len(points))
        return trends


def _known(key: str) -> str:
    """The key of a score in a file: test and column."""
    if " " not in key:
        raise ValueError(f"found the score {key!r}")
    return key
