"""The distribution of a range beside the reference's, on the reference's bins. Pure.

Shares are of all values but the missing and the infinite ones, as drift is measured; those are quality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

OTHER: Final = "__other__"
NO_VALUES: Final = ("__missing__", "__inf__")
"""Bins that exist beside the distribution (exporter/reference/profiles.py)."""

QUANTILES: Final = tuple(p / 50 for p in range(1, 50))
"""Probabilities at which two distributions are compared: every second percent, since bins know no more."""

WIDEST_RATIO: Final = 200.0
"""Widest bin over the narrowest beyond which a histogram shows one spike and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin: its shares, 0 to 1, and where it lies, if it is one of numbers and that is known.

    `previous` is None where the range before had no rows.
    """

    label: str
    reference: float
    current: float
    previous: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float:
        """Current less reference."""
        return self.current - self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Both distributions.

    Attributes
    ----------
    kind : str
        numeric or categorical.
    bins : tuple of Bin
        In the order of the reference.
    rows : float
        Values of the range; estimated by Prometheus, so not always whole.
    """

    kind: str
    bins: tuple[Bin, ...]
    rows: float

    @property
    def known(self) -> bool:
        """Whether there is something to compare."""
        return bool(self.bins) and self.rows > 0

    @property
    def placed(self) -> tuple[Bin, ...]:
        """Bins whose ends are known."""
        return tuple(one for one in self.bins if one.low is not None and one.high is not None)

    @property
    def has_histogram(self) -> bool:
        """Whether the bins, drawn as wide as they are, can be read."""
        widths = [one.high - one.low for one in self.placed if one.high is not None and one.low is not None]
        return len(widths) > 1 and min(widths) > 0 and max(widths) <= WIDEST_RATIO * min(widths)

    @property
    def largest(self) -> Bin:
        """The bin whose share differs most; only where there are bins."""
        return max(self.bins, key=lambda one: abs(one.difference))


def distribution(
    kind: str,
    reference: Mapping[str, float],
    current: Mapping[str, float],
    previous: Mapping[str, float],
    page: Mapping[str, Any] | None,
) -> Distribution:
    """Both distributions from shares and counts by bin.

    Parameters
    ----------
    kind : str
    reference : mapping of str to float
        Shares.
    current, previous : mapping of str to float
        Counts of the range and of the one before it.
    page : mapping or None
        What the exporter says about the reference's bins; without it numbers have ordinals for names.
    """
    names = _ordered(kind, reference, page)
    spans = _spans(names, page)
    now, before = _shares(names, current), _shares(names, previous)
    bins = tuple(
        Bin(
            label=_label(kind, name, spans.get(name), names),
            reference=reference.get(name, 0.0),
            current=now.get(name, 0.0),
            previous=before.get(name) if before else None,
            low=spans[name][0] if name in spans else None,
            high=spans[name][1] if name in spans else None,
        )
        for name in names
        # Nothing falls into it, and nothing did: a bar less to read.
        if name != OTHER or reference.get(name, 0.0) or now.get(name, 0.0)
    )
    return Distribution(kind=kind, bins=bins, rows=sum(current.get(name, 0.0) for name in names))


def quantiles(found: Distribution) -> tuple[tuple[float, float], ...]:
    """Quantiles of the reference and of the range for the same probabilities; empty without the bins' ends.

    Within a bin values count as spread evenly, and none lies beyond the reference's smallest and largest.
    """
    placed = found.placed
    ends = [placed[0].low, *(one.high for one in placed)] if placed else []
    total = sum(one.current for one in placed)
    if not placed or total <= 0:
        return ()
    reference = _quantiles_of(ends, [one.reference for one in placed])
    current = _quantiles_of(ends, [one.current for one in placed])
    return tuple(zip(reference, current, strict=True))


def cumulated(found: Distribution) -> tuple[tuple[float, float], ...]:
    """Shares of reference and range up to each bin: comparable where the bins' ends are not known."""
    reference = np.cumsum([one.reference for one in found.bins])
    current = np.cumsum([one.current for one in found.bins])
    return ((0.0, 0.0), *zip(reference.tolist(), current.tolist(), strict=True))


def _quantiles_of(ends: Sequence[float | None], shares: Sequence[float]) -> list[float]:
    cumulative = np.concatenate([[0.0], np.cumsum(shares) / sum(shares)]) if sum(shares) else None
    if cumulative is None:
        return [float("nan")] * len(QUANTILES)
    found: list[float] = np.interp(QUANTILES, cumulative, np.array(ends, dtype=float)).tolist()
    return found


def _ordered(kind: str, reference: Mapping[str, float], page: Mapping[str, Any] | None) -> list[str]:
    """Names of the value bins: in the reference's order, or by name, or for categories by share."""
    known = [] if page is None else [name for name in page["bins"] if name in reference]
    names = known or sorted(
        reference, key=None if kind == "numeric" else lambda name: (-reference[name], name)
    )
    values = [name for name in names if name not in (*NO_VALUES, OTHER)]
    return [*values, OTHER] if OTHER in reference else values


def _spans(names: Sequence[str], page: Mapping[str, Any] | None) -> dict[str, tuple[float, float]]:
    """Both ends of each bin of numbers; the outermost end where the reference does."""
    if page is None or page.get("kind") != "numeric" or page.get("minimum") is None:
        return {}
    ends = [page["minimum"], *page["edges"], page["maximum"]]
    values = [name for name in names if name != OTHER]
    if len(values) != len(ends) - 1:
        return {}  # of another reference than the one that is counted
    return {name: (float(low), float(high)) for name, (low, high) in zip(values, pairwise(ends), strict=True)}


def _label(kind: str, name: str, span: tuple[float, float] | None, names: Sequence[str]) -> str:
    if name == OTHER:
        return "other"
    if span is None:
        return f"bin {int(name) + 1}" if kind == "numeric" and name.isdecimal() else name
    values = [each for each in names if each != OTHER]
    if name == values[0]:
        return f"\N{LESS-THAN OR EQUAL TO} {span[1]:.4g}"
    if name == values[-1]:
        return f"> {span[0]:.4g}"
    return f"{span[0]:.4g} to {span[1]:.4g}"


def _shares(names: Sequence[str], counts: Mapping[str, float]) -> dict[str, float]:
    total = sum(counts.get(name, 0.0) for name in names)
    return {name: counts.get(name, 0.0) / total for name in names} if total > 0 else {}
