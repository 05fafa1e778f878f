"""Null distributions of the binned distances: p-values and noise floors."""

from __future__ import annotations

import math

from scipy.special import chdtrc, chdtri


def psi_p_value(value: float, n: int, m: int, n_bins: int) -> float:
    """Probability of a PSI of at least `value` when both samples have one distribution."""
    return float(chdtrc(n_bins - 1, value * n * m / (n + m))) if n_bins > 1 else 1.0


def jensen_shannon_p_value(divergence: float, n: int, m: int, n_bins: int) -> float:
    """Probability of a Jensen-Shannon divergence (bits) of at least this without drift."""
    return psi_p_value(8.0 * math.log(2.0) * divergence, n, m, n_bins)


def hellinger_p_value(distance: float, n: int, m: int, n_bins: int) -> float:
    """Probability of a Hellinger distance of at least this without drift."""
    return psi_p_value(8.0 * distance**2, n, m, n_bins)


def psi_noise_floor(alpha: float, n: int, m: int, n_bins: int) -> float:
    """The PSI that chance alone reaches with probability `alpha`."""
    return float(chdtri(n_bins - 1, alpha)) * (1.0 / n + 1.0 / m) if n_bins > 1 else 0.0


def jensen_shannon_noise_floor(alpha: float, n: int, m: int, n_bins: int) -> float:
    """The Jensen-Shannon divergence (bits) that chance alone reaches with probability `alpha`."""
    return psi_noise_floor(alpha, n, m, n_bins) / (8.0 * math.log(2.0))


def hellinger_noise_floor(alpha: float, n: int, m: int, n_bins: int) -> float:
    """The Hellinger distance that chance alone reaches with probability `alpha`."""
    return math.sqrt(psi_noise_floor(alpha, n, m, n_bins) / 8.0)


def ks_noise_floor(alpha: float, n: int, m: int) -> float:
    """The KS statistic that chance alone reaches with probability `alpha`."""
    return min(math.sqrt(-0.5 * math.log(alpha / 2.0) * (1.0 / n + 1.0 / m)), 1.0)
