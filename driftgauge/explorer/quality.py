"""Damage of a feature's values, and of the data as a whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DAMAGE: Final[Mapping[str, str]] = {
    "missing": "Missing",
    "infinite": "Infinite",
    "out_of_range": "Outside the reference\N{RIGHT SINGLE QUOTATION MARK}s range",
    "unseen": "Category never seen before",
    "type_error": "Of another type",
}
"""Kinds of damage of a feature's values, and their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One kind of damage of a feature: shares of all rows, 0 to 1; None where nothing was counted."""

    kind: str
    share: float | None
    previous: float | None
    reference: float | None

    @property
    def change(self) -> float | None:
        """Share of the range less that of the one before."""
        return None if self.share is None or self.previous is None else self.share - self.previous


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfData:
    """One kind of damage of a window's table."""

    kind: str
    score: float
    threshold: float | None

    @property
    def broken(self) -> bool:
        """Whether it is at its threshold."""
        return self.threshold is not None and self.score >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Everything about quality."""

    state: str
    damages: tuple[Damage, ...]
    kinds: tuple[KindOfData, ...]


def quality(
    state: str,
    counts: Mapping[str, float],
    previous: Mapping[str, float],
    reference: Mapping[str, float],
    scores: Mapping[str, float],
    thresholds: Mapping[str, float],
) -> Quality:
    """Damage from counts, by kind and `rows` for all rows, of the range and of the one before.

    Parameters
    ----------
    state : str
        Of the data.
    counts, previous : mapping of str to float
    reference : mapping of str to float
        Shares at training time, by kind.
    scores, thresholds : mapping of str to float
        Of the window's table, by kind.
    """
    damages = tuple(
        Damage(
            kind=kind,
            share=_share(counts, kind),
            previous=_share(previous, kind),
            reference=reference.get(kind),
        )
        for kind in DAMAGE
    )
    kinds = [
        KindOfData(kind=kind, score=score, threshold=thresholds.get(kind)) for kind, score in scores.items()
    ]
    kinds.sort(key=lambda one: (not one.broken, -one.score, one.kind))
    return Quality(state=state, damages=damages, kinds=tuple(kinds))


def _share(counts: Mapping[str, float], kind: str) -> float | None:
    rows = counts.get("rows", 0.0)
    # Both are estimates of `increase`, which may differ by a scrape.
    return min(counts.get(kind, 0.0) / rows, 1.0) if rows > 0 else None
