"""What happened to an incident -> lines of text for its thread. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from . import markup
from .views import NAME_LENGTH, ThreadLine

LATE_SECONDS: Final = 300.0
"""What is told later than this says when it was; the default time between two sendings of a group."""
NAMES_SHOWN: Final = 5
LINES_SHOWN: Final = 20
REASON_LENGTH: Final = 400
ESCALATED: Final = {
    "time": "still open and not acknowledged",
    "unreachable": "who was told before cannot be reached",
    "repeat": "still open, told again",
    "quiet_hours": "held back until now",
    "stale": "late, because the bridge was away",
}
"""By the reasons of `escalation`."""


def text(lines: Sequence[ThreadLine], now: float) -> str:
    """What happened, oldest first, in one text that fits a section."""
    # Slack shows when a reply was posted; a line needs its own time only if that differs.
    timed = len(lines) > 1 or any(now - line.at > LATE_SECONDS for line in lines)
    texts = [f"{markup.moment(line.at)}  {_line(line)}" if timed else _line(line) for line in lines]
    joined = ""
    # Four of the longest lines fit a section, so the last try always does.
    for kept in (LINES_SHOWN, LINES_SHOWN // 2, 4):
        joined = "\n".join(_ends(texts, kept))
        if markup.length(joined) <= markup.MAX_SECTION:
            break
    return joined


def who(name: str) -> str:
    """Somebody as harmless text: a name in a message must not call anybody."""
    return markup.escape(name, NAME_LENGTH) or "somebody"


def _ends(texts: list[str], kept: int) -> list[str]:
    """The first and the last of many lines, `kept` in all; they say more than the middle."""
    if len(texts) <= kept:
        return texts
    return [*texts[: kept // 2], f"… {len(texts) - kept} more changes …", *texts[-(kept - kept // 2) :]]


def _line(line: ThreadLine) -> str:
    """One thing that happened, as a line of text."""
    names = ", ".join(markup.code(name, NAME_LENGTH) for name in line.names[:NAMES_SHOWN])
    if line.count > len(line.names[:NAMES_SHOWN]):
        names += f" and {line.count - len(line.names[:NAMES_SHOWN])} more"
    return {
        "fired": f"🔴 firing now: {names}",
        "reopened": f"🔴 firing again: {names}",
        "resolved": f"🟢 resolved: {names}; {line.left} still firing",
        "closed": f"🟢 *all resolved*: {names}",
        "unheard": f"⚪ closed without word from Alertmanager: {names}",
        "escalated": f"⏫ {ESCALATED.get(line.reason, 'escalated')}: {names} told",
        "acknowledgement_lifted": f"👀 more urgent now: the acknowledgement by {names} is lifted",
        "acknowledged": f"👀 acknowledged by {who(line.by)} at {markup.clock_time(line.at)}",
        "silenced": f"🔕 silenced by {who(line.by)} until {markup.moment(line.until or 0.0)}",
        "unsilenced": f"🔔 silence ended by {who(line.by)} at {markup.clock_time(line.at)}",
        "silence_ended": f"🔔 the silence has ended; {line.left} still firing",
        "silence_failed": f"⚠️ silence: {markup.escape(line.reason, REASON_LENGTH)}",
        "retraining_requested": f"🔁 retraining requested by {who(line.by)} at {markup.clock_time(line.at)}",
    }[line.kind]
