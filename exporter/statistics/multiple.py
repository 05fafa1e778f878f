"""Many tests at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .sample import Floats


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """q-values that control the false discovery rate over all tests of a check.

    A test is rejected at level alpha when its q-value is at most alpha. While no hypothesis is false, the
    chance that any is rejected is then at most alpha, for independent or positively dependent tests.

    Parameters
    ----------
    p_values : array-like of any shape
        In [0, 1]. NaN marks a test that could not be computed: it stays NaN and does not count.

    Returns
    -------
    ndarray of the same shape
        At least the p-value, at most 1. As ``scipy.stats.false_discovery_control``.

    Raises
    ------
    ValueError
        If a p-value lies outside [0, 1].

    References
    ----------
    Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57(1), 1995.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, float("nan"), 0.03]).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(p)
    values = p[known]
    if ((values < 0.0) | (values > 1.0)).any():
        raise ValueError("benjamini_hochberg: found a p-value outside [0, 1], need probabilities or NaN")
    order = values.argsort()[::-1]
    ranks = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(values[order] * values.size / ranks)
    q = np.full_like(p, np.nan)
    q[known] = np.minimum(adjusted, 1.0)
    return q
