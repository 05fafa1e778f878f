"""What became of one call to the world outside: four values, as each asks for something else to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

REASONS: Final = (
    "ok",
    "rate_limited",
    "unreachable",
    "tls",
    "dropped",
    "timeout",
    "server_error",
    "unavailable",
    "unreadable",
    "auth",
    "channel",
    "message_gone",
    "content",
    "other",
)
"""Why a call ended as it did: a closed list, used as a metric label. The other side's own words are in the
log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side has it. `channel` and `ts` are Slack's names of the message, where it tells them."""

    channel: str | None = None
    ts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater:
    """It surely had no effect, and may be made again.

    Attributes
    ----------
    after_seconds : float or None
        As asked by the other side.
    scope : "channel", "destination" or "message"
        What else would fail now: calls of the same pace, every call, or this message alone.
    """

    reason: str
    after_seconds: float | None = None
    scope: Literal["channel", "destination", "message"] = "destination"
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """It had no effect, and would have none if made again.

    Attributes
    ----------
    scope : "destination", "message" or "content"
        What is wrong: the credentials or the channel; the message that was to be changed; what we wrote.
    """

    reason: str
    scope: Literal["destination", "message", "content"]
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """Nobody can say whether it had an effect."""

    reason: str
    after_seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """A message that was looked for is not there."""


Outcome = Delivered | RetryLater | Rejected | Uncertain
Search = Delivered | NotFound | RetryLater | Rejected
