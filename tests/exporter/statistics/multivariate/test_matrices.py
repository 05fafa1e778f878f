from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exporter.errors import InsufficientDataError, ObservationError
from exporter.statistics.multivariate import standardise


def test_robust_z_scores(rng: np.random.Generator) -> None:
    """Median 0 and the quartiles of a unit normal, from the reference alone."""
    x, y = rng.normal(50.0, 4.0, size=(5000, 2)), rng.normal(54.0, 4.0, size=(500, 2))
    first, second = standardise(x, y)
    assert np.median(first, axis=0) == pytest.approx(0.0, abs=1e-12)
    assert stats.iqr(first, axis=0) == pytest.approx(1.349, rel=1e-12)
    assert second.mean() == pytest.approx(1.0, abs=0.1)


def test_one_wild_value_changes_no_other(rng: np.random.Generator) -> None:
    """1e6, or 1e308, is cut at 10 and leaves the other scores as they are."""
    x = rng.normal(size=(1001, 1))
    spoilt = x.copy()
    spoilt[0], spoilt[1] = 1e308, -1e6
    first, second = standardise(x, spoilt)
    assert second[0, 0] == 10.0
    assert second[1, 0] == -10.0
    assert np.array_equal(first[2:], second[2:])


def test_columns_without_quartiles() -> None:
    """A rare flag is scaled by its standard deviation, a constant only centred."""
    flag = np.zeros(100)
    flag[:4] = 1.0
    x = np.column_stack([flag, np.full(100, 7.0)])
    first, second = standardise(x, x + np.array([0.0, 1.0]))
    assert first[0, 0] == pytest.approx(1.0 / flag.std())
    assert first[:, 1].tolist() == [0.0] * 100
    assert second[:, 1].tolist() == [1.0] * 100


def test_refuses_what_is_no_matrix() -> None:
    """A single column without its second dimension, no rows, or no columns are refused."""
    with pytest.raises(ObservationError, match="need two matrices"):
        standardise(np.ones(3), np.ones(3))
    with pytest.raises(ObservationError, match="need two matrices"):
        standardise(np.ones((3, 0)), np.ones((3, 0)))
    with pytest.raises(InsufficientDataError, match="found 0 reference"):
        standardise(np.ones((0, 2)), np.ones((3, 2)))
