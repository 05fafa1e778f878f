"""What happens when the view changes or a button is pressed: ask, and show. Nothing is decided here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from ..errors import SourceError
from . import figures, navigation, pieces, words
from .changes import anew
from .layout import interval_of
from .reader import Reader
from .selection import ALL as ALL_ROWS
from .selection import Selection, changed

logger = logging.getLogger("driftgauge.explorer")

UNEXPECTED: Final = "explorer: found an error of its own, need its log"
NO_HISTOGRAM: Final = "Bars of shares: the bins of this feature cannot be drawn as wide as they are."
NO_PLACES: Final = "Shares up to each bin: the bins of this feature have no known place on a line of numbers."
ALL_TOGETHER: Final = "Of all segments together: bins are counted without them."
NO_NAME: Final = "Your name: found none, need one, so that others see who has taken it on"

View = Mapping[str, Any]
"""What the browser keeps: the selection, and when it was last asked for."""


def register(app: Dash, reader: Reader) -> None:
    """Connect the page with what it shows."""
    navigation.register(app, reader)
    _texts(app, reader)
    _charts(app, reader)
    _acknowledging(app, reader)
    app.callback(Output("timer", "interval"), Output("timer", "disabled"), Input("every", "value"))(
        interval_of
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]  # Dash's own
        ClientsideFunction("explorer", "theme"), Output("theme-set", "data"), Input("theme", "value")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]  # as above
        ClientsideFunction("explorer", "due"),
        Output("due", "data"),
        Input("timer", "n_intervals"),
        prevent_initial_call=True,
    )


def _texts(app: Dash, reader: Reader) -> None:
    """The parts of the page that are words and tables."""

    def show(name: str, make: Callable[[Selection], Any], *more: Input) -> None:
        @app.callback(
            Output(name, "children"),
            Output(f"{name}-shown", "data"),
            State(f"{name}-shown", "data"),
            Input("view", "data"),
            *more,
        )
        def update(shown: object, view: View | None, *_: Any) -> Any:  # noqa: ANN401 - as Dash has it
            if view is None:
                raise PreventUpdate
            made, trouble = _tried(lambda: make(_selection(view)))
            parts, digests = anew({name: made if trouble is None else trouble}, shown)
            return parts[name], digests

    show("summary", lambda chosen: _summary(reader, chosen))
    show("statistics", lambda chosen: _statistics(reader, chosen))
    show("quality", lambda chosen: pieces.quality_tables(reader.quality(chosen), chosen))
    show("ranking", lambda chosen: pieces.ranking_list(reader.ranking(chosen), chosen))
    show("alerts", lambda chosen: pieces.alerts_table(reader.alerts(chosen)))
    acted = Input("acted", "data")
    show("incidents", lambda chosen: pieces.incidents_table(reader.incidents(chosen)), acted)


def _charts(app: Dash, reader: Reader) -> None:
    """The parts of the page that are drawn: each with words, and a notice where something is not there."""

    def show(name: str, make: Callable[[Selection], tuple[Any, str, list[Any], Any]], *more: Output) -> None:
        @app.callback(
            Output(f"{name}-figure", "figure"),
            Output(f"{name}-words", "children"),
            Output(f"{name}-notice", "children"),
            *more,
            Output(f"{name}-shown", "data"),
            State(f"{name}-shown", "data"),
            Input("view", "data"),
        )
        def update(shown: object, view: View | None) -> Any:  # noqa: ANN401 - as Dash has it
            if view is None:
                raise PreventUpdate
            made, trouble = _tried(lambda: make(_selection(view)))
            found = (figures.empty(), "", [trouble], "") if made is None else made
            names = ("figure", "words", "notice", "table")[: 3 + len(more)]
            parts, digests = anew(dict(zip(names, found, strict=False)), shown)
            return *parts.values(), digests

    def distribution(chosen: Selection) -> tuple[Any, str, list[Any], Any]:
        bins, trouble = _tried(lambda: reader.bins(chosen))
        found = reader.distribution(chosen, bins)
        told = [trouble] if trouble is not None else []
        if found.known:
            told += [pieces.notice(about) for about in _about(found, chosen)]
        table = pieces.bins_table(found) if found.known else ""
        drawn = figures.distribution_figure(found, chosen.chart) if found.known else figures.empty()
        return drawn, words.of_distribution(found, chosen.feature), told, table

    def score(chosen: Selection) -> tuple[Any, str, list[Any], Any]:
        found = reader.history(chosen)
        return figures.history_figure(found), words.of_history(found), [], ""

    def performance(chosen: Selection) -> tuple[Any, str, list[Any], Any]:
        found = reader.performance(chosen)
        return figures.performance_figure(found), words.of_performance(found), [], ""

    show("distribution", distribution, Output("distribution-table", "children"))
    show("score", score)
    show("performance", performance)


def _acknowledging(app: Dash, reader: Reader) -> None:
    """The buttons of incidents."""

    @app.callback(
        Output("told", "children"),
        Output("acted", "data"),
        Input({"type": "acknowledge", "incident": ALL}, "n_clicks"),
        State("who", "value"),
        prevent_initial_call=True,
    )
    def acknowledge(_clicks: list[int | None], who: str | None) -> Any:  # noqa: ANN401 - as Dash has it
        pressed = ctx.triggered_id
        # A button that is drawn anew triggers too, with no click.
        if not pressed or not ctx.triggered[0]["value"]:
            return no_update
        if not (who or "").strip():
            return NO_NAME, no_update
        said, trouble = _tried(lambda: reader.bridge.acknowledge(int(pressed["incident"]), str(who)))
        return (said if trouble is None else trouble), reader.clock()


def _summary(reader: Reader, chosen: Selection) -> list[Any]:
    """The facts, and what is missing where no exporter answers."""
    column, trouble = _tried(lambda: reader.column(chosen))
    cards: list[Any] = pieces.summary_cards(
        reader.summary(chosen, column), chosen, chosen.end(reader.clock())
    )
    return cards if trouble is None else [*cards, trouble]


def _statistics(reader: Reader, chosen: Selection) -> list[Any]:
    """All tests, of the segment where the exporter checks it."""
    column, trouble = _tried(lambda: reader.column(chosen)) if chosen.segment != ALL_ROWS else (None, None)
    table = pieces.statistics_table(reader.statistics(chosen, column), chosen.span)
    return [table] if trouble is None else [trouble, table]


def _about(found: Any, chosen: Selection) -> list[str]:  # noqa: ANN401 - a Distribution
    """What a reader should know about the drawing."""
    cases = (
        (chosen.chart == "histogram" and not found.has_histogram, NO_HISTOGRAM),
        (chosen.chart == "qq" and not found.placed, NO_PLACES),
        (chosen.segment != ALL_ROWS, ALL_TOGETHER),
    )
    return [about for is_so, about in cases if is_so]


def _tried(make: Callable[[], Any]) -> tuple[Any, html.P | None]:
    """A result, or a notice in its place: a page that shows part of it is worth more than a traceback."""
    try:
        return make(), None
    except SourceError as error:
        return None, pieces.notice(str(error))
    except Exception:
        logger.exception("a part of the page")
        return None, pieces.notice(UNEXPECTED)


def _selection(view: View) -> Selection:
    """The selection of a view; a browser may send anything, and only what can be chosen is taken."""
    return changed(Selection(), view["chosen"])
