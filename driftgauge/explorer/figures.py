"""View models as Plotly figures. Pure.

Text of users' data is escaped, since Plotly reads some HTML in labels. Colours of text and grid are set by
the style sheet, so that light and dark need no second figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

import plotly.graph_objects as go  # type: ignore[import-untyped]  # ships no types

from .distribution import Distribution, cumulated, quantiles
from .palette import CURRENT, ESTIMATED, NOISE, REFERENCE, THRESHOLD
from .performance import Performance
from .performance import name_of as measure_name
from .scores import ScoreHistory
from .scores import name_of as test_name
from .series import Line

LABEL_LENGTH: Final = 18
"""Characters of a bin's name under its bar; the whole name is in the hover text and in the table."""

_FONT: Final = "system-ui, sans-serif"


def distribution_figure(found: Distribution, chart: str) -> Any:  # noqa: ANN401 - Plotly has no types
    """A distribution, drawn as chosen; bars of shares where another drawing needs what is not known."""
    if chart == "difference":
        return _difference(found)
    if chart == "qq":
        return _quantiles(found)
    if chart == "histogram" and found.has_histogram:
        return _histogram(found)
    return _shares(found)


def history_figure(found: ScoreHistory) -> Any:  # noqa: ANN401 - as above
    """A score over time with its threshold and the noise floor."""
    if not found.score.times:
        return empty()
    figure = _figure(test_name(found.test))
    figure.add_trace(_line(found.score, "score", CURRENT, width=2.5))
    if found.threshold.times:
        figure.add_trace(_line(found.threshold, "threshold", THRESHOLD, dash="dash"))
    if found.noise_floor.times:
        under: dict[str, Any] = {"fill": "tozeroy", "fillcolor": _faint(NOISE)}
        figure.add_trace(_line(found.noise_floor, "noise floor", NOISE, dash="dot", **under))
    figure.update_yaxes(rangemode="tozero")
    return figure


def performance_figure(found: Performance) -> Any:  # noqa: ANN401 - as above
    """A measure with its interval, its estimate and its value at training time."""
    if not found.known:
        return empty()
    figure = _figure(measure_name(found.measure))
    if found.low.times and found.high.times:
        figure.add_trace(_line(found.high, "", CURRENT, width=0, showlegend=False, hoverinfo="skip"))
        band = {"fill": "tonexty", "fillcolor": _faint(CURRENT), "hoverinfo": "skip"}
        figure.add_trace(_line(found.low, "95 % interval", CURRENT, width=0, **band))
    if found.real.times:
        figure.add_trace(_line(found.real, "from outcomes", CURRENT, width=2.5))
    if found.estimated.times:
        figure.add_trace(_line(found.estimated, "estimated", ESTIMATED, dash="dash"))
    times = [at for line in (found.real, found.estimated) for at in line.times]
    if found.reference is not None and times:
        level = Line({}, (min(times), max(times)), (found.reference, found.reference))
        figure.add_trace(_line(level, "at training time", REFERENCE, dash="dot"))
    return figure


def empty() -> Any:  # noqa: ANN401 - as above
    """A figure without anything."""
    figure = _figure("")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def plain(text: str) -> str:
    """Text that Plotly shows as it is.

    Examples
    --------
    >>> plain("<b>a</b>")
    '&lt;b&gt;a&lt;/b&gt;'
    """
    return escape(text, quote=False)


def _shares(found: Distribution) -> Any:  # noqa: ANN401 - as above
    figure = _bars(found, "Share of values")
    for name, color, values in (
        ("reference", REFERENCE, [one.reference for one in found.bins]),
        ("this range", CURRENT, [one.current for one in found.bins]),
    ):
        figure.add_trace(
            go.Bar(
                x=_places(found),
                y=values,
                name=name,
                marker_color=color,
                customdata=_labels(found),
                hovertemplate="%{customdata}: %{y:.1%}<extra>" + name + "</extra>",
            )
        )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def _histogram(found: Distribution) -> Any:  # noqa: ANN401 - as above
    """Densities, each bin as wide as it is; areas are shares."""
    figure = _figure("Density")
    for name, color, of_range in (("reference", REFERENCE, False), ("this range", CURRENT, True)):
        xs: list[float] = []
        ys: list[float] = []
        hover: list[str] = []
        for one in found.placed:
            low, high = float(one.low or 0.0), float(one.high or 0.0)
            part = one.current if of_range else one.reference
            xs += [low, high]
            ys += [part / (high - low)] * 2
            hover += [f"{plain(one.label)}: {part:.1%}"] * 2
        figure.add_trace(
            go.Scatter(
                x=xs,
                y=ys,
                name=name,
                mode="lines",
                line={"color": color, "width": 2, "shape": "linear"},
                fill="tozeroy",
                fillcolor=_faint(color),
                customdata=hover,
                hovertemplate="%{customdata}<extra>" + name + "</extra>",
            )
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def _difference(found: Distribution) -> Any:  # noqa: ANN401 - as above
    figure = _bars(found, "Difference of shares")
    differences = [one.difference for one in found.bins]
    figure.add_trace(
        go.Bar(
            x=_places(found),
            y=differences,
            name="this range less the reference",
            marker_color=[CURRENT if value >= 0 else ESTIMATED for value in differences],
            customdata=_labels(found),
            hovertemplate="%{customdata}: %{y:+.1%}<extra></extra>",
        )
    )
    figure.update_yaxes(tickformat="+.0%")
    return figure


def _quantiles(found: Distribution) -> Any:  # noqa: ANN401 - as above
    """Quantile against quantile; without the bins' ends, share against share up to each bin."""
    points = quantiles(found)
    placed = bool(points)
    if not placed:
        points = cumulated(found)
    figure = _figure("This range")
    ends = [value for point in points for value in point]
    line = [min(ends), max(ends)] if ends else []
    figure.add_trace(
        go.Scatter(
            x=line, y=line, name="the same", mode="lines", line={"color": REFERENCE, "dash": "dot"},
            hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[point[0] for point in points],
            y=[point[1] for point in points],
            name="quantiles" if placed else "cumulated shares",
            mode="lines+markers",
            line={"color": CURRENT},
            marker={"size": 5},
            hovertemplate="reference %{x:.4g}, this range %{y:.4g}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="Reference")
    if not placed:
        figure.update_xaxes(tickformat=".0%")
        figure.update_yaxes(tickformat=".0%")
    return figure


def _bars(found: Distribution, title: str) -> Any:  # noqa: ANN401 - as above
    figure = _figure(title)
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.05)
    figure.update_xaxes(tickvals=_places(found), ticktext=[plain(_cut(one.label)) for one in found.bins])
    return figure


def _places(found: Distribution) -> list[int]:
    """Bars stand at numbers: two names that are cut alike stay two bars."""
    return list(range(len(found.bins)))


def _labels(found: Distribution) -> list[str]:
    return [plain(one.label) for one in found.bins]


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _line(line: Line, name: str, color: str, *, width: float = 1.8, dash: str = "solid", **more: Any) -> Any:  # noqa: ANN401 - as above
    hover = {} if "hoverinfo" in more else {"hovertemplate": f"%{{y:.4g}}<extra>{name}</extra>"}
    return go.Scatter(
        x=[datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") for at in line.times],
        y=list(line.values),
        name=name,
        mode="lines+markers" if len(line.times) == 1 else "lines",
        line={"color": color, "width": width, "dash": dash},
        **hover,
        **more,
    )


def _figure(y_title: str) -> Any:  # noqa: ANN401 - as above
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 56, "r": 12, "t": 34, "b": 44},
        font={"family": _FONT, "size": 12},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        hovermode="closest",
        dragmode=False,
        uirevision="kept",
    )
    figure.update_xaxes(showgrid=False, zeroline=False, automargin=True, fixedrange=True)
    figure.update_yaxes(
        title_text=plain(y_title), zeroline=True, zerolinewidth=1, automargin=True, fixedrange=True, nticks=6
    )
    return figure


def _faint(color: str) -> str:
    """A colour that one sees through."""
    red, green, blue = _parts(color)
    return f"rgba({red},{green},{blue},0.18)"


def _parts(color: str) -> Sequence[int]:
    return [int(color[start : start + 2], 16) for start in (1, 3, 5)]
