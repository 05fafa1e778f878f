"""What an HTTP answer means when its status is all that can be relied on."""

from __future__ import annotations

from typing import Final

from .calls import Delivered, Rejected, RetryLater, Uncertain, Verdict
from .web import Answer

_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_COME_AGAIN: Final = frozenset({408, 409, 425, 503})
"""Timed out while reading, the same key is being worked on, too early, unavailable: not now."""
_AUTH: Final = frozenset({401, 403, 407})
_ADDRESS: Final = frozenset({404, 405, 410, 421})
_CONTENT: Final = frozenset({400, 406, 411, 413, 414, 415, 422, 431})


def judge(answer: Answer | RetryLater | Uncertain, now: float, *, ts: str) -> Verdict:
    """What became of a call.

    Parameters
    ----------
    answer : Answer, RetryLater or Uncertain
        As `web.exchange` gives it.
    now : float
        Seconds since 1970, for a Retry-After that is a date.
    ts : str
        The receiver's name of what it was told, if it has taken it.
    """
    if not isinstance(answer, Answer):
        return answer
    status, after = answer.status, answer.retry_after(now)
    # Words of the other side are not repeated: nobody knows what stands in them.
    detail = f"HTTP {status}"
    if 200 <= status < 300:
        return Delivered(ts=ts)
    if status == _TOO_MANY:
        return RetryLater(reason="rate_limited", after_seconds=after, scope="channel", detail=detail)
    if status in _COME_AGAIN:
        return RetryLater(reason="unavailable", after_seconds=after, detail=detail)
    if status >= _SERVER_ERRORS:
        return Uncertain(reason="server_error", after_seconds=after, detail=detail)
    if status in _AUTH:
        return Rejected(reason="auth", scope="destination", detail=detail)
    if status in _ADDRESS or 300 <= status < 400:
        # A redirect is not followed: it would carry what is signed to an address that nobody configured.
        return Rejected(reason="address", scope="destination", detail=detail)
    if status in _CONTENT:
        return Rejected(reason="content", scope="content", detail=detail)
    return RetryLater(reason="other", scope="message", after_seconds=after, detail=detail)
