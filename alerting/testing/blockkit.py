"""What Slack would refuse of a message, and what a careful reader would: limits, shapes, unescaped text.

The limits are Slack's documented ones and the undocumented total that `alerting.markup` names; the checks
are written apart from the code that makes messages, so that one can catch the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..markup import (
    MAX_BLOCKS,
    MAX_CONTEXT_ELEMENTS,
    MAX_FIELD,
    MAX_FIELDS,
    MAX_HEADER,
    MAX_SECTION,
    MAX_TOTAL,
)

MAX_ATTACHMENTS: Final = 100
MAX_ACTIONS: Final = 25
MAX_BUTTON: Final = 75
MAX_BLOCK_ID: Final = 255
_BLOCK_TYPES: Final = ("header", "section", "context", "divider", "actions", "image")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}|good|warning|danger")
_ALLOWED_MARKUP: Final = re.compile(r"<!date\^\d+\^[^<>|]+\|[^<>|]+>|<https?://[^<>|\s]+(\|[^<>|]+)?>")
_ENTITY: Final = re.compile(r"&(amp|lt|gt);")
_HIDDEN: Final = re.compile("[\u0000-\u0008\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def violations(body: Mapping[str, Any]) -> list[str]:
    """Why Slack would answer `invalid_blocks` or `invalid_attachments`; empty for a message it takes."""
    found = list(_blocks(body.get("blocks"), "blocks"))
    attachments = body.get("attachments")
    if attachments is None:
        return found
    if not isinstance(attachments, list):
        return [*found, "attachments: need a list"]
    if len(attachments) > MAX_ATTACHMENTS:
        found.append(f"attachments: found {len(attachments)}, need at most {MAX_ATTACHMENTS}")
    for number, attachment in enumerate(attachments):
        where = f"attachments[{number}]"
        if not isinstance(attachment, dict):
            found.append(f"{where}: need an object")
            continue
        found += _blocks(attachment.get("blocks"), f"{where}.blocks")
        colour = attachment.get("color")
        if colour is not None and not (isinstance(colour, str) and _COLOUR.fullmatch(colour)):
            found.append(f"{where}.color: found {colour!r}, need a name or #RRGGBB")
    return found


def total_characters(body: Mapping[str, Any]) -> int:
    """Characters of all strings in blocks and attachments, in the largest way to count them."""
    return sum(
        len(text.encode("utf-16-le", "replace")) // 2
        for text in _strings([body.get("blocks"), body.get("attachments")])
    )


def too_long(body: Mapping[str, Any]) -> bool:
    """Whether Slack would answer `msg_blocks_too_long`."""
    return total_characters(body) > MAX_TOTAL


def unescaped(body: Mapping[str, Any]) -> list[str]:
    """Texts that Slack takes and people suffer: mentions, foreign markup, bare & < >, hidden characters."""
    found = []
    texts = [body.get("text", ""), *_texts([body.get("blocks"), body.get("attachments")])]
    for text in texts:
        if not isinstance(text, str):
            continue
        rest = _ENTITY.sub("", _ALLOWED_MARKUP.sub("", text))
        if set(rest) & set("&<>") or _HIDDEN.search(rest):
            found.append(text[:200])
    return found


def _blocks(blocks: object, where: str) -> Iterator[str]:
    if blocks is None:
        return
    if not isinstance(blocks, list):
        yield f"{where}: need a list"
        return
    if len(blocks) > MAX_BLOCKS:
        yield f"{where}: found {len(blocks)}, need at most {MAX_BLOCKS}"
    for number, block in enumerate(blocks):
        yield from _block(block, f"{where}[{number}]")


def _block(block: object, where: str) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") not in _BLOCK_TYPES:
        yield f"{where}: need one of {', '.join(_BLOCK_TYPES)}"
        return
    if len(str(block.get("block_id", ""))) > MAX_BLOCK_ID:
        yield f"{where}.block_id: need at most {MAX_BLOCK_ID} characters"
    kind = block["type"]
    if kind == "header":
        yield from _text(block.get("text"), f"{where}.text", MAX_HEADER, ("plain_text",))
    elif kind == "section":
        yield from _section(block, where)
    elif kind == "context":
        yield from _many(block.get("elements"), f"{where}.elements", MAX_CONTEXT_ELEMENTS)
    elif kind == "actions":
        elements = block.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= MAX_ACTIONS:
            yield f"{where}.elements: need 1 to {MAX_ACTIONS}"
            return
        for number, element in enumerate(elements):
            button = element.get("text") if isinstance(element, dict) else None
            yield from _text(button, f"{where}.elements[{number}].text", MAX_BUTTON, ("plain_text",))
    elif kind == "image" and not (block.get("image_url") and block.get("alt_text")):
        yield f"{where}: need image_url and alt_text"


def _section(block: Mapping[str, Any], where: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"{where}: need text or fields"
    if "text" in block:
        yield from _text(block["text"], f"{where}.text", MAX_SECTION)
    if "fields" in block:
        yield from _many(block["fields"], f"{where}.fields", MAX_FIELDS, MAX_FIELD)


def _many(texts: object, where: str, most: int, limit: int = MAX_SECTION) -> Iterator[str]:
    if not isinstance(texts, list) or not 1 <= len(texts) <= most:
        yield f"{where}: need 1 to {most}"
        return
    for number, text in enumerate(texts):
        yield from _text(text, f"{where}[{number}]", limit)


def _text(
    text: object, where: str, limit: int, kinds: Sequence[str] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds or not isinstance(text.get("text"), str):
        yield f"{where}: need a text of type {' or '.join(kinds)}"
        return
    length = len(text["text"].encode("utf-16-le", "replace")) // 2
    if not 1 <= length <= limit:
        yield f"{where}: found {length} characters, need 1 to {limit}"


def _texts(value: object) -> Iterator[str]:
    """The texts that people see: `text` and `fallback`, at any depth."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if name in ("text", "fallback") and isinstance(entry, str):
                yield entry
            else:
                yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry)
