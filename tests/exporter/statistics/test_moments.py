from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics import Moments, Sample

columns = st.lists(st.floats(-1e3, 1e3).map(lambda v: round(v, 3)), min_size=1, max_size=50)


def close(a: Moments, b: Moments) -> bool:
    """Whether two results agree up to rounding."""
    scale = max(a.std, b.std, 1e-300)
    return (
        a.n == b.n
        and abs(a.mean - b.mean) <= 1e-9 * max(1.0, abs(a.mean))
        and math.isclose(a.std, b.std, rel_tol=1e-9, abs_tol=1e-9)
        and (scale < 1e-6 or (abs(a.skewness - b.skewness) < 1e-5 and abs(a.kurtosis - b.kurtosis) < 1e-4))
    )


def test_agrees_with_scipy(rng: np.random.Generator) -> None:
    """Mean, spread, skewness and kurtosis are NumPy's and SciPy's."""
    values = rng.lognormal(size=2000)
    moments = Moments.of(values)
    assert moments.n == 2000
    assert moments.mean == pytest.approx(values.mean(), rel=1e-13)
    assert moments.std == pytest.approx(values.std(), rel=1e-12)
    assert moments.skewness == pytest.approx(stats.skew(values), rel=1e-12)
    assert moments.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False), rel=1e-12)
    assert moments.variance == pytest.approx(values.var(ddof=1), rel=1e-12)
    assert moments.m2 == pytest.approx(((values - values.mean()) ** 2).sum(), rel=1e-12)


def test_a_constant_has_no_spread() -> None:
    """Ten times 0.1 has a standard deviation of exactly 0, whatever its sum rounds to."""
    moments = Moments.of([0.1] * 10)
    assert (moments.mean, moments.std, moments.skewness, moments.kurtosis) == (0.1, 0.0, 0.0, 3.0)


def test_one_value_has_no_variance() -> None:
    """The unbiased variance of one value is not a number; its spread is 0."""
    assert math.isnan(Moments.of([3.0]).variance)
    assert Moments.of([3.0]).m2 == 0.0


def test_the_largest_floats_do_not_overflow() -> None:
    """Moments of 1e308 are finite, and only their square is not."""
    top = float(np.finfo(np.float64).max)
    moments = Moments.of([-top, top])
    assert (moments.mean, moments.std, moments.kurtosis) == (0.0, top, 1.0)
    assert moments.variance == math.inf
    assert moments.m2 == math.inf


def test_the_smallest_floats_do_not_vanish() -> None:
    """Values near 1e-300 keep their shape, though their squares are below the smallest float."""
    small, large = Moments.of([0.0, 1e-300, 5e-300]), Moments.of([0.0, 1.0, 5.0])
    assert small.skewness == pytest.approx(large.skewness, rel=1e-12)
    assert small.std == pytest.approx(large.std * 1e-300, rel=1e-12)
    assert Moments.of([0.0, 5e-324]).n == 2


def test_a_large_offset_costs_no_precision(rng: np.random.Generator) -> None:
    """The spread of values around 1e9 is right, where a sum of squares would lose it."""
    values = rng.normal(size=1000)
    assert Moments.of(values + 1e9).std == pytest.approx(values.std(), rel=1e-6)


@given(columns, columns)
def test_merge_equals_building_from_both(a: list[float], b: list[float]) -> None:
    """Merged moments are those of all observations, up to rounding."""
    assert close(Moments.of(a).merge(Moments.of(b)), Moments.of(a + b))


@given(columns, columns)
def test_merge_does_not_mind_the_order(a: list[float], b: list[float]) -> None:
    """Merging is symmetric up to rounding."""
    assert close(Moments.of(a).merge(Moments.of(b)), Moments.of(b).merge(Moments.of(a)))


def test_merging_the_largest_floats() -> None:
    """Parts at both ends of the float range merge without overflow."""
    top = float(np.finfo(np.float64).max)
    merged = Moments.of([top, top]).merge(Moments.of([-top, -top]))
    assert (merged.mean, merged.std) == (0.0, top)


@given(columns)
def test_a_sample_has_the_moments_of_its_data(values: list[float]) -> None:
    """Counts serve as weights."""
    assert close(Moments.of_sample(Sample.of(values)), Moments.of(values))


def test_refuses_no_values() -> None:
    """Nothing has no mean."""
    with pytest.raises(InsufficientDataError, match="found 0 observations"):
        Moments.of([])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_refuses_what_is_not_finite(bad: float) -> None:
    """A value that is not finite has no distance from a mean."""
    with pytest.raises(ObservationError, match="NaN or infinite"):
        Moments.of([1.0, bad])
