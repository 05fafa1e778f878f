"""What is drawn of a column: shares of its bins before and now, and its numbers to scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..reference.profiles import NumericProfile
from .text import numbers, share, shown

if TYPE_CHECKING:
    from ..reference.profiles import Floats, Profile
    from ..report import ColumnReport

MAX_CATEGORIES: Final = 20
"""Categories with a bar of their own, those with the largest share on either side; the rest are one bar. So a
category that is not shown has changed by less than the share of any that is."""

CATEGORY_CHARS: Final = 40
"""Characters of a category's name in tables."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin of a column.

    Attributes
    ----------
    label : str
        Its values, for people.
    reference, current : float
        Shares of the values; of all rows where it is `beside`.
    beside : bool
        Whether it stands beside the distribution: missing and infinite rows.
    """

    label: str
    reference: float
    current: float
    beside: bool = False

    @property
    def difference(self) -> float:
        """Now less before."""
        return self.current - self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One column before and now.

    Attributes
    ----------
    bars : tuple of Bar
        Bins of values in their order, then those that hold anything of `other`, missing, infinite.
    edges : tuple of float
        Between the first bars of a numeric column; empty for categories.
    reference, current : ndarray of shape (101,) or None
        Percentiles of a numeric column, where both sides have numbers.
    """

    bars: tuple[Bar, ...]
    edges: tuple[float, ...] = ()
    reference: Floats | None = None
    current: Floats | None = None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.reference is not None or bool(self.edges)


def moved(plot: Distribution) -> str:
    """Where a distribution gained and lost most."""
    up = max(plot.bars, key=lambda bar: bar.difference)
    down = min(plot.bars, key=lambda bar: bar.difference)
    if up.difference <= 0.0:
        return "No share rose."
    gained = f"{up.label}, from {share(up.reference)} to {share(up.current)}"
    if down.difference >= 0.0:
        return f"Largest rise: {gained}."
    lost = f"{down.label}, from {share(down.reference)} to {share(down.current)}"
    return f"Largest rise: {gained}. Largest fall: {lost}."


def distribution_of(column: ColumnReport) -> Distribution | None:
    """What is drawn of a column; None where the window or the reference has no row of it."""
    profile, bins = column.profile, column.bins
    if profile is None or bins is None or not profile.rows or not bins.counts.sum():
        return None
    before, now = profile.ratios, _ratios(bins.counts)
    n_values = len(before) - 3
    if isinstance(profile, NumericProfile):
        values = [Bar(*bar) for bar in zip(_ranges(profile.edges), before[:-3], now[:-3], strict=True)]
        reference = None if profile.sample is None else profile.sample.percentiles()
        both = reference is not None and column.percentiles is not None
        return Distribution(
            bars=(*_plain_bars(values), *_special(profile, before, now)),
            edges=tuple(profile.edges.tolist()),
            reference=reference if both else None,
            current=column.percentiles if both else None,
        )
    names = (shown(name, CATEGORY_CHARS) for name in profile.bins[:n_values])
    categories = [Bar(*bar) for bar in zip(names, before[:-3], now[:-3], strict=True)]
    return Distribution(bars=(*_plain_bars(_pooled(categories)), *_special(profile, before, now)))


def _ratios(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Shares as those of a profile: of the values, and beside them of all rows."""
    ratios = np.zeros(len(counts))
    ratios[:-2] = counts[:-2] / max(int(counts[:-2].sum()), 1)
    ratios[-2:] = counts[-2:] / max(int(counts.sum()), 1)
    return ratios


def _plain_bars(bars: Sequence[Bar]) -> Iterator[Bar]:
    """With Python's floats."""
    for bar in bars:
        yield Bar(bar.label, float(bar.reference), float(bar.current))


def _special(profile: Profile, before: Floats, now: Floats) -> Iterator[Bar]:
    other = "no number" if isinstance(profile, NumericProfile) else "rare or new"
    for label, reference, current, beside in zip(
        (other, "missing", "infinite"), before[-3:], now[-3:], (False, True, True), strict=True
    ):
        if reference or current:
            yield Bar(label, float(reference), float(current), beside)


def _ranges(edges: Floats) -> Iterator[str]:
    """Values of each bin of a numeric column: (lo, hi], open at both ends."""
    if not len(edges):
        yield "all"
        return
    texts = edge_texts(edges)
    yield f"≤ {texts[0]}"
    for i in range(1, len(edges)):
        yield f"= {texts[i]}" if _lone(edges[i - 1], edges[i]) else f"{texts[i - 1]} to {texts[i]}"
    yield f"> {texts[-1]}"


def edge_texts(edges: Sequence[float] | Floats) -> list[str]:
    """Edges for people, the one below a value that has a bin of its own as that value."""
    upper = [
        high if i + 1 < len(edges) and _lone(low, high := edges[i + 1]) else low
        for i, low in enumerate(edges)
    ]
    distinct = sorted(set(map(float, upper)))
    texts = dict(zip(distinct, numbers(distinct), strict=True))
    return [texts[float(value)] for value in upper]


def _lone(low: float, high: float) -> bool:
    """Whether a bin holds one value alone: there is none between its edges."""
    return math.nextafter(low, math.inf) >= high


def _pooled(bars: list[Bar]) -> list[Bar]:
    """The largest on either side in their order, and the rest as one."""
    if len(bars) <= MAX_CATEGORIES:
        return bars
    by_size = sorted(range(len(bars)), key=lambda i: -max(bars[i].reference, bars[i].current))
    kept = set(by_size[: MAX_CATEGORIES - 1])
    rest = [bar for i, bar in enumerate(bars) if i not in kept]
    pooled = Bar(f"{len(rest)} more", sum(bar.reference for bar in rest), sum(bar.current for bar in rest))
    return [*(bars[i] for i in sorted(kept)), pooled]
