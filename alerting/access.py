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
        All valid at once, so that a new one can be handed out before the old one goes.
    """

    def __init__(self, tokens: Iterable[Secret]) -> None:
        self._digests = [_digest(token.reveal()) for token in tokens]

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header shows one of the tokens."""
        shown = _digest(_shown(authorization))
        # Every digest is compared, so that the time tells nothing about which one was near.
        matches = [hmac.compare_digest(shown, digest) for digest in self._digests]
        return any(matches) or not matches


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
