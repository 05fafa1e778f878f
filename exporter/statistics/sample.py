"""An empirical distribution: sorted distinct values and how many observations lie at or below each.

Everything that compares numeric columns works on two of these. A reference of any size fits in a
few thousand points when it is compressed, and says how far off it then may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InsufficientDataError, ObservationError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def sorted_finite(values: npt.ArrayLike, *, name: str = "values") -> Floats:
    """The values as a new ascending float64 array, -0.0 as 0.0; refuses NaN, infinities and emptiness."""
    array = np.array(values, dtype=np.float64).ravel()
    array.sort()
    return require_sorted_finite(array, name=name)


def require_sorted_finite(array: Floats, *, name: str = "values") -> Floats:
    """The same sorted array with -0.0 turned into 0.0, or an error when it is empty or not finite."""
    if array.size == 0:
        raise InsufficientDataError(f"{name}: found 0 observations, need at least 1")
    # Sorting puts -inf first, +inf and then NaN last: two looks replace a pass over the data.
    if not (math.isfinite(array[0]) and math.isfinite(array[-1])):
        raise ObservationError(
            f"{name}: found NaN or infinite values, need finite numbers; count those apart first"
        )
    if array[0] <= 0.0 <= array[-1]:
        array += 0.0  # -0.0 + 0.0 is 0.0
    return array


def percentile_ranks(n: int) -> Integers:
    """Ranks (from 1) of the least of `n` values, those at 1 % to 99 %, and the largest, of shape (101,)."""
    # In integers: ceil(j * n / 100) without rounding.
    return np.maximum(-(-np.arange(101, dtype=np.int64) * n // 100), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An empirical distribution function with steps at `values`.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        Finite, strictly increasing.
    counts : ndarray of shape (n_values,)
        Observations in ``(values[i - 1], values[i]]``; the first counts everything up to ``values[0]``.
    ks_error : float
        Largest distance between this distribution function and that of the data it was built from, in
        [0, 1]. 0.0 when every observation lies exactly on one of the values.
    """

    values: Floats
    counts: Integers
    ks_error: float = 0.0

    @classmethod
    def of(cls, array: npt.ArrayLike) -> Sample:
        """The exact distribution of a column.

        Parameters
        ----------
        array : array-like of shape (n_samples,)
            Finite numbers in any order; missing and infinite ones are counted elsewhere first.

        Returns
        -------
        Sample
            With ``ks_error`` 0.0. The value -0.0 counts as 0.0.

        Raises
        ------
        InsufficientDataError
            If the column is empty.
        ObservationError
            If a value is NaN or infinite.

        Examples
        --------
        >>> Sample.of([2.0, 1.0, 2.0]).counts.tolist()
        [1, 2]
        """
        return cls.of_sorted(sorted_finite(array))

    @classmethod
    def of_sorted(cls, array: Floats) -> Sample:
        """The exact distribution of a column that `sorted_finite` has sorted."""
        last = np.flatnonzero(array[1:] != array[:-1])
        if last.size == array.size - 1:
            # Without ties the counts are one number, seen as many times as there are values: half the memory.
            return cls(values=array, counts=np.broadcast_to(np.int64(1), array.shape))
        ends = np.append(last, array.size - 1)
        return cls(values=array[ends], counts=np.diff(ends, prepend=-1).astype(np.int64, copy=False))

    @property
    def n(self) -> int:
        """Number of observations."""
        return int(self.counts.sum())

    @property
    def cumulative(self) -> Integers:
        """Observations at or below each value, of shape (n_values,)."""
        return np.cumsum(self.counts)

    @property
    def minimum(self) -> float:
        """Smallest value."""
        return float(self.values[0])

    @property
    def maximum(self) -> float:
        """Largest value."""
        return float(self.values[-1])

    def quantile(self, q: float) -> float:
        """The smallest value with at least a share `q` (0 to 1) of the observations at or below it."""
        if not 0.0 <= q <= 1.0:
            raise ValueError(f"quantile: found q={q!r}, need a number from 0 to 1")
        cumulative = self.cumulative
        # The nudge keeps 0.1 * 30 = 3.0000000000000004 at rank 3.
        rank = math.ceil(q * int(cumulative[-1]) * (1.0 - 4.0 * np.finfo(np.float64).eps))
        return float(self.values[np.searchsorted(cumulative, max(rank, 1), side="left")])

    def percentiles(self) -> Floats:
        """The smallest value, those at 1 % to 99 %, and the largest, of shape (101,)."""
        cumulative = self.cumulative
        return self.values[np.searchsorted(cumulative, percentile_ranks(int(cumulative[-1])), side="left")]

    def merge(self, other: Sample) -> Sample:
        """The distribution of both sets of observations together.

        Exact samples merge exactly: the result equals building from all observations at once. The
        errors of compressed ones are averaged by their number of observations, which bounds the result's.
        """
        values, inverse = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(values.size, dtype=np.int64)
        np.add.at(counts, inverse, np.concatenate([self.counts, other.counts]))
        n, m = self.n, other.n
        return Sample(values, counts, (self.ks_error * n + other.ks_error * m) / (n + m))

    def compress(self, points: int) -> Sample:
        """A sample with about `points` values, evenly spaced in rank.

        A value that holds at least one part in `points` of all observations (an atom, such as the zeros of a
        zero-inflated column) is kept with its exact count, as are the smallest and the largest value.

        Parameters
        ----------
        points : int
            At least 2. The result has at most this many values, or two for each atom and the two ends.

        Returns
        -------
        Sample
            With ``ks_error`` raised by the largest share that now lies strictly inside a gap; about
            ``1 / points``. Itself when it is small enough already.
        """
        if points < 2:
            raise ValueError(f"compress: found points={points!r}, need an integer of at least 2")
        if self.values.size <= points:
            return self
        cumulative = self.cumulative
        n = int(cumulative[-1])
        atoms = np.flatnonzero(self.counts * points >= n)
        loose = self.counts.copy()
        loose[atoms] = 0
        ranks = np.cumsum(loose)
        free = max(points - 2 * atoms.size - 2, 0)
        targets = np.arange(1, free + 1) * (ranks[-1] / (free + 1))
        grid = np.searchsorted(ranks, targets, side="left")
        # The value before an atom ends the gap there, so nothing is added to the atom's own count.
        ends = [0, self.values.size - 1]
        kept = np.unique(np.concatenate([grid, atoms, np.maximum(atoms - 1, 0), ends]))
        counts = np.diff(cumulative[kept], prepend=0)
        inside = int((counts - self.counts[kept]).max())
        return Sample(self.values[kept], counts, min(self.ks_error + inside / n, 1.0))

    def clip(self, low: float, high: float) -> Sample:
        """The distribution after values below `low` or above `high` were set to these bounds (winsorised)."""
        if not low <= high:
            raise ValueError(f"clip: found low={low!r} and high={high!r}, need low <= high")
        if low <= self.values[0] and self.values[-1] <= high:
            return self
        values, inverse = np.unique(np.clip(self.values, low, high), return_inverse=True)
        counts = np.zeros(values.size, dtype=np.int64)
        np.add.at(counts, inverse, self.counts)
        return Sample(values, counts, self.ks_error)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        return (
            np.array_equal(self.values, other.values)
            and np.array_equal(self.counts, other.counts)
            and self.ks_error == other.ks_error
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays
