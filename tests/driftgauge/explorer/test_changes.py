from __future__ import annotations

import pytest
from dash import html, no_update

from driftgauge.explorer.changes import anew
from driftgauge.explorer.figures import empty


def test_only_what_has_changed_is_sent_again() -> None:
    """Components and figures are told by what they contain; the digests are all there the next time too."""
    parts = {"words": html.P("a"), "figure": empty(), "notice": []}
    sent, digests = anew(parts, None)
    assert sent == parts
    sent, again = anew({"words": html.P("b"), "figure": empty(), "notice": []}, digests)
    assert sent["words"].children == "b"
    assert (sent["figure"], sent["notice"]) == (no_update, no_update)
    assert again.keys() == digests.keys()
    assert {name for name in again if again[name] != digests[name]} == {"words"}


@pytest.mark.parametrize("shown", [None, [], "x", 1, {"words": 5}, {"other": "x"}])
def test_what_a_browser_says_of_itself_breaks_nothing(shown: object) -> None:
    """Without a digest that is known everything is sent."""
    sent, _ = anew({"words": "a"}, shown)
    assert sent == {"words": "a"}
