"""Whether what a tool said of an incident is what an operator should have been told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.peers.incidents import Incident

Word = Literal["right", "wrong", "not told"]


@dataclass(frozen=True)
class Verdict:
    """A word, and why it is not `right`."""

    word: Word
    why: str = ""


def judge(incident: Incident, said: Mapping[str, Any]) -> Verdict:
    """The verdict on one answer.

    Wrong is what sends somebody to the wrong place: a failure, drift of what has not drifted, a column that
    has nothing to do with it. Silence, and a column without what matters about it, is `not told`. Who calls
    damaged data damaged may call it drifted as well.
    """
    if "error" in said:
        return Verdict("wrong", "it stops with an error")
    drift, quality = set(said["drift"]), set(said["quality"])
    strangers = (drift | quality) - incident.allowed - incident.quality
    if strangers:
        return Verdict("wrong", f"nothing is the matter with {some(strangers)}")
    if incident.quality:
        if incident.quality <= quality:
            return Verdict("right")
        return Verdict("wrong", "called drift") if drift else Verdict("not told", "silent")
    if incident.named is not None:
        column, category = incident.named
        if column not in drift | quality:
            return Verdict("not told", "silent")
        return Verdict("right") if category in said["words"] else Verdict("not told", "not which category")
    return Verdict("wrong", f"{some(drift)} has not drifted") if drift else Verdict("right")


def some(names: set[str]) -> str:
    """Names in order."""
    return ", ".join(f"`{name}`" for name in sorted(names))
