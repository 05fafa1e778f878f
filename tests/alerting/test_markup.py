from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import markup
from alerting.testing import blockkit

CALM = settings(deadline=None, max_examples=100)
"""A busy machine is no reason to fail."""


HOSTILE = [
    "<!channel>",
    "<!here> & <@U123>",
    "<https://evil.example|click>",
    "<!subteam^S1>",
    "&lt;!channel&gt;",
    "a\u202eb\u2066c",
    "`<!channel>`",
    "x\u0000y\u001bz",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_foreign_text_becomes_markup(text: str) -> None:
    """Mentions, links and direction marks from outside arrive as text that looks like what it is."""
    for harmless in (markup.escape(text, 200), markup.code(text, 200)):
        assert blockkit.unescaped({"text": harmless}) == []


@CALM
@given(st.text(max_size=300), st.integers(min_value=1, max_value=120))
def test_escaped_text_always_fits_and_is_always_harmless(text: str, limit: int) -> None:
    """Cutting comes before escaping: no entity is cut in two, and no limit is passed."""
    cut = markup.escape(text, limit)
    assert markup.length(cut) <= limit
    assert blockkit.unescaped({"text": cut}) == []


@CALM
@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp")), max_size=20))
def test_text_that_fits_comes_back_whole(text: str) -> None:
    """Nothing is lost but what hides: unescaped again, the text is the same."""
    escaped = markup.escape(text, 2_000)
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_a_backtick_cannot_end_code() -> None:
    """Text in code stays in code."""
    assert markup.code("a`<!channel>`b", 100) == "`a'&lt;!channel&gt;'b`"
    assert markup.code(" \u200b ", 100) == ""


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://",
        "https://user:password@host/",
        "https://host/ space",
        "https://host/|label>",
        "https://host/\u202e",
        "https://host/\n",
        "//host/path",
        "http://[::1",
        "",
        "https://host/" + "x" * 3_000,
    ],
)
def test_only_plain_web_addresses_become_links(url: str) -> None:
    """No script, no password, no way out of the angle brackets."""
    assert markup.safe_url(url) is None
    assert markup.link(url, "label") == ""


def test_a_link_is_escaped_inside() -> None:
    """An ampersand in an address is written as Slack wants it."""
    assert (
        markup.link("https://g.example/d?a=1&b=2", "Dashboard")
        == "<https://g.example/d?a=1&amp;b=2|Dashboard>"
    )


def test_a_moment_is_shown_in_the_readers_zone_with_utc_as_the_alternative() -> None:
    """Slack replaces the token by local time."""
    assert (
        markup.moment(1_767_225_600.9) == "<!date^1767225600^{date_short_pretty} {time}|2026-01-01 00:00 UTC>"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_600, "1 h 0 min"), (86_400, "1 d 0 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    """A reader wants the size of it."""
    assert markup.duration(seconds) == text


@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "1e999", "abc", ""])
def test_what_is_not_a_finite_number_stays_text(text: str) -> None:
    """A score of NaN is shown as it is and never computed with."""
    assert markup.finite(text) is None
    assert markup.number(text) == text
