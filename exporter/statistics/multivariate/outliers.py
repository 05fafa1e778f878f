"""Rows that are unlike the reference's, by isolation forest or one-class support vector machine.

Either is fitted on one half of the reference; the other half says which score is unusual. So the share of
outliers without drift is what was asked for, and the p-value is exact: without drift, the scores of the
held half and of the current rows are in random order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError, InsufficientDataError
from ..sample import Floats
from .matrices import as_pair, drawn

# A share of 1 % is at least one of the held half.
LEAST_ROWS = 200
# Both methods learn the bulk of a distribution from far fewer; one-class machines take the square of the
# rows.
MOST_ROWS = 5000
MOST_FITTED = 2000
# Share of undrifted rows to call outliers.
EXPECTED_RATIO = 0.01
_TREES = 100  # as F. T. Liu et al. found enough


@dataclass(frozen=True, slots=True)
class OutlierRatio:
    """Result of `isolation_forest` and `one_class_svm`.

    Attributes
    ----------
    ratio : float
        Share of current rows whose score passes the threshold.
    expected_ratio : float
        The same of the held reference rows: what to expect without drift.
    mean_score, reference_mean_score : float
        Mean anomaly score of the current and of the held reference rows; higher is more unusual.
    threshold : float
        The score from which on a row is an outlier.
    p_value : float
        One-sided and exact: probability of so many outliers without drift.
    rows_reference, rows_current : int
        Held reference rows and current rows that were scored.
    sampled : bool
        Whether rows were left out for time.
    """

    ratio: float
    expected_ratio: float
    mean_score: float
    reference_mean_score: float
    threshold: float
    p_value: float
    rows_reference: int
    rows_current: int
    sampled: bool


def isolation_forest(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    expected_ratio: float = EXPECTED_RATIO,
    most_rows: int = MOST_ROWS,
) -> OutlierRatio:
    """Share of rows that random cuts set apart quickly.

    Parameters
    ----------
    reference, current : array-like of shape (n_rows, n_columns)
        Finite numbers; the units do not matter.
    rng : numpy.random.Generator
        Draws the halves, the trees, and the rows where there are too many.
    expected_ratio : float
        Share of undrifted rows to call outliers, between 0 and 1.
    most_rows : int
        Of the current sample and of the held half; more are represented by rows drawn at random.

    Returns
    -------
    OutlierRatio
        Scores are those of ``sklearn.ensemble.IsolationForest.score_samples`` with the sign turned, in (0,
        1].

    Raises
    ------
    InsufficientDataError
        If the reference has fewer than 200 rows, or too few for `expected_ratio`, or no row is current.
    ObservationError
        If the columns differ or a value is not finite.
    ConfigError
        If scikit-learn is not installed.

    References
    ----------
    F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation forest, ICDM 2008.
    """

    def fit(rows: Floats) -> Callable[[Floats], Floats]:
        try:
            from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - an extra, only needed here
        except ImportError as error:
            raise _missing("isolation_forest") from error
        forest = IsolationForest(n_estimators=_TREES, random_state=int(rng.integers(2**31))).fit(rows)
        return lambda unseen: -forest.score_samples(unseen)

    return _ratio("isolation_forest", reference, current, rng, fit, expected_ratio, most_rows)


def one_class_svm(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    expected_ratio: float = EXPECTED_RATIO,
    most_rows: int = MOST_ROWS,
) -> OutlierRatio:
    """Share of rows outside the region that holds nearly all of the reference.

    Parameters
    ----------
    reference, current : array-like of shape (n_rows, n_columns)
        Finite numbers in comparable units (see `standardise`).
    rng, expected_ratio, most_rows
        As in `isolation_forest`.

    Returns
    -------
    OutlierRatio
        Scores are those of ``sklearn.svm.OneClassSVM.score_samples`` (radial kernel, ``gamma="scale"``)
        with the sign turned: higher is further from the reference's rows, at most 0.

    Raises
    ------
    InsufficientDataError, ObservationError, ConfigError
        As `isolation_forest`.

    References
    ----------
    B. Scholkopf et al., Estimating the support of a high-dimensional distribution, Neural Computation 13,
    2001.
    """

    def fit(rows: Floats) -> Callable[[Floats], Floats]:
        try:
            from sklearn.svm import OneClassSVM  # noqa: PLC0415 - an extra, only needed here
        except ImportError as error:
            raise _missing("one_class_svm") from error
        machine = OneClassSVM(kernel="rbf", gamma="scale", nu=expected_ratio).fit(rows)
        return lambda unseen: -machine.score_samples(unseen)

    return _ratio("one_class_svm", reference, current, rng, fit, expected_ratio, most_rows)


def _ratio(
    name: str,
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    rng: np.random.Generator,
    fit: Callable[[Floats], Callable[[Floats], Floats]],
    expected_ratio: float,
    most_rows: int,
) -> OutlierRatio:
    """Outliers among the current rows by the scores of a method fitted on half of the reference."""
    if not 0.0 < expected_ratio < 1.0:
        raise ValueError(f"{name}: found expected_ratio={expected_ratio!r}, need a share between 0 and 1")
    x, y = as_pair(reference, current, least_rows=1, name=name)
    half = len(x) // 2
    least = max(LEAST_ROWS, 2 * math.ceil(1.0 / expected_ratio))
    if len(x) < least:
        raise InsufficientDataError(f"{name}: found {len(x)} reference rows, need at least {least}")
    order = rng.permutation(len(x))
    fitted, held = x[order[:half][:MOST_FITTED]], x[order[half:][:most_rows]]
    rows = drawn(y, most_rows, rng)
    score = fit(fitted)
    before, after = score(held), score(rows)
    n, m = len(before), len(after)
    # The threshold is the score of one of the held rows.
    rank = math.ceil(n * expected_ratio)
    threshold = float(np.partition(before, n - rank)[n - rank])
    reached, found = int(np.count_nonzero(before >= threshold)), int(np.count_nonzero(after >= threshold))
    # At least `found` current rows reach it just when so many are among the top `found + reached - 1` of all.
    top = found + reached - 1
    from scipy.stats import hypergeom  # noqa: PLC0415 - half a second to import, and only needed here

    return OutlierRatio(
        ratio=found / m,
        expected_ratio=reached / n,
        mean_score=float(after.mean()),
        reference_mean_score=float(before.mean()),
        threshold=threshold,
        p_value=float(hypergeom.sf(found - 1, n + m, m, top)) if found else 1.0,
        rows_reference=n,
        rows_current=m,
        sampled=m < len(y) or len(fitted) < half or n < len(x) - half,
    )


def _missing(name: str) -> ConfigError:
    """The error for a method whose library is not there."""
    return ConfigError(f"{name}: found no scikit-learn, need the extra: pip install driftgauge[multivariate]")
