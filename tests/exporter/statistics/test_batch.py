from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ObservationError
from exporter.statistics import (
    FittedColumn,
    Sample,
    bin_counts,
    compare_columns,
    jensen_shannon_divergence,
    ks_statistic,
    psi,
    quantile_edges,
    wasserstein,
)

columns = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def fit(values: object, n_bins: int = 10) -> FittedColumn:
    """A reference column with quantile bins."""
    sample = Sample.of(values)  # type: ignore[arg-type]
    return FittedColumn.of(sample, quantile_edges(sample, n_bins))


@given(st.lists(st.tuples(columns, columns), min_size=1, max_size=4))
def test_equals_the_single_functions(pairs: list[tuple[list[float], list[float]]]) -> None:
    """Each column has the numbers of the functions on one column, however many bins the others have."""
    references = [fit(before, 2 + i) for i, (before, _) in enumerate(pairs)]
    compared = compare_columns(references, [np.array(after) for _, after in pairs])
    for fitted, (before, after), one in zip(references, pairs, compared, strict=True):
        a, b = Sample.of(before), Sample.of(after)
        expected = bin_counts(before, fitted.edges), bin_counts(after, fitted.edges)
        assert one.counts.tolist() == expected[1].tolist()
        assert (one.n, one.dropped) == (len(after), 0)
        assert one.psi == pytest.approx(psi(*expected), rel=1e-12, abs=1e-15)
        assert one.jensen_shannon == pytest.approx(jensen_shannon_divergence(*expected), abs=1e-14)
        assert one.ks == ks_statistic(a, b)
        assert one.wasserstein == pytest.approx(wasserstein(a, b), rel=1e-11, abs=1e-7)


def test_threads_and_memory_layout_change_nothing(rng: np.random.Generator) -> None:
    """Row-major, column-major, a list of columns, one thread or three: the same numbers."""
    table = rng.normal(size=(500, 21))
    references = [fit(rng.normal(size=2000)) for _ in range(21)]
    variants = [
        compare_columns(references, table),
        compare_columns(references, np.asfortranarray(table), threads=3),
        compare_columns(references, list(table.T), threads=2),
    ]
    numbers = [[(c.psi, c.ks, c.jensen_shannon, c.wasserstein) for c in found] for found in variants]
    assert numbers[0] == numbers[1] == numbers[2]


def test_does_not_touch_its_input(rng: np.random.Generator) -> None:
    """Columns are sorted in copies."""
    for table in (rng.normal(size=(50, 3)), np.asfortranarray(rng.normal(size=(50, 3)))):
        before = table.copy()
        compare_columns([fit(rng.normal(size=50)) for _ in range(3)], table)
        assert np.array_equal(table, before)


def test_missing_and_infinite_values_are_left_out_and_counted(rng: np.random.Generator) -> None:
    """NaN and infinities cost a column its other values nothing."""
    values = rng.normal(size=300)
    spoilt = np.concatenate([values, [math.nan, math.inf, -math.inf, math.nan]])
    clean, found = compare_columns([fit(rng.normal(size=900))] * 2, [values, spoilt])
    assert (found.n, found.dropped) == (300, 4)
    assert (found.psi, found.ks, found.wasserstein) == (clean.psi, clean.ks, clean.wasserstein)


@pytest.mark.parametrize("values", [[], [math.nan, math.inf]])
def test_a_column_without_numbers_is_nan_and_harms_no_other(values: list[float]) -> None:
    """No number gives NaN, never 0; the column beside it is as usual."""
    empty, other = compare_columns([fit([1.0, 2.0])] * 2, [np.array(values), np.array([1.0, 2.0])])
    assert (empty.n, empty.dropped, empty.counts.sum()) == (0, len(values), 0)
    assert np.isnan([empty.psi, empty.ks, empty.jensen_shannon, empty.wasserstein]).all()
    assert (other.psi, other.ks, other.wasserstein) == (0.0, 0.0, 0.0)


def test_memory_stays_far_below_that_of_the_table(rng: np.random.Generator) -> None:
    """Comparing 20,000 x 50 takes less than its own 8 MB beside it."""
    table = rng.normal(size=(20_000, 50))
    references = [fit(rng.normal(size=20_000)) for _ in range(50)]
    tracemalloc.start()
    compare_columns(references, table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < table.nbytes


def test_exact_counts_of_a_compressed_reference_are_used(rng: np.random.Generator) -> None:
    """A reference that kept exact bin counts beside a compressed sample is compared by these."""
    values = rng.normal(size=5000)
    edges = quantile_edges(Sample.of(values))
    exact = bin_counts(values, edges)
    fitted = FittedColumn.of(Sample.of(values).compress(50), edges, exact)
    (same,) = compare_columns([fitted], [values])
    assert same.psi == 0.0
    assert 0.0 < same.ks <= fitted.cells.sample.ks_error


def test_no_columns() -> None:
    """An empty table has nothing to compare."""
    assert compare_columns([], np.empty((5, 0))) == []


def test_refuses_another_number_of_columns() -> None:
    """Each column needs its reference."""
    with pytest.raises(ObservationError, match="found 2 columns, need 1"):
        compare_columns([fit([1.0])], np.ones((3, 2)))
