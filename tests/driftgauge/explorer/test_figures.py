from __future__ import annotations

from typing import Any

import pytest

from driftgauge.explorer.distribution import Bin, Distribution
from driftgauge.explorer.figures import distribution_figure, empty, history_figure, performance_figure
from driftgauge.explorer.performance import Performance
from driftgauge.explorer.scores import ScoreHistory
from driftgauge.explorer.selection import CHARTS
from driftgauge.explorer.series import Line

NONE = Line({}, (), ())
NUMBERS = Distribution(
    kind="numeric",
    bins=(
        Bin(label="≤ 1", reference=0.5, current=0.25, low=0.0, high=1.0),
        Bin(label="> 1", reference=0.5, current=0.75, low=1.0, high=3.0),
    ),
    rows=8.0,
)
NASTY = Distribution(
    kind="categorical", bins=(Bin(label="<a href='x'>&", reference=1.0, current=1.0),), rows=1.0
)


def traces(figure: Any) -> dict[str, Any]:
    """Traces by name."""
    return {trace.name: trace for trace in figure.data}


def test_bars_are_shares_side_by_side() -> None:
    """One bar of each for every bin, at numbers, so that equal names stay two."""
    figure = distribution_figure(NUMBERS, "shares")
    assert list(traces(figure)["reference"].y) == [0.5, 0.5]
    assert list(traces(figure)["this range"].y) == [0.25, 0.75]
    assert list(figure.layout.xaxis.tickvals) == [0, 1]


def test_the_area_of_a_histogram_is_its_share() -> None:
    """A bin twice as wide is half as high."""
    drawn = traces(distribution_figure(NUMBERS, "histogram"))["this range"]
    assert list(drawn.x) == [0.0, 1.0, 1.0, 3.0]
    assert list(drawn.y) == [0.25, 0.25, 0.375, 0.375]


def test_differences_and_quantiles() -> None:
    """Current less reference; and quantiles beside the diagonal from the smallest to the largest."""
    assert list(distribution_figure(NUMBERS, "difference").data[0].y) == [-0.25, 0.25]
    drawn = traces(distribution_figure(NUMBERS, "qq"))
    assert len(drawn["quantiles"].x) == 49
    assert list(drawn["the same"].x) == list(drawn["the same"].y)


@pytest.mark.parametrize("chart", CHARTS)
def test_names_of_users_are_no_markup(chart: str) -> None:
    """Plotly reads some HTML in labels; ours are escaped in every drawing."""
    text = distribution_figure(NASTY, chart).to_json()
    assert "\\u003ca href" not in text
    assert "<a href" not in text


def test_a_history_has_its_two_lines() -> None:
    """Score, threshold and noise floor where they are known; without a score, nothing is drawn."""
    line = Line({}, (0.0, 60.0), (0.1, 0.2))
    figure = history_figure(ScoreHistory(test="psi", score=line, threshold=line, noise_floor=line))
    assert list(traces(figure)) == ["score", "threshold", "noise floor"]
    assert list(figure.data[0].x) == ["1970-01-01 00:00:00", "1970-01-01 00:01:00"]
    assert history_figure(ScoreHistory(test="ks", score=NONE, threshold=line, noise_floor=NONE)) == empty()


def test_performance_shows_what_is_known() -> None:
    """Outcomes with their interval, the estimate, and the value at training time."""
    line = Line({}, (0.0, 60.0), (0.8, 0.9))
    known = Performance(
        measure="auc", segment="all", real=line, estimated=line, low=line, high=line, reference=0.85,
        state="ok", reliable=True, coverage=0.5,
    )  # fmt: skip
    figure = performance_figure(known)
    assert {"95 % interval", "from outcomes", "estimated", "at training time"} <= set(traces(figure))
    assert list(traces(figure)["at training time"].y) == [0.85, 0.85]
