"""Who may post and read: bearer tokens, compared as digests in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from .secret import Secret

CHALLENGE: Final = 'Basic realm="driftgauge bridge", charset="UTF-8"'
"""Browsers know no bearer tokens: they may send the token as the password of any user."""


class Gate:
    """Lets through who shows one of the tokens; with no tokens, everybody.

    Parameters
    ----------
    tokens : iterable of Secret
        One or more each, separated by spaces or lines; all valid at once, so that a new one can be handed out
        before the old one goes. They may change: they are asked for at each use.
    """

    def __init__(self, tokens: Iterable[Secret]) -> None:
        self._tokens = tuple(tokens)

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header shows one of the tokens."""
        shown = _digest(_shown(authorization))
        # Every digest is compared, so that the time tells nothing about which one was near.
        matches = [
            hmac.compare_digest(shown, _digest(token))
            for tokens in self._tokens
            for token in tokens.reveal().split()
        ]
        return any(matches) or not self._tokens


def _shown(authorization: str) -> str:
    """The token in a header, as bearer or as the password of basic authentication."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
