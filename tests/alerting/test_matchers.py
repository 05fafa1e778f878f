from __future__ import annotations

import pytest

from alerting.errors import ConfigError
from alerting.matchers import Matcher, match_all

LABELS = {"severity": "critical", "model_name": "flight_delay", "text": "a b"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('severity="critical"', True),
        ("severity=critical", True),
        (' severity = "warning" ', False),
        ('severity!="warning"', True),
        ('model_name=~"flight_.+"', True),
        ('model_name=~"flight"', False),
        ('model_name!~"flight"', True),
        ('team=""', True),
        ('team!=""', False),
        ('text="a b"', True),
        ('severity="crit.cal"', False),
    ],
)
def test_a_matcher_means_what_it_means_in_alertmanager(text: str, matches: bool) -> None:
    """Patterns are anchored, an absent label is an empty text, and a plain value is no pattern."""
    assert Matcher(text).matches(LABELS) is matches


@pytest.mark.parametrize("text", ["severity", "=critical", 'severity=="x"', 'a="b" c="d"', 'x=~"("', "1a=b"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    """With what was found and what is needed."""
    with pytest.raises(ConfigError, match=r"found .*need"):
        Matcher(text)


def test_all_have_to_match_and_none_matches_everything() -> None:
    """As in a route of Alertmanager."""
    both = [Matcher("severity=critical"), Matcher("model_name=other")]
    assert not match_all(both, LABELS)
    assert match_all(both[:1], LABELS)
    assert match_all([], {})
