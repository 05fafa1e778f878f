import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import (
    ConfigError,
    InstrumentedPredictor,
    MemoryStore,
    ObservationError,
    Policy,
    Reference,
    Report,
    Window,
    check,
)
from exporter.gradual import LEAST_SCORES, ScoreHistory

DAY = 86400.0


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    return Reference.fit(rng.normal(size=(5000, 10)), model_name="m", model_version="1")


def report(reference: Reference, rng: np.random.Generator, day: int, shift: float) -> Report:
    rows = rng.normal(size=(2000, 10))
    rows[:, 3] += shift
    return check(reference, rows, Policy(only_deciding=True), clock=lambda: day * DAY)


def test_a_slow_rise_is_found_before_it_is_drift(reference: Reference, rng: np.random.Generator) -> None:
    """A column that moves a little every day is named while every check still calls it ok or a warning."""
    history = ScoreHistory(spacing_seconds=DAY)
    for day in range(12):
        found = report(reference, rng, day, 0.018 * day)
        assert found.features["f3"].state != "drift"
        history.add(found)
    rises = history.rising(Policy())
    assert set(rises) == {"f3"}
    rise = rises["f3"]
    assert rise.test == "ks"
    assert 0.5 < rise.level < 1.0
    assert 0.0 < rise.seconds_left <= 7 * DAY
    assert rise.level + rise.slope * rise.seconds_left == pytest.approx(1.0)
    assert rise.scores == 12


def test_noise_and_far_away_thresholds_are_quiet(reference: Reference, rng: np.random.Generator) -> None:
    """Undrifted scores do not rise, and a rise that needs weeks to matter is not told."""
    quiet, slow = ScoreHistory(spacing_seconds=DAY), ScoreHistory(spacing_seconds=DAY)
    for day in range(20):
        quiet.add(report(reference, rng, day, 0.0))
        slow.add(report(reference, rng, day, 0.008 * day))
    assert quiet.rising(Policy()) == {}
    assert slow.rising(Policy()) == {}
    assert "f3" in slow.rising(Policy(), horizon_seconds=365 * DAY)


def test_a_fall_is_no_drift(reference: Reference, rng: np.random.Generator) -> None:
    """A drift that goes away falls; that is no rise."""
    history = ScoreHistory(spacing_seconds=DAY)
    for day in range(12):
        history.add(report(reference, rng, day, 0.5 - 0.04 * day))
    assert history.rising(Policy()) == {}


def test_scores_are_spaced(reference: Reference, rng: np.random.Generator) -> None:
    """Of checks every five minutes, one a window is kept: overlapping windows are not news."""
    history = ScoreHistory(spacing_seconds=3600.0)
    one = report(reference, rng, 0, 0.0)
    kept = 0
    for minute in range(0, 180, 5):
        kept += history.add(check(reference, np.zeros((0, 10)), clock=lambda at=minute * 60.0: at))  # type: ignore[misc]
    assert kept == len(history) == 3
    assert not history.add(one) or one.checked_at - 7200.0 >= 3600.0


def test_memory_is_bounded(reference: Reference, rng: np.random.Generator) -> None:
    """The oldest scores go first."""
    history = ScoreHistory(spacing_seconds=DAY, limit=LEAST_SCORES)
    one = report(reference, rng, 0, 0.0)
    for _ in range(3):
        history.add(one)
    assert len(history) == 1
    empty = [check(reference, np.zeros((0, 10)), clock=lambda at=day * DAY: at) for day in range(1, 20)]  # type: ignore[misc]
    for later in empty:
        history.add(later)
    assert len(history) == LEAST_SCORES


def test_history_survives_json(reference: Reference, rng: np.random.Generator) -> None:
    """The history can be kept as JSON, and something else is refused."""
    history, other = ScoreHistory(spacing_seconds=DAY), ScoreHistory(spacing_seconds=DAY)
    for day in range(12):
        history.add(report(reference, rng, day, 0.018 * day))
    other.restore(json.loads(json.dumps(history.to_dict())))
    assert other.rising(Policy()) == history.rising(Policy())
    with pytest.raises(ObservationError, match="need what to_dict gave"):
        other.restore({"spacing_seconds": DAY, "times": [1.0], "scores": {"ks": [1]}})
    with pytest.raises(ObservationError, match=r"found a window of 86400.0 s, need 3600.0 s"):
        ScoreHistory(spacing_seconds=3600.0).restore(history.to_dict())
    assert other.rising(Policy()) == history.rising(Policy())


@pytest.mark.parametrize(("spacing", "limit"), [(0.0, 100), (60.0, 3)])
def test_bad_histories_are_refused(spacing: float, limit: int) -> None:
    """A history needs a spacing and room for a trend."""
    with pytest.raises(ConfigError, match="score history: found"):
        ScoreHistory(spacing_seconds=spacing, limit=limit)


def test_a_monitor_follows_the_scores_of_its_windows(
    reference: Reference,
    rng: np.random.Generator,
    registry: CollectorRegistry,
    clock: Any,
    tmp_path: Path,
) -> None:
    """Checks that overlap add nothing; a trend needs eight windows side by side, and outlasts a restart."""

    def start(registry: CollectorRegistry) -> InstrumentedPredictor:
        return InstrumentedPredictor(
            lambda rows: rows[:, 0], name="m", version="1", reference=reference, registry=registry,
            clock=clock, windows=(Window("1d", DAY),), store=MemoryStore(retention_hours=48),
            background=False, state_path=tmp_path / "state.json",
        )  # fmt: skip

    predictor = start(registry)

    def read(name: str, feature: str) -> float | None:
        labels = {"feature_name": feature, "test_type": "ks", "window": "1d"}
        return registry.get_sample_value(name, {"model_name": "m", "model_version": "1", **labels})

    for day in range(12):
        rows = rng.normal(size=(2000, 10))
        rows[:, 3] += 0.018 * day
        predictor(rows)
        predictor.check_now()
        clock.advance(DAY / 2)
        predictor.check_now()
        clock.advance(DAY / 2 + 1)
        if day < LEAST_SCORES - 1:
            assert read("model_drift_trend", "f3") is None
    assert read("model_drift_trend", "f3") == 1
    assert read("model_drift_trend", "f0") == 0
    slope = read("model_drift_trend_slope", "f3")
    assert slope is not None
    assert 0.01 < slope < 0.2
    anew = CollectorRegistry()
    restarted = start(anew)
    restarted.check_now()
    labels = {
        "model_name": "m",
        "model_version": "1",
        "feature_name": "f3",
        "test_type": "ks",
        "window": "1d",
    }
    assert anew.get_sample_value("model_drift_trend", labels) == 1
    rising = [trend.column for trend in restarted._monitor.drift_trends["1d"] if trend.rising]
    assert rising == ["f3"]
