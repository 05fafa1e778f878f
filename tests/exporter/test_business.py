from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from exporter.business import (
    BusinessMeasure,
    business_measures,
    correlate,
    measure_named,
    names_of,
    per_step,
)
from exporter.errors import ConfigError, InsufficientDataError, ObservationError

NAN = float("nan")


def autoregressive(rng: np.random.Generator, n: int, rho: float) -> NDArray[np.float64]:
    values = np.zeros(n + 50)
    for i, noise in enumerate(rng.normal(size=n + 49), start=1):
        values[i] = rho * values[i - 1] + noise
    return values[50:]


def test_measures_are_named_in_the_configuration() -> None:
    """By name, with kind and description; series of each kind are known at start-up."""
    measures = business_measures(
        [
            {"name": "revenue_euros", "kind": "counter", "description": "Booked"},
            {"name": "open_claims", "kind": "gauge"},
        ]
    )
    assert measures["revenue_euros"] == BusinessMeasure("revenue_euros", "counter", "Booked")
    assert names_of(measures, "gauge") == ("open_claims",)
    assert measure_named(measures, "open_claims").kind == "gauge"
    assert business_measures([]) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"name": "Revenue", "kind": "counter"}], r"business\[0\].name: found 'Revenue'"),
        ([{"name": "a" * 64, "kind": "counter"}], r"business\[0\].name: found"),
        ([{"kind": "counter"}], r"business\[0\].name: found None"),
        ([{"name": "a", "kind": "rate"}], r"business\[0\].kind: found 'rate', need counter or gauge"),
        ([{"name": "a", "kind": "gauge", "unit": "s"}], r"business\[0\]: found 'unit'"),
        (
            [{"name": "a", "kind": "gauge"}, {"name": "a", "kind": "counter"}],
            r"business\[1\].name: found 'a' twice",
        ),
    ],
)
def test_measures_that_cannot_be_used_are_refused(settings: list[dict[str, Any]], message: str) -> None:
    """With where, what was found and what is needed."""
    with pytest.raises(ConfigError, match=message):
        business_measures(settings)


def test_values_are_finite_and_counters_never_fall() -> None:
    """A gauge may be negative."""
    counter, gauge = BusinessMeasure("c", "counter"), BusinessMeasure("g", "gauge")
    assert counter.checked(2) == 2.0
    assert gauge.checked(-1.5) == -1.5
    with pytest.raises(ObservationError, match="c: found -1, need 0 or more"):
        counter.checked(-1)
    for bad in (NAN, math.inf, "much", None):
        with pytest.raises(ObservationError, match=r"g: found .*, need a finite number"):
            gauge.checked(bad)  # type: ignore[arg-type]


def test_names_that_are_not_configured_are_refused() -> None:
    """Traffic makes no series."""
    with pytest.raises(ObservationError, match="business measure: found 'x', need one of revenue"):
        measure_named({"revenue": BusinessMeasure("revenue", "gauge")}, "x")
    with pytest.raises(ObservationError, match="need one of none, since business is empty"):
        measure_named({}, "x")


def test_steps_hold_means_or_sums_and_gaps() -> None:
    """In any order of times; values outside the grid and those that are none are left out."""
    times, values = [25.0, 5.0, 0.0, 30.0, -1.0, 12.0], [7.0, 3.0, 1.0, 99.0, 99.0, NAN]
    grid = {"start": 0.0, "step_seconds": 10.0, "n_steps": 3}
    assert per_step(times, values, **grid).tolist()[::2] == [2.0, 7.0]  # type: ignore[arg-type]
    sums = per_step(times, values, how="sum", **grid)  # type: ignore[arg-type]
    assert sums.tolist()[::2] == [4.0, 7.0]
    assert math.isnan(sums[1])


def test_coefficients_are_those_of_scipy(rng: np.random.Generator) -> None:
    """At every lag, with ties; and the p-value too when the points are independent."""
    business, score = rng.integers(0, 5, 60).astype(float), rng.integers(0, 5, 60).astype(float)
    for lag in correlate(business, score).lags:
        expected = spearmanr(business[lag.lag :], score[: 60 - lag.lag])
        assert lag.coefficient == pytest.approx(expected.statistic, abs=1e-12)
        assert lag.points == 60 - lag.lag
        if lag.effective_points == lag.points:
            assert lag.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("lag", [0, 3, 7])
def test_a_metric_that_follows_is_found_with_its_lag(lag: int, rng: np.random.Generator) -> None:
    """Revenue falls some days after drift has risen; the interval holds the coefficient and not 0."""
    drift = autoregressive(rng, 120, 0.5)
    revenue = -np.roll(drift, lag) + 0.5 * rng.normal(size=120)
    found = correlate(revenue, drift)
    assert found.related
    assert found.best.lag == lag
    assert found.best.low < found.best.coefficient < found.best.high < 0.0


@pytest.mark.parametrize(("rho", "differences"), [(0.0, False), (0.8, False), (1.0, False), (1.0, True)])
def test_unrelated_series_are_seldom_called_related(rho: float, differences: bool) -> None:
    """Also when they move slowly, where the textbook test finds a relation most of the time."""
    rng = np.random.default_rng(11)
    pairs = [(autoregressive(rng, 60, rho), autoregressive(rng, 60, rho)) for _ in range(60)]
    related = [correlate(*pair, differences=differences, max_lag=3).related for pair in pairs]
    assert np.mean(related) <= 0.12  # 5 % and three standard deviations of 60 pairs are 0.13
    if rho == 1.0 and not differences:
        assert np.mean([spearmanr(*pair).pvalue < 0.05 for pair in pairs]) > 0.4


def test_gaps_are_left_out_pair_by_pair(rng: np.random.Generator) -> None:
    """A step counts when both have it."""
    drift = rng.normal(size=80)
    revenue = -drift + 0.1 * rng.normal(size=80)
    revenue[::4] = NAN
    drift[1::8] = NAN
    found = correlate(revenue, drift)
    assert found.related
    assert found.best.lag == 0
    assert found.best.points == int(np.sum(~np.isnan(revenue) & ~np.isnan(drift)))


def test_a_perfect_correlation_has_no_width() -> None:
    """Its interval is the coefficient itself; it is not a division by zero."""
    values = np.random.default_rng(12).normal(size=40)
    found = correlate(values, values)
    assert (found.best.lag, found.best.coefficient, found.best.p_value) == (0, 1.0, 0.0)
    assert (found.best.low, found.best.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("business", "score"),
    [
        (np.arange(19.0), np.arange(19.0)),
        (np.ones(50), np.arange(50.0)),
        (np.arange(50.0), np.full(50, NAN)),
        ([], []),
    ],
)
def test_too_little_to_tell_is_unknown(business: Any, score: Any) -> None:
    """Few points, a constant, or gaps everywhere: never a coefficient of 0."""
    with pytest.raises(InsufficientDataError, match=r"correlation: found .* steps with both values, need 20"):
        correlate(business, score)


def test_series_of_other_lengths_and_bad_parameters_are_refused() -> None:
    """With what was found."""
    with pytest.raises(ObservationError, match="score: found 2 steps for 3 of business"):
        correlate([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ConfigError, match="correlate: found max_lag -1"):
        correlate([1.0], [1.0], max_lag=-1)
    with pytest.raises(ConfigError, match="step: found 0 of"):
        per_step([0.0], [0.0], start=0.0, step_seconds=1.0, n_steps=0)
    with pytest.raises(ObservationError, match="values: found 1 for 2 times"):
        per_step([0.0, 1.0], [0.0], start=0.0, step_seconds=1.0, n_steps=1)
