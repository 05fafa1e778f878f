"""What the model is worth to the business, and whether drift or lost performance goes with losing it.

Measures are named in the configuration and so bound the label `measure`. Correlation over time is a hint
where to look, never a cause: both series may follow a third. Two series that move slowly resemble each other
by chance; the number of points is therefore reduced to that of independent ones. Of 200 or 300 pairs of
unrelated series (30 to 365 steps, autocorrelation 0 to 1, eight lags) at most 6.5 % are called related.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr

from .errors import ConfigError, InsufficientDataError, ObservationError
from .statistics import benjamini_hochberg

Floats = NDArray[np.float64]

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""Names that read well as the value of a label and as a key of YAML."""

KINDS: Final = ("counter", "gauge")

ALPHA: Final = 0.05
"""Over all lags together. A hint for people needs less evidence than an alert."""

MAX_LAG: Final = 7
"""Steps; a week of days."""

MIN_POINTS: Final = 20
"""Here only a coefficient beyond 0.6 can be told from chance at 8 lags; with fewer points none would be."""

AUTOCORRELATION_SHARE: Final = 5
"""Autocorrelations up to a fifth of the points are estimated well enough to be used (Pyper and Peterman)."""

SPEARMAN_VARIANCE: Final = 1.06
"""Variance of Fisher's z of a rank correlation, times n - 3 (E. C. Fieller et al., Biometrika 44, 1957)."""


@dataclass(frozen=True, slots=True)
class BusinessMeasure:
    """A business metric by name.

    Attributes
    ----------
    name : str
        Value of the label `measure`, such as `revenue_euros`, with its unit.
    kind : {"counter", "gauge"}
        A counter adds up what is recorded, a gauge shows the latest value.
    description : str
        For people.
    """

    name: str
    kind: Literal["counter", "gauge"]
    description: str = ""

    def checked(self, value: float) -> float:
        """The value to add or to show.

        Raises
        ------
        ObservationError
            If it is no finite number, or would make a counter fall.
        """
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ObservationError(f"{self.name}: found {value!r}, need a finite number")
        if self.kind == "counter" and number < 0.0:
            raise ObservationError(f"{self.name}: found {value!r}, need 0 or more, since it is a counter")
        return number


def business_measures(settings: Iterable[Mapping[str, Any]]) -> dict[str, BusinessMeasure]:
    """Measures by name, as the configuration lists them: `name`, `kind` and optionally `description`.

    Raises
    ------
    ConfigError
        If a name or kind cannot be used, a key is unknown, or a name is there twice.

    Examples
    --------
    >>> business_measures([{"name": "revenue_euros", "kind": "counter"}])["revenue_euros"].kind
    'counter'
    """
    measures: dict[str, BusinessMeasure] = {}
    for number, entry in enumerate(settings):
        where = f"business[{number}]"
        unknown = sorted(set(entry) - {"name", "kind", "description"})
        if unknown:
            raise ConfigError(f"{where}: found {unknown[0]!r}, need name, kind and description only")
        name, kind = entry.get("name"), entry.get("kind")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigError(
                f"{where}.name: found {name!r}, need lower-case letters, digits and underscores"
            )
        if name in measures:
            raise ConfigError(f"{where}.name: found {name!r} twice, need each once")
        if kind not in KINDS:
            raise ConfigError(f"{where}.kind: found {kind!r}, need {' or '.join(KINDS)}")
        measures[name] = BusinessMeasure(name, kind, str(entry.get("description", "")))
    return measures


def measure_named(measures: Mapping[str, BusinessMeasure], name: str) -> BusinessMeasure:
    """The measure of that name.

    Raises
    ------
    ObservationError
        If the configuration names no such one: labels are bounded by it.
    """
    if name not in measures:
        known = ", ".join(measures) or "none, since business is empty in the configuration"
        raise ObservationError(f"business measure: found {name!r}, need one of {known}")
    return measures[name]


def per_step(
    times: ArrayLike,
    values: ArrayLike,
    *,
    start: float,
    step_seconds: float,
    n_steps: int,
    how: Literal["mean", "sum"] = "mean",
) -> Floats:
    """A series on an even grid: what `correlate` compares.

    Parameters
    ----------
    times, values : array-like
        Seconds since 1970, in any order, and the values then.
    start, step_seconds, n_steps : float, float, int
        The grid: step i is from `start + i * step_seconds`, included, to the next, excluded.
    how : {"mean", "sum"}
        Mean of a gauge or score in each step, or sum of what a counter was given.

    Returns
    -------
    ndarray of shape (n_steps,)
        NaN where nothing was recorded: no value is not a value of 0.

    Examples
    --------
    >>> per_step([0, 5, 25], [1.0, 3.0, 7.0], start=0, step_seconds=10, n_steps=3)
    array([ 2., nan,  7.])
    """
    if not (step_seconds > 0.0 and n_steps >= 1):
        raise ConfigError(f"step: found {n_steps} of {step_seconds} seconds, need at least 1 above 0")
    at, given = np.asarray(times, np.float64), np.asarray(values, np.float64)
    if at.shape != given.shape or at.ndim != 1:
        raise ObservationError(f"values: found {given.size} for {at.size} times, need one for each")
    with np.errstate(invalid="ignore"):
        step = np.floor((at - start) / step_seconds)
        inside = (step >= 0) & (step < n_steps) & np.isfinite(given)
    place = step[inside].astype(np.int64)
    count = np.bincount(place, minlength=n_steps).astype(np.float64)
    total = np.bincount(place, weights=given[inside], minlength=n_steps)
    count[count == 0.0] = np.nan
    return np.asarray(
        total / count if how == "mean" else np.where(np.isnan(count), np.nan, total), np.float64
    )


@dataclass(frozen=True, slots=True)
class LagCorrelation:
    """Rank correlation of a business metric with a score so many steps earlier.

    Attributes
    ----------
    lag : int
        Steps by which the business metric comes later.
    coefficient : float
        Spearman's, from -1 to 1.
    low, high : float
        Interval that holds for all lags together with a confidence of 1 - alpha.
    p_value, q_value : float
        Of no correlation; for this lag alone, and after Benjamini-Hochberg over all lags.
    points : int
        Steps that both series have.
    effective_points : float
        As many independent ones tell as much.
    """

    lag: int
    coefficient: float
    low: float
    high: float
    p_value: float
    q_value: float
    points: int
    effective_points: float


@dataclass(frozen=True, slots=True)
class Correlation:
    """Result of `correlate`.

    Attributes
    ----------
    related : bool
        Whether any lag is significant after correction.
    best : LagCorrelation
        The lag with the smallest p-value; of equal ones the strongest.
    lags : tuple of LagCorrelation
        All that have enough points, in their order.
    """

    related: bool
    best: LagCorrelation
    lags: tuple[LagCorrelation, ...]


def correlate(
    business: ArrayLike,
    score: ArrayLike,
    *,
    max_lag: int = MAX_LAG,
    min_points: int = MIN_POINTS,
    alpha: float = ALPHA,
    differences: bool = False,
) -> Correlation:
    """Whether a business metric follows drift or performance, and how many steps later.

    Parameters
    ----------
    business, score : array-like of shape (n_steps,)
        On the same even grid (`per_step`), with NaN for gaps.
    max_lag : int
        Lags from 0 to this many steps are tried.
    min_points : int
        Fewest steps that both series must have at a lag.
    alpha : float
        Significance over all lags together.
    differences : bool
        Compare changes from step to step rather than levels: for series with a trend.

    Raises
    ------
    InsufficientDataError
        If no lag has enough points at which both series vary.

    References
    ----------
    Effective number of points: B. J. Pyper, R. M. Peterman, Comparison of methods to account for
    autocorrelation in correlation analyses of fish data, Canadian Journal of Fisheries and Aquatic Sciences
    55, 1998.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> drift = rng.normal(size=60)
    >>> revenue = -np.roll(drift, 2) + 0.3 * rng.normal(size=60)
    >>> found = correlate(revenue, drift)
    >>> found.related, found.best.lag, round(found.best.coefficient, 2)
    (True, 2, -0.94)
    """
    later, earlier = (np.asarray(values, np.float64) for values in (business, score))
    if later.shape != earlier.shape or later.ndim != 1:
        raise ObservationError(
            f"score: found {earlier.size} steps for {later.size} of business, need the same"
        )
    if max_lag < 0 or min_points < 4:
        raise ConfigError(
            f"correlate: found max_lag {max_lag} and min_points {min_points}, need 0 and 4 or more"
        )
    if differences:
        later, earlier = np.diff(later), np.diff(earlier)
    pairs = {
        lag: pair
        for lag in range(min(max_lag + 1, len(later)))
        if len((pair := _both(later[lag:], earlier[: len(earlier) - lag]))[0]) >= min_points
        and all(np.ptp(side[~np.isnan(side)]) > 0.0 for side in pair[1:])
    }
    if not pairs:
        found = int(np.sum(~np.isnan(later) & ~np.isnan(earlier)))
        raise InsufficientDataError(
            f"correlation: found {found} steps with both values, need {min_points} at which both vary"
        )
    found_lags = [_lag(lag, *pair, level=alpha / len(pairs)) for lag, pair in pairs.items()]
    q_values = benjamini_hochberg(np.array([each[3] for each in found_lags]))
    lags = tuple(
        LagCorrelation(lag, r, low, high, p_value, float(q), points, effective)
        for (lag, r, (low, high), p_value, points, effective), q in zip(found_lags, q_values, strict=True)
    )
    best = min(lags, key=lambda each: (each.p_value, -abs(each.coefficient)))
    return Correlation(best.q_value < alpha, best, lags)


def _both(later: Floats, earlier: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Steps that both have, and the ranks of both on the whole grid, NaN elsewhere."""
    there = ~np.isnan(later) & ~np.isnan(earlier)
    return np.flatnonzero(there), _ranks(later, there), _ranks(earlier, there)


def _ranks(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """Ranks with ties at their mean."""
    ranks = np.full(len(values), np.nan)
    _, place, count = np.unique(values[there], return_inverse=True, return_counts=True)
    ranks[there] = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return ranks


def _lag(
    lag: int, steps: NDArray[np.int64], later: Floats, earlier: Floats, *, level: float
) -> tuple[int, float, tuple[float, float], float, int, float]:
    n = len(steps)
    a, b = (side - np.nanmean(side) for side in (later, earlier))
    r = float(np.nansum(a * b) / math.sqrt(np.nansum(a * a) * np.nansum(b * b)))
    r = min(1.0, max(-1.0, r))
    effective = _effective(a, b, n)
    if effective <= 4.0:  # Fisher's interval needs more than three points
        return lag, r, (-1.0, 1.0), 1.0, n, effective
    t = math.inf if abs(r) == 1.0 else abs(r) * math.sqrt((effective - 2.0) / (1.0 - r * r))
    p_value = 2.0 * float(stdtr(effective - 2.0, -t)) if t < math.inf else 0.0
    half = -float(ndtri(level / 2.0)) * math.sqrt(SPEARMAN_VARIANCE / (effective - 3.0))
    z = math.atanh(r) if abs(r) < 1.0 else math.copysign(math.inf, r)
    return lag, r, (math.tanh(z - half), math.tanh(z + half)), p_value, n, effective


def _effective(a: Floats, b: Floats, n: int) -> float:
    """Number of independent points, from the autocorrelation of both series; at most `n`."""
    total = 1.0 / n
    for j in range(1, n // AUTOCORRELATION_SHARE + 1):
        total += 2.0 / n * (n - j) / n * _autocorrelation(a, j) * _autocorrelation(b, j)
    return min(float(n), 1.0 / total) if total > 0.0 else float(n)


def _autocorrelation(values: Floats, j: int) -> float:
    products = values[j:] * values[:-j]
    known = ~np.isnan(products)
    if not known.any():
        return 0.0
    return float(products[known].mean() / np.nanmean(values * values))


def names_of(measures: Mapping[str, BusinessMeasure], kind: Literal["counter", "gauge"]) -> Sequence[str]:
    """Names of the measures of one kind, whose series are created at start-up."""
    return tuple(name for name, measure in measures.items() if measure.kind == kind)
