"""Features by what they add to the drift of their version. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .palette import STATES

SHOWN: Final = 20
"""Features that are listed; the others can be chosen by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One feature: its share in the drift, 0 to 1, its largest score over threshold, and its state."""

    feature: str
    contribution: float | None
    ratio: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The first features, and how many more there are."""

    features: tuple[Ranked, ...]
    more: int


def ranking(
    contributions: Mapping[str, float], ratios: Mapping[str, float], states: Mapping[str, float]
) -> Ranking:
    """Features by contribution, then by score, then by name, from values by feature."""
    ranked = [
        Ranked(
            feature=feature,
            contribution=contributions.get(feature),
            ratio=ratios.get(feature),
            state=STATES.get(states.get(feature, -1.0), "unknown"),
        )
        for feature in {*contributions, *ratios, *states}
    ]
    ranked.sort(key=lambda one: (-(one.contribution or 0.0), -(one.ratio or 0.0), one.feature))
    return Ranking(features=tuple(ranked[:SHOWN]), more=max(len(ranked) - SHOWN, 0))
