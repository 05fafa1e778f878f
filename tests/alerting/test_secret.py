from __future__ import annotations

import copy
import pickle

import pytest

from alerting.secret import Secret, mask


def test_no_way_of_printing_shows_a_secret() -> None:
    """repr, str, format, tracebacks' locals and containers all show the same three stars."""
    secret = Secret("xoxb-planted")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>5}", repr([secret]), f"{ {'a': secret} }"]
    assert "planted" not in "".join(shown)
    assert secret.reveal() == "xoxb-planted"


def test_a_secret_cannot_be_pickled_or_copied_into_the_open() -> None:
    """A pickle in a cache or a queue would carry it in the clear."""
    for way in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            way(Secret("xoxb-planted"))


def test_secrets_are_equal_by_value() -> None:
    """Two settings with the same secret are the same settings."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    "text",
    [
        "xoxb-123-abcDEF",
        "xapp-1-A-2-b",
        "https://hooks.slack.com/services/T0/B0/planted",
        "GET /services/T0/B0/planted HTTP/1.1",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    """Tokens and webhook addresses of Slack are known by their shape."""
    masked = mask(f"before {text} after")
    assert masked.startswith("before ")
    assert "***" in masked
    assert "planted" not in masked
    assert "abcDEF" not in masked
