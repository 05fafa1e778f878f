"""Null distribution of the two-sample Kolmogorov-Smirnov statistic."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import kolmogorov

# Up to this many observations in both samples together, lattice paths are counted; that takes a few
# milliseconds. Beyond, the limit distribution is close enough.
EXACT_UP_TO = 1000


def ks_p_value(d: float, n: int, m: int) -> float:
    """Probability of a two-sample KS statistic of at least `d` when both samples have one distribution."""
    if d <= 0.0:
        return 1.0
    if n + m <= EXACT_UP_TO:
        return _exact(d, n, m)
    return float(kolmogorov(math.sqrt(n * m / (n + m)) * d))


def _exact(d: float, n: int, m: int) -> float:
    """Share of lattice paths from (0, 0) to (n, m) that leave the band ``abs(i / n - j / m) < d``."""
    unit = math.gcd(n, m)
    least = round(d * (n * m // unit))  # the statistic is a multiple of 1 / lcm
    rows, columns = n // unit, m // unit
    # outside[i] belongs to the point (i, s - i): share of paths to it that have left the band before.
    outside = np.zeros(n + 1)
    steps = np.arange(n + 1)
    for s in range(1, n + m + 1):
        low, high = max(0, s - m), min(n, s)
        i = steps[low : high + 1]
        before = np.zeros(high - low + 1)
        left, right = max(low, 1), min(high, s - 1)
        before[left - low :] += outside[left - 1 : high] * steps[left : high + 1]
        before[: right - low + 1] += outside[low : right + 1] * (s - steps[low : right + 1])
        before /= s
        before[np.abs(i * columns - (s - i) * rows) >= least] = 1.0
        outside[low : high + 1] = before
    return float(outside[n])
