"""The signature of the requests that the bridge sends, and its check for whoever takes them.

A request carries its time and an HMAC-SHA256 over the version, that time and the body as it stands. The
receiver refuses what is older than five minutes, and takes a known `Idempotency-Key` once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

SCHEME: Final = "v1"
SIGNATURE: Final = "X-Driftgauge-Signature"
TIMESTAMP: Final = "X-Driftgauge-Timestamp"
KEY: Final = "Idempotency-Key"
WINDOW_SECONDS: Final = 300.0
"""How far a request's time may be from the receiver's, as with Slack's own signatures."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The signature's value.

    Examples
    --------
    >>> sign("secret", 1767225600, b"{}")[:13]
    'v1=2d4662af88'
    """
    text = f"{SCHEME}:{timestamp}:".encode() + body
    return f"{SCHEME}={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a request was signed with one of the secrets, within the last five minutes.

    Parameters
    ----------
    secrets : iterable of str
        More than one while a secret is being replaced.
    headers : mapping of str to str
        Of the request; names in any case.
    body : bytes
        As it arrived, before anything was parsed.
    now : float
        Seconds since 1970.
    """
    shown = {name.lower(): value for name, value in headers.items()}
    timestamp = shown.get(TIMESTAMP.lower(), "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        return False
    if abs(now - int(timestamp)) > WINDOW_SECONDS:
        return False
    signature = shown.get(SIGNATURE.lower(), "").encode("utf-8", "replace")
    matches = [
        hmac.compare_digest(sign(secret, int(timestamp), body).encode(), signature) for secret in secrets
    ]
    return any(matches)
