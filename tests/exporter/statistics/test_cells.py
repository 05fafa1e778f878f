from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.statistics import Sample, ecdf
from exporter.statistics import cells as module
from exporter.statistics.cells import Level, ReferenceCells

columns = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
tied = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=60)
columns_or_tied = st.one_of(columns, tied)


def in_full(reference: Sample, current: list[float]) -> tuple[float, float]:
    """Both statistics by merging everything."""
    return ecdf.cdf_difference(reference, Sample.of(current)).ks_and_area()


@given(columns_or_tied, columns_or_tied, st.integers(1, 20))
def test_cells_of_any_size_equal_merging_everything(
    reference: list[float], current: list[float], step: int
) -> None:
    """KS is the same to the last bit and Wasserstein up to rounding, ties or not, however the cells fall."""
    sample = Sample.of(reference)
    ks, area = Level.of(sample, step).compare(sample, sample.n, np.sort(current))
    expected_ks, expected_area = in_full(sample, current)
    scale = max(map(abs, reference + current))
    assert ks == expected_ks
    assert area == pytest.approx(expected_area, rel=1e-12, abs=1e-13 * scale)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.5, 20.0])
@pytest.mark.parametrize(("n", "m"), [(30_000, 30_000), (30_000, 500), (9000, 40_000), (20_000, 1)])
def test_large_samples_agree_with_scipy(rng: np.random.Generator, n: int, m: int, shift: float) -> None:
    """Whatever the sizes and the drift, both statistics are SciPy's."""
    reference, current = rng.gamma(2.0, size=n), np.sort(rng.gamma(2.0, size=m) + shift)
    ks, area = ReferenceCells.of(Sample.of(reference)).compare(current)
    assert ks == pytest.approx(stats.ks_2samp(reference, current, method="asymp").statistic, abs=1e-14)
    assert area == pytest.approx(stats.wasserstein_distance(reference, current), rel=1e-11)


def test_most_cells_need_no_merging(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With drift, a small part of 20,000 + 20,000 values is merged one by one."""
    merged = []
    whole = ecdf.merge_steps

    def counting(values: list[np.ndarray], steps: list[np.ndarray], unit: int) -> object:
        merged.append(sum(map(len, values)))
        return whole(values, steps, unit)

    monkeypatch.setattr(module, "merge_steps", counting)
    reference, current = rng.normal(size=20_000), np.sort(rng.normal(0.3, size=20_000))
    ReferenceCells.of(Sample.of(reference)).compare(current)
    assert 0 < sum(merged) < 4000


def test_an_offset_costs_no_precision(rng: np.random.Generator) -> None:
    """Values around 1e9 with a spread of 1 are compared as precisely as by SciPy."""
    reference, current = 1e9 + rng.normal(size=20_000), np.sort(1e9 + rng.normal(size=20_000))
    _, area = ReferenceCells.of(Sample.of(reference)).compare(current)
    assert area == pytest.approx(stats.wasserstein_distance(reference, current), rel=1e-9)


def test_one_outlier_does_not_spoil_the_area(rng: np.random.Generator) -> None:
    """A value of 1e12 among 20,000 adds its own area and no rounding to the others'."""
    reference, current = rng.normal(size=20_000), np.append(np.sort(rng.normal(size=20_000)), 1e12)
    ks, area = ReferenceCells.of(Sample.of(reference)).compare(current)
    assert area == pytest.approx(stats.wasserstein_distance(reference, current), rel=1e-12)
    assert ks < 0.03


@pytest.mark.parametrize("n", [100, 20_000])
def test_the_largest_floats(n: int) -> None:
    """Values whose sums would overflow are merged one by one, without a warning."""
    reference, current = 1e308 * np.linspace(-1.0, 1.0, n), 1e308 * np.linspace(-0.9, 1.0, 300)
    sample = Sample.of(reference)
    expected = in_full(sample, current.tolist())
    assert ReferenceCells.of(sample).compare(current) == expected
    assert expected[1] == pytest.approx(0.5e307, rel=0.05)


def test_a_constant_reference() -> None:
    """One value is a cell of its own."""
    cells = ReferenceCells.of(Sample.of([5.0] * 10_000))
    assert cells.compare(np.full(7000, 5.0)) == (0.0, 0.0)
    assert cells.compare(np.full(7000, 6.0)) == (1.0, 1.0)
