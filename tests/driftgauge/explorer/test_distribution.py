from __future__ import annotations

import math

import numpy as np
import pytest

from driftgauge.explorer.distribution import QUANTILES, Distribution, cumulated, distribution, quantiles
from driftgauge.explorer.words import of_distribution
from exporter import Reference
from exporter.pages import _bins

REFERENCE = {"00": 0.5, "01": 0.25, "02": 0.25, "__other__": 0.0, "__missing__": 0.1, "__inf__": 0.0}
COUNTS = {"00": 10.0, "01": 10.0, "02": 60.0, "__other__": 0.0, "__missing__": 40.0}
PAGE = {"kind": "numeric", "bins": list(REFERENCE), "edges": [2.0, 4.0], "minimum": 0.0, "maximum": 10.0}


def of_numbers(page: dict[str, object] | None = PAGE) -> Distribution:
    """Three bins, of which the last has grown."""
    return distribution("numeric", REFERENCE, COUNTS, {"00": 1.0}, page)


def test_shares_are_of_values_on_the_bins_of_the_reference() -> None:
    """Missing values take no part, an empty rest has no bar, and open bins end where the reference does."""
    found = of_numbers()
    assert [one.label for one in found.bins] == ["≤ 2", "2 to 4", "> 4"]
    assert [one.current for one in found.bins] == [0.125, 0.125, 0.75]
    assert [one.previous for one in found.bins] == [1.0, 0.0, 0.0]
    assert [(one.low, one.high) for one in found.bins] == [(0.0, 2.0), (2.0, 4.0), (4.0, 10.0)]
    assert found.rows == 80.0
    assert found.largest.label == "> 4"
    assert "It differs most in “> 4”: 75 % of the values now, 25 % in the reference." in of_distribution(
        found, "x"
    )


def test_without_the_exporter_bins_have_numbers() -> None:
    """Prometheus knows the bins' order and not where they lie: no quantiles, but cumulated shares."""
    found = of_numbers(None)
    assert [one.label for one in found.bins] == ["bin 1", "bin 2", "bin 3"]
    assert (found.placed, found.has_histogram, quantiles(found)) == ((), False, ())
    assert cumulated(found) == ((0.0, 0.0), (0.5, 0.125), (0.75, 0.25), (1.0, 1.0))


def test_a_page_of_another_reference_places_nothing() -> None:
    """Edges that do not fit the counted bins would draw bars in wrong places."""
    assert of_numbers({**PAGE, "edges": [2.0]}).placed == ()


def test_quantiles_are_those_of_the_same_probabilities() -> None:
    """By hand: half of the reference is up to 2, half of the range up to 4 and a third of the way to 10."""
    found = dict(zip(QUANTILES, quantiles(of_numbers()), strict=True))
    assert found[0.5] == pytest.approx((2.0, 4.0 + 6.0 * (0.5 - 0.25) / 0.75))


def test_quantiles_of_equal_samples_lie_on_the_diagonal() -> None:
    """Counts of the reference's own rows, on bins as the exporter tells of them."""
    values = np.random.default_rng(3).normal(size=5_000)
    profile = Reference.fit({"x": values}, model_name="m", model_version="1").features["x"]
    page = _bins(profile)
    counts = dict(zip(profile.bins, profile.count_bins(values).counts.tolist(), strict=True))
    found = distribution("numeric", dict(zip(page["bins"], page["ratios"], strict=True)), counts, {}, page)
    assert found.has_histogram
    for reference, current in quantiles(found):
        assert math.isclose(reference, current, abs_tol=1e-9)


def test_categories_stand_by_share_and_other_last() -> None:
    """What the reference never saw has its bar as soon as there is some."""
    shares = {"b": 0.2, "a": 0.8, "__other__": 0.0, "__missing__": 0.0}
    found = distribution("categorical", shares, {"a": 1.0, "b": 1.0, "__other__": 2.0}, {}, None)
    assert [(one.label, one.current) for one in found.bins] == [("a", 0.25), ("b", 0.25), ("other", 0.5)]
    assert [one.previous for one in found.bins] == [None, None, None]


def test_nothing_counted_is_nothing_known() -> None:
    """A range without values has no shares, and says so."""
    found = distribution("numeric", REFERENCE, {}, {}, PAGE)
    assert not found.known
    assert of_distribution(found, "x") == "No values of x were counted in this time range."
    assert not distribution("numeric", {}, {}, {}, None).known
