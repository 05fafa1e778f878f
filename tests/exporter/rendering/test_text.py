from __future__ import annotations

import math

import pytest

from exporter.rendering.text import moment, number, numbers, p_value, plain, points, share, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.2, "0.2"), (0.0899, "0.0899"), (1013.25, "1013"), (12345.6, "12346"), (2.0, "2"),
        (0.00001234, "1.23e-05"), (1.7e308, "1.7e+308"), (math.inf, "inf"), (-math.inf, "-inf"),
        (math.nan, "—"), (None, "—"), (-4.5, "-4.5"), (100.0, "100"), (99.96, "100"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_and_their_whole_part(value: float | None, text: str) -> None:
    """Powers of ten only where the number would be long."""
    assert number(value) == text


def test_numbers_side_by_side_are_told_apart() -> None:
    """With as many digits as that takes."""
    assert numbers([1013.2, 1013.4, 1014.0]) == ["1013.2", "1013.4", "1014"]
    assert numbers([1.0, 2.0]) == ["1", "2"]
    assert len(numbers([1e15, 1e15 + 1])) == 2


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "<1e-300"), (0.5, "0.500"), (0.00123, "1.2e-03"), (None, "—")]
)
def test_p_values(value: float | None, text: str) -> None:
    """Three decimals where they show anything."""
    assert p_value(value) == text


def test_shares_and_points() -> None:
    """Percent with one decimal; a difference always has a sign, and nothing is minus zero."""
    assert (share(0.1234), share(None)) == ("12.3%", "—")
    assert (points(-0.0304), points(0.0001), points(-0.0001)) == ("-3.0", "+0.0", "+0.0")


def test_times_are_in_utc() -> None:
    """To the minute."""
    assert moment(0.0) == "1970-01-01 00:00 UTC"
    assert moment(None) == "—"


def test_long_names_lose_their_middle() -> None:
    """The end may be a hash that tells two names apart."""
    assert shown("short") == "short"
    cut = shown("a" * 100 + "hash", 30)
    assert len(cut) == 30
    assert cut.endswith("hash")
    assert "…" in cut


def test_what_would_be_obeyed_is_spelled_out() -> None:
    """Control characters, and marks that turn the direction of text."""
    assert plain("a\x1b[1m\u202eb\n") == r"a\x1b[1m\u202eb\n"
    assert plain("Köln 東京 العربية") == "Köln 東京 العربية"
