"""A candidate against the champion on the same labelled rows, before any traffic sees it.

Both answered the same hold-out rows, so what is hard for one is hard for the other and only the rows on which
they differ tell anything: the AUC is compared by DeLong's method, every other measure by a bootstrap that
draws whole rows. One look at a fixed number of rows; for looking again and again see `evidence.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..errors import ConfigError, InsufficientDataError, ObservationError
from ..performance.measure import GREATER_IS_BETTER
from .delong import auc_difference

Values = NDArray[Any]
Measure = Callable[[Values, Values], float]
"""From truth and answers of some rows to a number."""

Verdict = Literal["better", "not_worse", "worse", "inconclusive"]

MIN_ROWS: Final = 100
"""Labelled rows below which nothing is said; the same as a drift check needs."""

RESAMPLES: Final = 2_000
"""Bounds at 2.5 % then rest on 50 resamples each (B. Efron, R. Tibshirani, An Introduction to the Bootstrap,
1993, ask for 1,000 or more)."""

MOST_UNDEFINED: Final = 0.05
"""Share of resamples without a value, of one class for example, up to which the others still tell enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Champion and challenger by one measure.

    Attributes
    ----------
    verdict : {"better", "not_worse", "worse", "inconclusive"}
        Of the challenger: the interval of the difference lies above zero; above minus the margin; below zero;
        or it says none of these.
    champion, challenger : float or None
        The measure of each; None where it is not defined.
    difference, low, high : float or None
        How much better the challenger is, also for measures of which less is better, with its interval.
    rows : int
        Compared.
    reason : str or None
        Why it is inconclusive.
    """

    verdict: Verdict
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int
    reason: str | None = None


def compare_models(
    truth: Values,
    champion: Values,
    challenger: Values,
    *,
    measure: str | Measure,
    rng: np.random.Generator,
    margin: float = 0.0,
    greater_is_better: bool | None = None,
    confidence: float = 0.95,
    min_rows: int = MIN_ROWS,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Whether a challenger is better than the champion on rows that both answered.

    Parameters
    ----------
    truth : ndarray of shape (n_rows,)
        What happened; of two classes the positive one as 1 or True for auc, brier_score and log_loss.
    champion, challenger : ndarray of shape (n_rows,)
        Predicted classes, values, or scores of the positive class, as the measure takes them.
    measure : str or callable (truth, answers) -> float
        One of `MEASURES`, `auc`, or a function of rows; scikit-learn's for example.
    rng : Generator
        For the bootstrap.
    margin : float
        So much worse still counts as not worse; in the measure's unit.
    greater_is_better : bool, optional
        Of a callable; those named here are known.
    confidence : float
        Of the interval of the difference.
    min_rows : int
        Fewer rows are inconclusive.
    resamples : int
        Of the bootstrap.

    Raises
    ------
    ConfigError
        If there is no such measure, or a number cannot be used.
    ObservationError
        If the three columns differ in length.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(2000) < 0.5
    >>> def wrong(share): return truth ^ (rng.random(2000) < share)
    >>> compare_models(truth, wrong(0.3), wrong(0.2), measure="accuracy", rng=rng).verdict
    'better'
    """
    function, greater = _measure_of(measure, greater_is_better)
    if not (margin >= 0.0 and 0.0 < confidence < 1.0 and resamples >= 1):
        raise ConfigError(
            f"compare_models: found margin {margin}, confidence {confidence} and {resamples} resamples, "
            "need a margin from 0, a confidence between 0 and 1 and at least 1 resample"
        )
    truth, champion, challenger = (np.asarray(column) for column in (truth, champion, challenger))
    rows = len(truth)
    if any(column.shape != (rows,) for column in (truth, champion, challenger)):
        shapes = ", ".join(str(column.shape) for column in (truth, champion, challenger))
        raise ObservationError(f"compare_models: found columns of shape {shapes}, need three of one length")
    if rows < min_rows:
        return Comparison(
            verdict="inconclusive", rows=rows, reason=f"found {rows} labelled rows, need {min_rows}"
        )
    try:
        if function is None:
            found = _by_delong(truth, champion, challenger, confidence)
        else:
            found = _by_bootstrap(truth, champion, challenger, function, rng, resamples, confidence)
    except InsufficientDataError as error:
        return Comparison(verdict="inconclusive", rows=rows, reason=str(error))
    of_champion, of_challenger, low, high = found
    sign = 1.0 if greater else -1.0
    low, high = (low, high) if greater else (-high, -low)
    verdict, reason = verdict_of(low, high, margin)
    return Comparison(
        verdict=verdict,
        champion=of_champion,
        challenger=of_challenger,
        difference=sign * (of_challenger - of_champion),
        low=low,
        high=high,
        rows=rows,
        reason=reason,
    )


def verdict_of(low: float, high: float, margin: float) -> tuple[Verdict, str | None]:
    """What an interval of the challenger's gain says, and why where it says nothing.

    Examples
    --------
    >>> verdict_of(-0.005, 0.02, margin=0.01)
    ('not_worse', None)
    """
    if low > 0.0:
        return "better", None
    if high < 0.0:
        return "worse", None
    if low > -margin:
        return "not_worse", None
    return "inconclusive", f"found a difference from {low:.3g} to {high:.3g}, need one side of {-margin:g}"


_Found = tuple[float, float, float, float]


def _by_delong(truth: Values, champion: Values, challenger: Values, confidence: float) -> _Found:
    found = auc_difference(truth.astype(np.bool_), champion.astype(float), challenger.astype(float))
    difference = found.challenger - found.champion
    width = float(ndtri(0.5 + confidence / 2.0)) * found.standard_error
    return found.champion, found.challenger, difference - width, difference + width


def _by_bootstrap(
    truth: Values,
    champion: Values,
    challenger: Values,
    measure: Measure,
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> _Found:
    values = [_value(measure, truth, answers) for answers in (champion, challenger)]
    if not np.isfinite(values).all():
        raise InsufficientDataError("the measure is not defined for these rows")
    rows = len(truth)
    differences = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(0, rows, rows)
        of_champion, of_challenger = (
            _value(measure, truth[drawn], answers[drawn]) for answers in (champion, challenger)
        )
        differences[i] = of_challenger - of_champion
    known = differences[np.isfinite(differences)]
    if len(known) < (1.0 - MOST_UNDEFINED) * resamples:
        raise InsufficientDataError(
            f"the measure is not defined in {resamples - len(known)} of {resamples} resamples"
        )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return values[0], values[1], float(low), float(high)


def _value(measure: Measure, truth: Values, answers: Values) -> float:
    try:
        return float(measure(truth, answers))
    except (ValueError, ZeroDivisionError):  # scikit-learn's way of saying "not defined"
        return float("nan")


def _accuracy(truth: Values, answers: Values) -> float:
    return float(np.mean(truth == answers))


def _mae(truth: Values, answers: Values) -> float:
    return float(np.mean(np.abs(answers - truth)))


def _rmse(truth: Values, answers: Values) -> float:
    return float(np.sqrt(np.mean((answers - truth) ** 2)))


def _brier_score(truth: Values, answers: Values) -> float:
    _require_two_classes(truth)
    return float(np.mean((answers - truth.astype(float)) ** 2))


def _log_loss(truth: Values, answers: Values) -> float:
    _require_two_classes(truth)
    sure = np.finfo(np.float64).eps  # as scikit-learn: a wrong answer given with certainty is not infinite
    p = np.clip(answers.astype(float), sure, 1.0 - sure)
    return float(-np.mean(np.log(np.where(truth.astype(np.bool_), p, 1.0 - p))))


def _f1(truth: Values, answers: Values) -> float:
    yes, said = truth.astype(np.bool_), answers.astype(np.bool_)
    return float(2.0 * np.sum(yes & said) / (np.sum(yes) + np.sum(said)))


def _require_two_classes(truth: Values) -> None:
    positive = np.count_nonzero(truth)
    if positive in (0, len(truth)):
        raise ValueError("only one class among the outcomes")


MEASURES: Final[dict[str, Measure]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "brier_score": _brier_score,
    "log_loss": _log_loss,
    "mae": _mae,
    "rmse": _rmse,
}
"""By name; besides them `auc`, which needs no bootstrap."""


def _measure_of(measure: str | Measure, greater_is_better: bool | None) -> tuple[Measure | None, bool]:
    if isinstance(measure, str):
        if measure != "auc" and measure not in MEASURES:
            raise ConfigError(f"measure: found {measure!r}, need auc, {', '.join(MEASURES)} or a function")
        return MEASURES.get(measure), GREATER_IS_BETTER[measure]
    if greater_is_better is None:
        raise ConfigError("greater_is_better: found nothing, need True or False for a function of your own")
    return measure, greater_is_better
