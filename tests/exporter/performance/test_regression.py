from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from exporter.performance import regress


def test_regression_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    """Every measure is scikit-learn's to the twelfth digit."""
    truth = rng.normal(10, 3, size=2000)
    predicted = truth + rng.normal(0.2, 1.0, size=2000)
    found = regress(truth, predicted)
    expected = {
        "mae": metrics.mean_absolute_error(truth, predicted),
        "rmse": metrics.root_mean_squared_error(truth, predicted),
        "mape": metrics.mean_absolute_percentage_error(truth, predicted),
        "r2": metrics.r2_score(truth, predicted),
        "bias": float(np.mean(predicted - truth)),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("name", ["mae", "rmse", "mape", "r2", "bias"])
def test_intervals_hold_the_truth_as_often_as_they_promise(name: str) -> None:
    """Over 300 windows of 400 rows the 95 % interval holds the value of many rows in 90 to 99 %."""
    rng = np.random.default_rng(11)

    def window(n: int) -> dict[str, object]:
        truth = rng.uniform(5, 15, size=n)
        return dict(regress(truth, truth + rng.normal(0.3, 1.0, size=n)))

    expected = window(400_000)[name].value  # type: ignore[attr-defined]
    inside = 0
    for _ in range(300):
        found = window(400)[name]
        inside += found.low <= expected <= found.high  # type: ignore[attr-defined]
    assert 0.90 <= inside / 300 <= 0.995


def test_what_is_not_defined_is_unknown() -> None:
    """A percentage of zero, an R² of constant truth, measures of nothing: reasons, no numbers."""
    found = regress(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    assert found["mape"].reason == "a true value is 0, of which no error is a percentage"
    assert found["r2"].reason == "the true values are all the same"
    assert found["mae"].value == 2.0
    assert all(measure.reason == "no rows" for measure in regress(np.empty(0), np.empty(0)).values())
    one = regress(np.array([1.0]), np.array([1.5]))
    assert (one["bias"].value, one["bias"].low) == (0.5, None)
    assert regress(np.ones(2), np.ones(2))["rmse"].value == 0.0


@pytest.mark.parametrize("sentinel", [-1.7976931348623157e308, 1.797e308, 1e200])
def test_a_number_too_large_to_square_makes_measures_unknown(
    rng: np.random.Generator, sentinel: float
) -> None:
    """One outcome that stands for a missing one, as some databases write it: a reason, and no infinity."""
    truth = rng.normal(size=100)
    predicted = truth + 0.5
    truth[3] = sentinel
    found = regress(truth, predicted)
    for name in ("rmse", "r2"):
        assert (found[name].value, found[name].reason) == (None, "the numbers are too large to compute it")
        assert found[name].n == 100
    assert found["mae"].value == pytest.approx(abs(sentinel) / 100)
    assert (found["mae"].low, found["mae"].high, found["mae"].standard_error) == (None, None, None)


def test_no_measure_of_finite_numbers_is_infinite() -> None:
    """Errors that overflow, sums that do, one row, and an R² whose parts would hide what the other lost."""
    most = np.finfo(np.float64).max
    cases = [
        ([-most, 1.0, 2.0], [most, 1.0, 2.0]),
        ([-most], [most]),
        ([-most, 1.0, 2.0], [-most, 1.0, 2.5]),
        ([5e-324, 1.0, 2.0], [1e308, 1.0, 2.0]),
        ([0.5e154, 1.9e154, -1.9e154], [1.6e154, 1.9e154, -1.9e154]),
    ]
    for truth, predicted in cases:
        for measure in regress(np.array(truth), np.array(predicted)).values():
            numbers = (measure.value, measure.low, measure.high, measure.standard_error)
            assert all(number is None or np.isfinite(number) for number in numbers)
            assert (measure.value is None) == (measure.reason is not None)
    r2 = regress(*map(np.array, cases[-1]))["r2"]
    assert r2.reason == "the numbers are too large to compute it"
