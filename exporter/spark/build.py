"""A reference from a DataFrame of any size.

Two readings. The first gives distributions, categories, moments and a sample of rows; the second counts all
rows on the bins that came of it, so that a reference's counts are exact whatever its size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import ReferenceDataError
from ..measure import compared_columns
from ..reference import BuildSettings, NumericProfile, Reference, ReferenceBuilder
from ..reference.baseline import MAX_SAMPLED_ROWS
from ..reference.table import guess_task
from ..rows import read_rows
from .layout import Layout, column_types, score_names, select
from .tree import engine_errors, summary_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from ..reference import BinCounts, Profile, Profiles, Task

SAMPLE_MARGIN: Final = 1.2
"""By how much more rows are drawn than are kept, so that chance never leaves too few."""

FIRST_ROWS: Final = 10_000
"""Rows by which it is told whether predictions are classes or values, as by the first chunk of a file."""


def build_reference(
    dataframe: DataFrame,
    *,
    model_name: str,
    model_version: str,
    features: Sequence[str] | None = None,
    prediction: str | None = None,
    score: str | Sequence[str] | None = None,
    target: str | None = None,
    timestamp: str | None = None,
    kinds: Mapping[str, str] | None = None,
    importances: Mapping[str, float] | None = None,
    performance: Mapping[str, float] | None = None,
    task: Task | None = None,
    settings: BuildSettings | None = None,
    clock: Callable[[], float] = time.time,
) -> Reference:
    """The reference of all rows of a DataFrame.

    Parameters
    ----------
    dataframe : DataFrame
        Read twice and counted, so it must give the same rows each time; `persist` one that is costly to make.
    model_name, model_version, kinds, importances, performance, task, clock
        As in `Reference.fit`.
    features : sequence of str, optional
        The model's columns, in order; by default all that have no other role.
    prediction, target, timestamp : str, optional
        Columns with what the model said, the truth, and when each row was observed.
    score : str or sequence of str, optional
        The column of scores, or one for each class in the order of `predict_proba`.
    settings : BuildSettings, optional
        Sizes of the reference.

    Raises
    ------
    ObservationError
        If a column is not there, or its type is none that can be read.
    ReferenceDataError
        If there are no rows or no features, a column cannot be a feature, or the rows change meanwhile.
    EngineError
        If Spark could not finish a job.
    """
    layout = _layout(dataframe, features, prediction, score_names(score), target, timestamp)
    table = select(dataframe, layout)
    with engine_errors():
        rows = int(table.count())
        task = task or _told(table, layout)
    arguments: dict[str, Any] = {
        "model_name": model_name,
        "model_version": model_version,
        "kinds": kinds,
        "features": layout.features,
        "importances": importances,
        "performance": performance,
        "task": task,
        "settings": settings,
    }
    builder = ReferenceBuilder(**arguments, clock=clock)
    share = min(1.0, SAMPLE_MARGIN * MAX_SAMPLED_ROWS / rows) if rows else 1.0
    found = summary_of(table, layout, partial(_builder, arguments=arguments, share=share))
    if found is not None:
        builder.merge(found)
    reference = builder.build()
    return _recounted(reference, table, layout, rows)


class BinTotals:
    """Rows of every numeric column on the bins of a reference."""

    def __init__(self, profiles: Profiles) -> None:
        self.rows = 0
        self.bins: dict[str, BinCounts] = {}
        self._profiles = profiles

    def update(self, data: Any, **outputs: Any) -> None:  # noqa: ANN401 - any table and its columns
        """Add the rows of one chunk."""
        rows = read_rows(data, **outputs)
        self.rows += rows.n_rows
        for profile, values in compared_columns(self._profiles, rows):
            if isinstance(profile, NumericProfile) and values is not None:
                self._add(profile.name, profile.count_bins(values))

    def merge(self, other: BinTotals) -> None:
        """Add all rows that another one has seen."""
        self.rows += other.rows
        for name, bins in other.bins.items():
            self._add(name, bins)

    def condense(self) -> None:
        """Nothing: it is as many numbers as there are bins."""

    def exact(self, profile: Profile | None) -> Any:  # noqa: ANN401 - of the kind that was given
        """A profile with the counts of all rows, where it has bins that were cut from a summary."""
        if profile is None or profile.name not in self.bins:
            return profile
        return replace(profile, counts=self.bins[profile.name].counts)

    def _add(self, name: str, bins: BinCounts) -> None:
        held = self.bins.get(name)
        self.bins[name] = bins if held is None else held.merge(bins)


def _layout(
    dataframe: DataFrame,
    features: Sequence[str] | None,
    prediction: str | None,
    scores: tuple[str, ...],
    target: str | None,
    timestamp: str | None,
) -> Layout:
    roles = {*scores, prediction, target, timestamp}
    if features is None:
        features = [name for name in column_types(dataframe) if name not in roles]
    if not features:
        raise ReferenceDataError("DataFrame: found no column without another role, need at least one feature")
    return Layout(
        features=tuple(features), scores=scores, prediction=prediction, target=target, timestamp=timestamp
    )


def _told(table: DataFrame, layout: Layout) -> Task | None:
    """What the first rows are, decided once: partitions that told by their own might differ."""
    if layout.prediction is None and layout.target is None:
        return "classification" if layout.scores else None
    data, outputs = layout.read(table.limit(FIRST_ROWS).toArrow())
    return guess_task(read_rows(data, **outputs))


def _builder(partition: int, *, arguments: dict[str, Any], share: float) -> ReferenceBuilder:
    return ReferenceBuilder(**arguments, sample_seed=partition, sample_share=share)


def _recounted(reference: Reference, table: DataFrame, layout: Layout, rows: int) -> Reference:
    profiles = reference.profiles
    totals = summary_of(table, layout, partial(_totals, profiles=profiles))
    again = 0 if totals is None else totals.rows
    if totals is None or not rows == reference.rows == again:
        raise ReferenceDataError(
            f"DataFrame: found {rows:,}, {reference.rows:,} and {again:,} rows in three readings, "
            "need the same; write it to a table or persist it first"
        )
    return replace(
        reference,
        profiles=replace(
            profiles,
            features={name: totals.exact(profile) for name, profile in profiles.features.items()},
            prediction=totals.exact(profiles.prediction),
            labels=totals.exact(profiles.labels),
        ),
    )


def _totals(partition: int, *, profiles: Profiles) -> BinTotals:  # noqa: ARG001 - one shape for all
    return BinTotals(profiles)
