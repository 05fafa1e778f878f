"""The one boundary between foreign text and Slack markup.

Everything in a payload can be written by whoever may export a metric. So a foreign text becomes markup only
here: it is stripped of what hides or reorders it, cut *before* it is escaped (no entity is ever cut in
two), and escaped. Links and dates are markup that this module alone makes; mentions are not made at all.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

# https://docs.slack.dev/reference/block-kit/blocks and /reference/methods/chat.postMessage, chat.update
MAX_BLOCKS: Final = 50
MAX_HEADER: Final = 150
MAX_SECTION: Final = 3_000
MAX_FIELDS: Final = 10
MAX_FIELD: Final = 2_000
MAX_CONTEXT_ELEMENTS: Final = 10
MAX_TEXT: Final = 4_000
"""Of `text` in chat.update; chat.postMessage takes 40,000 and advises 4,000."""
MAX_TOTAL: Final = 13_200
"""Characters over all blocks, undocumented: `msg_blocks_too_long` above it (slackapi/bolt-js#2509)."""

ELLIPSIS: Final = "…"

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""https://docs.slack.dev/messaging/formatting-message-text#escaping - these three, and with them every
mention."""

# Reordering marks (U+202A to 202E, 2066 to 2069, 200E, 200F, 061C), invisible ones (200B to 200D, 2060,
# FEFF), C0 and C1.
_INVISIBLE: Final = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SPACES: Final = re.compile(r"[\s\u2028\u2029]+")
_MAX_URL: Final = 2_000
_URL_REFUSED: Final = re.compile(r"[\s<>|\"'`\\^{}\u0000-\u001f\u007f-\u00a0\u2000-\u206f]")


def length(text: str) -> int:
    """UTF-16 units: the largest way to count characters, so that a limit holds whichever Slack uses."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2


def clean(text: str) -> str:
    """One line of foreign text without invisible and reordering characters; not yet escaped."""
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()


def escape(text: str, limit: int) -> str:
    """Foreign text made harmless: cleaned, cut to at most `limit` once escaped, escaped.

    Examples
    --------
    >>> escape("<!channel> a & b", 60)
    '&lt;!channel&gt; a &amp; b'
    >>> escape("a & b", 7)
    'a …'
    """
    cleaned = clean(text)
    # Most texts are short and plain: five is the length of the longest entity.
    if length(cleaned) * 5 <= limit:
        return "".join(_ENTITIES.get(character, character) for character in cleaned)
    parts: list[str] = []
    room, kept, used = limit - 1, 0, 0
    for character in cleaned:
        part = _ENTITIES.get(character, character)
        used += length(part)
        if used > limit:
            return "".join(parts[:kept]) + (ELLIPSIS if limit > 0 else "")
        parts.append(part)
        if used <= room:
            kept = len(parts)
    return "".join(parts)


def code(text: str, limit: int) -> str:
    """Foreign text in inline code; a backtick inside would end the code, so it becomes an apostrophe."""
    inner = escape(text.replace("`", "'"), limit - 2)
    return f"`{inner}`" if inner else ""


def safe_url(url: str) -> str | None:
    """The URL if it is a plain http or https address with a host, else None.

    Examples
    --------
    >>> safe_url("https://grafana.example.org/d/drift?var-model=a&from=1")
    'https://grafana.example.org/d/drift?var-model=a&from=1'
    >>> safe_url("javascript:alert(1)") is None
    True
    """
    if not url or len(url) > _MAX_URL or _URL_REFUSED.search(url):
        return None
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return None
    return url if usable else None


def link(url: str, label: str) -> str:
    """A link with a label of our own, or nothing if the URL is not a plain http(s) address."""
    usable = safe_url(url)
    return f"<{usable.replace('&', '&amp;')}|{label}>" if usable else ""


def moment(seconds: float) -> str:
    """A time that Slack shows in each reader's own zone, with UTC where it cannot."""
    return f"<!date^{int(seconds)}^{{date_short_pretty}} {{time}}|{utc(seconds)}>"


def clock_time(seconds: float) -> str:
    """A time of day that Slack shows in each reader's own zone."""
    return f"<!date^{int(seconds)}^{{time}}|{datetime.fromtimestamp(seconds, UTC):%H:%M UTC}>"


def utc(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """A length of time in at most two units.

    Examples
    --------
    >>> duration(42), duration(754), duration(7320), duration(200_000)
    ('42 s', '12 min', '2 h 2 min', '2 d 7 h')
    """
    whole = max(0, math.floor(seconds))
    minutes, hours, days = whole // 60, whole // 3_600, whole // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def number(text: str) -> str:
    """A number with three significant digits, or the text as it is if it is not a finite number.

    Examples
    --------
    >>> number("0.34567"), number("12345.6"), number("NaN"), number("1e-12")
    ('0.346', '12300', 'NaN', '1e-12')
    """
    value = finite(text)
    if value is None:
        return text
    short = f"{value:.3g}"
    # 12300 reads better than 1.23e+04; beyond nine digits the exponent does.
    return f"{float(short):.0f}" if "e+" in short and abs(value) < 1e9 else short


def finite(text: str) -> float | None:
    """The finite number in a text, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
