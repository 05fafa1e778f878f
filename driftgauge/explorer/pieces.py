"""View models as parts of the page. Text is always text: nothing here reads HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from . import words
from .alerts import Alert, Incident
from .distribution import Distribution
from .palette import tone
from .quality import DAMAGE, Quality
from .ranking import Ranked, Ranking
from .scores import Statistic
from .scores import name_of as test_name
from .selection import Selection, changed, to_address
from .summary import Summary


def notice(message: str) -> html.P:
    """A sentence about something that is not there."""
    return html.P(message, className="notice", role="status")


def aria(**attributes: str) -> dict[str, Any]:
    """Attributes of a component for those who hear the page; Dash knows no keywords for them."""
    return {f"aria-{name}": value for name, value in attributes.items()}


def pill(word: str) -> html.Span:
    """A state or severity in its colour; the word says it too."""
    return html.Span(word, className=f"pill {tone(word)}")


def summary_cards(found: Summary, chosen: Selection, now: float) -> list[html.Dl]:
    """The facts on top of the page."""
    times = words.times(found.ratio)
    age = None if found.checked_at is None else now - found.checked_at
    cards = [
        _fact("State of " + chosen.feature, pill(found.state), found.reason or ""),
        _fact("Severity", pill(found.severity) if found.severity else "none", ""),
        _fact("Worst score / threshold", times, test_name(found.test) if found.test else ""),
        _fact("Features in drift", f"{found.drifted} of {found.features}", ""),
        _fact(f"Rows in the window {chosen.window}", words.number(found.rows), ""),
        _fact("Last check", words.ago(age), ""),
    ]
    return [html.Dl(cards, className="facts")]


def bins_table(found: Distribution) -> html.Div:
    """The numbers behind the figure of a distribution."""
    rows = [
        [one.label, words.share(one.reference), words.share(one.current),
         words.change(one.difference, percent=True), words.share(one.previous)]
        for one in found.bins
    ]  # fmt: skip
    heads = ["Bin", "Reference", "This range", "Difference", "Range before"]
    return table(heads, rows, "Shares by bin", "bins-table")


def statistics_table(found: Sequence[Statistic], span: str) -> html.Div | html.P:
    """All tests of a feature."""
    if not found:
        return html.P("No scores in this time range.", className="quiet")
    rows = [
        [
            test_name(one.test),
            words.number(one.now),
            words.number(one.threshold),
            html.Span(words.times(one.ratio), className="bad-text" if (one.ratio or 0.0) >= 1.0 else ""),
            words.p_value(one.p_value),
            words.number(one.noise_floor),
            words.number(one.mean),
            words.change(one.change),
        ]
        for one in found
    ]
    heads = ["Test", "Score", "Threshold", "Score / threshold", "p-value", "Noise floor", f"Mean of {span}",
             f"Change to the {span} before"]  # fmt: skip
    return table(heads, rows, "Statistics", "statistics-table")


def quality_tables(found: Quality, chosen: Selection) -> list[Any]:
    """Damage of the feature's values and of the window's table."""
    damages = [
        [DAMAGE[one.kind], words.share(one.share), words.change(one.change, percent=True),
         words.share(one.reference)]
        for one in found.damages
    ]  # fmt: skip
    kinds = [
        [one.kind.replace("_", " "), words.number(one.score), words.number(one.threshold),
         pill("broken" if one.broken else "ok")]
        for one in found.kinds
    ]  # fmt: skip
    parts: list[Any] = [
        html.P(["Data of the version: ", pill(found.state)]),
        table(
            [f"Values of {chosen.feature}", f"Share in {chosen.span}", "Change", "Reference"],
            damages,
            "Damaged values",
            "damage-table",
        ),
    ]
    if kinds:
        heads = [f"All data, window {chosen.window}", "Worst", "Threshold", "State"]
        parts.append(
            html.Details(
                [
                    html.Summary("All kinds of damage", id="kinds-summary"),
                    table(heads, kinds, "Kinds of damage", "kinds-table"),
                ],
                id="kinds",
            )
        )
    return parts


def ranking_list(found: Ranking, chosen: Selection) -> list[Any]:
    """Features by what they add to the drift; each chooses itself."""
    if not found.features:
        return [html.P("No features in this time range.", className="quiet")]
    ranked = [_ranked(one, chosen) for one in found.features]
    parts: list[Any] = [html.Ol(ranked, id="ranking-list", className="ranking")]
    if found.more:
        parts.append(html.P(f"and {found.more} more", className="quiet"))
    return parts


def alerts_table(found: Sequence[Alert]) -> html.Div | html.P:
    """Alerts of Alertmanager."""
    if not found:
        return html.P("No alert of this version fires.", className="quiet")
    rows = [
        [
            pill(one.severity or "info"),
            html.Div([html.Strong(one.name), html.Div(one.summary, className="quiet"), _links(one)]),
            pill(one.state),
            words.moment(one.started_at),
        ]
        for one in found
    ]
    return table(["Severity", "Alert", "State", "Since (UTC)"], rows, "Alerts", "alerts-table")


def incidents_table(found: Sequence[Incident]) -> html.Div | html.P:
    """Incidents of the bridge, with a button for those that wait for somebody."""
    if not found:
        return html.P("The bridge has no incident of this model.", className="quiet")
    rows = [
        [
            pill(one.severity or "info"),
            f"{one.title} ({one.firing} firing)" if one.firing else one.title,
            html.Div(
                [pill(one.state), html.Span(f" by {one.acknowledged_by}" if one.acknowledged_by else "")]
            ),
            words.moment(one.began_at),
            _button(one) if one.can_be_acknowledged else "",
        ]
        for one in found
    ]
    heads = ["Severity", "Incident", "State", "Since (UTC)", "Action"]
    return table(heads, rows, "Incidents", "incidents-table")


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], name: str, anchor: str) -> html.Div:
    """A table that scrolls inside itself where the screen is narrow; its first column names the rows.

    Its anchor is its id. Everything that takes the focus or scrolls has one: by it the page gives both back
    to what is drawn again.
    """
    return html.Div(
        html.Table(
            [
                html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                html.Tbody(
                    [
                        html.Tr([html.Th(row[0], scope="row"), *(html.Td(cell) for cell in row[1:])])
                        for row in rows
                    ]
                ),
            ]
        ),
        id=anchor,
        className="scroll",
        role="region",
        tabIndex=0,
        **aria(label=name),
    )


def _fact(name: str, value: Any, more: str) -> html.Div:  # noqa: ANN401 - text or a pill
    return html.Div([html.Dt(name), html.Dd([value, html.Span(more, className="quiet") if more else None])])


def _ranked(one: Ranked, chosen: Selection) -> html.Li:
    part = one.contribution or 0.0
    is_chosen = one.feature == chosen.feature
    address = to_address(changed(chosen, {"feature": one.feature, "test": ""}))
    link = dcc.Link(one.feature, id={"type": "feature", "name": one.feature}, href=address)
    numbers = f"{words.share(one.contribution)}, {words.times(one.ratio)}"
    return html.Li(
        [
            html.Div([link, pill(one.state), html.Span(numbers, className="quiet")]),
            html.Div(
                html.Div(style={"width": f"{100.0 * min(max(part, 0.0), 1.0):.1f}%"}),
                className="bar",
                **aria(hidden="true"),
            ),
        ],
        className="chosen" if is_chosen else "",
        **(aria(current="true") if is_chosen else {}),
    )


def _links(one: Alert) -> html.Div | None:
    places = [("Runbook", one.runbook), ("Dashboard", one.dashboard)]
    links = [
        html.A(
            name,
            id={"type": name.lower(), "alert": one.fingerprint},
            href=url,
            rel="noreferrer",
            target="_blank",
        )
        for name, url in places
        if url
    ]
    return html.Div(links, className="links") if links else None


def _button(one: Incident) -> html.Button:
    return html.Button(
        "Acknowledge",
        id={"type": "acknowledge", "incident": one.number},
        **aria(label=f"Acknowledge incident {one.number}, {one.title}"),
    )
