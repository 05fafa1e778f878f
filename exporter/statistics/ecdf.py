"""The difference of two empirical distribution functions, from which KS and Wasserstein are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sample import Floats, Integers, Sample

# Differences are whole numbers in units of 1 / (n * m) while that product fits an int64; KS is then exact to
# the last bit. Beyond, which takes a billion against four billion observations, they are floats.
_LARGEST_EXACT_UNIT = 2**62
# Differences between smaller values cannot overflow.
_SAFE_MAGNITUDE = float(np.finfo(np.float64).max) / 4.0


class CdfDifference(NamedTuple):
    """Reference minus current distribution function, on the merged values of both.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        Ascending; equal values may appear more than once.
    difference : ndarray of shape (n_values,)
        From each value up to the next, in units of ``1 / unit``. Meaningful at the last of equal values.
    unit : int
        Product of the two numbers of observations, or 1 where that is too large.
    """

    values: Floats
    difference: Integers | Floats
    unit: int

    def ks(self) -> float:
        """Largest absolute difference, in [0, 1]."""
        last_of_ties = self.values[1:] != self.values[:-1]
        # Beyond the largest value both functions are 1.
        largest = np.abs(self.difference[:-1]).max(where=last_of_ties, initial=0)
        return min(float(largest) / self.unit, 1.0)

    def area(self) -> float:
        """Area between the two functions: the Wasserstein distance."""
        heights = np.abs(self.difference[:-1]) / self.unit
        if max(-self.values[0], self.values[-1]) < _SAFE_MAGNITUDE:
            return float(heights @ np.diff(self.values))
        # Halves cannot overflow; only a distance beyond the largest float becomes infinite.
        with np.errstate(over="ignore"):
            return float(2.0 * (heights @ np.diff(0.5 * self.values)))


def cdf_difference(reference: Sample, current: Sample) -> CdfDifference:
    """Difference of the distribution functions of two samples."""
    n, m = reference.n, current.n
    both = np.concatenate([reference.values, current.values])
    # Timsort finds the two ascending runs and merges them in one pass.
    order = both.argsort(kind="stable")
    if n * m <= _LARGEST_EXACT_UNIT:
        whole = np.concatenate([reference.counts * m, current.counts * -n])
        return CdfDifference(both[order], np.cumsum(whole[order]), n * m)
    shares = np.concatenate([reference.counts / n, current.counts / -m])
    return CdfDifference(both[order], np.cumsum(shares[order]), 1)
