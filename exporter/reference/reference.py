"""The training-time profile that a model version ships with.

Built from the training table, or chunk by chunk with `ReferenceBuilder`; saved as one JSON file beside the
model; merged with the reference of other rows of the same model. It never changes; refreshing makes another.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import ReferenceDataError
from ..statistics.binning import DEFAULT_BINS
from ..statistics.categories import DEFAULT_TOP
from .baseline import Baseline
from .document import read_document, write_document
from .joint import merge_joint
from .segments import merged_segments
from .settings import (
    DEFAULT_GRID_POINTS,
    BuildSettings,
    SeasonKind,
    Task,
)
from .table import Profiles, TableAccumulator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..columns import Columns
    from .calibration import Calibration
    from .profiles import CategoricalProfile, Floats, NumericProfile, Profile
    from .season import Season
    from .segments import Segments


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
        Measures at training time by name, for example `{"accuracy": 0.91}`: those that were given, and those
        that follow from predictions, scores and labels.
    baseline : Baseline
        The same by segment, calibration, expected losses and correlations of features.
    problems : tuple of str
        What was odd about the table and how it was read.
    settings : BuildSettings
        How it was cut into bins.
    joint : Columns or None
        Whole rows in random order, where `settings.joint_rows` asks for them.
    season : Season or None
        Profiles by hour or day, where `settings.season` asks for them.
    segments : Segments or None
        Profiles within the frequent values of one feature, where `settings.segment_by` asks for them.
    calibration : dict of str to Calibration
        By the name of a window: how far statistics stray without drift; see `exporter.calibrate`.
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
    baseline: Baseline = field(default_factory=Baseline)
    problems: tuple[str, ...] = ()
    settings: BuildSettings = field(default_factory=BuildSettings)
    joint: Columns | None = None
    season: Season | None = None
    segments: Segments | None = None
    calibration: dict[str, Calibration] = field(default_factory=dict)

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
        top_categories: int = DEFAULT_TOP,
        grid_points: int | None = DEFAULT_GRID_POINTS,
        season: SeasonKind | None = None,
        zone: str = "UTC",
        joint_rows: int = 0,
        segment_by: str | None = None,
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
        n_bins, top_categories, grid_points, season, zone, joint_rows, segment_by
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
        settings = BuildSettings(
            n_bins=n_bins,
            top_categories=top_categories,
            grid_points=grid_points,
            season=season,
            zone=zone,
            joint_rows=joint_rows,
            segment_by=segment_by,
        )
        from .builder import ReferenceBuilder  # noqa: PLC0415 - the two know each other: it builds references

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
        Measures and importances are those of this one, the other's where this one has none; the baseline is
        that of the one with more labelled rows. Calibration is
        left out: it belongs to one history and is to be made anew.

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
        profiles = table.profiles()
        segments, left_out = merged_segments(
            self.segments, other.segments, profiles, self.task or other.task, self.settings
        )
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Reference(
            model_name=self.model_name,
            model_version=self.model_version,
            rows=self.rows + other.rows,
            created_at=max(self.created_at, other.created_at),
            profiles=profiles,
            season=self._merged_season(other, profiles),
            segments=segments,
            task=table.task,
            start=min(starts, default=None),
            end=max(ends, default=None),
            importances=self.importances or other.importances,
            performance=self.performance or other.performance,
            baseline=self.baseline if self.baseline.rows >= other.baseline.rows else other.baseline,
            problems=tuple(dict.fromkeys((*self.problems, *other.problems, *left_out))),
            settings=self.settings,
            joint=merge_joint(self.joint, self.rows, other.joint, other.rows, self.settings.joint_rows),
        )

    def calibration_for(self, window: str | None, rows: int) -> Calibration | None:
        """How far statistics stray in a window of this name, or else of about so many rows."""
        if window is not None and window in self.calibration:
            return self.calibration[window]
        return min(
            self.calibration.values(),
            key=lambda calibration: abs(math.log(calibration.rows / max(rows, 1))),
            default=None,
        )

    def profiles_at(self, times: Floats | None) -> Profiles:
        """Profiles to compare rows of these times with: of all rows, or with a season of those that match."""
        if self.season is None or times is None:
            return self.profiles
        return self.season.matched(self.profiles, times)

    @cached_property
    def by_segment(self) -> Mapping[str, Profiles]:
        """Profiles to compare the rows of each segment with, by its name; empty where none are kept."""
        return {} if self.segments is None else self.segments.compared(self.profiles)

    def _merged_season(self, other: Reference, like: Profiles) -> Season | None:
        if self.season is None or other.season is None:
            return None
        tables: dict[int, TableAccumulator] = {}
        for reference in (self, other):
            assert reference.season is not None
            for key, profiles in reference.season.profiles.items():
                table = TableAccumulator.of(profiles, reference.task, self.settings.by_key())
                if key in tables:
                    tables[key].merge(table)
                else:
                    tables[key] = table
        return replace(self.season, profiles={key: tables[key].profiles(like) for key in sorted(tables)})

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


def _require_features(path: Any, found: list[str], needed: list[str]) -> None:  # noqa: ANN401 - only shown
    if found == needed:
        return
    lacking = [name for name in needed if name not in found]
    extra = [name for name in found if name not in needed]
    if lacking or extra:
        raise ReferenceDataError(
            f"{path}: features: found {shown(found)}, need {shown(needed)} "
            f"(lacking: {shown(lacking)}; too many: {shown(extra)})"
        )
    raise ReferenceDataError(f"{path}: features: found another order, {shown(found)}, need {shown(needed)}")


def shown(names: Iterable[str], limit: int = 5) -> str:
    """Names for a message, the first few of many."""
    listed = [repr(name) for name in names]
    if not listed:
        return "none"
    return ", ".join(listed[:limit]) + (f", … ({len(listed)} in all)" if len(listed) > limit else "")
