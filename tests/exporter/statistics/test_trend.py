from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics import mann_kendall

histories = st.lists(st.integers(-50, 50).map(lambda v: v / 16), min_size=4, max_size=40)


@given(histories)
def test_agrees_with_scipy(scores: list[float]) -> None:
    """Slope is SciPy's Theil-Sen slope, tau its Kendall tau, ties or not."""
    trend = mann_kendall(scores)
    assert trend.slope == pytest.approx(stats.theilslopes(scores).slope, abs=1e-12)
    if len(set(scores)) > 1:
        assert trend.tau == pytest.approx(stats.kendalltau(range(len(scores)), scores).statistic, abs=1e-12)


def test_variance_by_hand() -> None:
    """Ten scores that rise without a tie: S = 45, variance 125, z = 44 / sqrt(125)."""
    trend = mann_kendall(np.arange(10.0))
    assert (trend.statistic, trend.tau, trend.slope) == (45, 1.0, 1.0)
    assert trend.z == pytest.approx(44 / math.sqrt(125), rel=1e-14)
    assert trend.p_value == pytest.approx(2 * stats.norm.sf(44 / math.sqrt(125)), rel=1e-12)


def test_ties_lower_the_variance() -> None:
    """Two pairs of ties among six: (6 * 5 * 17 - 2 * 2 * 9) / 18."""
    trend = mann_kendall([1.0, 1.0, 2.0, 2.0, 3.0, 4.0])
    assert trend.z == pytest.approx((13 - 1) / math.sqrt((6 * 5 * 17 - 2 * 2 * 9) / 18), rel=1e-12)


@given(histories)
def test_backwards_is_the_opposite(scores: list[float]) -> None:
    """Reversed in time, slope and z change sign and the p-value stays."""
    there, back = mann_kendall(scores), mann_kendall(scores[::-1])
    assert back.slope == pytest.approx(-there.slope, abs=1e-12)
    assert back.z == pytest.approx(-there.z, abs=1e-12)
    assert back.p_value == pytest.approx(there.p_value)


@given(histories, st.floats(0.5, 8.0))
def test_units_of_time_scale_the_slope_alone(scores: list[float], unit: float) -> None:
    """Hours instead of minutes change the slope and nothing else."""
    plain = mann_kendall(scores)
    scaled = mann_kendall(scores, np.arange(len(scores)) * unit + 3.0)
    assert scaled.slope == pytest.approx(plain.slope / unit, abs=1e-9)
    assert scaled.p_value == plain.p_value


def test_a_slow_rise_is_found(rng: np.random.Generator) -> None:
    """A tenth of the noise per check, over 40 checks, is found; one wild score does not matter."""
    scores = 0.1 * np.arange(40) + rng.normal(size=40)
    scores[7] = 1e6
    trend = mann_kendall(scores)
    assert trend.p_value < 1e-4
    assert trend.slope == pytest.approx(0.1, abs=0.04)


def test_rate_of_false_alarms(rng: np.random.Generator) -> None:
    """Without a trend, 1 % of independent histories are called one at alpha 1 %, or fewer."""
    alarms = [mann_kendall(rng.normal(size=12)).p_value <= 0.01 for _ in range(4000)]
    assert np.mean(alarms) < 0.0145


def test_dependent_scores_need_the_lag(rng: np.random.Generator) -> None:
    """Means over six overlapping steps look like trends in a third of cases, with the lag given in a few."""
    plain, allowed = [], []
    for _ in range(300):
        scores = np.convolve(rng.normal(size=125), np.ones(6) / 6, mode="valid")
        plain.append(mann_kendall(scores).p_value <= 0.05)
        allowed.append(mann_kendall(scores, lag=6).p_value <= 0.05)
    assert np.mean(plain) > 0.25
    assert np.mean(allowed) < 0.15


def test_checks_without_a_score_are_left_out() -> None:
    """NaN leaves a gap in time, not a zero."""
    with_gap = mann_kendall([1.0, 2.0, math.nan, 4.0, 5.0])
    assert (with_gap.n, with_gap.slope) == (4, 1.0)


def test_a_constant_history_has_no_trend() -> None:
    """Equal scores have slope 0 and p-value 1."""
    trend = mann_kendall([0.1] * 20)
    assert (trend.slope, trend.z, trend.p_value) == (0.0, 0.0, 1.0)


def test_refuses_what_it_cannot_test() -> None:
    """Too few scores, too many, times that do not fit or do not rise."""
    with pytest.raises(InsufficientDataError, match="found 3 scores, need at least 4"):
        mann_kendall([1.0, 2.0, math.nan, 3.0])
    with pytest.raises(ObservationError, match="found 2001 scores"):
        mann_kendall(np.arange(2001.0))
    with pytest.raises(ObservationError, match="4 scores and 3 times"):
        mann_kendall([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    with pytest.raises(ObservationError, match="do not rise"):
        mann_kendall([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 3.0])
