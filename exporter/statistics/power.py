"""How large a change must be to be found."""

from __future__ import annotations

import math

from scipy.special import chdtri, chndtrinc, ndtri

from .nulls import ks_noise_floor


def minimum_detectable(test: str, alpha: float, power: float, n: int, m: int, n_bins: int = 10) -> float:
    """The smallest true effect that a test at level `alpha` finds with probability `power`.

    Parameters
    ----------
    test : str
        psi, jensen_shannon, hellinger, ks, chi_square (Cramer's V), mean_shift (Cohen's d) or variance_ratio.
    """
    rate = 1.0 / n + 1.0 / m
    z = -ndtri(alpha / 2.0) + ndtri(power)
    if test == "ks":
        return float(min(ks_noise_floor(alpha, n, m) + ndtri(power) * math.sqrt(rate / 4.0), 1.0))
    if test == "mean_shift":
        return float(z * math.sqrt(rate))
    if test == "variance_ratio":
        return float(math.exp(z * math.sqrt(2.0 * rate)))
    freedom = max(n_bins - 1, 1)
    psi = float(chndtrinc(chdtri(freedom, alpha), freedom, 1.0 - power)) * rate
    return {
        "psi": psi,
        "jensen_shannon": psi / (8.0 * math.log(2.0)),
        "hellinger": math.sqrt(psi / 8.0),
        "chi_square": math.sqrt(psi) / 2.0,
    }[test]
