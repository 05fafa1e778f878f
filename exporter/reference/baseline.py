"""How well the model did at training time, and what estimates without labels need to know of it.

Computed from a bounded random sample of the reference's rows, all of them where they are few, so that
building stays incremental. Everything here is optional in a reference: what was not given cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..columns import Columns, concatenate
from ..errors import ReferenceDataError
from ..estimation import Calibrator, LossModel
from ..pauses import may_pause
from ..performance import ClassificationRows, classify, regress
from ..performance.measure import Measure, class_order
from ..performance.probability import problem_of
from ..quality import Correlations, robust_outliers, robust_spread
from ..rows import Rows, score_matrix
from .kinds import INF, MISSING, as_numbers, category_names
from .profiles import CategoricalProfile, NumericProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .profiles import Floats, Profile
    from .table import Profiles

MAX_SAMPLED_ROWS: Final = 100_000
"""Rows that measures are computed from: an accuracy is then known to 0.3 points."""

MAX_CLASSES: Final = 50
"""As in `table`: more are no classes, or none that one looks at one by one."""

MAX_SEGMENTS: Final = 20
"""Segments of one feature, the most frequent: each is a set of series."""

MIN_SEGMENT_ROWS: Final = 50
"""Rows below which a segment's measure at training time says nothing."""

MAX_MAGNITUDE: Final = 1e150
"""Of predicted and true values: the squares of a hundred thousand errors of twice that are 4e305 together,
just below the largest float."""

PREDICTED: Final = "__predicted__"
"""Name of the predicted values among the columns of a loss model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """What a reference knows beyond the distribution of each column.

    Attributes
    ----------
    rows : int
        Rows with their truth that measures were computed from.
    classes : tuple of str
        Of a classifier, in the order of codes; empty for a regression.
    measures : dict of str to float
        Overall.
    segments : dict of str to dict of str to dict of str to (float, int)
        Feature, then category, then measure to its value and rows.
    calibrators : tuple of Calibrator
        One for two classes (of the second), else one for each class; empty without scores.
    losses : LossModel or None
        Of a regression.
    correlations : Correlations or None
        Of the numeric features.
    outlier_ratio : float or None
        Share of rows with an outlier in a numeric feature.
    """

    rows: int = 0
    classes: tuple[str, ...] = ()
    measures: dict[str, float] = field(default_factory=dict)
    segments: dict[str, dict[str, dict[str, tuple[float, int]]]] = field(default_factory=dict)
    calibrators: tuple[Calibrator, ...] = ()
    losses: LossModel | None = None
    correlations: Correlations | None = None
    outlier_ratio: float | None = None


class RowSample:
    """A random sample of the rows of any number of chunks, all of them while they are few.

    Parameters
    ----------
    seed : int
        Parts of one table have one each: equal ones would draw the rows at equal places.
    share : float
        Share of the rows that is looked at; what a part of a table of known size needs to keep.
    """

    def __init__(self, *, seed: int = 0, share: float = 1.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._share = share
        self._parts: list[tuple[Floats, Rows]] = []
        self._held = 0

    def update(self, rows: Rows, names: list[str], matrix: Floats | None) -> None:
        """Offer the rows of one chunk, of which only these columns count.

        Parameters
        ----------
        rows : Rows
            The chunk.
        names : list of str
            Features.
        matrix : ndarray of shape (n_rows, n_classes) or None
            Probabilities of three classes or more.
        """
        arrays = {name: rows.columns.arrays[name] for name in names}
        kept = replace(rows, columns=replace(rows.columns, arrays=arrays))
        if matrix is not None:
            kept = replace(kept, scores=matrix)
        keys = self._rng.uniform(size=rows.n_rows)
        if self._share < 1.0:
            chosen = keys < self._share
            keys, kept = keys[chosen], kept.select(chosen)
        self._add(keys, kept)

    def merge(self, other: RowSample) -> None:
        """Add the rows that another sample holds."""
        for keys, rows in other._parts:
            self._add(keys, rows)

    def baseline(self, profiles: Profiles, task: str | None) -> Baseline:
        """What the sampled rows say."""
        self._shrink(0)
        if not self._parts:
            return Baseline()
        rows = self._parts[0][1]
        numeric = {
            name: as_numbers(rows.columns.arrays[name])[0]
            for name, profile in profiles.features.items()
            if isinstance(profile, NumericProfile)
        }
        correlations = Correlations.of(numeric) if len(numeric) > 1 else None
        if task == "regression":
            found = _of_regression(rows, profiles)
        else:
            found = Baseline() if task is None else _of_classes(rows, profiles)
        outliers = outlier_rows(rows.columns.arrays, profiles)
        ratio = None if outliers is None or not len(outliers) else float(outliers.mean())
        return replace(found, correlations=correlations, outlier_ratio=ratio)

    def joint(self, names: list[str], n_rows: int) -> Columns | None:
        """So many of the sampled rows, features only, in random order; None if none are wanted."""
        self._shrink(0)
        if n_rows == 0 or not self._parts:
            return None
        keys, rows = self._parts[0]
        chosen = np.argsort(keys, kind="stable")[:n_rows]
        arrays = {name: rows.columns.arrays[name][chosen] for name in names}
        return Columns(arrays=arrays, n_rows=len(chosen))

    def _add(self, keys: Floats, rows: Rows) -> None:
        self._parts.append((keys, rows))
        self._held += rows.n_rows
        if self._held > 2 * MAX_SAMPLED_ROWS:
            self._shrink(MAX_SAMPLED_ROWS)

    def _shrink(self, least: int) -> None:
        """Join all parts, and of too many rows keep those with the smallest keys."""
        if not self._parts or (len(self._parts) == 1 and self._held <= max(least, MAX_SAMPLED_ROWS)):
            return
        keys = np.concatenate([part[0] for part in self._parts])
        rows = _joined([part[1] for part in self._parts])
        if len(keys) > MAX_SAMPLED_ROWS:
            chosen = np.sort(np.argpartition(keys, MAX_SAMPLED_ROWS)[:MAX_SAMPLED_ROWS])
            keys, rows = keys[chosen], rows.select(chosen)
        self._parts, self._held = [(keys, rows)], len(keys)


def class_probabilities(scores: Any) -> Floats | None:  # noqa: ANN401 - any column or matrix
    """Probabilities of three classes or more as a model gives them; None for anything else."""
    matrix = None if scores is None else score_matrix(scores)
    return None if matrix is None or matrix.shape[1] < 3 else matrix


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]

    def together(columns: list[NDArray[Any] | None]) -> NDArray[Any] | None:
        known = [column for column in columns if column is not None]
        if len(known) < len(columns) or len({column.ndim for column in known}) > 1:
            return None
        return np.concatenate(known)

    return Rows(
        columns=concatenate([part.columns for part in parts]),
        scores=together([part.scores for part in parts]),
        predictions=together([part.predictions for part in parts]),
        labels=together([part.labels for part in parts]),
    )


def _of_regression(rows: Rows, profiles: Profiles) -> Baseline:
    if rows.labels is None or rows.predictions is None:
        return Baseline()
    truth, predicted = as_numbers(rows.labels)[0], as_numbers(rows.predictions)[0]
    known = np.isfinite(truth) & np.isfinite(predicted)
    rows, truth, predicted = rows.select(known), truth[known], predicted[known]
    if not len(truth):
        return Baseline()
    for what, values in (("labels", truth), ("predictions", predicted)):
        _require_squares(what, values)
    bins = {name: p.bin_indices(rows.columns.arrays[name]) for name, p in profiles.features.items()}
    n_bins = {name: len(profile.bins) for name, profile in profiles.features.items()}
    if profiles.prediction is not None:
        bins[PREDICTED] = profiles.prediction.bin_indices(predicted)
        n_bins[PREDICTED] = len(profiles.prediction.bins)
    return Baseline(
        rows=len(truth),
        measures=_values(regress(truth, predicted)),
        segments={
            feature: {
                name: _pairs(regress(truth[chosen], predicted[chosen])) for name, chosen in parts.items()
            }
            for feature, parts in segments_of(rows, profiles).items()
        },
        losses=LossModel.fit(predicted - truth, bins, n_bins),
    )


def _require_squares(what: str, values: Floats) -> None:
    """Refuse numbers whose errors have squares that no float holds.

    Raises
    ------
    ReferenceDataError
        If there is one.
    """
    largest = float(values[np.abs(values).argmax()])
    if abs(largest) > MAX_MAGNITUDE:
        raise ReferenceDataError(
            f"{what}: found {largest!r}, need numbers within ±{MAX_MAGNITUDE:g}, whose squared errors are "
            "numbers too; what is missing is NaN"
        )


def _of_classes(rows: Rows, profiles: Profiles) -> Baseline:
    if rows.labels is None:
        return Baseline()
    names = category_names(rows.labels)
    known = np.array([name not in (MISSING, INF) for name in names], dtype=np.bool_)
    rows, names = rows.select(known), [name for name in names if name not in (MISSING, INF)]
    predicted = None if rows.predictions is None else category_names(rows.predictions)
    classes = tuple(sorted({*names, *(predicted or ())} - {MISSING, INF}, key=class_order))
    if not 2 <= len(classes) <= MAX_CLASSES:
        return Baseline(classes=classes if len(classes) == 1 else ())
    codes = {name: code for code, name in enumerate(classes)}
    truth = np.array([codes[name] for name in names], dtype=np.int64)
    scores = _scores(rows.scores, len(classes))
    chosen = None if predicted is None else np.array([codes.get(n, -1) for n in predicted], dtype=np.int64)
    if chosen is None and scores is not None and problem_of(scores) is None:
        # As the predictor reads probabilities: the most probable class.
        chosen = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.5).astype(np.int64)
    labelled = ClassificationRows(classes=classes, truth=truth, predicted=chosen, scores=scores)
    return Baseline(
        rows=len(truth),
        classes=classes,
        measures=_values(classify(labelled).measures),
        segments={
            feature: {name: _pairs(classify(labelled.select(part)).measures) for name, part in parts.items()}
            for feature, parts in segments_of(rows, profiles).items()
        },
        calibrators=_calibrators(truth, scores),
    )


def _scores(scores: NDArray[Any] | None, n_classes: int) -> Floats | None:
    """Scores that belong to the classes; of several classes only a whole matrix does."""
    if scores is None:
        return None
    if scores.ndim == 1:
        return as_numbers(scores)[0] if n_classes == 2 else None
    return scores if scores.shape[1] == n_classes else None


def _calibrators(truth: NDArray[np.int64], scores: Floats | None) -> tuple[Calibrator, ...]:
    if scores is None:
        return ()
    columns = [(1, scores)] if scores.ndim == 1 else list(enumerate(scores.T))
    fitted = []
    for code, column in columns:
        known = np.isfinite(column)
        if not known.any():
            return ()
        fitted.append(Calibrator.fit(column[known], truth[known] == code))
    return tuple(fitted)


def segments_of(rows: Rows, profiles: Profiles) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Rows of each category of each categorical feature, of the most frequent with enough rows."""
    found: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for feature, profile in profiles.features.items():
        names = segment_names(profile)
        if names:
            index = profile.bin_indices(rows.columns.arrays[feature])
            parts = {name: index == i for i, name in enumerate(names)}
            found[feature] = {name: part for name, part in parts.items() if part.sum() >= MIN_SEGMENT_ROWS}
    return found


def segment_names(profile: Profile) -> tuple[str, ...]:
    """Segments that a feature divides rows into: its most frequent categories; none if it is numeric."""
    return profile.categories[:MAX_SEGMENTS] if isinstance(profile, CategoricalProfile) else ()


def outlier_rows(arrays: Mapping[str, NDArray[Any]], profiles: Profiles) -> NDArray[np.bool_] | None:
    """Rows with an outlier in any numeric feature; None where no feature has a spread to measure it by."""
    found: NDArray[np.bool_] | None = None
    for name, profile in profiles.features.items():
        if not isinstance(profile, NumericProfile) or profile.sample is None or name not in arrays:
            continue
        may_pause()
        median, mad = robust_spread(profile.sample.values, profile.sample.counts)
        if mad > 0.0:
            outside = robust_outliers(as_numbers(arrays[name])[0], median, mad)
            found = outside if found is None else found | outside
    return found


def _values(measures: dict[str, Measure]) -> dict[str, float]:
    return {name: measure.value for name, measure in measures.items() if measure.value is not None}


def _pairs(measures: dict[str, Measure]) -> dict[str, tuple[float, int]]:
    return {name: (m.value, m.n) for name, m in measures.items() if m.value is not None}


def encode_baseline(baseline: Baseline) -> dict[str, Any]:
    """Plain values for JSON."""
    losses, correlations = baseline.losses, baseline.correlations
    return {
        "rows": baseline.rows,
        "classes": list(baseline.classes),
        "measures": baseline.measures,
        "segments": {
            feature: {
                category: {name: list(pair) for name, pair in measures.items()}
                for category, measures in parts.items()
            }
            for feature, parts in baseline.segments.items()
        },
        "calibrators": [
            {"scores": curve.scores.tolist(), "rates": curve.rates.tolist()} for curve in baseline.calibrators
        ],
        "losses": None if losses is None else {
            "mean_absolute": losses.mean_absolute,
            "mean_square": losses.mean_square,
            "absolute": {name: effect.tolist() for name, effect in losses.absolute.items()},
            "square": {name: effect.tolist() for name, effect in losses.square.items()},
            "spread": losses.spread,
        },
        "correlations": None if correlations is None else {
            "names": list(correlations.names),
            "matrix": [[value if math.isfinite(value) else None for value in row]
                       for row in correlations.matrix.tolist()],
            "rows": correlations.rows.tolist(),
        },
        "outlier_ratio": baseline.outlier_ratio,
    }  # fmt: skip


def decode_baseline(part: dict[str, Any] | None) -> Baseline:
    """The baseline that `encode_baseline` wrote; an empty one for a reference that has none."""
    if part is None:
        return Baseline()
    losses, correlations = part["losses"], part["correlations"]

    def arrays(values: dict[str, list[float]]) -> dict[str, Floats]:
        return {name: np.array(effect, dtype=np.float64) for name, effect in values.items()}

    return Baseline(
        rows=part["rows"],
        classes=tuple(part["classes"]),
        measures=part["measures"],
        segments={
            feature: {
                category: {name: (float(value), int(n)) for name, (value, n) in measures.items()}
                for category, measures in parts.items()
            }
            for feature, parts in part["segments"].items()
        },
        calibrators=tuple(
            Calibrator(np.array(curve["scores"], dtype=float), np.array(curve["rates"], dtype=float))
            for curve in part["calibrators"]
        ),
        losses=None if losses is None else LossModel(
            mean_absolute=losses["mean_absolute"],
            mean_square=losses["mean_square"],
            absolute=arrays(losses["absolute"]),
            square=arrays(losses["square"]),
            spread=losses["spread"],
        ),
        correlations=None if correlations is None else Correlations(
            tuple(correlations["names"]),
            np.array([[np.nan if value is None else value for value in row]
                      for row in correlations["matrix"]], dtype=np.float64),
            np.array(correlations["rows"], dtype=np.float64),
        ),
        outlier_ratio=part["outlier_ratio"],
    )  # fmt: skip
