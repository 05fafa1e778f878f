from __future__ import annotations

import time

import numpy as np
import pytest

from exporter.performance import ClassificationRows, Measure, classify
from exporter.performance.probability import CalibrationCurve
from exporter.performance.rolling import RollingPerformance


def test_the_newest_rows_have_the_measures_of_a_whole_computation() -> None:
    """After each of 120 batches, through several turns of the window, all measures are those of its rows."""
    rng = np.random.default_rng(1)
    rolling = RollingPerformance(1000)
    truth, scores = np.empty(0, dtype=np.int64), np.empty(0)
    for _ in range(120):
        n = int(rng.integers(1, 300))
        new = np.round(rng.uniform(size=n), 2)
        came = (rng.uniform(size=n) < new).astype(np.int64)
        rolling.update(came, (new > 0.5).astype(np.int64), new)
        truth, scores = np.append(truth, came)[-1000:], np.append(scores, new)[-1000:]
        rows = ClassificationRows(
            classes=("0", "1"), truth=truth, predicted=(scores > 0.5).astype(np.int64), scores=scores
        )
        expected = classify(rows).measures
        for name, measure in rolling.measures().items():
            assert measure.value == pytest.approx(expected[name].value, abs=1e-12), name
    assert rolling.n_rows == 1000


def test_a_batch_larger_than_the_window_leaves_its_end() -> None:
    """Only the newest rows count, however many come at once."""
    rolling = RollingPerformance(3)
    rolling.update(np.array([1, 0, 1, 0]), np.array([0, 0, 1, 0]), np.array([0.1, 0.2, 0.8, 0.3]))
    found = rolling.measures()
    assert (rolling.n_rows, found["accuracy"].value, found["auc"].value) == (3, 1.0, 1.0)


def test_one_class_has_no_area() -> None:
    """As everywhere: unknown with its reason, and nothing at all before the first outcome."""
    rolling = RollingPerformance(10)
    assert rolling.measures()["accuracy"].value is None
    rolling.update(np.array([1, 1]), np.array([1, 0]), np.array([0.9, 0.4]))
    assert rolling.measures()["auc"].reason == "only one class among the outcomes"


@pytest.mark.parametrize("score", [1.5, float("nan")])
def test_scores_must_be_probabilities(score: float) -> None:
    """A NaN in a sum would never leave it again."""
    with pytest.raises(ValueError, match="need probabilities"):
        RollingPerformance(10).update(np.array([1]), np.array([1]), np.array([score]))


def test_an_update_does_not_read_the_whole_window() -> None:
    """With a million rows held, a batch of 100 takes less processor time than 10 ms at the median."""
    rng = np.random.default_rng(2)
    rolling = RollingPerformance(1_000_000)
    scores = rng.uniform(size=1_000_000)
    rolling.update((rng.uniform(size=1_000_000) < scores).astype(np.int64), np.ones(1_000_000, int), scores)
    taken = []
    for _ in range(30):
        batch = rng.uniform(size=100)
        began = time.thread_time()
        rolling.update((batch > 0.4).astype(np.int64), np.ones(100, int), batch)
        rolling.measures()
        taken.append(time.thread_time() - began)
    assert np.median(taken) < 0.010


def test_a_tenth_that_all_rows_have_left_is_empty() -> None:
    """Its sums are then rounding alone, which could be below zero and have no root."""
    rng = np.random.default_rng(3)
    rolling = RollingPerformance(200)
    for low, high in ((0.8, 0.9), (0.1, 0.2), (0.8, 0.9), (0.3, 0.4)):
        for _ in range(10):
            scores = rng.uniform(low, high, size=20)
            rolling.update((rng.uniform(size=20) < scores).astype(np.int64), np.ones(20, int), scores)
        expected = scores_in_one_bin(rolling)
        found = rolling.measures()["calibration_error"]
        assert found.value == pytest.approx(expected.value, abs=1e-12)
        assert found.low == pytest.approx(expected.low, abs=1e-12)


def scores_in_one_bin(rolling: RollingPerformance) -> Measure:
    """The calibration error of the rows that are held, computed anew."""
    return CalibrationCurve.of(rolling._truth == 1, rolling._scores).error()
