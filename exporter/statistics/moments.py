"""Mean, spread and shape of a column in five numbers that merge exactly.

Kept in standardised form (standard deviation, skewness, kurtosis) and not as sums of powers: the numbers are
readable in a reference file, and values up to the largest float do not overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ..errors import InsufficientDataError, ObservationError
from .sample import Floats, Sample

# A normal distribution's; used where a constant column has none of its own.
_NORMAL_KURTOSIS = 3.0


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of a set of observations.

    Attributes
    ----------
    n : int
        Number of observations, at least 1.
    mean : float
        Arithmetic mean.
    std : float
        Population standard deviation (divided by n). Exactly 0.0 for a constant.
    skewness : float
        Third standardised moment; 0.0 for a constant.
    kurtosis : float
        Fourth standardised moment, 3.0 for a normal distribution and, by convention, for a constant.
    """

    n: int
    mean: float
    std: float
    skewness: float = 0.0
    kurtosis: float = _NORMAL_KURTOSIS

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Self:
        """Moments of a column of finite numbers, of shape (n_samples,)."""
        array = np.asarray(values, dtype=np.float64).ravel()
        return cls.weighted(array, None)

    @classmethod
    def of_sample(cls, sample: Sample) -> Self:
        """Moments of a sample; for a compressed one, of its values weighted by their counts."""
        return cls.weighted(sample.values, sample.counts.astype(np.float64))

    @classmethod
    def weighted(cls, array: Floats, weights: Floats | None = None) -> Self:
        """Moments of values that each stand for several observations, as many as their weight."""
        if array.size == 0:
            raise InsufficientDataError("moments: found 0 observations, need at least 1")
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ObservationError("moments: found NaN or infinite values, need finite numbers")
        n = array.size if weights is None else int(weights.sum())
        if low == high:
            return cls(n=n, mean=low + 0.0, std=0.0)
        # Half the range as the unit: no sum, square or fourth power can overflow or vanish.
        middle, unit = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
        if unit == 0.0:  # neighbours among the smallest floats
            return cls(n=n, mean=low, std=0.0)
        scaled = (array - middle) / unit
        mean = float(np.average(scaled, weights=weights))
        deviations = scaled - mean
        squares = deviations * deviations
        m2 = float(np.average(squares, weights=weights))
        m3 = float(np.average(squares * deviations, weights=weights))
        m4 = float(np.average(squares * squares, weights=weights))
        return cls(
            n=n,
            mean=middle + unit * mean,
            std=unit * math.sqrt(m2),
            skewness=m3 / m2**1.5,
            kurtosis=m4 / (m2 * m2),
        )

    @property
    def variance(self) -> float:
        """Unbiased variance (divided by n - 1); NaN for one observation, infinite past the largest float."""
        if self.n < 2:
            return math.nan
        try:
            return self.std**2 * (self.n / (self.n - 1))
        except OverflowError:
            return math.inf

    @property
    def m2(self) -> float:
        """Sum of squared deviations from the mean; infinite beyond the largest float."""
        return self.variance * (self.n - 1) if self.n > 1 else 0.0

    def merge(self, other: Self) -> Self:
        """Moments of both sets of observations together, equal to building from all at once up to rounding.

        References
        ----------
        P. Pebay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
        statistical moments, Sandia report SAND2008-6212, 2008.
        """
        n = self.n + other.n
        a, b = self.n / n, other.n / n
        unit = max(self.std, other.std, abs(0.5 * other.mean - 0.5 * self.mean))
        if unit == 0.0:
            return type(self)(n=n, mean=self.mean, std=0.0)
        s, t = self.std / unit, other.std / unit
        d = (other.mean / unit) - (self.mean / unit)
        v = a * s**2 + b * t**2 + a * b * d**2
        third = (
            a * self.skewness * s**3
            + b * other.skewness * t**3
            + a * b * (a - b) * d**3
            + 3.0 * a * b * d * (t**2 - s**2)
        )
        fourth = (
            a * self.kurtosis * s**4
            + b * other.kurtosis * t**4
            + a * b * (a * a - a * b + b * b) * d**4
            + 6.0 * a * b * d**2 * (a * t**2 + b * s**2)
            + 4.0 * a * b * d * (other.skewness * t**3 - self.skewness * s**3)
        )
        return type(self)(
            n=n,
            mean=a * self.mean + b * other.mean,
            std=unit * math.sqrt(v),
            skewness=third / v**1.5,
            kurtosis=fourth / (v * v),
        )
