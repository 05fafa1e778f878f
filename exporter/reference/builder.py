"""A reference from a table, or from the chunks of one of any size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ReferenceDataError
from ..rows import Rows, read_rows, require_numbers, score_matrix
from .baseline import RowSample, class_probabilities
from .kinds import KINDS, Kind
from .reference import Reference, shown
from .season import Season, season_keys
from .segments import SegmentAccumulator
from .settings import TASKS, BuildSettings, SeasonKind, Task
from .table import Profiles, TableAccumulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..columns import Columns


class ReferenceBuilder:
    """A reference from chunks of a table of any size.

    Memory is bounded by one chunk and the summaries of `accumulate`. Builders that read different parts, on
    two cores or two machines, merge. Takes the arguments of `Reference.fit` that are not columns, and
    `sample_seed` and `sample_share` of the part that is read: see `RowSample`.
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
        sample_seed: int = 0,
        sample_share: float = 1.0,
    ) -> None:
        for what, value in (("model_name", model_name), ("model_version", model_version)):
            if not isinstance(value, str) or not value:
                raise ReferenceDataError(f"reference: {what}: found {value!r}, need a non-empty text")
        if task is not None and task not in TASKS:
            raise ReferenceDataError(f"reference: task: found {task!r}, need one of {', '.join(TASKS)}")
        self._model = (model_name, model_version)
        self._kinds = _checked_kinds({} if kinds is None else kinds)
        self._names = None if features is None else [str(name) for name in features]
        self._importances = _checked_measures("importances", {} if importances is None else importances)
        self._performance = _checked_measures("performance", {} if performance is None else performance)
        self._task = task
        self._settings = settings or BuildSettings()
        self._clock = clock
        self._table: TableAccumulator | None = None
        self._keyed: dict[int, TableAccumulator] = {}
        self._segments: SegmentAccumulator | None = None
        self._sample = RowSample(seed=sample_seed, share=sample_share)
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
            If the chunk lacks a feature.
        ObservationError
            If the chunk is no table, or a column has another length than it, or scores are no numbers, or
            predictions or labels of a regression.
        """
        matrix = None if scores is None else score_matrix(scores)
        rows = read_rows(
            data,
            self._names,
            predictions=predictions,
            scores=scores if matrix is None else matrix,
            labels=labels,
            timestamps=timestamps,
        )
        require_numbers("scores", rows.scores)
        if (self._task if self._table is None else self._table.task) == "regression":
            require_numbers("predictions", rows.predictions)
            require_numbers("labels", rows.labels)
        columns = rows.columns
        if self._table is None:
            self._table = self._first(columns)
        names = self._names or []
        lacking = [name for name in names if name not in columns.arrays]
        if lacking:
            raise ReferenceDataError(
                f"reference: found no column {', '.join(map(repr, lacking))} among {shown(columns.names)}, "
                "need every feature in every chunk"
            )
        self._problems.update(dict.fromkeys(columns.problems))
        self._table.update(rows)
        self._sample.update(rows, names, class_probabilities(matrix))
        self._rows += columns.n_rows
        if rows.times is not None:
            self._note_times(rows.times)
        if self._settings.season is not None:
            self._update_keyed(rows, self._settings.season)
        if self._segments is not None:
            self._segments.update(rows, self._table)

    def merge(self, other: ReferenceBuilder) -> None:
        """Add all rows that another builder has seen; both must have been made with the same arguments."""
        if other._table is None:
            return
        if self._table is None:
            self._table, self._names = other._table, other._names
            self._segments = other._segments
        else:
            if self._names != other._names or self._settings != other._settings:
                raise ReferenceDataError(
                    "merge: found builders of other features or settings, need the same in both"
                )
            self._table.merge(other._table)
            if self._segments is not None and other._segments is not None:
                self._segments.merge(other._segments)
        self._sample.merge(other._sample)
        for key, table in other._keyed.items():
            if key in self._keyed:
                self._keyed[key].merge(table)
            else:
                self._keyed[key] = table
        self._rows += other._rows
        self._problems.update(other._problems)
        for time_ in (other._start, other._end):
            if time_ is not None:
                self._note_times(np.array([time_]))

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary: what a part does before it travels."""
        for table in (self._table, *self._keyed.values()):
            if table is not None:
                table.condense()
        if self._segments is not None:
            self._segments.condense()

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
        baseline = self._sample.baseline(profiles, self._table.task)
        segments, left_out = (None, ()) if self._segments is None else self._segments.segments(profiles)
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
            performance={**baseline.measures, **self._performance},
            baseline=baseline,
            problems=(*self._problems, *self._table.problems, *left_out),
            settings=self._settings,
            joint=self._sample.joint(list(profiles.features), self._settings.joint_rows),
            season=self._season(profiles),
            segments=segments,
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
                f"reference: found kinds or importances of {shown(unknown)}, need names among the features "
                f"{shown(self._names)}"
            )
        by = self._settings.segment_by
        if by is not None:
            if by not in self._names:
                raise ReferenceDataError(
                    f"segment_by: found {by!r}, need a feature, one of {shown(self._names)}"
                )
            self._segments = SegmentAccumulator(by, self._names, self._kinds, self._settings)
        return TableAccumulator(self._names, self._kinds, self._task, self._settings)

    def _update_keyed(self, rows: Rows, season: SeasonKind) -> None:
        times = rows.times
        if times is None:
            raise ReferenceDataError("timestamps: found none, need one for each row: a season was asked for")
        assert self._table is not None
        assert self._names is not None
        known = np.isfinite(times)
        keys = np.full(len(times), -1, dtype=np.int64)
        keys[known] = season_keys(times[known], season, self._settings.zone)
        for key in np.unique(keys[known]).tolist():
            if key not in self._keyed:
                self._keyed[key] = TableAccumulator(
                    self._names, self._kinds, self._table.task, self._settings.by_key()
                )
            self._keyed[key].follow(self._table)
            self._keyed[key].update(rows.select(keys == key))

    def _season(self, like: Profiles) -> Season | None:
        if self._settings.season is None:
            return None
        profiles = {key: self._keyed[key].profiles(like) for key in sorted(self._keyed)}
        return Season(kind=self._settings.season, zone=self._settings.zone, profiles=profiles)

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


def _require_mapping(what: str, found: object) -> None:
    if not isinstance(found, Mapping):
        raise ReferenceDataError(f"{what}: found {type(found).__name__}, need a mapping by name")


def _checked_kinds(kinds: Mapping[str, str]) -> dict[str, Kind]:
    _require_mapping("kinds", kinds)
    checked: dict[str, Kind] = {}
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ReferenceDataError(f"kinds: {name}: found {kind!r}, need one of {', '.join(KINDS)}")
        checked[name] = "numeric" if kind == "numeric" else "categorical"
    return checked


def _checked_measures(what: str, measures: Mapping[str, float]) -> dict[str, float]:
    _require_mapping(what, measures)
    checked: dict[str, float] = {}
    for name, value in measures.items():
        try:
            checked[str(name)] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ReferenceDataError(f"{what}: {name}: found {value!r:.60}, need a number") from None
    odd = [name for name, value in checked.items() if not np.isfinite(value)]
    if odd:
        raise ReferenceDataError(f"{what}: {odd[0]}: found {checked[odd[0]]}, need a finite number")
    return checked
