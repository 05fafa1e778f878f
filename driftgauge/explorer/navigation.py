"""The address and the controls say the same; from both comes the view that everything else shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from dash import Dash, Input, Output, State, ctx, html
from dash.exceptions import PreventUpdate

from ..errors import SourceError
from . import pieces, words
from .changes import anew, unless
from .choices import Choices
from .reader import Reader
from .selection import UNTIL_FORMS, Selection, changed, from_address, parse_until, to_address

OFFERED: Final = ("model", "version", "feature", "segment", "window", "test", "measure")
"""Controls whose values come from Prometheus."""

CONTROLS: Final = (*OFFERED, "span", "until", "chart")

BELONGING: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("version", "feature", "segment", "window", "test", "measure"),
    "feature": ("test",),
}
"""Control to those whose values belonged to its old value."""

NO_MODEL: Final = (
    "Prometheus: found no model in this time range, need one that it scrapes; another range may have some"
)


def register(app: Dash, reader: Reader) -> None:
    """Connect controls, address and view."""

    @app.callback(
        output={
            "search": Output("address", "search"),
            "view": Output("view", "data"),
            "notices": Output("notices", "children"),
            "updated": Output("updated", "children"),
            "refreshed": Output("refreshed", "children"),
            "shown": Output("navigation-shown", "data"),
            "values": {name: Output(name, "value") for name in CONTROLS},
            "options": {name: Output(name, "options") for name in OFFERED},
        },
        inputs={
            "search": Input("address", "search"),
            "pressed": Input("refresh", "n_clicks"),
            "due": Input("due", "data"),
            "values": {name: Input(name, "value") for name in CONTROLS},
            "view": State("view", "data"),
            "before": State("navigation-shown", "data"),
        },
    )
    def navigate(
        search: str | None,
        pressed: Any,  # noqa: ANN401, ARG001 - that it changed is all
        due: Any,  # noqa: ANN401, ARG001 - as above
        values: Mapping[str, Any],
        view: Mapping[str, Any] | None,
        before: object,
    ) -> dict[str, Any]:
        control = ctx.triggered_id if ctx.triggered_id in CONTROLS else None
        if control in OFFERED and not values[control]:
            raise PreventUpdate  # a list whose options went away lets go of its value; nobody chose that
        if ctx.triggered_id == "address" and view is not None and is_shown(search, view["chosen"]):
            raise PreventUpdate  # the address only says what this callback has just written into it
        wanted = from_address(search)
        if control is not None:
            wanted = with_control(wanted, control, values)
        shown, choices, notes = settle(reader, wanted, by_address=control is None)
        now = reader.clock()
        as_of = f"as of {words.moment(shown.end(now))} UTC"
        lists = {name: offered(getattr(choices, f"{name}s"), getattr(shown, name)) for name in OFFERED}
        parts, digests = anew({**lists, "notices": notes}, before)
        new_values = {name: getattr(shown, name) for name in CONTROLS}
        address = to_address(shown)
        return {
            "search": unless(address == search, address),
            "view": {"chosen": asdict(shown), "at": now},
            "notices": parts["notices"],
            "updated": as_of,
            # Those who hear the page are told of a refresh that they asked for, and of no other.
            "refreshed": unless(ctx.triggered_id != "refresh", as_of),
            "shown": digests,
            "values": {name: unless(value == values[name], value) for name, value in new_values.items()},
            "options": {name: parts[name] for name in OFFERED},
        }


def is_shown(search: str | None, chosen: Mapping[str, Any]) -> bool:
    """Whether an address leads to the view that is shown already."""
    return from_address(search) == changed(Selection(), chosen)


def with_control(wanted: Selection, control: str, values: Mapping[str, Any]) -> Selection:
    """The selection after a control was changed: what belonged to its old value is chosen anew."""
    given = {name: value or "" for name, value in values.items() if value or name == "until"}
    wanted = changed(wanted, given)
    return changed(wanted, {name: getattr(Selection(), name) for name in BELONGING.get(control, ())})


def settle(reader: Reader, wanted: Selection, *, by_address: bool) -> tuple[Selection, Choices, list[html.P]]:
    """What is shown of what is wanted, and what to say about the rest.

    While Prometheus does not answer, everything stays as it is wanted, and there is nothing else to choose.
    """
    notes: list[str] = []
    if wanted.until and parse_until(wanted.until) is None:
        notes.append(f"until: found {wanted.until!r}, need a time such as {_example()}; showing up to now")
    choices, shown = Choices(), wanted
    try:
        choices, shown, missing = reader.choices(wanted)
    except SourceError as error:
        notes.append(str(error))
    else:
        notes += missing if by_address else ()
        if not choices.models:
            notes.append(NO_MODEL)
    return shown, choices, [pieces.notice(note) for note in notes]


def offered(values: Sequence[str], shown: str) -> list[str]:
    """Options of a control; what is shown is always one of them."""
    return list(values) if shown in values or not shown else [shown, *values]


def _example() -> str:
    return (
        UNTIL_FORMS[0].replace("%Y", "2026").replace("%m", "01").replace("%d", "31").replace("%H:%M", "18:00")
    )
