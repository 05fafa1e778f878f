from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.errors import ObservationError
from exporter.statistics import (
    Sample,
    bin_counts,
    bin_counts_sample,
    bin_counts_sorted,
    occupied_bins,
    quantile_edges,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
few_values = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=80)
columns = st.one_of(st.lists(finite, min_size=1, max_size=80), few_values)


def test_continuous_columns_get_equal_bins(rng: np.random.Generator) -> None:
    """Without ties each bin holds the same number, to one."""
    values = rng.normal(size=1003)
    counts = bin_counts(values, quantile_edges(Sample.of(values), 10))
    assert counts.size == 10
    assert set(counts.tolist()) <= {100, 101}


def test_edges_are_quantiles_of_numpy(rng: np.random.Generator) -> None:
    """Edges are the inverted-CDF quantiles."""
    values = rng.exponential(size=997)
    expected = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
    assert quantile_edges(Sample.of(values), 10).tolist() == expected.tolist()


def test_a_constant_has_a_bin_between_two_empty_ones() -> None:
    """A constant reference sees a change to either side."""
    edges = quantile_edges(Sample.of([5.0] * 20))
    assert bin_counts([5.0] * 20, edges).tolist() == [0, 20, 0]
    assert bin_counts([np.nextafter(5.0, -np.inf), 5.0, np.nextafter(5.0, np.inf)], edges).tolist() == [
        1,
        1,
        1,
    ]


def test_the_zeros_of_a_zero_inflated_column_have_a_bin() -> None:
    """A value that ties over more than one quantile step gets an edge on both sides."""
    values = np.concatenate([np.zeros(500), np.linspace(-1.0, 1.0, 500)])
    edges = quantile_edges(Sample.of(values), 10)
    zero = int(np.searchsorted(edges, 0.0))
    assert bin_counts(values, edges)[zero] == 500


def test_two_values_are_two_bins_with_room_around() -> None:
    """A 0/1 column has a bin for each and empty ones below, between and above."""
    edges = quantile_edges(Sample.of([0.0] * 30 + [1.0] * 70))
    assert bin_counts([-0.5, 0.0, 0.5, 1.0, 1.5], edges).tolist() == [1, 1, 1, 1, 1]


def test_fewer_values_than_bins() -> None:
    """Three values in ten bins: each its own."""
    edges = quantile_edges(Sample.of([1.0, 2.0, 4.0]), 10)
    assert np.count_nonzero(bin_counts([1.0, 2.0, 4.0], edges)) == 3


def test_the_largest_floats_have_edges() -> None:
    """The ends of the float range make no infinite edge."""
    top = np.finfo(np.float64).max
    edges = quantile_edges(Sample.of([-top, -top, top, top]))
    assert np.isfinite(edges).all()
    assert bin_counts([-top, 0.0, top], edges).sum() == 3


@given(columns, st.integers(2, 12))
def test_edges_rise_and_no_bin_is_wide(values: list[float], n_bins: int) -> None:
    """Edges are finite and strictly increasing; a bin with several values holds at most two steps."""
    sample = Sample.of(values)
    edges = quantile_edges(sample, n_bins)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    counts = bin_counts(values, edges)
    distinct = bin_counts(sample.values, edges)
    step = -(-len(values) // n_bins)
    assert (counts[distinct > 1] <= 2 * step).all()


@given(columns, columns)
def test_all_three_ways_count_the_same(reference: list[float], values: list[float]) -> None:
    """Unsorted, sorted and compressed into a sample: one set of counts, that of (lo, hi]."""
    edges = quantile_edges(Sample.of(reference), 5)
    counts = bin_counts(values, edges)
    assert bin_counts_sorted(np.sort(values), edges).tolist() == counts.tolist()
    assert bin_counts_sample(Sample.of(values), edges).tolist() == counts.tolist()
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])
    by_hand = [sum(lo < v <= hi for v in values) for lo, hi in pairwise(bounds)]
    assert counts.tolist() == by_hand


def test_one_outlier_moves_one_count(rng: np.random.Generator) -> None:
    """A value of 1e6 or infinity falls into an open end and nowhere else."""
    edges = quantile_edges(Sample.of(rng.normal(size=1000)))
    assert bin_counts([1e6, np.inf], edges)[-1] == 2
    assert bin_counts([-1e6, -np.inf], edges)[0] == 2


def test_nothing_counts_nothing() -> None:
    """An empty window gives zeros, not an error: counters start with it."""
    assert bin_counts([], np.array([1.0, 2.0])).tolist() == [0, 0, 0]


def test_missing_values_are_refused() -> None:
    """NaN would fall into the last bin; it is counted apart."""
    with pytest.raises(ObservationError, match="found NaN"):
        bin_counts([1.0, np.nan], np.array([1.0]))


def test_one_bin_is_too_few() -> None:
    """A single bin compares nothing."""
    with pytest.raises(ValueError, match="n_bins=1"):
        quantile_edges(Sample.of([1.0]), 1)


def test_compressed_references_keep_their_bins(rng: np.random.Generator) -> None:
    """Counts of a compressed sample on its own edges differ from the exact ones by its stated error."""
    values = rng.standard_t(3, size=50_000)
    small = Sample.of(values).compress(500)
    edges = quantile_edges(small)
    assert bin_counts_sample(small, edges).tolist() == bin_counts(values, edges).tolist()


def test_bins_empty_in_both_do_not_count() -> None:
    """The degrees of freedom come from bins that hold something."""
    assert occupied_bins([0, 3, 0, 1], [0, 0, 2, 1]) == 3


def test_bins_match_scipys_histogram(rng: np.random.Generator) -> None:
    """Counts are those of scipy.stats.binned_statistic, which closes bins on the left, mirrored."""
    values = rng.normal(size=500)
    edges = quantile_edges(Sample.of(rng.normal(size=1000)))
    bounds = np.concatenate([[-100.0], edges, [100.0]])
    theirs = stats.binned_statistic(-values, None, statistic="count", bins=-bounds[::-1]).statistic[::-1]
    assert bin_counts(values, edges).tolist() == theirs.tolist()
