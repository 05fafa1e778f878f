from __future__ import annotations

import promql_parser
import pytest

from driftgauge.explorer.promql import matchers, quoted

NASTY = (
    'a"b',
    "a\\",
    'x"} or up{y="',
    "line\nbreak",
    "tab\tend\r",
    "\x00\x7f",
    "{{ $x }}",
    "ümläut \u202e",
    "'",
    "`",
)


@pytest.mark.parametrize("value", NASTY)
def test_a_value_stays_one_value_for_the_real_parser(value: str) -> None:
    """Prometheus's own grammar reads back what went in, and no more than one selector."""
    parsed = promql_parser.parse(f"model_info{matchers(feature_name=value, segment='all')}")
    assert isinstance(parsed, promql_parser.VectorSelector)
    found = {matcher.name: matcher.value for matcher in parsed.matchers.matchers}
    assert found == {"feature_name": value, "segment": "all"}


def test_what_is_no_character_is_replaced() -> None:
    """Half of a surrogate pair cannot be sent; the query stays one that can."""
    assert quoted("\ud800a").encode() == '"\N{REPLACEMENT CHARACTER}a"'.encode()
