"""Whether a request really comes from Slack, and now. Pure.

https://docs.slack.dev/authentication/verifying-requests-from-slack: the signature is made over the raw bytes,
so it is checked before anything is parsed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal

from .secret import Secret

WINDOW_SECONDS: Final = 300.0
"""Slack's own advice: an older request may have been recorded by somebody, a later one has a wrong clock."""
MAX_TIMESTAMP_LENGTH: Final = 12

Fault = Literal["timestamp", "too_old", "from_the_future", "signature", "encoding"]


def fault(secret: Secret, *, timestamp: str, signature: str, body: bytes, now: float) -> Fault | None:
    """Why a request is not believed, or None if it is.

    Parameters
    ----------
    secret : Secret
        The app's signing secret.
    timestamp, signature : str
        The headers X-Slack-Request-Timestamp and X-Slack-Signature.
    body : bytes
        As it arrived.
    now : float
        Seconds since 1970.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MAX_TIMESTAMP_LENGTH):
        return "timestamp"
    age = now - int(timestamp)
    if age > WINDOW_SECONDS:
        return "too_old"
    if age < -WINDOW_SECONDS:
        return "from_the_future"
    # As bytes: for texts that are not ASCII, compare_digest raises.
    if not hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode("utf-8", "replace")):
        return "signature"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "encoding"
    return None


def sign(secret: Secret, timestamp: str, body: bytes) -> str:
    """The signature that Slack would send, version 0."""
    base = b"v0:" + timestamp.encode("ascii") + b":" + body
    return "v0=" + hmac.new(secret.reveal().encode(), base, hashlib.sha256).hexdigest()


def key(timestamp: str, body: bytes) -> str:
    """What names a signed request, to know it when it comes again."""
    return "slack:" + hashlib.sha256(timestamp.encode("ascii") + b":" + body).hexdigest()
