from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.statistics import benjamini_hochberg

probabilities = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@given(probabilities)
def test_agrees_with_scipy(p_values: list[float]) -> None:
    """q-values are SciPy's."""
    theirs = stats.false_discovery_control(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(theirs, rel=1e-12, abs=1e-300)


def test_published_example() -> None:
    """Benjamini and Hochberg's own 15 p-values: four rejections at 0.05."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p_values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert np.count_nonzero(benjamini_hochberg(p_values) <= 0.05) == 4


@given(probabilities, st.integers(0, 5))
def test_unknown_tests_do_not_count(p_values: list[float], unknown: int) -> None:
    """NaN stays NaN, and the others are as if it were not there."""
    q_values = benjamini_hochberg([*p_values, *[math.nan] * unknown])
    assert q_values[: len(p_values)] == pytest.approx(benjamini_hochberg(p_values))
    assert np.isnan(q_values[len(p_values) :]).all()


@given(probabilities, st.randoms())
def test_order_does_not_matter(p_values: list[float], shuffler: object) -> None:
    """Each p-value keeps its q-value wherever it stands."""
    order = list(range(len(p_values)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    shuffled = benjamini_hochberg([p_values[i] for i in order])
    assert shuffled == pytest.approx(benjamini_hochberg(p_values)[order])


@given(probabilities)
def test_between_the_p_value_and_one(p_values: list[float]) -> None:
    """Correction never makes a test more significant, nor leaves [0, 1]."""
    q_values = benjamini_hochberg(p_values)
    assert (q_values >= np.array(p_values) * (1.0 - 1e-12)).all()
    assert (q_values <= 1.0).all()


def test_nothing_and_only_unknown() -> None:
    """No tests give no q-values."""
    assert benjamini_hochberg([]).size == 0
    assert np.isnan(benjamini_hochberg([math.nan])).all()


def test_shape_is_kept() -> None:
    """A table of features by tests comes back as one."""
    assert benjamini_hochberg([[0.01, 0.02], [0.03, 0.04]]).shape == (2, 2)


@pytest.mark.parametrize("bad", [-0.1, 1.5])
def test_refuses_what_is_no_probability(bad: float) -> None:
    """A p-value outside [0, 1] is a mistake of the caller."""
    with pytest.raises(ValueError, match="outside"):
        benjamini_hochberg([0.5, bad])
