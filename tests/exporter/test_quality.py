from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from exporter.quality import Correlations, correlation_change, repeated_rows, robust_outliers, robust_spread


def pair(rng: np.random.Generator, n: int, correlation: float) -> dict[str, np.ndarray]:
    a = rng.normal(size=n)
    return {"a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * rng.normal(size=n)}


def test_correlations_are_spearmans(rng: np.random.Generator) -> None:
    """With ties, to the twelfth digit of SciPy's; a constant column has none."""
    columns = {name: np.round(values, 1) for name, values in pair(rng, 500, 0.6).items()}
    found = Correlations.of({**columns, "c": np.ones(500)})
    assert found.matrix[0, 1] == pytest.approx(spearmanr(columns["a"], columns["b"]).statistic, abs=1e-12)
    assert np.isnan(found.matrix[0, 2])
    gappy = columns["a"].copy()
    gappy[:100] = np.nan
    assert Correlations.of({"a": gappy, "b": columns["b"]}).rows[0, 1] == 400


def test_a_changed_correlation_is_found_and_an_unchanged_one_is_not() -> None:
    """At 1 %, at most 10 of 300 unchanged pairs are called changed; 0.6 that became 0.1 always is."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        before, same = Correlations.of(pair(rng, 800, 0.5)), Correlations.of(pair(rng, 300, 0.5))
        change = correlation_change(before, same, 0.01, 100)
        assert change is not None
        wrong += bool(change.pairs)
    assert wrong <= 10
    changed = correlation_change(
        Correlations.of(pair(rng, 800, 0.6)), Correlations.of(pair(rng, 300, 0.1)), 0.01, 100
    )
    assert changed is not None
    assert changed.pairs[0][:2] == ("a", "b")
    assert changed.largest == pytest.approx(0.5, abs=0.15)


def test_too_few_rows_have_no_correlation(rng: np.random.Generator) -> None:
    """Unknown is None, not a change of zero."""
    few = Correlations.of(pair(rng, 20, 0.5))
    assert correlation_change(few, few, 0.01, 100) is None


def test_outliers_are_far_from_the_median() -> None:
    """One wild value does not hide itself by widening the spread; a constant column has no outliers."""
    values = np.append(np.arange(100.0), 1e9)
    median, mad = robust_spread(values, np.ones(101, dtype=np.int64))
    assert (median, mad) == (50.0, 25.0)
    assert np.flatnonzero(robust_outliers(values, median, mad)).tolist() == [100]
    assert not robust_outliers(np.array([0.0, 9.0]), 0.0, 0.0).any()
    assert not robust_outliers(np.array([np.nan]), 0.0, 1.0).any()


def test_repeated_rows_are_equal_in_every_column() -> None:
    """A missing value equals a missing value; lists compare by their text."""
    numbers = np.array([1.0, np.nan, 1.0, np.nan, 2.0])
    texts = np.array(["x", None, "x", None, "x"], dtype=object)
    assert repeated_rows([numbers, texts]) == 2
    lists = np.empty(2, dtype=object)
    lists[:] = [[1], [1]]
    assert repeated_rows([lists]) == 1
    assert repeated_rows([]) == 0
