"""What a retraining went through in the replayed world, and what it still lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

NEEDED = {
    "asked": "an alert of drift that reaches the retraining service",
    "decided": "the decision to retrain",
    "trained": "a candidate that passes",
    "shadow": "a challenger in shadow",
    "promoted": "the challenger's promotion",
    "drift": "less drift against the new reference",
    "pushed": "a bad model beside the new champion",
    "rolled back": "the bad model's rollback by evidence",
}
"""Every step of the loop, in the order in which they have to come; whoever reads of one that lacks."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.

    Attributes
    ----------
    at : float
        Seconds since 1970 in the replayed world.
    step : str
        One of `NEEDED`, or something else worth a line.
    words : str
    """

    at: float
    step: str
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @property
    def line(self) -> str:
        """As people read it."""
        day = datetime.fromtimestamp(self.at, UTC).date().isoformat()
        return f"{day}  {self.step:<12} {self.words}"


def read_moments(document: Mapping[str, Any]) -> list[Moment]:
    """The moments in an answer of the page /timeline."""
    return [Moment(**moment) for moment in document["moments"]]


def missing(moments: Iterable[Moment]) -> list[str]:
    """What the loop still lacks, in words; nothing once it has closed."""
    seen = {moment.step for moment in moments}
    return [words for step, words in NEEDED.items() if step not in seen]


def ended(moments: Sequence[Moment]) -> bool:
    """Whether nothing more will come: the loop has closed, or a step went the other way."""
    return not missing(moments) or any(moment.step == "broken off" for moment in moments)
