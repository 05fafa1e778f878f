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

    def ks_and_area(self) -> tuple[float, float]:
        """Largest absolute difference, in [0, 1], and the area between the functions: KS and Wasserstein."""
        values = self.values
        # Beyond the largest value both functions are 1.
        sizes = np.abs(self.difference[:-1])
        last_of_ties = values[1:] != values[:-1]
        ks = min(float(sizes.max(where=last_of_ties, initial=0)) / self.unit, 1.0)
        heights = sizes / self.unit
        # Not a dot product: BLAS would start threads of its own, which costs more than the sum.
        if max(-values[0], values[-1]) < _SAFE_MAGNITUDE:
            return ks, float((heights * (values[1:] - values[:-1])).sum())
        # Halves cannot overflow; only a distance beyond the largest float becomes infinite.
        halves = 0.5 * values
        with np.errstate(over="ignore"):
            return ks, float(2.0 * (heights * (halves[1:] - halves[:-1])).sum())


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
