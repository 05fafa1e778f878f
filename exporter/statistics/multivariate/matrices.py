"""Matrices of numeric columns: checking, sampling, scaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...errors import InsufficientDataError, ObservationError
from ..sample import Floats

# The interquartile range of a normal distribution in standard deviations.
_NORMAL_QUARTILES = 1.349
# Robust z-scores are cut here: far enough out to be an outlier to every method, not so far as to be the
# only thing that a method sees.
_LARGEST_SCORE = 10.0


def as_pair(
    reference: npt.ArrayLike, current: npt.ArrayLike, *, least_rows: int, name: str
) -> tuple[Floats, Floats]:
    """Both samples as float64 matrices of one width, or an error that says what is wrong."""
    x, y = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or x.shape[1] == 0:
        raise ObservationError(
            f"{name}: found shapes {x.shape} and {y.shape}, need two matrices of rows with the same columns"
        )
    if min(len(x), len(y)) < least_rows:
        raise InsufficientDataError(
            f"{name}: found {len(x)} reference and {len(y)} current rows, need at least {least_rows} of each"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ObservationError(
            f"{name}: found NaN or infinite values, need finite numbers; fill or drop them first"
        )
    return x, y


def drawn(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    """All rows, or this many of them drawn without replacement."""
    return rows if len(rows) <= most else rows[rng.choice(len(rows), size=most, replace=False)]


def standardise(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Both matrices in robust z-scores of the reference: median 0, interquartile range that of a unit normal.

    Scores beyond -10 or 10 are set to these, so that one wild value cannot own a result. A column whose
    quartiles meet is scaled by its standard deviation, a constant one only centred.

    Parameters
    ----------
    reference, current : array-like of shape (n_rows, n_columns)
        Finite numbers, the same columns.
    """
    x, y = as_pair(reference, current, least_rows=1, name="standardise")
    # Halves cannot overflow; the factor cancels.
    low, middle, high = np.quantile(0.5 * x, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / _NORMAL_QUARTILES
    spread = (0.5 * x - middle).std(axis=0)
    scale = np.where(scale > 0.0, scale, np.where(spread > 0.0, spread, 0.5))
    both = ((0.5 * rows - middle) / scale for rows in (x, y))
    first, second = (np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE) for scores in both)
    return first, second
