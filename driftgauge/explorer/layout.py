"""What the page consists of, before anything is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dash import dcc, html
from dash.development.base_component import Component

from .pieces import aria
from .selection import CHARTS, RANGES

REFRESHES: Final[Mapping[str, int]] = {"off": 0, "5 s": 5, "30 s": 30, "1 min": 60, "5 min": 300}
"""Seconds between two refreshes. Prometheus scrapes every 15 s; the demo's every second."""

DEFAULT_REFRESH: Final = "30 s"
"""As the dashboards'."""

_MILLISECONDS: Final = 1_000

_GRAPH: Final[Any] = {"displayModeBar": False, "responsive": True}

THEMES: Final = ("auto", "light", "dark")

PARTS: Final = (
    "navigation", "summary", "statistics", "quality", "ranking", "alerts", "incidents", "distribution",
    "score", "performance",
)  # fmt: skip
"""What is answered by itself; the browser keeps digests of what it shows of each."""


def layout() -> html.Div:
    """The whole page."""
    return html.Div(
        [
            dcc.Location(id="address", refresh=False),
            dcc.Store(id="view"),
            dcc.Store(id="acted"),
            dcc.Store(id="theme-set"),
            dcc.Store(id="due"),
            *(dcc.Store(id=f"{name}-shown") for name in PARTS),
            dcc.Interval(id="timer", interval=REFRESHES[DEFAULT_REFRESH] * _MILLISECONDS),
            html.A("Skip to the summary", href="#summary-card", className="skip"),
            _header(),
            html.Main(
                [
                    html.Div(id="notices", **aria(live="polite")),
                    _card("summary", "Summary", html.Div(id="summary"), heading_hidden=True),
                    _distribution(),
                    _score(),
                    _card("statistics", "Statistics", html.Div(id="statistics")),
                    _card("ranking", "What carries the drift", html.Div(id="ranking")),
                    _performance(),
                    _card("quality", "Quality", html.Div(id="quality")),
                    _alerts(),
                ]
            ),
        ],
        className="page",
    )


def interval_of(refresh: str | None) -> tuple[int, bool]:
    """Milliseconds between two refreshes, and whether there are none."""
    seconds = REFRESHES.get(refresh or "", 0)
    return max(seconds, 1) * _MILLISECONDS, seconds == 0


def _header() -> html.Header:
    return html.Header(
        [
            html.Div(
                [
                    html.H1(["driftgauge ", html.Span("explorer")]),
                    _radio("theme", "Theme", [(theme, theme) for theme in THEMES], THEMES[0], kept=True),
                    html.Div(
                        [
                            html.Button("Refresh", id="refresh", className="primary"),
                            _dropdown("every", "every", list(REFRESHES), DEFAULT_REFRESH, kept=True),
                            html.Span(id="updated", className="quiet"),
                            html.Span(id="refreshed", className="hidden", role="status"),
                        ],
                        className="refresh",
                    ),
                ],
                className="bar-top",
            ),
            html.Div(
                [
                    _dropdown("model", "Model"),
                    _dropdown("version", "Version"),
                    _dropdown("feature", "Feature"),
                    _dropdown("segment", "Segment"),
                    _dropdown("window", "Window of the checks"),
                    _dropdown("span", "Time range", list(RANGES), "1h"),
                    _labelled(
                        "until",
                        "Until (UTC; empty: now)",
                        dcc.Input(id="until", type="text", debounce=True, placeholder="2026-01-31 18:00"),
                    ),
                ],
                className="controls",
                role="group",
                **aria(label="What is shown"),
            ),
        ]
    )


def _distribution() -> html.Section:
    return _card(
        "distribution",
        "Distribution against the reference",
        _radio("chart", "Show as", list(CHARTS.items()), "shares"),
        _figure("distribution"),
        html.Details([html.Summary("The numbers"), html.Div(id="distribution-table")]),
    )


def _score() -> html.Section:
    return _card("score", "Score over time", _dropdown("test", "Test"), _figure("score"))


def _performance() -> html.Section:
    return _card("performance", "Performance", _dropdown("measure", "Measure"), _figure("performance"))


def _alerts() -> html.Section:
    return _card(
        "alerts",
        "Alerts and incidents",
        html.Div(
            [
                _labelled(
                    "who",
                    "Your name, for acknowledging",
                    dcc.Input(
                        id="who",
                        type="text",
                        debounce=True,
                        maxLength=80,
                        persistence=True,
                        autoComplete="name",
                    ),
                ),
                html.P(id="told", role="status", className="told"),
            ],
            className="acting",
        ),
        html.Div(id="incidents"),
        html.H3("Firing in Alertmanager"),
        html.Div(id="alerts"),
    )


def _card(name: str, title: str, *parts: Component, heading_hidden: bool = False) -> html.Section:
    heading = html.H2(title, id=f"{name}-title", className="hidden" if heading_hidden else "")
    return html.Section(
        [heading, *parts], id=f"{name}-card", className="card", **aria(labelledby=f"{name}-title")
    )


def _figure(name: str) -> html.Figure:
    """A figure, and under it in words what it shows."""
    return html.Figure(
        [
            html.Div(id=f"{name}-notice"),
            # The caption says what the drawing shows; a reader of the screen need not go through its paths.
            html.Div(
                dcc.Graph(id=f"{name}-figure", config=_GRAPH, style={"height": "100%"}),
                className="graph",
                **aria(hidden="true"),
            ),
            html.Figcaption(id=f"{name}-words"),
        ]
    )


def _dropdown(
    name: str, label: str, values: Sequence[str] = (), value: str | None = None, *, kept: bool = False
) -> html.Div:
    kept_options: dict[str, Any] = {"persistence": True} if kept else {}
    return _labelled(
        name,
        label,
        dcc.Dropdown(
            id=name,
            options=list(values),
            value=value,
            clearable=False,
            searchable=not values,
            maxHeight=320,
            **kept_options,
        ),
    )


def _radio(
    name: str, label: str, options: Sequence[tuple[str, str]], value: str, *, kept: bool = False
) -> html.Fieldset:
    kept_options: dict[str, Any] = {"persistence": True} if kept else {}
    return html.Fieldset(
        [
            html.Legend(label, className="hidden"),
            dcc.RadioItems(
                id=name,
                options=[{"label": text, "value": each} for each, text in options],
                value=value,
                inline=True,
                className="choice",
                **kept_options,
            ),
        ]
    )


def _labelled(name: str, label: str, control: Any) -> html.Div:  # noqa: ANN401 - a component
    # A dropdown names itself by its value and by the element of this id, which it only has for several.
    return html.Div([html.Label(label, htmlFor=name, id=f"{name}-value-count"), control], className="control")
