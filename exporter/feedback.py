"""Loops between a model and the data it will learn from: what is shown, what is tried, which truth returns.

A recommender that shows what was clicked, and learns from clicks on what it showed, narrows. A lender that
lends only to those its model likes never learns about the others. These functions measure the first
(`exposure_gini`, `catalog_coverage`), warn of the second (`label_independence`), and help out of both by a
little chance (`explore`); `labelling.py` selects the labels that teach most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ive

from .errors import ConfigError, InsufficientDataError, ObservationError
from .statistics import homogeneity_p_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ALPHA: Final = 0.01
"""As the level of drift decisions."""

NEGLECTED: Final = 0.5
"""Labels of one decision are neglected when they come half as often as those of the other, or less."""

MIN_DECISIONS: Final = 100
"""Fewest decisions of each kind for a verdict, as the fewest rows of a drift check."""


def exposure_counts(shown: ArrayLike, catalog: ArrayLike) -> Ints:
    """How often each item of a catalogue was shown, in its order.

    Parameters
    ----------
    shown : array-like
        Items, one for each time that one was shown. Items that are not in the catalogue are left out.
    catalog : array-like
        All items that could have been shown, each once.

    Raises
    ------
    ObservationError
        If the catalogue names an item twice.
    """
    items = np.asarray(catalog)
    known, at = np.unique(items, return_index=True)
    if len(known) != len(items):
        raise ObservationError(f"catalog: found {len(items) - len(known)} items twice, need each once")
    counts = np.zeros(len(items), np.int64)
    shown = np.asarray(shown)
    if len(items) and len(shown):
        place = np.minimum(np.searchsorted(known, shown), len(known) - 1)
        np.add.at(counts, at[place[known[place] == shown]], 1)
    return counts


def exposure_gini(counts: ArrayLike) -> float:
    """Gini coefficient of how often each item was shown.

    Parameters
    ----------
    counts : array-like of shape (n_items,)
        One for each item of the catalogue, also 0 for those that were never shown.

    Returns
    -------
    float
        0 when all were shown equally often; (n - 1) / n when only one was shown. Chance alone makes it larger
        than 0: compare with `even_exposure`.

    Raises
    ------
    InsufficientDataError
        If nothing was shown.

    References
    ----------
    C. Gini, Variabilità e mutabilità, 1912; as a measure of recommenders: D. Fleder, K. Hosanagar,
    Blockbuster culture's next rise or fall, Management Science 55, 2009.

    Examples
    --------
    >>> exposure_gini([1, 2, 3, 4])
    0.25
    """
    sizes = np.sort(_as_counts(counts))
    n = len(sizes)
    ranks = 2.0 * np.arange(1, n + 1) - n - 1.0
    return float(ranks @ sizes / (n * sizes.sum()))


def catalog_coverage(counts: ArrayLike) -> float:
    """Share of the catalogue's items that were shown at least once.

    Examples
    --------
    >>> catalog_coverage([3, 0, 1, 0])
    0.5
    """
    return float(np.count_nonzero(_as_counts(counts)) / np.size(counts))


@dataclass(frozen=True, slots=True)
class EvenExposure:
    """What Gini coefficient and coverage are when every item has the same chance of being shown."""

    gini: float
    coverage: float


def even_exposure(n_items: int, n_shown: int) -> EvenExposure:
    """What is to be expected of a recommender without any preference: the noise floor of both measures.

    Counts are then Poisson distributed with the mean m = n_shown / n_items; the Gini coefficient of that
    distribution is exp(-2 m) (I0(2 m) + I1(2 m)), with modified Bessel functions.

    References
    ----------
    T. A. Ramasubban, The mean difference and the mean deviation of some discontinuous distributions,
    Biometrika 45, 1958.

    Examples
    --------
    >>> round(even_exposure(1000, 1000).gini, 3), round(even_exposure(1000, 1000).coverage, 3)
    (0.524, 0.632)
    """
    if n_items < 1 or n_shown < 1:
        raise InsufficientDataError(
            f"exposure: found {n_shown} shown of {n_items} items, need at least 1 of 1"
        )
    mean = n_shown / n_items
    return EvenExposure(float(ive(0, 2.0 * mean) + ive(1, 2.0 * mean)), -math.expm1(-mean))


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen for each row, and with which probability: log both, or the rows cannot be learnt from.

    Attributes
    ----------
    chosen : ndarray of int64
        Column of the chosen item.
    propensities : ndarray of float64
        Probability that this item was chosen for this row. Weigh the outcome by its inverse to estimate what
        another policy would have earned.
    explored : ndarray of bool
        Whether chance chose it; it may have chosen the best one all the same.
    """

    chosen: Ints
    propensities: Floats
    explored: NDArray[np.bool_]


def explore(scores: ArrayLike, epsilon: float, rng: np.random.Generator) -> Choices:
    """Epsilon-greedy choice of one item a row: mostly the best one, sometimes any.

    For decisions such as yes and no, give the scores two columns: a few of those refused are then accepted,
    and their outcomes become known.

    Parameters
    ----------
    scores : array-like of shape (n_rows, n_items)
        Higher is better; NaN for what cannot be chosen. Equal best ones are equally likely.
    epsilon : float
        Share of rows for which each item that can be chosen is equally likely.
    rng : Generator
        Source of chance.

    Raises
    ------
    ConfigError
        If epsilon is no probability.
    ObservationError
        If the scores are no table, or a row has nothing to choose.

    References
    ----------
    R. S. Sutton, A. G. Barto, Reinforcement Learning, 2nd edition, 2018, section 2.2; on propensities:
    L. Bottou et al., Counterfactual reasoning and learning systems, JMLR 14, 2013.

    Examples
    --------
    >>> choices = explore([[0.1, 0.9], [0.8, 0.2]], 0.0, np.random.default_rng(1))
    >>> choices.chosen, choices.propensities
    (array([1, 0]), array([1., 1.]))
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ConfigError(f"epsilon: found {epsilon}, need a probability")
    table = _as_floats("scores", scores, 2)
    possible = ~np.isnan(table)
    n_possible = possible.sum(axis=1)
    if not n_possible.all():
        row = int(np.flatnonzero(n_possible == 0)[0])
        raise ObservationError(f"scores: found nothing to choose in row {row}, need a number in each row")
    best = table == np.where(possible, table, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    n_best = best.sum(axis=1)
    explored = rng.random(len(table)) < epsilon
    chosen = _draw(np.where(explored[:, None], possible, best), rng)
    greedy = best[np.arange(len(table)), chosen]
    propensities = epsilon / n_possible + (1.0 - epsilon) * greedy / np.maximum(1, n_best)
    return Choices(chosen, propensities, explored)


def _draw(candidates: NDArray[np.bool_], rng: np.random.Generator) -> Ints:
    """Column of one candidate a row, all equally likely."""
    count = candidates.sum(axis=1)
    which = np.minimum((rng.random(len(candidates)) * count).astype(np.int64), count - 1)
    return np.asarray(np.argmax(np.cumsum(candidates, axis=1) > which[:, None], axis=1), np.int64)


@dataclass(frozen=True, slots=True)
class LabelIndependence:
    """Whether outcomes come for positive and negative decisions alike.

    Attributes
    ----------
    state : {"ok", "warning", "unknown"}
        A warning: performance is known for one kind of decision only, or mostly. Accuracy, recall and drift
        of the truth then say nothing about the other kind, and retraining on these labels deepens the bias.
    positive_rate, negative_rate : float or None
        Share of the decisions of each kind whose outcome is known; None without any.
    p_value : float or None
        Of equal rates.
    reason : str
        What was found, in words for an alert.
    """

    state: Literal["ok", "warning", "unknown"]
    positive_rate: float | None
    negative_rate: float | None
    p_value: float | None
    reason: str


def label_independence(
    positive: ArrayLike,
    labelled: ArrayLike,
    *,
    alpha: float = ALPHA,
    neglected: float = NEGLECTED,
    min_decisions: int = MIN_DECISIONS,
) -> LabelIndependence:
    """Whether the truth becomes known regardless of what was decided.

    Parameters
    ----------
    positive : array-like of bool, shape (n_rows,)
        Whether the decision was positive: approved, shown, treated.
    labelled : array-like of bool, shape (n_rows,)
        Whether the outcome is known. Pass rows only that are old enough to have one.
    alpha : float
        Significance of a difference between the rates.
    neglected : float
        A warning is a significant difference where the lower rate is at most this share of the higher one.
    min_decisions : int
        Fewest decisions of each kind; below, the state is unknown.

    References
    ----------
    H. Lakkaraju et al., The selective labels problem, KDD 2017.

    Examples
    --------
    >>> label_independence([True] * 200 + [False] * 200, [True] * 150 + [False] * 250).reason
    'outcomes are known of 75.0 % of the positive and of none of the 200 negative decisions'
    """
    decided = np.asarray(positive, np.bool_)
    known = np.asarray(labelled, np.bool_)
    if decided.shape != known.shape or decided.ndim != 1:
        raise ObservationError(
            f"labelled: found the shape {known.shape} for decisions of {decided.shape}, need the same"
        )
    totals = int(decided.sum()), int((~decided).sum())
    labels = int(known[decided].sum()), int(known[~decided].sum())
    rates = [label / total if total else None for label, total in zip(labels, totals, strict=True)]
    found = " and of ".join(
        f"{label / total:.1%} of the {kind}".replace("%", " %") if label else f"none of the {total} {kind}"
        for label, total, kind in zip(labels, totals, ("positive", "negative"), strict=True)
    )
    reason = f"outcomes are known of {found} decisions"
    if min(totals) < min_decisions or not any(labels):
        need = f"need {min_decisions} decisions of each kind and an outcome"
        return LabelIndependence("unknown", rates[0], rates[1], None, f"{reason}; {need}")
    p_value = homogeneity_p_value(
        np.array([labels[0], totals[0] - labels[0]]), np.array([labels[1], totals[1] - labels[1]])
    )
    shares = labels[0] / totals[0], labels[1] / totals[1]
    warns = p_value < alpha and min(shares) <= neglected * max(shares)
    return LabelIndependence("warning" if warns else "ok", shares[0], shares[1], p_value, reason)


def _as_floats(name: str, values: ArrayLike, ndim: int) -> Floats:
    try:
        table = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ObservationError(f"{name}: {error}; need numbers") from error
    if table.ndim != ndim:
        raise ObservationError(f"{name}: found {table.ndim} dimensions, need {ndim}")
    return table


def _as_counts(counts: Any) -> Floats:  # noqa: ANN401 - checked here
    values = _as_floats("counts", counts, 1)
    if not np.all((values >= 0.0) & np.isfinite(values)):
        raise ObservationError("counts: found a number below 0, an infinity or NaN, need counts")
    if not values.sum():
        raise InsufficientDataError(f"counts: found nothing shown of {len(values)} items, need at least 1")
    return values
