from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from exporter.errors import ConfigError, InsufficientDataError
from exporter.statistics.multivariate import OutlierRatio, isolation_forest, one_class_svm

Method = Callable[..., OutlierRatio]
METHODS = [isolation_forest, one_class_svm]


@pytest.mark.parametrize("method", METHODS)
def test_finds_strange_rows(rng: np.random.Generator, method: Method) -> None:
    """Ten per cent of far rows become about ten per cent of outliers, and the mean score rises."""
    x, y = rng.normal(size=(2, 1000, 4))
    y[:100] = rng.normal(7.0, size=(100, 4))
    result = method(x, y, rng)
    assert 0.09 < result.ratio < 0.14
    assert result.mean_score > result.reference_mean_score
    assert result.p_value < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_expects_the_share_that_was_asked_for(rng: np.random.Generator, method: Method) -> None:
    """The threshold leaves the asked share of the held half of the reference beyond it."""
    x, y = rng.normal(size=(2, 2000, 3))
    result = method(x, y, rng, expected_ratio=0.05)
    assert result.expected_ratio == pytest.approx(0.05, abs=1e-12)
    assert result.ratio == pytest.approx(0.05, abs=0.025)
    assert (result.rows_reference, result.rows_current) == (1000, 2000)


def test_rate_of_false_alarms(rng: np.random.Generator) -> None:
    """Without drift the exact p-value keeps its rate, however few the rows."""
    p_values = [
        one_class_svm(rng.normal(size=(200, 2)), rng.normal(size=(50, 2)), rng, expected_ratio=0.05).p_value
        for _ in range(400)
    ]
    assert np.mean(np.array(p_values) <= 0.05) < 0.075
    assert np.mean(np.array(p_values) <= 0.2) < 0.25


def test_equal_rows_are_no_outliers(rng: np.random.Generator) -> None:
    """A constant table scores the same everywhere, and nothing is significant."""
    ones = np.ones((400, 2))
    assert isolation_forest(ones, ones, rng).p_value > 0.2


@pytest.mark.parametrize("method", METHODS)
def test_large_samples_are_drawn_from_and_say_so(rng: np.random.Generator, method: Method) -> None:
    """Above the stated number of rows a seeded sample stands for the whole."""
    x, y = rng.normal(size=(500, 2)), rng.normal(size=(300, 2))
    part = method(x, y, rng, most_rows=200)
    assert (part.rows_reference, part.rows_current, part.sampled) == (200, 200, True)
    assert not method(x, y, rng).sampled


@pytest.mark.parametrize("method", METHODS)
def test_the_generator_alone_decides(rng: np.random.Generator, method: Method) -> None:
    """The same seed gives the same result."""
    x, y = rng.normal(size=(2, 300, 3))
    assert method(x, y, np.random.default_rng(3)) == method(x, y, np.random.default_rng(3))


@pytest.mark.parametrize("method", METHODS)
def test_refuses_what_it_cannot_compare(rng: np.random.Generator, method: Method) -> None:
    """Too small a reference, no current row, or a share that is none are refused with what is needed."""
    rows = rng.normal(size=(300, 2))
    with pytest.raises(InsufficientDataError, match="found 100 reference rows, need at least 200"):
        method(rows[:100], rows, rng)
    with pytest.raises(InsufficientDataError, match="found 300 reference rows, need at least 2000"):
        method(rows, rows, rng, expected_ratio=0.001)
    with pytest.raises(InsufficientDataError, match="0 current rows"):
        method(rows, rows[:0], rng)
    with pytest.raises(ValueError, match=r"expected_ratio=1\.0"):
        method(rows, rows, rng, expected_ratio=1.0)


@pytest.mark.parametrize(
    ("method", "module"), [(isolation_forest, "sklearn.ensemble"), (one_class_svm, "sklearn.svm")]
)
def test_without_scikit_learn(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, method: Method, module: str
) -> None:
    """Where the extra is not installed, the error names it."""
    monkeypatch.setitem(sys.modules, module, None)
    rows = rng.normal(size=(300, 2))
    with pytest.raises(ConfigError, match=r"driftgauge\[multivariate\]"):
        method(rows, rows, rng)
