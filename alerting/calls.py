"""A letter to the world outside, and what became of it: four values, as each asks for something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from .views import GroupView, ThreadLine

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
    "address",
    "message_gone",
    "content",
    "other",
)
"""Why a call ended as it did: a closed list, used as a metric label. The other side's own words are in the
log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What to tell, and to whom; the receiver finds the words.

    Attributes
    ----------
    kind : "post", "update" or "reply"
    group : GroupView
        The incident as it stands now.
    lines : sequence of ThreadLine
        What happened since the receiver was last told.
    plain : bool
        The receiver has refused the full form: write the smallest one.
    version : int
        Of the state that is told; a later one has a higher number.
    message_id : str
        Our opaque id of a post or reply, the same at every try.
    channel : str
    ts : str or None
        The receiver's name of what it was told first: the message to update, or at the root of the thread.
    since : float
        When it was first tried.
    at : float
        Now, in seconds since 1970.
    """

    kind: Kind
    group: GroupView
    lines: Sequence[ThreadLine] = ()
    plain: bool = False
    version: int = 1
    message_id: str
    channel: str
    ts: str | None
    since: float
    at: float

    @property
    def thread(self) -> str:
        """What all letters about the incident to this receiver have in common."""
        return self.ts or self.message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side has it. `channel` and `ts` are its names of the place and of what stands there."""

    channel: str | None = None
    ts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unneeded:
    """There is nothing in it that this receiver should be told; nothing was sent."""


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
        What is wrong: the credentials or the address; the message that was to be changed; what we wrote.
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


Verdict = Delivered | RetryLater | Rejected | Uncertain
Outcome = Verdict | Unneeded
Search = Delivered | NotFound | RetryLater | Rejected


class Receiver(Protocol):
    """A way to people or to a program. `delivery` needs no more of it than this.

    Attributes
    ----------
    editable : bool
        Whether what was posted can be changed, answered and found again. Another one is told each change by a
        letter of its own.
    repeatable : bool
        Whether the same letter, sent twice, has the effect of one.
    """

    @property
    def editable(self) -> bool:
        """Whether what was posted can be changed, answered and found again."""

    @property
    def repeatable(self) -> bool:
        """Whether the same letter, sent twice, has the effect of one."""

    def send(self, letter: Letter) -> Outcome:
        """Send once."""

    def find(self, letter: Letter) -> Search:
        """Look for a letter of unknown fate; `Rejected` if that cannot be told."""
