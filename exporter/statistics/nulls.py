"""Null distributions of the binned distances by their value alone: p-values and noise floors.

Without drift ``psi * n * m / (n + m)`` follows a chi-square distribution with ``n_bins - 1`` degrees of
freedom as the samples grow, and so do ``8 * ln(2)`` times the Jensen-Shannon divergence in bits and 8 times
the squared Hellinger distance in its place: to second order all three are the same quadratic form.

At the sample sizes of a monitoring window the tail is heavier, since these distances grow faster than the
evidence when a bin runs empty. On 10 equal bins with 100 observations against exact shares, PSI is beyond
the 1 % point in 2.1 % of undrifted samples, and beyond the 1e-5 point in 1.7e-4; Hellinger in 2.8e-4. So a
statistic s is first reduced to ``s / (1 + c * s / e)``, where e is `n_bins` times the least expected count
and c is found by simulation. Rates of false alarms after that, in units of alpha, for samples of 50 to
1,000, the second sample of the same size, ten times as large or exact, 400,000 samples each (worst case;
medians are 0.5 to 0.9):

                            alpha  1e-2   1e-3   1e-4   1e-5
    2 to 20 equal bins, psi         1.2   1.0    1.2    1.7
                        js          1.2   1.0    1.1    1.5
                        hellinger   1.9   1.0    2.3    1.7
    very unequal bins with their    1.0   0.9    1.0    1.2
    `least_share` given, any

The price is power in small samples, and far more of it for very unequal bins. With the counts at hand,
`homogeneity_p_value` is both safe and sharp; these functions are for when only the value is known, and for
drawing the noise floor beside it.

References
----------
B. Yurdakul, Statistical Properties of Population Stability Index, dissertation, Western Michigan University,
2018 (the chi-square limit of PSI).
"""

from __future__ import annotations

import math

from scipy.special import chdtrc, chdtri, kolmogi

# Excess of the tail, by simulation: the smallest round values that hold the rates in the table above.
_PSI_EXCESS = 0.6
_JENSEN_SHANNON_EXCESS = 0.5
_HELLINGER_EXCESS = 0.75
# Where a bin expects fewer, its share of the sum is bounded and the excess no longer grows.
_LEAST_EXPECTED_COUNT = 4.0
# Jensen-Shannon in bits and squared Hellinger distance, to second order, in units of PSI.
_PSI_PER_BIT = 8.0 * math.log(2.0)
_PSI_PER_SQUARED_HELLINGER = 8.0


def psi_p_value(value: float, n: int, m: int, n_bins: int, least_share: float | None = None) -> float:
    """Probability of a PSI of at least `value` when both samples have one distribution.

    Parameters
    ----------
    value : float
        As returned by `psi`.
    n, m : int
        Numbers of observations in the two samples.
    n_bins : int
        Bins that hold anything in either sample (`occupied_bins`).
    least_share : float, optional
        Smallest share that a bin holds in the reference. Without it the bins count as about equal, as those
        of `quantile_edges` are; for categories it is needed.

    Returns
    -------
    float
        In [0, 1]; 1.0 for a single bin.
    """
    return _p_value(value, n, m, n_bins, least_share, _PSI_EXCESS)


def jensen_shannon_p_value(
    divergence: float, n: int, m: int, n_bins: int, least_share: float | None = None
) -> float:
    """Probability of a Jensen-Shannon divergence in bits of at least this without drift; as `psi_p_value`."""
    return _p_value(_PSI_PER_BIT * divergence, n, m, n_bins, least_share, _JENSEN_SHANNON_EXCESS)


def hellinger_p_value(
    distance: float, n: int, m: int, n_bins: int, least_share: float | None = None
) -> float:
    """Probability of a Hellinger distance of at least this without drift; as `psi_p_value`."""
    value = _PSI_PER_SQUARED_HELLINGER * distance**2
    return _p_value(value, n, m, n_bins, least_share, _HELLINGER_EXCESS)


def psi_noise_floor(alpha: float, n: int, m: int, n_bins: int, least_share: float | None = None) -> float:
    """The PSI that chance alone reaches with probability `alpha` at most: the inverse of `psi_p_value`.

    Infinite where no PSI would be significant, since the samples are too small. 0.0 for a single bin.
    """
    return _noise_floor(alpha, n, m, n_bins, least_share, _PSI_EXCESS)


def jensen_shannon_noise_floor(
    alpha: float, n: int, m: int, n_bins: int, least_share: float | None = None
) -> float:
    """The Jensen-Shannon divergence in bits that chance alone reaches; as `psi_noise_floor`, at most 1."""
    return min(_noise_floor(alpha, n, m, n_bins, least_share, _JENSEN_SHANNON_EXCESS) / _PSI_PER_BIT, 1.0)


def hellinger_noise_floor(
    alpha: float, n: int, m: int, n_bins: int, least_share: float | None = None
) -> float:
    """The Hellinger distance that chance alone reaches; as `psi_noise_floor`, at most 1."""
    value = _noise_floor(alpha, n, m, n_bins, least_share, _HELLINGER_EXCESS)
    return min(math.sqrt(value / _PSI_PER_SQUARED_HELLINGER), 1.0)


def ks_noise_floor(alpha: float, n: int, m: int) -> float:
    """The KS statistic that chance alone reaches with probability `alpha` at most, in (0, 1].

    From the limit distribution, which is a little too wide for small samples (see `ks_p_value`).
    """
    require_level("alpha", alpha)
    return min(float(kolmogi(alpha)) * math.sqrt(1.0 / n + 1.0 / m), 1.0)


def _p_value(value: float, n: int, m: int, n_bins: int, least_share: float | None, excess: float) -> float:
    """p-value of a distance in units of PSI."""
    if n_bins < 2:
        return 1.0
    statistic = value * (n * m / (n + m))
    reduced = statistic / (1.0 + excess * statistic / _expected(n, m, n_bins, least_share))
    return float(chdtrc(n_bins - 1, reduced))


def _noise_floor(
    alpha: float, n: int, m: int, n_bins: int, least_share: float | None, excess: float
) -> float:
    """The distance, in units of PSI, with p-value `alpha`."""
    require_level("alpha", alpha)
    if n_bins < 2:
        return 0.0
    reduced = float(chdtri(n_bins - 1, alpha))
    left = 1.0 - excess * reduced / _expected(n, m, n_bins, least_share)
    return reduced / left * (1.0 / n + 1.0 / m) if left > 0.0 else math.inf


def _expected(n: int, m: int, n_bins: int, least_share: float | None) -> float:
    """Observations that the smaller sample would expect if all its bins were as small as the smallest."""
    share = 1.0 / n_bins if least_share is None else least_share
    return n_bins * max(min(n, m) * share, _LEAST_EXPECTED_COUNT)


def require_level(name: str, value: float) -> None:
    """Refuses what is not a probability, or a certain one."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: found {value!r}, need a probability between 0 and 1")
