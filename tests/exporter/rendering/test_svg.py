from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import Report
from exporter.rendering.distribution import distribution_of
from exporter.rendering.svg import WIDTH, gauge, nice, second, shares, ticks
from exporter.rendering.text import title

from .conftest import EXTREMES

LARGEST_PLOT = 5_000
"""Characters of a plot of twenty categories or ten bins."""


@pytest.mark.parametrize("name", ["hostile", "extreme", "many"])
def test_plots_are_xml_within_their_frame(name: str, request: pytest.FixtureRequest) -> None:
    """Whatever the names and numbers: well-formed, small, and no coordinate is outside or no number."""
    report: Report = request.getfixturevalue(name)
    for column in report.features.values():
        plot = distribution_of(column)
        if plot is None:
            continue
        for svg in (shares(plot, "k", title(column.name)), second(plot, "k", title(column.name))):
            if svg is None:
                continue
            root = ET.fromstring(svg)
            assert len(svg) < LARGEST_PLOT + 6 * len(column.name)
            height = float(root.attrib["viewBox"].split()[3])
            for text in root.iter("text"):
                assert -1 <= float(text.attrib["x"]) <= WIDTH
                assert 0 <= float(text.attrib["y"]) <= height
            for path in root.iter("path"):
                assert re.fullmatch(r"[MLHVhvz0-9 .\-]+", path.attrib["d"]) or not path.attrib["d"]


def test_extremes_are_drawn_to_scale(extreme: Report) -> None:
    """From the most negative float to the largest."""
    plot = distribution_of(extreme.features["huge"])
    assert plot is not None
    svg = second(plot, "k", "huge")
    assert svg is not None
    numbers = [float(n) for n in re.findall(r"[ML](-?[0-9.]+) ", svg)]
    assert min(numbers) >= 0
    assert max(numbers) <= WIDTH
    assert set(EXTREMES) <= set(extreme.features)


@given(st.floats(min_value=1e-290, max_value=1e290))
def test_nice_numbers_are_the_next_round_ones(value: float) -> None:
    """At least the value, at most two and a half times it, and 1, 2, 2.5 or 5 times a power of ten."""
    found = nice(value)
    assert value * (1 - 1e-6) <= found <= value * 2.5 * (1 + 1e-6)
    mantissa = found / 10.0 ** math.floor(math.log10(found) + 1e-9)
    assert any(math.isclose(mantissa, step, rel_tol=1e-6) for step in (1.0, 2.0, 2.5, 5.0, 10.0))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_within(low: float, width: float) -> None:
    """At least one and at most six, ascending."""
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 6
    assert found == sorted(found)
    assert low - 1e-6 <= found[0]
    assert found[-1] <= low + width + 1e-6


def test_a_gauge_ends_at_five_thresholds() -> None:
    """A larger ratio draws the same bar; the class says whether it is drift."""
    assert gauge(5.0, drift=True) == gauge(math.inf, drift=True)
    assert 'class="over"' in gauge(2.0, drift=True)
    assert 'class="under"' in gauge(2.0, drift=False)
