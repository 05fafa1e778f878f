from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from exporter import Report
from exporter.rendering.distribution import MAX_CATEGORIES, Bar, Distribution, distribution_of, moved

from .conftest import checked


def drawn(before: Any, now: Any) -> Distribution:
    """What is drawn of one column."""
    plot = distribution_of(checked({"x": before}, {"x": now}).features["x"])
    assert plot is not None
    return plot


def words(values: Sequence[str | None]) -> Any:
    return np.array(values, dtype=object)


def test_shares_of_numbers_are_those_of_the_bins() -> None:
    """Ten bins of the reference with their ranges, and where the window's values fell."""
    plot = drawn(np.arange(1.0, 1001.0), np.arange(501.0, 1501.0))
    assert [bar.label for bar in plot.bars[:2]] == ["≤ 100", "100 to 200"]
    assert plot.bars[-1].label == "> 900"
    assert [bar.reference for bar in plot.bars] == pytest.approx([0.1] * 10)
    assert [bar.current for bar in plot.bars] == pytest.approx([0.0] * 5 + [0.1] * 4 + [0.6])
    assert plot.reference is not None
    assert plot.current is not None
    assert (plot.reference[50], plot.current[100]) == (500.0, 1500.0)


def test_a_value_with_a_bin_of_its_own_is_named() -> None:
    """Zero in a column that is mostly zero."""
    values = np.where(np.arange(1000) % 2 == 0, 0.0, np.arange(1000.0))
    plot = drawn(values, values)
    (zero,) = [bar for bar in plot.bars if bar.label == "= 0"]
    assert zero.reference == zero.current == pytest.approx(0.5, abs=0.01)


def test_missing_rows_stand_beside_the_values() -> None:
    """As shares of all rows; the shares of the values sum to one without them."""
    now = np.arange(1000.0)
    now[:250] = np.nan
    plot = drawn(np.arange(1000.0), now)
    missing = plot.bars[-1]
    assert missing == Bar("missing", 0.0, 0.25, beside=True)
    assert sum(bar.current for bar in plot.bars if not bar.beside) == pytest.approx(1.0)


def test_rare_categories_are_one_bar() -> None:
    """Those that are shown are the largest on either side, in the reference's order; nothing is lost."""
    before = words([f"c{i:02d}" for i in range(40) for _ in range(40 - i)])
    now = words([f"c{i:02d}" for i in range(40) for _ in range(200 if i == 39 else 5)])
    plot = drawn(before, now)
    labels = [bar.label for bar in plot.bars]
    assert len(plot.bars) == MAX_CATEGORIES
    assert labels[0] == "c00"
    assert labels[-2:] == ["c39", "21 more"]
    for side in ("reference", "current"):
        assert sum(getattr(bar, side) for bar in plot.bars) == pytest.approx(1.0)


def test_new_categories_have_a_bar() -> None:
    """Together, as the statistics count them."""
    plot = drawn(words(["a", "b"] * 100), words(["a", "z"] * 100))
    assert plot.bars[-1] == Bar("rare or new", 0.0, 0.5)
    assert not plot.numeric


def test_the_largest_changes_are_said() -> None:
    """In words, for those who do not see the plot."""
    plot = drawn(words(["a"] * 300 + ["b"] * 100), words(["a"] * 100 + ["b"] * 300))
    assert moved(plot) == "Largest rise: b, from 25.0% to 75.0%. Largest fall: a, from 75.0% to 25.0%."
    assert moved(drawn(words(["a"] * 200), words(["a"] * 300))) == "No share rose."


def test_what_is_not_there_is_not_drawn(extreme: Report) -> None:
    """A column that the window lacks."""
    assert distribution_of(extreme.features["absent"]) is None
