from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks.charts import Axis, bars, lines, strips
from benchmarks.flights_year import Recorder, page, plots, run

DAYS = 16
"""The window is full after fourteen."""


@pytest.fixture(scope="module")
def found() -> tuple[object, object, Recorder]:
    """Half of April."""
    return run(DAYS)


@pytest.mark.slow
def test_flights_that_never_landed_are_counted_in_the_coverage(
    found: tuple[object, object, Recorder],
) -> None:
    """They stay below the line; every outcome that came was joined, with its lag."""
    recorder = found[2]
    assert len(recorder.checks) == DAYS - 14 + 1
    assert recorder.outcomes["other"] == 0
    assert recorder.outcomes["joined"] == len(recorder.lags) > 10_000
    assert 0.9 < min(recorder.coverage) < 1.0
    assert min(recorder.lags) > 0


@pytest.mark.slow
def test_the_page_and_its_plots_are_whole(found: tuple[object, object, Recorder]) -> None:
    """Every plot that the page shows is drawn, and no number is missing."""
    text, images = page(*found, 1.0), plots(*found)  # type: ignore[arg-type]
    assert "| Apr |" in text
    assert "nan" not in text.replace("none", "")
    assert set(images) == {line.split("images/")[1][:-1] for line in text.split() if "images/" in line}
    for image in images.values():
        assert "nan" not in image
        assert len(ET.fromstring(image)) > 5


def test_the_published_page_is_of_the_whole_year() -> None:
    """Nobody wrote a try of a few days over it."""
    text = Path(__file__).parents[2].joinpath("docs", "flights.md").read_text(encoding="utf-8")
    assert "262 daily checks" in " ".join(text.split())


def test_lines_break_where_nothing_is_known() -> None:
    """A missing value lifts the pen."""
    axis = Axis(0.0, 3.0, [(0.0, "a")])
    drawn = lines("t", axis, axis, {"x": [(0.0, 1.0), (1.0, np.nan), (2.0, 1.0), (3.0, 2.0)]})
    path = next(part.split('"')[0] for part in drawn.split('d="') if 'fill="none"' in part)
    assert (path.count("M"), path.count("L")) == (2, 1)
    assert "NaN" not in drawn
    assert bars("t", {"a": 1.0, "b": 3.0}, " %").count("<rect") == 3
    assert strips("t", axis, {"x": [(0.0, 1.0, "ok"), (1.0, 2.0, "drift")]}).count("<rect") == 5
