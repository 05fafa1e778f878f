import numpy as np
import pytest

from exporter.errors import ReferenceDataError
from exporter.reference import accumulate
from exporter.reference.accumulate import CategoricalAccumulator, NumericAccumulator


def test_many_chunks_stay_within_the_stated_error(rng: np.random.Generator) -> None:
    """A distribution from 64 chunks lies within its stated error of the exact one, in bounded memory."""
    values = rng.normal(size=64 * 4000)
    column = NumericAccumulator("x", grid_points=512)
    for chunk in np.split(values, 64):
        column.update(chunk)
        held = sum(len(level.values) for level in column._values._levels if level is not None)
        assert held <= 8 * accumulate.INNER_FACTOR * 512
    sample = column.profile(10).sample
    assert sample is not None
    exact = np.searchsorted(np.sort(values), sample.values, side="right") / len(values)
    error = np.abs(sample.cumulative / sample.n - exact).max()
    assert error <= sample.ks_error < 6 / 2048 + 1 / 512
    assert sample.n == len(values)


def test_chunks_of_few_distinct_values_are_exact(rng: np.random.Generator) -> None:
    """Whole numbers lose nothing, however many rows there are."""
    values = rng.integers(0, 300, size=50_000).astype(np.float64)
    column = NumericAccumulator("x", grid_points=2048)
    for chunk in np.array_split(values, 7):
        column.update(chunk)
    sample = column.profile(10).sample
    assert sample is not None
    assert sample.ks_error == 0.0
    np.testing.assert_array_equal(sample.counts, np.bincount(values.astype(int)))


def test_without_a_grid_everything_is_kept(rng: np.random.Generator) -> None:
    """grid_points=None keeps every value, over chunks too."""
    values = rng.normal(size=20_000)
    column = NumericAccumulator("x", grid_points=None)
    for chunk in np.split(values, 4):
        column.update(chunk)
    sample = column.profile(10).sample
    assert sample is not None
    assert sample.ks_error == 0.0
    np.testing.assert_array_equal(sample.values, np.sort(values))


def test_moments_and_missing_are_exact_over_chunks(rng: np.random.Generator) -> None:
    """Counts are exact and moments equal those of all rows at once up to rounding."""
    values = rng.lognormal(size=10_000)
    values[rng.random(10_000) < 0.1] = np.nan
    column = NumericAccumulator("x", grid_points=64)
    for chunk in np.array_split(values, 13):
        column.update(chunk)
    profile = column.profile(10)
    finite = values[np.isfinite(values)]
    assert profile.counts[-2] == np.isnan(values).sum()
    assert profile.moments is not None
    assert profile.moments.n == len(finite)
    assert profile.moments.mean == pytest.approx(finite.mean(), rel=1e-12)
    assert profile.moments.std == pytest.approx(finite.std(), rel=1e-12)


def test_more_categories_than_are_followed_keep_the_frequent_ones(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """Beyond the limit, a frequent category's count is too small by no more than the stated error."""
    monkeypatch.setattr(accumulate, "MAX_FOLLOWED", 200)
    column = CategoricalAccumulator("x")
    rare = 0
    for _ in range(20):
        rows = ["frequent"] * 500 + [f"rare {rare + i}" for i in range(500)]
        rare += 500
        column.update(np.array(rng.permutation(rows), dtype=object))
    profile = column.profile(50)
    assert profile.categories[0] == "frequent"
    assert profile.count_error > 0
    assert 10_000 - profile.count_error <= profile.counts[0] <= 10_000
    assert profile.rows == 20_000


def test_keys_are_refused() -> None:
    """A text column in which nearly every row differs is refused, and the message says what to do."""
    column = CategoricalAccumulator("order_id")
    column.update(np.array([f"id-{i}" for i in range(1000)], dtype=object))
    with pytest.raises(ReferenceDataError, match=r"'order_id': found about 1,000 different values"):
        column.refuse_keys()


def test_keys_are_refused_after_pruning_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key stays recognisable when it has more values than are followed."""
    monkeypatch.setattr(accumulate, "MAX_FOLLOWED", 300)
    column = CategoricalAccumulator("order_id")
    for part in range(5):
        column.update(np.array([f"id-{part}-{i}" for i in range(400)], dtype=object))
    with pytest.raises(ReferenceDataError, match="looks like a key"):
        column.refuse_keys()


def test_many_categories_are_no_key(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """A million categories that come again and again are categories."""
    monkeypatch.setattr(accumulate, "MAX_FOLLOWED", 300)
    column = CategoricalAccumulator("merchant")
    for _ in range(5):
        column.update(np.array([f"m{i}" for i in rng.integers(0, 600, size=5000)], dtype=object))
    column.refuse_keys()
