"""What a reference knows about one column, and how rows are counted on its bins.

Bins come in one order everywhere: the value bins, then `__other__`, `__missing__`, `__inf__`.
`ratios` of the value bins and `__other__` sum to 1: they are the distribution that drift is measured on.
`ratios` of `__missing__` and `__inf__` are shares of all rows, beside that distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..statistics.binning import bin_counts_sorted
from ..statistics.cells import ReferenceCells
from .kinds import INF, MISSING, SPECIAL_BINS, TRUTH_VALUES, as_numbers, category_codes, tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..statistics.moments import Moments
    from ..statistics.sample import Sample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinCounts:
    """Rows of one batch on the bins of a profile.

    Attributes
    ----------
    counts : ndarray of shape (n_bins,)
        Aligned with the profile's `bins`; sums to the number of rows.
    missing, infinite : int
        As in the last two bins.
    out_of_range : int
        Finite numbers below the reference's smallest or above its largest.
    unseen : int
        Categories that the reference never saw. 0 where it saw more than it lists: nobody can tell then.
    type_errors : int
        Values that are no number in a numeric column; they are counted in `__other__`.
    """

    counts: Ints
    missing: int
    infinite: int
    out_of_range: int = 0
    unseen: int = 0
    type_errors: int = 0

    def merge(self, other: BinCounts) -> BinCounts:
        """Rows of both batches."""
        return BinCounts(
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            infinite=self.infinite + other.infinite,
            out_of_range=self.out_of_range + other.out_of_range,
            unseen=self.unseen + other.unseen,
            type_errors=self.type_errors + other.type_errors,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericProfile:
    """A numeric column of the reference.

    Attributes
    ----------
    name : str
        The column's.
    edges : ndarray of shape (n_value_bins - 1,)
        Interior edges; the bins are (lo, hi] with open ends, as Prometheus's `le`.
    counts : ndarray of shape (n_bins,)
        Rows of the reference on `bins`; fractional in a mixture.
    sample : Sample or None
        Distribution of the finite values, exact or with its stated `ks_error`; None if there are none.
    moments : Moments or None
        Exact, of the finite values; None if there are none.
    """

    name: str
    edges: Floats
    counts: NDArray[Any]
    sample: Sample | None
    moments: Moments | None
    kind: ClassVar[Literal["numeric"]] = "numeric"

    @cached_property
    def bins(self) -> tuple[str, ...]:
        """Names of the bins: zero-padded ordinals, so that sorting them as text keeps their order."""
        width = max(2, len(str(len(self.edges))))
        return (*(f"{i:0{width}d}" for i in range(len(self.edges) + 1)), *SPECIAL_BINS)

    @cached_property
    def ratios(self) -> Floats:
        """Share of the reference per bin, as the module says."""
        return _ratios(self.counts)

    @cached_property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return round(float(self.counts.sum()))

    @cached_property
    def count(self) -> int:
        """Values behind the ratios: all rows but the missing and the infinite ones."""
        return round(float(self.counts[:-2].sum()))

    @property
    def missing_ratio(self) -> float:
        """Share of all rows that are missing, 0 to 1."""
        return float(self.ratios[-2])

    @cached_property
    def cells(self) -> ReferenceCells | None:
        """The distribution, prepared for many comparisons; None if there is none."""
        return None if self.sample is None else ReferenceCells.of(self.sample)

    @property
    def minimum(self) -> float | None:
        """Smallest finite value; None if there is none."""
        return None if self.sample is None else float(self.sample.minimum)

    @property
    def maximum(self) -> float | None:
        """Largest finite value; None if there is none."""
        return None if self.sample is None else float(self.sample.maximum)

    def bin_indices(self, values: NDArray[Any]) -> Ints:
        """Index into `bins` of every value of a float64 or object array."""
        numbers, wrong = as_numbers(values)
        indices = np.searchsorted(self.edges, numbers, side="left").astype(np.int64)
        indices[np.isnan(numbers)] = len(self.counts) - 2
        indices[np.isinf(numbers)] = len(self.counts) - 1
        if wrong is not None:
            indices[wrong] = len(self.counts) - 3
        return indices

    def count_bins(self, values: NDArray[Any]) -> BinCounts:
        """Rows per bin of a float64 or object array."""
        numbers, wrong = as_numbers(values)
        type_errors = 0 if wrong is None else int(wrong.sum())
        last = len(self.edges)
        # NaN sorts behind every edge and so falls into the last value bin; it is moved out below.
        in_bins = np.bincount(np.searchsorted(self.edges, numbers), minlength=last + 1)
        nans = upper = lower = outside = 0
        if not np.isfinite(numbers).all():
            nans = int(np.count_nonzero(np.isnan(numbers)))
            upper = int(np.count_nonzero(numbers == np.inf))
            lower = int(np.count_nonzero(numbers == -np.inf))
            in_bins[last] -= nans + upper
            in_bins[0] -= lower
        if self.sample is not None:
            low, high = self.sample.minimum, self.sample.maximum
            outside = int(np.count_nonzero(numbers < low) + np.count_nonzero(numbers > high)) - upper - lower
        return self._counted(in_bins, nans, upper + lower, outside, type_errors)

    def count_sorted(self, ascending: Floats, type_errors: int = 0) -> tuple[BinCounts, Floats]:
        """The same for numbers in ascending order with NaN last, as NumPy sorts; and the finite ones of them.

        Parameters
        ----------
        ascending : ndarray of shape (n_rows,)
            As `kinds.as_numbers` reads a column, sorted.
        type_errors : int
            Rows among the NaN that held something else than a number.
        """
        first, last = 0, len(ascending)
        if last and not (np.isfinite(ascending[0]) and np.isfinite(ascending[-1])):
            first = int(np.searchsorted(ascending, -np.inf, side="right"))
            last = int(np.searchsorted(ascending, np.inf, side="left"))
        finite = ascending[first:last]
        nans = len(ascending) - int(np.searchsorted(ascending, np.nan, side="left"))
        outside = 0
        if self.sample is not None:
            low, high = self.sample.minimum, self.sample.maximum
            outside = int(np.searchsorted(finite, low, side="left"))
            outside += len(finite) - int(np.searchsorted(finite, high, side="right"))
        infinite = len(ascending) - len(finite) - nans
        in_bins = bin_counts_sorted(finite, self.edges)
        return self._counted(in_bins, nans, infinite, outside, type_errors), finite

    def _counted(self, in_bins: Ints, nans: int, infinite: int, outside: int, type_errors: int) -> BinCounts:
        counts = np.empty(len(in_bins) + len(SPECIAL_BINS), dtype=np.int64)
        counts[: len(in_bins)] = in_bins
        counts[len(in_bins) :] = type_errors, nans - type_errors, infinite
        return BinCounts(
            counts=counts,
            missing=nans - type_errors,
            infinite=infinite,
            out_of_range=outside,
            type_errors=type_errors,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CategoricalProfile:
    """A categorical column of the reference.

    Attributes
    ----------
    name : str
        The column's.
    categories : tuple of str
        The most frequent ones, by falling count and then by name; each is a bin of that name.
    counts : ndarray of shape (n_bins,)
        Rows of the reference on `bins`; fractional in a mixture.
    tally : dict of str to int
        Counts of all categories that are kept, those of `categories` first; it lets two references merge.
    untallied : int
        Rows of categories that are not in `tally`; 0 if it is complete.
    count_error : int
        By how much a count may be too small, after more categories than a builder follows; usually 0.
    """

    name: str
    categories: tuple[str, ...]
    counts: NDArray[Any]
    tally: dict[str, int]
    untallied: int = 0
    count_error: int = 0
    kind: ClassVar[Literal["categorical"]] = "categorical"
    _index: dict[str, int] = field(init=False, repr=False)
    _spellings: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        other = len(self.categories)
        index = dict.fromkeys(self.tally, other)
        index.update((category, i) for i, category in enumerate(self.categories))
        index.update({MISSING: other + 1, INF: other + 2})
        spellings = {}
        if self.tally and self.tally.keys() <= TRUTH_VALUES.keys() and not self.untallied:
            spellings = {TRUTH_VALUES[name]: name for name in self.tally if TRUTH_VALUES[name] not in index}
        index.update((other_name, index[name]) for other_name, name in spellings.items())
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_spellings", spellings)

    @cached_property
    def bins(self) -> tuple[str, ...]:
        """Names of the bins: the categories and the three special ones."""
        return (*self.categories, *SPECIAL_BINS)

    @cached_property
    def ratios(self) -> Floats:
        """Share of the reference per bin, as the module says."""
        return _ratios(self.counts)

    @cached_property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return round(float(self.counts.sum()))

    @cached_property
    def count(self) -> int:
        """Values behind the ratios: all rows but the missing and the infinite ones."""
        return round(float(self.counts[:-2].sum()))

    @property
    def missing_ratio(self) -> float:
        """Share of all rows that are missing, 0 to 1."""
        return float(self.ratios[-2])

    def bin_indices(self, values: NDArray[Any]) -> Ints:
        """Index into `bins` of every value of a float64 or object array."""
        return category_codes(values, self._index, len(self.categories))

    def count_bins(self, values: NDArray[Any]) -> BinCounts:
        """Rows per bin of a float64 or object array."""
        return self.count_tally(self.tally_of(values))

    def tally_of(self, values: NDArray[Any]) -> dict[str, int]:
        """Rows per category, as `kinds.tally` counts them, under the reference's names.

        Where the reference knows `True` and `False`, rows that arrive as 1 and 0 (arrays and files have them
        so) mean the same, and the other way round.
        """
        found = tally(values)
        if self._spellings.keys().isdisjoint(found):
            return found
        named: dict[str, int] = {}
        for name, count in found.items():
            own = self._spellings.get(name, name)
            named[own] = named.get(own, 0) + count
        return named

    def count_tally(self, current: dict[str, int]) -> BinCounts:
        """Rows per bin of categories that are already counted, as `kinds.tally` does."""
        other = len(self.categories)
        counts = np.zeros(other + len(SPECIAL_BINS), dtype=np.int64)
        unseen = 0
        for name, count in current.items():
            index = self._index.get(name)
            if index is None:
                index, unseen = other, unseen + count
            counts[index] += count
        return BinCounts(
            counts=counts,
            missing=int(counts[-2]),
            infinite=int(counts[-1]),
            unseen=0 if self.untallied else unseen,
        )

    def unseen_in(self, current: Mapping[str, int], limit: int) -> list[str]:
        """Categories of a tally that the reference never saw, the most frequent first."""
        new = [(name, count) for name, count in current.items() if name not in self._index]
        new.sort(key=lambda item: (-item[1], item[0]))
        return [name for name, _ in new[:limit]]


Profile = NumericProfile | CategoricalProfile


def _ratios(counts: NDArray[Any]) -> Floats:
    ratios = np.zeros(len(counts))
    usable, rows = counts[:-2].sum(), counts.sum()
    if usable:
        ratios[:-2] = counts[:-2] / usable
    if rows:
        ratios[-2:] = counts[-2:] / rows
    return ratios
