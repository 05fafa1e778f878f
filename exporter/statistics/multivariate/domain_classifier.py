"""How well a classifier tells current rows from the reference's, and by which columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ...errors import ConfigError
from ..sample import Floats, Integers
from .matrices import as_pair, drawn

# Leaves of 20 rows in each half need a few times as many to learn anything.
LEAST_ROWS = 50
# 5,000 against 5,000 rows of 20 columns take about a fifth of a second; more rows sharpen the AUC by little.
MOST_ROWS = 5000
# Two halves, each judged by the trees of the other: the cheapest cross-fitting, and as powerful as five parts
# in a comparison on shifts, spreads, correlations and mixtures.
_FOLDS = 2
# Extremely randomised trees see any kind of change and need neither scaling nor tuning (P. Geurts et al.,
# 2006).
_TREES, _DEPTH, _LEAF_ROWS = 20, 6, 20


@dataclass(frozen=True, slots=True)
class DomainClassification:
    """Result of `classify_domains`.

    Attributes
    ----------
    auc : float
        Area under the ROC curve on rows the classifier has not seen: 0.5 when the samples cannot be told
        apart, 1 when they always can.
    p_value : float
        One-sided, from the Mann-Whitney test; a little conservative, since the folds depend on each other.
    ranking : tuple of (str, float)
        Column and its share of what the classifier learned, the most telling first. Without drift about
        equal.
    rows_reference, rows_current : int
        Rows that were used.
    sampled : bool
        Whether these are a sample of more.
    """

    auc: float
    p_value: float
    ranking: tuple[tuple[str, float], ...]
    rows_reference: int
    rows_current: int
    sampled: bool


def classify_domains(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    names: Sequence[str] | None = None,
    most_rows: int = MOST_ROWS,
) -> DomainClassification:
    """Cross-fitted area under the curve of a classifier between reference and current rows.

    Parameters
    ----------
    reference, current : array-like of shape (n_rows, n_columns)
        Finite numbers; the units do not matter.
    rng : numpy.random.Generator
        Draws the folds and the trees, and the rows where there are too many.
    names : sequence of str, optional
        Of the columns; without it their numbers.
    most_rows : int
        Of each sample. A larger one is represented by that many rows drawn at random, and the result says so.

    Returns
    -------
    DomainClassification
        Every row is judged by trees that were grown without it, so the AUC is not flattered.

    Raises
    ------
    InsufficientDataError
        If either sample has fewer than fifty rows.
    ObservationError
        If the columns differ or a value is not finite.
    ConfigError
        If scikit-learn is not installed.

    References
    ----------
    D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, ICLR 2017; S. Rabanser et al., Failing
    loudly, NeurIPS 2019.
    """
    x, y = as_pair(reference, current, least_rows=LEAST_ROWS, name="classify_domains")
    first, second = drawn(x, most_rows, rng), drawn(y, most_rows, rng)
    rows = np.concatenate([first, second])
    is_current = np.repeat([0, 1], [len(first), len(second)])
    fold = np.concatenate([rng.permutation(len(part)) % _FOLDS for part in (first, second)])
    areas, variances, gains = [], [], np.zeros(rows.shape[1])
    for k in range(_FOLDS):
        held = fold == k
        scores, gain = _scores(rows[~held], is_current[~held], rows[held], rng)
        gains += gain / _FOLDS
        area, variance = _area_under_curve(scores, is_current[held])
        areas.append(area)
        variances.append(variance)
    auc = float(np.mean(areas))
    # Without drift the areas of the two folds are correlated, by 0.6 for 60 rows: what looks like a
    # difference in one half is the mirror image in the other. So their mean is given the variance of a
    # single one.
    error = math.sqrt(sum(variances) / _FOLDS)
    labels = [str(i) for i in range(rows.shape[1])] if names is None else list(names)
    order = np.argsort(-gains, kind="stable")
    return DomainClassification(
        auc=auc,
        p_value=float(ndtr((0.5 - auc) / error)),
        ranking=tuple((labels[i], float(gains[i])) for i in order),
        rows_reference=len(first),
        rows_current=len(second),
        sampled=len(first) < len(x) or len(second) < len(y),
    )


def _scores(
    rows: Floats, is_current: Integers, unseen: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Estimated chance of unseen rows to be current, and how much each column added to the classifier."""
    try:
        from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415 - an extra, only needed here
    except ImportError as error:
        raise ConfigError(
            "classify_domains: found no scikit-learn, need the extra: pip install driftgauge[multivariate]"
        ) from error
    trees = ExtraTreesClassifier(
        n_estimators=_TREES,
        max_depth=_DEPTH,
        max_features=None,
        min_samples_leaf=_LEAF_ROWS,
        class_weight="balanced",
        random_state=int(rng.integers(2**31)),
    ).fit(rows, is_current)
    return trees.predict_proba(unseen)[:, 1], trees.feature_importances_


def _area_under_curve(scores: Floats, is_current: Integers) -> tuple[float, float]:
    """Area under the ROC curve, ties counting half, and its variance without drift."""
    m = int(is_current.sum())
    n = is_current.size - m
    from scipy.stats import rankdata  # noqa: PLC0415 - half a second to import, and only needed here

    ranks = rankdata(scores)
    area = (float(ranks[is_current == 1].sum()) - m * (m + 1) / 2) / (n * m)
    return area, (n + m + 1) / (12 * n * m)
