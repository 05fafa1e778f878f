from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics import Sample

finite = st.floats(allow_nan=False, allow_infinity=False)
columns = st.lists(finite, min_size=1, max_size=60)


def distance(a: Sample, b: Sample) -> float:
    """Largest distance between two distribution functions, the slow way."""
    points = np.concatenate([a.values, b.values])

    def at(sample: Sample) -> np.ndarray:
        before = np.concatenate([[0], sample.cumulative])
        return before[np.searchsorted(sample.values, points, side="right")] / sample.n

    return float(np.abs(at(a) - at(b)).max())


def test_counts_ties() -> None:
    """Equal values become one value with its count."""
    sample = Sample.of([3.0, 1.0, 3.0, 2.0, 3.0])
    assert sample.values.tolist() == [1.0, 2.0, 3.0]
    assert sample.counts.tolist() == [1, 1, 3]
    assert sample.cumulative.tolist() == [1, 2, 5]
    assert (sample.n, sample.minimum, sample.maximum, sample.ks_error) == (5, 1.0, 3.0, 0.0)


def test_negative_zero_is_zero() -> None:
    """-0.0 and 0.0 are one value, written 0.0."""
    sample = Sample.of([-0.0, 0.0, -0.0])
    assert sample.counts.tolist() == [3]
    assert math.copysign(1.0, sample.minimum) == 1.0


def test_integers_beyond_exact_floats_are_rounded() -> None:
    """Integers beyond 2**53 are the nearest float, so neighbours become one value."""
    assert Sample.of([2**53, 2**53 + 1]).counts.tolist() == [2]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_refuses_what_is_not_finite(bad: float) -> None:
    """A value that is not finite is refused, since it would not sort or subtract."""
    with pytest.raises(ObservationError, match="NaN or infinite"):
        Sample.of([1.0, bad, 2.0])


def test_refuses_no_values() -> None:
    """An empty column has no distribution."""
    with pytest.raises(InsufficientDataError, match="found 0 observations"):
        Sample.of([])


def test_does_not_touch_its_input() -> None:
    """The caller's array stays as it was."""
    array = np.array([2.0, -0.0, 1.0])
    Sample.of(array)
    assert array.tolist() == [2.0, -0.0, 1.0]
    assert math.copysign(1.0, array[1]) == -1.0


def test_is_frozen() -> None:
    """A sample cannot be changed by assignment."""
    with pytest.raises(FrozenInstanceError):
        Sample.of([1.0]).ks_error = 0.5  # type: ignore[misc]


@given(columns, st.randoms())
def test_order_does_not_matter(values: list[float], shuffler: object) -> None:
    """The same values in another order give the same sample."""
    shuffled = list(values)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Sample.of(shuffled) == Sample.of(values)


@given(columns, columns)
def test_merge_equals_building_from_both(a: list[float], b: list[float]) -> None:
    """Merging loses nothing."""
    assert Sample.of(a).merge(Sample.of(b)) == Sample.of(a + b)


@given(columns, st.floats(0.0, 1.0))
def test_quantile_is_numpys_inverted_cdf(values: list[float], q: float) -> None:
    """A quantile is an observed value: the smallest with at least a share q at or below it."""
    sample = Sample.of(values)
    value = sample.quantile(q)
    at_or_below = int(sample.counts[sample.values <= value].sum())
    below = int(sample.counts[sample.values < value].sum())
    n = sample.n
    assert at_or_below >= q * n * (1.0 - 1e-12)
    assert below < q * n * (1.0 + 1e-12) or below == 0


def test_quantile_of_a_decimal_share_is_not_one_rank_late() -> None:
    """0.1 * 30 is 3.0000000000000004 in floats and still means rank 3."""
    assert Sample.of(np.arange(1.0, 31.0)).quantile(0.1) == 3.0


def test_quantile_refuses_what_is_not_a_share() -> None:
    """A quantile outside [0, 1] is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"q=1\.5"):
        Sample.of([1.0]).quantile(1.5)


@given(st.lists(st.integers(0, 200).map(float), min_size=1, max_size=400), st.integers(2, 40))
def test_compressed_error_is_what_it_says(values: list[float], points: int) -> None:
    """The stated error is the true distance from the data, and the total stays the same."""
    exact = Sample.of(values)
    small = exact.compress(points)
    assert small.n == exact.n
    assert distance(exact, small) == pytest.approx(small.ks_error, abs=1e-15)
    assert (small.minimum, small.maximum) == (exact.minimum, exact.maximum)


def test_compressed_size_and_error(rng: np.random.Generator) -> None:
    """1,000 points hold 100,000 distinct values to about one in a thousand."""
    sample = Sample.of(rng.normal(size=100_000)).compress(1000)
    assert sample.values.size <= 1000
    assert 0.001 <= sample.ks_error <= 0.00102


def test_compression_keeps_atoms(rng: np.random.Generator) -> None:
    """The zeros of a zero-inflated column keep their exact share."""
    values = np.where(rng.random(50_000) < 0.4, 0.0, rng.normal(size=50_000))
    sample = Sample.of(values).compress(200)
    zero = int(np.searchsorted(sample.values, 0.0))
    assert sample.counts[zero] == np.count_nonzero(values == 0.0)


def test_errors_add_up_over_compression_and_merging(rng: np.random.Generator) -> None:
    """The error of a merged and again compressed sample bounds its true distance."""
    parts = [rng.normal(size=5000), rng.exponential(size=20_000)]
    merged = Sample.of(parts[0]).compress(300).merge(Sample.of(parts[1]).compress(200)).compress(150)
    true = distance(Sample.of(np.concatenate(parts)), merged)
    assert 0.0 < true <= merged.ks_error < 0.03


def test_small_samples_are_not_compressed() -> None:
    """A sample that fits stays exact."""
    sample = Sample.of([1.0, 2.0, 3.0])
    assert sample.compress(3) is sample


def test_compression_needs_two_points() -> None:
    """One point cannot hold both ends."""
    with pytest.raises(ValueError, match="points=1"):
        Sample.of([1.0, 2.0]).compress(1)


@given(columns, finite, finite)
def test_clip_equals_clipping_first(values: list[float], a: float, b: float) -> None:
    """Winsorising a sample equals winsorising its values."""
    low, high = min(a, b), max(a, b)
    assert Sample.of(values).clip(low, high) == Sample.of(np.clip(values, low, high))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300))
def test_percentiles_are_the_quantiles_of_whole_percents(values: list[float]) -> None:
    """From the smallest value to the largest, each as `quantile` has it."""
    sample = Sample.of(values)
    assert sample.percentiles().tolist() == [sample.quantile(percent / 100) for percent in range(101)]


def test_clip_refuses_crossed_bounds() -> None:
    """A range that ends before it begins is a mistake of the caller."""
    with pytest.raises(ValueError, match=r"low=2\.0"):
        Sample.of([1.0]).clip(2.0, 1.0)


def test_is_unequal_to_other_things() -> None:
    """Equality compares data, not types."""
    assert Sample.of([1.0]) != [1.0]
    assert Sample.of([1.0]) != Sample.of([2.0])
