from __future__ import annotations

from typing import Any

import pytest

from alerting.testing import blockkit


def text(characters: int = 1, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": "x" * characters}


def section(**fields: Any) -> dict[str, Any]:
    return {"type": "section", **fields}


GOOD: list[dict[str, Any]] = [
    {"type": "header", "text": text(150, "plain_text")},
    section(text=text(3_000)),
    section(fields=[text(2_000)] * 10),
    {"type": "context", "elements": [text()] * 10},
    {"type": "divider"},
    {"type": "actions", "elements": [{"type": "button", "text": text(75, "plain_text")}] * 25},
    {"type": "image", "image_url": "https://h/i.png", "alt_text": "x"},
]

BAD: list[Any] = [
    {"type": "header", "text": text(151, "plain_text")},
    {"type": "header", "text": text(1, "mrkdwn")},
    section(),
    section(text=text(3_001)),
    section(text=text(0)),
    section(text="x"),
    section(fields=[text()] * 11),
    section(fields=[text(2_001)]),
    section(fields=[]),
    {"type": "context", "elements": [text()] * 11},
    {"type": "context"},
    {"type": "actions", "elements": [{"type": "button", "text": text(76, "plain_text")}]},
    {"type": "actions", "elements": []},
    {"type": "image", "image_url": "https://h/i.png"},
    {"type": "marquee"},
    {"type": "divider", "block_id": "x" * 256},
    "text",
    None,
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_blocks_at_their_limits_are_taken(block: dict[str, Any]) -> None:
    """Exactly the documented largest size passes, at the top and inside an attachment."""
    assert blockkit.violations({"blocks": [block]}) == []
    assert blockkit.violations({"attachments": [{"color": "#AABBCC", "blocks": [block]}]}) == []


@pytest.mark.parametrize("block", BAD, ids=str)
def test_blocks_beyond_their_limits_are_refused(block: object) -> None:
    """One character or one element more, another type, nothing at all."""
    assert blockkit.violations({"blocks": [block]})
    assert blockkit.violations({"attachments": [{"blocks": [block]}]})


@pytest.mark.parametrize(
    "body",
    [
        {"blocks": [{"type": "divider"}] * 51},
        {"blocks": {}},
        {"attachments": {}},
        {"attachments": ["x"]},
        {"attachments": [{"color": "reddish"}]},
        {"attachments": [{}] * 101},
    ],
    ids=["51 blocks", "blocks", "attachments", "attachment", "colour", "101 attachments"],
)
def test_whole_messages_have_limits_too(body: dict[str, Any]) -> None:
    """Fifty blocks, a hundred attachments, colours that are colours."""
    assert blockkit.violations(body)


def test_the_total_is_counted_over_everything() -> None:
    """13,200 characters over blocks and attachments together, types included; emoji count as two."""
    blocks = [section(text=text(3_000)) for _ in range(4)]
    assert not blockkit.too_long({"blocks": blocks})
    assert blockkit.too_long({"blocks": blocks, "attachments": [{"blocks": [section(text=text(1_200))]}]})
    assert blockkit.total_characters({"blocks": ["🔴"]}) == 2


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        ("plain", True),
        ("a &amp; b &lt;c&gt;", True),
        ("<https://h/x?a=1&amp;b=2|label>", True),
        ("<!date^1767225600^{date_short_pretty} {time}|2026-01-01>", True),
        ("a & b", False),
        ("a < b", False),
        ("a > b", False),
        ("<!channel>", False),
        ("<@U1>", False),
        ("<#C1>", False),
        ("<javascript:alert(1)|x>", False),
        ("a\u202eb", False),
        ("a\u0000b", False),
    ],
)
def test_markup_that_is_not_ours_is_found_anywhere(words: str, *, clean: bool) -> None:
    """In the text, in a block, in the fallback of an attachment."""
    for body in (
        {"text": words},
        {"blocks": [section(text={"type": "mrkdwn", "text": words})]},
        {"attachments": [{"fallback": words}]},
    ):
        assert (blockkit.unescaped(body) == []) is clean
