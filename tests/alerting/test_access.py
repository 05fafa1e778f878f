from __future__ import annotations

import base64

import pytest

from alerting.access import Gate
from alerting.secret import Secret

ONE, TWO = "one-token-of-16-chars", "two-token-of-16-chars"


def basic(token: str) -> str:
    """How a browser shows a token."""
    return "Basic " + base64.b64encode(f"any:{token}".encode()).decode()


def test_all_tokens_are_valid_at_once() -> None:
    """Several in one secret, several secrets, as bearer or as a password."""
    gate = Gate([Secret(f"{ONE}\n{TWO}\n"), Secret("own-token-of-16-chars")])
    for shown in (f"Bearer {ONE}", f"bearer {TWO}", "Bearer own-token-of-16-chars", basic(ONE)):
        assert gate.admits(shown), shown


@pytest.mark.parametrize(
    "shown", ["", "Bearer", f"Bearer {ONE}x", f"Token {ONE}", "Basic ???", f"Bearer {ONE} {TWO}"]
)
def test_anything_else_is_kept_out(shown: str) -> None:
    """Also both tokens together."""
    assert not Gate([Secret(f"{ONE} {TWO}")]).admits(shown)


def test_tokens_follow_their_file() -> None:
    """A token that was taken out of the file opens nothing any more, without a restart."""
    present = [ONE]
    gate = Gate([Secret(ONE, lambda: present[0])])
    assert gate.admits(f"Bearer {ONE}")
    present[0] = TWO
    assert gate.admits(f"Bearer {TWO}")
    assert not gate.admits(f"Bearer {ONE}")


def test_only_no_tokens_at_all_let_everybody_in() -> None:
    """A secret that has become empty is no invitation."""
    assert Gate([]).admits("")
    assert not Gate([Secret("x", lambda: "")]).admits("")
