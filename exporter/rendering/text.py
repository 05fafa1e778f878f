"""Values of a report as people read them: one line, few digits, nothing that a screen would obey."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final

from ..reference.table import LABEL, PREDICTION, SCORE

ABSENT: Final = "—"
"""Where there is no number."""

MAX_NAME: Final = 60
"""Characters of a name in a page; the middle of a longer one is left out, since its end may be a hash."""

SMALLEST_P: Final = 1e-300
"""Below it, digits of a p-value mean nothing."""

OUTPUTS: Final = {SCORE: "(score)", PREDICTION: "(predicted class)", LABEL: "(label)"}
"""What the columns are called that are no features."""

MOVED: Final = {SCORE: "scores", PREDICTION: "predicted classes", LABEL: "labels"}
"""The same in a sentence."""


SMALLEST_PLAIN: Final = 1e-4
LARGEST_PLAIN: Final = 1e7
"""Sizes between which a number is written without a power of ten."""

MAX_DIGITS: Final = 6
"""Of a number beside others that look alike."""


def plain(text: str) -> str:
    """Text of the data on one line, without anything that a terminal or a page would obey."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shown(text: str, limit: int = MAX_NAME) -> str:
    """A name or category of the data, of at most so many characters."""
    line = plain(text)
    if len(line) <= limit:
        return line
    end = (limit - 1) // 3
    return f"{line[: limit - 1 - end]}…{line[-end:]}"


def title(column: str) -> str:
    """A column of a report by the name that people know."""
    return OUTPUTS.get(column, shown(column))


def number(value: float | None, digits: int = 3) -> str:
    """A number in so many digits; all of its whole part, unless that is very long."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if not value or not SMALLEST_PLAIN <= size < LARGEST_PLAIN:
        return f"{value:.{digits}g}"
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def numbers(values: Sequence[float]) -> list[str]:
    """Ascending numbers in the fewest digits that tell them apart, as far as that can be read."""
    for digits in range(3, MAX_DIGITS):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(texts):
            return texts
    return [number(value, MAX_DIGITS) for value in values]


def p_value(value: float | None) -> str:
    """A p-value: three decimals where they show it, powers of ten below."""
    if value is None:
        return ABSENT
    if value < SMALLEST_P:
        return f"<{SMALLEST_P:g}"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.1e}"


def share(value: float | None) -> str:
    """A share of rows as percent."""
    return ABSENT if value is None else f"{value:.1%}"


def points(value: float | None) -> str:
    """A difference of shares in percentage points."""
    return ABSENT if value is None else f"{100.0 * value:+.1f}".replace("-0.0", "+0.0")


def count(value: float) -> str:
    """A whole number with its thousands."""
    return f"{value:,.0f}"


def moment(seconds: float | None) -> str:
    """A time to the minute, in UTC."""
    if seconds is None:
        return ABSENT
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
