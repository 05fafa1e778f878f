"""The difference of two empirical distribution functions, from which KS and Wasserstein are read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sample import Floats, Integers, Sample

# Differences are whole numbers in units of 1 / (n * m) while that product fits an int64; KS is then exact to
# the last bit. Beyond, which takes a billion against four billion observations, they are floats.
LARGEST_EXACT_UNIT = 2**62
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
            # Not a dot product: BLAS would start threads of its own, which costs more than the sum.
            return float((heights * np.diff(self.values)).sum())
        # Halves cannot overflow; only a distance beyond the largest float becomes infinite.
        with np.errstate(over="ignore"):
            return float(2.0 * (heights * np.diff(0.5 * self.values)).sum())


def cdf_difference(reference: Sample, current: Sample) -> CdfDifference:
    """Difference of the distribution functions of two samples."""
    n, m = reference.n, current.n
    values = [reference.values, current.values]
    if n * m <= LARGEST_EXACT_UNIT:
        return merge_steps(values, [reference.counts * m, current.counts * -n], n * m)
    return merge_steps(values, [reference.counts / n, current.counts / -m], 1)


def merge_steps(values: list[Floats], steps: list[Integers] | list[Floats], unit: int) -> CdfDifference:
    """The difference from ascending runs of values and how far it rises at each."""
    merged = np.concatenate(values)
    # Timsort finds the ascending runs and merges them in one pass.
    order = merged.argsort(kind="stable")
    difference: Integers | Floats = np.concatenate(steps)[order].cumsum()
    return CdfDifference(merged[order], difference, unit)
