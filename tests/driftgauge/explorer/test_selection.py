from __future__ import annotations

from dataclasses import asdict

import pytest

from driftgauge.explorer.choices import Choices, missing, pick, settled
from driftgauge.explorer.navigation import is_shown, offered, with_control
from driftgauge.explorer.selection import (
    MAX_ADDRESS,
    MAX_LENGTH,
    POINTS,
    RANGES,
    Selection,
    from_address,
    parse_until,
    to_address,
)


def test_an_address_leads_back_to_its_view() -> None:
    """Whatever names contain, the query that a view writes reads as the same view."""
    view = Selection(
        model="a&b=c", version="1 2", feature='<b>"x"', segment="ü#", window="1d", test="ks", measure="auc",
        chart="qq", span="6h", until="2026-01-31 18:00",
    )  # fmt: skip
    assert from_address(to_address(view)) == view
    assert to_address(Selection()) == "?"
    assert from_address("") == from_address(None) == Selection()


@pytest.mark.parametrize(
    "search",
    ["?span=9y", "?chart=pie", "?nonsense=1", "?model=" + "x" * (MAX_LENGTH + 1), "?" + "a" * MAX_ADDRESS,
     "?" + "&".join(f"x{i}=1" for i in range(100)), "?%zz"],
)  # fmt: skip
def test_what_an_address_may_not_ask_for_is_left_out(search: str) -> None:
    """Unknown ranges and charts, foreign names, values and addresses that are too long."""
    assert from_address(search) == Selection()


def test_the_end_of_the_range_is_never_after_now() -> None:
    """An end in the past counts; in the future, or not a time, it is now."""
    day = 86_400.0
    assert Selection(until="1970-01-02").end(3 * day) == day
    assert Selection(until="1970-01-09 00:00").end(3 * day) == 3 * day
    assert Selection(until="soon").end(3 * day) == 3 * day
    assert parse_until(" 1970-01-01T01:00:00Z ") == 3_600.0


@pytest.mark.parametrize("span", RANGES)
def test_a_line_has_a_bounded_number_of_points(span: str) -> None:
    """However long the range, in whole seconds."""
    selection = Selection(span=span)
    assert selection.seconds / selection.step <= POINTS


def test_what_is_not_there_is_replaced_and_said() -> None:
    """The feature that drifts most stands in for none; a wrong one is named."""
    choices = Choices(models=("m",), features=("a", "b"), segments=("all", "x"), windows=("1d", "1h"))
    shown = settled(Selection(model="m"), choices, {"a": 0.5, "b": 2.0})
    assert (shown.feature, shown.segment, shown.window) == ("b", "all", "1d")
    asked = Selection(model="m", feature="gone", segment="x")
    assert settled(asked, choices, {"a": 0.5, "b": 2.0}).feature == "b"
    assert missing(asked, choices) == ("feature: found no 'gone' in this time range, showing another",)
    assert pick("kept", ()) == "kept"


def test_an_address_of_what_is_shown_asks_for_nothing() -> None:
    """It comes back from the browser after each change; any other is asked for."""
    assert is_shown("?model=m&span=6h", asdict(Selection(model="m", span="6h")))
    assert not is_shown("?model=m", asdict(Selection(model="m", span="6h")))


def test_a_control_takes_along_what_belongs_to_it() -> None:
    """Another model has other versions and features; a list without options changes nothing."""
    before = Selection(model="a", version="1", feature="f", test="ks", until="2026-01-01")
    after = with_control(before, "model", {"model": "b", "version": "1", "feature": None, "until": None})
    assert after == Selection(model="b", until="")
    assert with_control(before, "test", {"test": "psi", "until": "2026-01-01"}).feature == "f"
    assert offered(("a",), "gone") == ["gone", "a"]
    assert offered(("a",), "a") == ["a"]
