from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics import (
    Moments,
    Sample,
    bin_counts,
    hellinger,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    normalised_wasserstein,
    psi,
    quantile_edges,
    wasserstein,
)

BINNED = [psi, jensen_shannon_divergence, jensen_shannon_distance, hellinger]
Binned = Callable[[object, object], float]

counts = arrays(np.int64, 6, elements=st.integers(0, 1000)).filter(lambda c: c.sum() > 0)
columns = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def test_psi_by_hand() -> None:
    """Half against 60/40: 0.1 * ln(0.6 / 0.5) + 0.1 * ln(0.5 / 0.4)."""
    expected = 0.1 * math.log(0.6 / 0.5) + 0.1 * math.log(0.5 / 0.4)
    assert psi([50, 50], [600, 400]) == pytest.approx(expected, rel=1e-14)


def test_psi_of_ten_bins_by_hand() -> None:
    """A scorecard in ten bins (shares in per cent) adds up bin by bin."""
    reference = np.array([8, 10, 9, 13, 11, 10, 11, 9, 10, 9])
    current = np.array([7, 8, 7, 9, 11, 11, 10, 12, 11, 14])
    p, q = reference / 100, current / 100
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert psi(reference, current) == pytest.approx(by_hand, rel=1e-13)
    assert psi(reference, current) == pytest.approx(0.0591, abs=5e-5)


def test_an_empty_bin_counts_half_an_observation() -> None:
    """Share 0.5 / 100 stands for a bin that the current sample left empty."""
    expected = (0.2 - 0.005) * math.log(0.2 / 0.005) + (0.8 - 1.0) * math.log(0.8)
    assert psi([20, 80], [0, 100]) == pytest.approx(expected, rel=1e-14)


def test_an_empty_bin_is_not_made_fuller_than_the_other() -> None:
    """A bin with one in a million adds nothing when a window of 100 leaves it empty."""
    assert psi([1, 999_999], [0, 100]) == pytest.approx(0.0, abs=1e-11)


@pytest.mark.parametrize("total", [10**2, 10**4, 10**6])
def test_one_empty_bin_does_not_own_the_result(total: int) -> None:
    """A bin that loses its 1 % adds less than a reading of 0.1, whatever the sample size."""
    reference = np.array([total // 100, total - total // 100])
    assert psi(reference, [0, total]) < 0.1


def test_psi_takes_fractional_counts() -> None:
    """Counters that Prometheus extrapolates are fractional; without empty bins, scale does not matter."""
    assert psi([50.5, 49.5], [60.2, 39.8]) == pytest.approx(psi([505, 495], [602, 398]), rel=1e-12)
    assert psi([0.505, 0.495], [0.602, 0.398]) == pytest.approx(psi([505, 495], [602, 398]), rel=1e-12)


def test_jensen_shannon_by_hand() -> None:
    """(1/2, 1/2) against (1, 0) in bits: 3/2 - 3/4 * log2(3)."""
    assert jensen_shannon_divergence([1, 1], [7, 0]) == pytest.approx(1.5 - 0.75 * math.log2(3), rel=1e-14)


def test_hellinger_by_hand() -> None:
    """(1/2, 1/2) against (1, 0): sqrt(1 - sqrt(1/2))."""
    assert hellinger([1, 1], [7, 0]) == pytest.approx(math.sqrt(1.0 - math.sqrt(0.5)), rel=1e-14)


@given(counts, counts)
def test_jensen_shannon_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    """The distance is SciPy's with base 2, and the divergence its square."""
    theirs = jensenshannon(a, b, base=2)
    # Near 0 a square root doubles the relative error of what it is taken of.
    assert jensen_shannon_divergence(a, b) == pytest.approx(float(theirs) ** 2, abs=1e-14)
    assert jensen_shannon_distance(a, b) == pytest.approx(float(theirs), rel=1e-12, abs=1e-7)


@pytest.mark.parametrize("distance", BINNED)
@given(a=counts)
def test_nothing_changed_is_zero(distance: Binned, a: np.ndarray) -> None:
    """A distribution is at distance 0 from itself, also when one sample is larger."""
    assert distance(a, a) == 0.0
    assert distance(a, 8 * a) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("distance", BINNED)
@given(a=counts, b=counts)
def test_symmetric(distance: Binned, a: np.ndarray, b: np.ndarray) -> None:
    """Which sample is the reference does not matter."""
    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("distance", BINNED)
@given(a=counts, b=counts, order=st.permutations(range(6)))
def test_order_of_bins_does_not_matter(
    distance: Binned, a: np.ndarray, b: np.ndarray, order: list[int]
) -> None:
    """Renumbering the bins changes nothing but rounding."""
    assert distance(a[order], b[order]) == pytest.approx(distance(a, b), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("distance", [jensen_shannon_divergence, jensen_shannon_distance, hellinger])
@given(a=counts, b=counts)
def test_bounded_by_one(distance: Binned, a: np.ndarray, b: np.ndarray) -> None:
    """From 0, and 1 only without a bin in common."""
    value = distance(a, b)
    assert 0.0 <= value <= 1.0
    if not (a * b).any():
        assert value == pytest.approx(1.0, abs=1e-12)


@given(counts, counts)
def test_psi_is_positive_and_finite(a: np.ndarray, b: np.ndarray) -> None:
    """Padding keeps PSI finite and never below 0."""
    assert 0.0 <= psi(a, b) < math.inf


def test_small_changes_are_one_quadratic_form() -> None:
    """PSI, 8 ln 2 times Jensen-Shannon and 8 times squared Hellinger meet as the change shrinks."""
    reference, current = [10_000, 20_000, 30_000], [10_050, 19_980, 29_970]
    index = psi(reference, current)
    assert 8 * math.log(2) * jensen_shannon_divergence(reference, current) == pytest.approx(index, rel=1e-3)
    assert 8 * hellinger(reference, current) ** 2 == pytest.approx(index, rel=1e-3)


@pytest.mark.parametrize("distance", BINNED)
def test_refuses_empty_samples(distance: Binned) -> None:
    """Without observations there are no shares."""
    with pytest.raises(InsufficientDataError, match="current counts: found 0"):
        distance([1, 2], [0, 0])
    with pytest.raises(InsufficientDataError, match="reference counts: found 0"):
        distance([0, 0], [1, 2])


@pytest.mark.parametrize("distance", BINNED)
def test_refuses_other_bins(distance: Binned) -> None:
    """Counts on different bins cannot be compared."""
    with pytest.raises(ObservationError, match=r"shapes \(2,\) and \(3,\)"):
        distance([1, 2], [1, 2, 3])


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_refuses_impossible_counts(bad: float) -> None:
    """A negative or infinite count is a mistake."""
    with pytest.raises(ObservationError, match="negative or infinite"):
        psi([5.0, bad], [1.0, 2.0])


def test_one_outlier_neither_hides_nor_alarms(rng: np.random.Generator) -> None:
    """One value of 1e6 leaves PSI, Jensen-Shannon and Hellinger as they were, drift or no drift."""
    reference = rng.normal(size=10_000)
    edges = quantile_edges(Sample.of(reference))
    before = bin_counts(reference, edges)
    for shift in (0.0, 1.0):
        values = rng.normal(shift, size=1000)
        clean, spoilt = bin_counts(values, edges), bin_counts(np.append(values, 1e6), edges)
        assert psi(before, spoilt) == pytest.approx(psi(before, clean), abs=0.01)
        assert jensen_shannon_divergence(before, spoilt) == pytest.approx(
            jensen_shannon_divergence(before, clean), abs=0.001
        )
        assert hellinger(before, spoilt) == pytest.approx(hellinger(before, clean), abs=0.002)
        assert (psi(before, spoilt) > 0.5) is (shift == 1.0)


@given(columns, columns)
def test_wasserstein_is_scipys(a: list[float], b: list[float]) -> None:
    """Areas between distribution functions agree."""
    ours = wasserstein(Sample.of(a), Sample.of(b))
    scale = max(map(abs, a + b))
    assert ours == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-12, abs=1e-13 * scale)


def test_wasserstein_is_scipys_on_large_samples(rng: np.random.Generator) -> None:
    """20,000 against 7,000 values with ties."""
    a, b = np.round(rng.normal(size=20_000), 3), np.round(rng.normal(0.1, size=7000), 3)
    assert wasserstein(Sample.of(a), Sample.of(b)) == pytest.approx(
        stats.wasserstein_distance(a, b), rel=1e-12
    )


@given(columns, columns)
def test_wasserstein_is_symmetric(a: list[float], b: list[float]) -> None:
    """Which sample is the reference does not matter."""
    x, y = Sample.of(a), Sample.of(b)
    assert wasserstein(x, y) == pytest.approx(wasserstein(y, x), rel=1e-12)
    assert wasserstein(x, x) == 0.0


@given(columns, st.floats(-100.0, 100.0))
def test_wasserstein_of_a_shift_is_the_shift(a: list[float], shift: float) -> None:
    """Moving all mass by c costs c."""
    moved = [v + shift for v in a]
    exact = abs(float(np.mean(np.sort(moved) - np.sort(a))))
    scale = max(1.0, *map(abs, a))
    assert wasserstein(Sample.of(a), Sample.of(moved)) == pytest.approx(exact, rel=1e-9, abs=1e-12 * scale)


def test_wasserstein_at_the_ends_of_the_float_range() -> None:
    """A distance near 1e308 is finite, one beyond the largest float infinite, and neither warns."""
    top = float(np.finfo(np.float64).max)
    assert wasserstein(Sample.of([1e308]), Sample.of([-0.5e308])) == pytest.approx(1.5e308)
    assert wasserstein(Sample.of([top]), Sample.of([-top])) == math.inf


def test_wasserstein_is_linear_in_an_outlier(rng: np.random.Generator) -> None:
    """One value of 1e6 among 1,001 adds 1e6 / 1001, and clipping at the reference's range takes it away."""
    reference = Sample.of(rng.normal(size=10_000))
    current = Sample.of(np.append(rng.normal(size=1000), 1e6))
    assert wasserstein(reference, current) == pytest.approx(1e6 / 1001, rel=1e-3)
    clipped = current.clip(reference.minimum, reference.maximum)
    assert wasserstein(reference, clipped) < 0.1


def test_normalised_wasserstein() -> None:
    """In standard deviations of the reference; a changed constant is infinitely far."""
    assert normalised_wasserstein(3.0, Moments.of([0.0, 2.0])) == 3.0
    assert normalised_wasserstein(0.0, Moments.of([5.0, 5.0])) == 0.0
    assert normalised_wasserstein(1e-9, Moments.of([5.0, 5.0])) == math.inf
