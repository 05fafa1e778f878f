from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from exporter import ObservationError
from exporter.assessment.history import PerformanceHistory, PerformanceTrend
from exporter.performance import Measure
from exporter.performance.verdict import PerformanceState, Verdict

DAY = 86400.0


def verdicts(value: float | None, name: str = "auc", state: PerformanceState = "ok") -> dict[str, Verdict]:
    return {name: Verdict(measure=Measure(value=value, n=500), state=state)}


def trend(values: list[float], name: str = "auc") -> PerformanceTrend:
    history = PerformanceHistory(DAY)
    for day, value in enumerate(values):
        history.add(verdicts(value, name), day * DAY)
    return history.trends(0.01)[name]


def test_a_steady_fall_is_declining() -> None:
    """Slope per day, significance, and the direction by what is good in the measure."""
    falling = [0.9 - 0.01 * day for day in range(10)]
    found = trend(falling)
    assert (found.direction, found.points) == ("declining", 10)
    assert found.slope == pytest.approx(-0.01)
    assert found.p_value < 0.001
    assert found.volatility_ratio == pytest.approx(0.0, abs=1e-9)
    assert trend(falling, "mae").direction == "improving"


def test_noise_is_stable() -> None:
    """At most 12 of 300 histories without a trend have one, and their volatility is that of their noise."""
    rng = np.random.default_rng(0)
    found = [trend((0.8 + 0.02 * rng.normal(size=12)).tolist()) for _ in range(300)]
    assert sum(each.direction != "stable" for each in found) <= 12
    assert np.mean([each.volatility_ratio for each in found]) == pytest.approx(0.025, rel=0.1)


def test_windows_that_overlap_count_once() -> None:
    """Checks every hour of a window of a day are one point a day."""
    history = PerformanceHistory(DAY)
    for hour in range(24 * 9):
        history.add(verdicts(0.8), hour * 3600.0)
    assert history.trends(0.01)["auc"].points == 9


def test_what_is_unknown_is_no_point() -> None:
    """No value, or too few rows for a state, and a bias: nothing to remember."""
    history = PerformanceHistory(DAY)
    for day in range(20):
        history.add({**verdicts(None), **verdicts(0.5, "f1", "unknown"), **verdicts(0.5, "bias")}, day * DAY)
    assert history.trends(0.01) == {}


def test_a_clock_set_back_begins_anew() -> None:
    """Points from the future cannot be put in order with now; a small step back adds none."""
    history = PerformanceHistory(DAY)
    for day in range(9):
        history.add(verdicts(0.8), day * DAY)
    history.add(verdicts(0.8), 8 * DAY - 60.0)
    assert history.trends(0.01)["auc"].points == 9
    history.add(verdicts(0.8), 0.0)
    assert history.trends(0.01) == {}


def test_a_trend_outlasts_a_restart() -> None:
    """By way of JSON, half of the windows before it and half after: the trend of all."""
    falling = [0.9 - 0.01 * day for day in range(10)]
    history = PerformanceHistory(DAY)
    for day, found in enumerate(falling):
        if day == 5:
            saved, history = json.dumps(history.to_dict()), PerformanceHistory(DAY)
            history.restore(json.loads(saved))
        history.add(verdicts(found), day * DAY)
    assert history.trends(0.01)["auc"] == trend(falling)


@pytest.mark.parametrize(
    "change",
    [
        {"spacing_seconds": 1.0},
        {"points": {"auc": [[1.0]]}},
        {"points": {"auc": [[1.0, float("nan")]]}},
        {"points": {"auc": [[2.0, 0.5], [1.0, 0.5]]}},
        {"points": {"smell": []}},
        {"points": 3},
    ],
)
def test_a_damaged_history_is_refused(change: dict[str, Any]) -> None:
    """And what is remembered stays."""
    history = PerformanceHistory(DAY)
    history.add(verdicts(0.8), 0.0)
    before = history.to_dict()
    with pytest.raises(ObservationError, match="saved history"):
        history.restore({**before, **change})
    assert history.to_dict() == before
