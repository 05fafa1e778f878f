"""When the next call may be made: token buckets and back-off. Pure: times and randomness are passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

MAX_RETRY_AFTER_SECONDS: Final = 3_600.0
"""Slack's waits are seconds to a minute. A longer one (a date in another year, a clock that jumped) would
silence a channel for good, so no wait is believed beyond an hour."""
JITTER_SECONDS: Final = 0.5
"""Added after a Retry-After at most, so that several callers do not return in the same instant."""
ROUNDING: Final = 1e-6
"""Part of a call that may be missing: a wait shorter than what a clock in seconds can tell would never
end."""
MIN_SHARE: Final = 1.0 / 16.0
"""Of the pace that several 429s in a row can leave: a channel still gets a message every sixteen seconds."""
RECOVERY_SECONDS: Final = 600.0
"""From no pace at all to the whole: slow beside limits that are counted by the minute, so that a pace that
was too fast is not tried again at once."""
BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_LIMIT_SECONDS: Final = 60.0
"""A call a minute does not press on a service that is down, and leaves four of the five minutes in which an
outage is to be caught up to the messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """So many calls a second on average, and at most `burst` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Calls that may be made at once (`tokens`) as of `at`, and a time before which none may be.

    `share` is the part of its pace that it is refilled with: each 429 halves it, and it grows back with time.
    """

    tokens: float
    at: float
    not_before: float = 0.0
    share: float = 1.0


def wait(bucket: Bucket, pace: Pace, now: float) -> float:
    """Seconds until the bucket allows a call; 0 when it does now."""
    blocked = bucket.not_before - now
    if blocked > MAX_RETRY_AFTER_SECONDS + JITTER_SECONDS:
        # So long is no wait: the clock was set back since it was written down.
        blocked = 0.0
    missing = 1.0 - _refilled(bucket, pace, now)
    return max(0.0, blocked, missing / (pace.per_second * bucket.share) if missing > ROUNDING else 0.0)


def take(bucket: Bucket, pace: Pace, now: float) -> Bucket:
    """The bucket after one call."""
    return replace(
        bucket,
        tokens=max(0.0, _refilled(bucket, pace, now) - 1.0),
        at=now,
        share=min(1.0, bucket.share + max(0.0, now - bucket.at) / RECOVERY_SECONDS),
    )


def answered(bucket: Bucket, now: float) -> Bucket:
    """The bucket once a call has ended: nothing comes back for the time that the call was under way.

    The other side counts a call when it arrives, which may be late. Were the next one allowed a second after
    this one was begun, it could arrive less than a second after it.
    """
    return replace(bucket, at=max(bucket.at, now))


def stop(bucket: Bucket, seconds: float, now: float, random: Callable[[], float]) -> Bucket:
    """The bucket after a 429: empty, closed for as long as was asked plus a little, then half as fast."""
    pause = min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) + JITTER_SECONDS * random()
    share = max(MIN_SHARE, bucket.share / 2.0)
    return Bucket(tokens=0.0, at=now, not_before=now + pause, share=share)


def backoff(failures: int, random: Callable[[], float]) -> float:
    """Seconds to wait after so many failures in a row: doubling from one second to a minute, jittered.

    Examples
    --------
    >>> [backoff(n, lambda: 1.0) for n in (1, 2, 3, 20)]
    [1.0, 2.0, 4.0, 60.0]
    >>> backoff(3, lambda: 0.0)
    2.0
    """
    # Beyond 2 ** 16 seconds the limit has long been reached, and 2 ** failures would grow without bound.
    full = min(BACKOFF_LIMIT_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(failures - 1, 16))
    return full / 2 + full / 2 * random()


def _refilled(bucket: Bucket, pace: Pace, now: float) -> float:
    """Tokens at `now`; how long it was by a clock that was set back is taken for as far as it went back."""
    return min(pace.burst, bucket.tokens + abs(now - bucket.at) * pace.per_second * bucket.share)
