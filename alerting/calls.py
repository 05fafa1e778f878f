"""A letter to the world outside, and what became of it: four values, as each asks for something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from .message import Message

Kind = Literal["post", "update", "reply"]

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
class Letter:
    """A message with its address.

    Attributes
    ----------
    kind : "post", "update" or "reply"
    message_id : str
        Our opaque id inside a post or reply, the same at every try.
    channel : str
    ts : str or None
        The message to update, or at the root of the thread.
    since : float
        When it was first tried.
    """

    kind: Kind
    message: Message
    message_id: str
    channel: str
    ts: str | None
    since: float


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


class Client(Protocol):
    """A way to people. `delivery` needs no more of it than this.

    Attributes
    ----------
    editable : bool
        Whether what was posted can be changed, answered and found again.
    """

    @property
    def editable(self) -> bool:
        """Whether what was posted can be changed, answered and found again."""

    def send(self, letter: Letter) -> Outcome:
        """Send once."""

    def find(self, letter: Letter) -> Search:
        """Look for a letter of unknown fate; `Rejected` if that cannot be told."""
