"""The training-time profile that a model version ships with.

Built from the training table, or chunk by chunk with `ReferenceBuilder`; saved as one JSON file beside the
model; merged with the reference of other rows of the same model. It never changes; refreshing makes another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import to_array, to_columns
from ..errors import ObservationError, ReferenceDataError
from .document import read_document, write_document
from .kinds import KINDS, Kind
from .settings import (
    DEFAULT_BINS,
    DEFAULT_GRID_POINTS,
    DEFAULT_TOP_CATEGORIES,
    TASKS,
    BuildSettings,
    Task,
)
from .table import Profiles, Rows, TableAccumulator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..columns import Columns
    from .profiles import CategoricalProfile, NumericProfile, Profile


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What a model's columns and predictions looked like when it was trained.

    Attributes
    ----------
    model_name, model_version : str
        The model it belongs to, and no other.
    rows : int
        Rows it was built from.
    created_at : float
        Seconds since 1970.
    profiles : Profiles
        Of all rows.
    task : str or None
        `"classification"` or `"regression"`; None when no prediction and no label was given.
    start, end : float or None
        Earliest and latest timestamp in seconds since 1970, where timestamps were given.
    importances : dict of str to float
        How much the model depends on each feature, on any scale.
    performance : dict of str to float
        Measures at training time by name, for example `{"accuracy": 0.91}`.
    problems : tuple of str
        What was odd about the table and how it was read.
    settings : BuildSettings
        How it was cut into bins.
    """

    model_name: str
    model_version: str
    rows: int
    created_at: float
    profiles: Profiles
    task: Task | None = None
    start: float | None = None
    end: float | None = None
    importances: dict[str, float] = field(default_factory=dict)
    performance: dict[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    settings: BuildSettings = field(default_factory=BuildSettings)

    @classmethod
    def fit(
        cls,
        data: Any,  # noqa: ANN401 - any table
        *,
        model_name: str,
        model_version: str,
        kinds: Mapping[str, str] | None = None,
        features: Sequence[str] | None = None,
        predictions: Any = None,  # noqa: ANN401 - any column
        scores: Any = None,  # noqa: ANN401 - any column
        labels: Any = None,  # noqa: ANN401 - any column
        timestamps: Any = None,  # noqa: ANN401 - any column
        importances: Mapping[str, float] | None = None,
        performance: Mapping[str, float] | None = None,
        task: Task | None = None,
        n_bins: int = DEFAULT_BINS,
        top_categories: int = DEFAULT_TOP_CATEGORIES,
        grid_points: int | None = DEFAULT_GRID_POINTS,
        clock: Callable[[], float] = time.time,
    ) -> Reference:
        """The reference of a table that fits in memory.

        Parameters
        ----------
        data : table
            Anything that `exporter.columns.to_columns` takes.
        model_name, model_version : str
            The model it belongs to.
        kinds : mapping of str to {"numeric", "categorical"}, optional
            For columns whose kind is not what `exporter.columns` reads them as, for example numeric codes.
        features : sequence of str, optional
            The model's columns, in order, where the table has more; the names of an array's columns.
        predictions, scores, labels : column of shape (n_rows,), optional
            Predicted classes or values; scores (or the output of `predict_proba`); the truth.
        timestamps : column of shape (n_rows,), optional
            When each row was observed: times, or seconds since 1970.
        importances, performance : mapping of str to float, optional
            See the attributes.
        task : {"classification", "regression"}, optional
            Whether predictions and labels are classes or values; by default told from them.
        n_bins, top_categories, grid_points
            See `BuildSettings`.
        clock : callable
            Gives the creation time.

        Raises
        ------
        ReferenceDataError
            If there are no rows or no features, or a column cannot be a feature; the message says which.
        ObservationError
            If the data is no table.
        """
        settings = BuildSettings(n_bins=n_bins, top_categories=top_categories, grid_points=grid_points)
        builder = ReferenceBuilder(
            model_name=model_name,
            model_version=model_version,
            kinds=kinds,
            features=features,
            importances=importances,
            performance=performance,
            task=task,
            settings=settings,
            clock=clock,
        )
        builder.update(data, predictions=predictions, scores=scores, labels=labels, timestamps=timestamps)
        return builder.build()

    @property
    def features(self) -> dict[str, Profile]:
        """Profile of each feature, in the order of the model's columns."""
        return self.profiles.features

    @property
    def prediction(self) -> NumericProfile | None:
        """Profile of a classifier's scores or of a regression's predictions."""
        return self.profiles.prediction

    @property
    def predicted_classes(self) -> CategoricalProfile | None:
        """Profile of a classifier's predicted classes."""
        return self.profiles.predicted_classes

    @property
    def labels(self) -> Profile | None:
        """Profile of the truth."""
        return self.profiles.labels

    def merge(self, other: Reference) -> Reference:
        """The reference of the rows of both.

        Counts, moments, missing rates and categories equal those of building from all rows at once; the
        distribution of numbers does too where both are exact, and else within the stated `ks_error`.
        Measures and importances are those of this one, the other's where this one has none.

        Raises
        ------
        ReferenceDataError
            If the two are of different models, features, kinds or settings.
        """
        for what, mine, theirs in (
            ("model_name", self.model_name, other.model_name),
            ("model_version", self.model_version, other.model_version),
            ("features", list(self.features), list(other.features)),
            ("settings", self.settings, other.settings),
        ):
            if mine != theirs:
                raise ReferenceDataError(
                    f"merge: found {what} {theirs!r} beside {mine!r}, need the same in both"
                )
        table = TableAccumulator.of(self.profiles, self.task, self.settings)
        table.merge(TableAccumulator.of(other.profiles, other.task, other.settings))
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Reference(
            model_name=self.model_name,
            model_version=self.model_version,
            rows=self.rows + other.rows,
            created_at=max(self.created_at, other.created_at),
            profiles=table.profiles(),
            task=table.task,
            start=min(starts, default=None),
            end=max(ends, default=None),
            importances=self.importances or other.importances,
            performance=self.performance or other.performance,
            problems=tuple(dict.fromkeys((*self.problems, *other.problems))),
            settings=self.settings,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one JSON file; a reader sees the old file or the new one, never half of one."""
        write_document(self, path)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model_name: str | None = None,
        model_version: str | None = None,
        features: Iterable[str] | None = None,
    ) -> Reference:
        """The reference in a file.

        Parameters
        ----------
        path : path
            Of a file that `save` wrote.
        model_name, model_version, features : optional
            What the reference must belong to.

        Raises
        ------
        ReferenceDataError
            If the file is absent, damaged, of another format version, or of another model; the message says
            which, what was found and what is needed.
        """
        reference = read_document(path)
        for what, found, needed in (
            ("model_name", reference.model_name, model_name),
            ("model_version", reference.model_version, model_version),
        ):
            if needed is not None and found != needed:
                raise ReferenceDataError(f"{path}: {what}: found {found!r}, need {needed!r}")
        if features is not None:
            _require_features(path, list(reference.features), list(features))
        return reference


class ReferenceBuilder:
    """A reference from chunks of a table of any size.

    Memory is bounded by one chunk and the summaries of `accumulate`. Builders that read different parts, on
    two cores or two machines, merge. Takes the arguments of `Reference.fit` that are not columns.
    """

    def __init__(
        self,
        *,
        model_name: str,
        model_version: str,
        kinds: Mapping[str, str] | None = None,
        features: Sequence[str] | None = None,
        importances: Mapping[str, float] | None = None,
        performance: Mapping[str, float] | None = None,
        task: Task | None = None,
        settings: BuildSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for what, value in (("model_name", model_name), ("model_version", model_version)):
            if not isinstance(value, str) or not value:
                raise ReferenceDataError(f"reference: {what}: found {value!r}, need a non-empty text")
        if task is not None and task not in TASKS:
            raise ReferenceDataError(f"reference: task: found {task!r}, need one of {', '.join(TASKS)}")
        self._model = (model_name, model_version)
        self._kinds = _checked_kinds(kinds or {})
        self._names = None if features is None else [str(name) for name in features]
        self._importances = _checked_measures("importances", importances or {})
        self._performance = _checked_measures("performance", performance or {})
        self._task = task
        self._settings = settings or BuildSettings()
        self._clock = clock
        self._table: TableAccumulator | None = None
        self._rows = 0
        self._start: float | None = None
        self._end: float | None = None
        self._problems: dict[str, None] = {}

    def update(
        self,
        data: Any,  # noqa: ANN401 - any table
        *,
        predictions: Any = None,  # noqa: ANN401 - any column
        scores: Any = None,  # noqa: ANN401 - any column
        labels: Any = None,  # noqa: ANN401 - any column
        timestamps: Any = None,  # noqa: ANN401 - any column
    ) -> None:
        """Add the rows of one chunk; its parameters are those of `Reference.fit`.

        Raises
        ------
        ReferenceDataError
            If the chunk lacks a feature, or a column has another length than the table.
        """
        columns = to_columns(data, self._names)
        if self._table is None:
            self._table = self._first(columns)
        names = self._names or []
        lacking = [name for name in names if name not in columns.arrays]
        if lacking:
            raise ReferenceDataError(
                f"reference: found no column {', '.join(map(repr, lacking))} among {_shown(columns.names)}, "
                "need every feature in every chunk"
            )
        self._problems.update(dict.fromkeys(columns.problems))
        rows = Rows(
            columns=columns,
            scores=_column("scores", None if scores is None else score_values(scores), columns.n_rows),
            predictions=_column("predictions", predictions, columns.n_rows),
            labels=_column("labels", labels, columns.n_rows),
        )
        self._table.update(rows)
        self._rows += columns.n_rows
        times = _column("timestamps", timestamps, columns.n_rows)
        if times is not None:
            self._note_times(times)

    def merge(self, other: ReferenceBuilder) -> None:
        """Add all rows that another builder has seen; both must have been made with the same arguments."""
        if other._table is None:
            return
        if self._table is None:
            self._table, self._names = other._table, other._names
        else:
            if self._names != other._names or self._settings != other._settings:
                raise ReferenceDataError(
                    "merge: found builders of other features or settings, need the same in both"
                )
            self._table.merge(other._table)
        self._rows += other._rows
        self._problems.update(other._problems)
        for time_ in (other._start, other._end):
            if time_ is not None:
                self._note_times(np.array([time_]))

    def build(self) -> Reference:
        """The finished reference.

        Raises
        ------
        ReferenceDataError
            If there were no rows, or a column cannot be a feature.
        """
        if self._table is None or self._rows == 0:
            raise ReferenceDataError("reference: found 0 rows, need at least 1")
        profiles = self._table.profiles()
        return Reference(
            model_name=self._model[0],
            model_version=self._model[1],
            rows=self._rows,
            created_at=self._clock(),
            profiles=profiles,
            task=self._table.task,
            start=self._start,
            end=self._end,
            importances=self._importances,
            performance=self._performance,
            problems=(*self._problems, *self._table.problems),
            settings=self._settings,
        )

    def _first(self, columns: Columns) -> TableAccumulator:
        if self._names is None:
            self._names = list(columns.names)
        if not self._names:
            raise ReferenceDataError("reference: found no columns, need at least one feature")
        twice = {name for name in self._names if self._names.count(name) > 1}
        if twice:
            raise ReferenceDataError(f"reference: found features {sorted(twice)} twice, need each once")
        unknown = [name for name in (*self._kinds, *self._importances) if name not in self._names]
        if unknown:
            raise ReferenceDataError(
                f"reference: found kinds or importances of {_shown(unknown)}, need names among the features "
                f"{_shown(self._names)}"
            )
        return TableAccumulator(self._names, self._kinds, self._task, self._settings)

    def _note_times(self, times: NDArray[Any]) -> None:
        if times.dtype == object:
            raise ReferenceDataError(
                "timestamps: found text or mixed values, need times or seconds since 1970"
            )
        known = times[np.isfinite(times)]
        if len(known):
            low, high = float(known.min()), float(known.max())
            self._start = low if self._start is None else min(self._start, low)
            self._end = high if self._end is None else max(self._end, high)


def score_values(scores: Any) -> NDArray[Any]:  # noqa: ANN401 - any column or matrix
    """One score per row from what a model gives.

    A column stays as it is. Of a matrix of probabilities, two columns give the second (the positive
    class) and more give the largest of each row, the model's confidence.
    """
    if getattr(scores, "ndim", 1) == 2:
        matrix = np.asarray(scores, dtype=np.float64)
        if matrix.shape[1] == 0:
            raise ObservationError("scores: found a matrix of 0 columns, need at least 1")
        return matrix[:, -1] if matrix.shape[1] <= 2 else matrix.max(axis=1)
    return to_array(scores)


def _column(what: str, values: Any, n_rows: int) -> NDArray[Any] | None:  # noqa: ANN401 - any column
    if values is None:
        return None
    array = to_array(values)
    if len(array) != n_rows:
        raise ReferenceDataError(f"{what}: found {len(array)} values for {n_rows} rows, need as many")
    return array


def _checked_kinds(kinds: Mapping[str, str]) -> dict[str, Kind]:
    checked: dict[str, Kind] = {}
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ReferenceDataError(f"kinds: {name}: found {kind!r}, need one of {', '.join(KINDS)}")
        checked[name] = "numeric" if kind == "numeric" else "categorical"
    return checked


def _checked_measures(what: str, measures: Mapping[str, float]) -> dict[str, float]:
    checked = {str(name): float(value) for name, value in measures.items()}
    odd = [name for name, value in checked.items() if not np.isfinite(value)]
    if odd:
        raise ReferenceDataError(f"{what}: {odd[0]}: found {checked[odd[0]]}, need a finite number")
    return checked


def _require_features(path: Any, found: list[str], needed: list[str]) -> None:  # noqa: ANN401 - only shown
    if found == needed:
        return
    lacking = [name for name in needed if name not in found]
    extra = [name for name in found if name not in needed]
    if lacking or extra:
        raise ReferenceDataError(
            f"{path}: features: found {_shown(found)}, need {_shown(needed)} "
            f"(lacking: {_shown(lacking)}; too many: {_shown(extra)})"
        )
    raise ReferenceDataError(f"{path}: features: found another order, {_shown(found)}, need {_shown(needed)}")


def _shown(names: Iterable[str], limit: int = 5) -> str:
    listed = [repr(name) for name in names]
    if not listed:
        return "none"
    return ", ".join(listed[:limit]) + (f", … ({len(listed)} in all)" if len(listed) > limit else "")
