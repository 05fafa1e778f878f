from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics.multivariate import mmd
from exporter.statistics.multivariate.mmd import _kernel_sums


def by_definition(x: np.ndarray, y: np.ndarray, bandwidth: float) -> tuple[float, float]:
    """Unbiased and biased MMD squared, written down from the paper."""
    gamma = 1.0 / (2.0 * bandwidth**2)
    within_x, within_y, across = (rbf_kernel(a, b, gamma=gamma) for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    biased = within_x.mean() + within_y.mean() - 2 * across.mean()
    np.fill_diagonal(within_x, 0.0)
    np.fill_diagonal(within_y, 0.0)
    unbiased = within_x.sum() / (n * (n - 1)) + within_y.sum() / (m * (m - 1)) - 2 * across.mean()
    return float(unbiased), float(biased)


@pytest.mark.parametrize(("n", "m"), [(2, 3), (40, 70), (900, 1300)])
def test_agrees_with_scikit_learns_kernel(rng: np.random.Generator, n: int, m: int) -> None:
    """Both estimates follow their definitions to 1e-12, in one block or several."""
    x, y = rng.normal(size=(n, 4)), rng.normal(0.3, size=(m, 4))
    result = mmd(x, y, rng, permutations=5)
    unbiased, biased = by_definition(x, y, result.bandwidth)
    assert result.unbiased == pytest.approx(unbiased, abs=1e-12)
    assert result.biased == pytest.approx(biased, abs=1e-12)


def test_bandwidth_is_the_median_distance(rng: np.random.Generator) -> None:
    """Without a bandwidth the median distance of all pairs is used."""
    x, y = rng.normal(size=(120, 3)), rng.normal(2.0, size=(80, 3))
    assert mmd(x, y, rng, permutations=1).bandwidth == pytest.approx(
        np.median(pdist(np.vstack([x, y]))), rel=1e-9
    )
    assert mmd(x, y, rng, permutations=1, bandwidth=2.5).bandwidth == 2.5


def test_permuted_sums_are_those_of_the_permuted_rows(rng: np.random.Generator) -> None:
    """One matrix product gives the same sums as slicing the kernel for each permutation."""
    rows = rng.normal(size=(50, 3))
    chosen = (rng.random((7, 50)) < 0.4).astype(float)
    kernel = rbf_kernel(rows, gamma=0.5)
    inside, across, total = _kernel_sums(rows, chosen)
    for i, member in enumerate(chosen.astype(bool)):
        assert inside[i] == pytest.approx(kernel[np.ix_(member, member)].sum(), rel=1e-12)
        assert across[i] == pytest.approx(kernel[np.ix_(member, ~member)].sum(), rel=1e-12)
    assert total == pytest.approx(kernel.sum(), rel=1e-12)


def test_finds_a_shift_and_a_change_of_correlation(rng: np.random.Generator) -> None:
    """A shift in one column of five, and a correlation that none shows alone, get the smallest p-value."""
    x, y = rng.normal(size=(500, 5)), rng.normal(size=(500, 5))
    shifted = y + np.array([0.8, 0.0, 0.0, 0.0, 0.0])
    assert mmd(x, shifted, rng).p_value == pytest.approx(1 / 101)
    together = y.copy()
    together[:, 1] = 0.9 * y[:, 0] + np.sqrt(1 - 0.81) * y[:, 1]
    assert mmd(x, together, rng).p_value == pytest.approx(1 / 101)


def test_rate_of_false_alarms(rng: np.random.Generator) -> None:
    """Without drift p-values are uniform: at most as many below 5 % as chance allows."""
    p_values = [
        mmd(rng.normal(size=(30, 3)), rng.normal(size=(45, 3)), rng, permutations=39).p_value
        for _ in range(800)
    ]
    assert 0.03 < np.mean(np.array(p_values) <= 0.05) < 0.072
    assert np.mean(p_values) == pytest.approx(0.51, abs=0.04)


def test_equal_samples() -> None:
    """A sample against itself: biased 0, p-value 1."""
    rows = np.arange(40.0).reshape(20, 2)
    result = mmd(rows, rows[::-1], np.random.default_rng(0))
    assert result.biased == pytest.approx(0.0, abs=1e-12)
    assert result.p_value == 1.0


def test_constant_rows(rng: np.random.Generator) -> None:
    """Rows that are all equal do not differ; a changed constant is found; the bandwidth is never 0."""
    ones = np.ones((60, 2))
    same = mmd(ones, ones, rng)
    assert same.p_value == 1.0
    assert same.unbiased == pytest.approx(0.0, abs=1e-12)
    assert mmd(ones, 2 * ones, rng).p_value == pytest.approx(1 / 101)
    assert mmd(np.vstack([ones, 3 * np.ones((1, 2))]), ones, rng).bandwidth == pytest.approx(np.sqrt(8.0))


def test_a_large_offset_changes_nothing(rng: np.random.Generator) -> None:
    """Values around 1e7 are compared as precisely as around 0."""
    x, y = rng.normal(size=(100, 3)), rng.normal(0.2, size=(100, 3))
    near = mmd(x, y, np.random.default_rng(1))
    far = mmd(x + 1e7, y + 1e7, np.random.default_rng(1))
    assert far.unbiased == pytest.approx(near.unbiased, abs=1e-7)
    assert far.p_value == near.p_value


def test_large_samples_are_drawn_from_and_say_so(rng: np.random.Generator) -> None:
    """Above the stated number of rows a seeded sample stands for the whole."""
    x, y = rng.normal(size=(300, 2)), rng.normal(size=(50, 2))
    whole, part = mmd(x, y, rng), mmd(x, y, rng, most_rows=100)
    assert (whole.rows_reference, whole.rows_current, whole.sampled) == (300, 50, False)
    assert (part.rows_reference, part.rows_current, part.sampled) == (100, 50, True)


def test_memory_is_bounded(rng: np.random.Generator) -> None:
    """3,000 + 3,000 rows, whose kernel matrix would be 288 MB, take less than 60 MB."""
    x, y = rng.normal(size=(3000, 5)), rng.normal(size=(3000, 5))
    tracemalloc.start()
    mmd(x, y, rng, permutations=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


def test_the_generator_alone_decides() -> None:
    """The same seed gives the same result, and the global state is not touched."""
    x, y = np.random.default_rng(0).normal(size=(2, 80, 3))
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert mmd(x, y, np.random.default_rng(4)) == mmd(x, y, np.random.default_rng(4))
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_refuses_what_it_cannot_compare(rng: np.random.Generator) -> None:
    """Other columns, NaN, a single row or a bandwidth of 0 are refused with what is needed."""
    rows = rng.normal(size=(10, 3))
    with pytest.raises(ObservationError, match=r"mmd: found shapes \(10, 3\) and \(10, 2\)"):
        mmd(rows, rows[:, :2], rng)
    with pytest.raises(ObservationError, match="NaN or infinite"):
        mmd(rows, np.full((10, 3), np.nan), rng)
    with pytest.raises(InsufficientDataError, match="10 reference and 1 current rows"):
        mmd(rows, rows[:1], rng)
    with pytest.raises(ValueError, match=r"bandwidth=0\.0"):
        mmd(rows, rows, rng, bandwidth=0.0)
