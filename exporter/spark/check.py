"""A check of a DataFrame of any size: the same report as of a table in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..check import compare_joint, decide, table_quality
from ..columns import Columns
from ..errors import ObservationError
from ..policy import Policy
from ..reference.baseline import MAX_SAMPLED_ROWS, RowSample
from ..rows import read_rows
from ..summaries import WindowSummary
from ..tables.messages import some
from ..values import to_array
from ..windows import Window
from .layout import Layout, column_types, quoted, score_names, select
from .tree import engine_errors, summary_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from ..reference import Profiles, Reference
    from ..reference.season import Season
    from ..report import CheckState, Report

JOINT_ROWS: Final = MAX_SAMPLED_ROWS
"""Rows of the window that tests of all features together are given; they draw far fewer."""

SAMPLE_MARGIN: Final = 1.2
"""As in `build`."""


def check_dataframe(
    reference: Reference,
    dataframe: DataFrame,
    policy: Policy | None = None,
    *,
    window: Window | str | None = None,
    prediction: str | None = None,
    score: str | Sequence[str] | None = None,
    target: str | None = None,
    timestamp: str | None = None,
    id: str | None = None,  # noqa: A002 - as on the command line
    state: CheckState | None = None,
    clock: Callable[[], float] = time.time,
) -> Report:
    """What changed between the reference and the rows of a DataFrame.

    Counts, and with them PSI, Jensen-Shannon, Hellinger and chi-square, and moments are those of `check`; KS
    is within the error that its finding states in `ks_error`.

    Parameters
    ----------
    reference, policy, window, state, clock
        As in `check`.
    dataframe : DataFrame
        Its columns are found by name. Read once; counted before where the reference keeps whole rows, and its
        times read before where it keeps seasons.
    prediction, target, timestamp, id : str, optional
        Columns with what the model said, the truth, when each row was observed, and the prediction's id.
    score : str or sequence of str, optional
        As in `build_reference`.

    Raises
    ------
    ObservationError
        If a column that was named is not there, its type is none that can be read, or no feature is there.
    EngineError
        If Spark could not finish a job.
    """
    policy = policy or Policy()
    name = window.name if isinstance(window, Window) else window
    scores = score_names(score)
    names = list(column_types(dataframe))
    present = [feature for feature in reference.features if feature in names]
    if not present:
        raise ObservationError(
            f"DataFrame: found columns {some(names)}, need features of the reference: "
            f"{some(list(reference.features))}"
        )
    layout = Layout(
        features=tuple(present), scores=scores, prediction=prediction, target=target, timestamp=timestamp
    )
    table = select(dataframe, layout)
    share = _share(table) if reference.joint is not None else 0.0
    profiles = _profiles(reference, dataframe, timestamp)
    make = partial(_part, profiles=profiles, features=present, share=share)
    part = summary_of(table, layout, make)
    if part is None or part.summary.rows == 0:
        # Without rows there was nothing to read: the columns are there all the same.
        part = make(0)
        part.update({feature: [] for feature in present})
    summary = part.summary
    roles = {*scores, prediction, target, timestamp, id}
    sampled = part.sample.joint(present, JOINT_ROWS)
    return decide(
        reference,
        profiles,
        summary.measure(policy.min_samples, policy.wanted),
        policy,
        window=name,
        rows=summary.rows,
        start=part.start,
        end=part.end,
        quality=table_quality(
            reference,
            [column for column in names if column in reference.features or column not in roles],
            [*_sampling(sampled, summary.rows), *_left_out(reference, policy)],
            _repeated(dataframe, id),
        ),
        multivariate={} if sampled is None else compare_joint(reference, sampled, policy),
        state=state,
        checked_at=clock(),
    )


class WindowPart:
    """What a check needs to know of one partition."""

    def __init__(self, profiles: Profiles, features: list[str], *, seed: int, share: float) -> None:
        self.summary = WindowSummary(profiles)
        self.sample = RowSample(seed=seed, share=share)
        self.start: float | None = None
        self.end: float | None = None
        self._features = features
        self._sampled = share > 0.0

    def update(self, data: Any, **outputs: Any) -> None:  # noqa: ANN401 - any table and its columns
        """Add the rows of one chunk."""
        rows = read_rows(data, **outputs)
        self.summary.update(rows)
        if self._sampled:
            self.sample.update(rows, self._features, None)
        known = np.empty(0) if rows.times is None else rows.times[np.isfinite(rows.times)]
        if len(known):
            self._span(float(known.min()), float(known.max()))

    def merge(self, other: WindowPart) -> None:
        """Add all rows that another part has seen."""
        self.summary.merge(other.summary)
        self.sample.merge(other.sample)
        if other.start is not None and other.end is not None:
            self._span(other.start, other.end)

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary."""
        self.summary.condense()

    def _span(self, start: float, end: float) -> None:
        self.start = start if self.start is None else min(self.start, start)
        self.end = end if self.end is None else max(self.end, end)


class KeyTotals:
    """Rows of a window by the key of a season."""

    def __init__(self, season: Season) -> None:
        self.rows = 0
        self.by_key: dict[int, int] = {}
        self._season = season

    def update(self, data: Any, **outputs: Any) -> None:  # noqa: ANN401, ARG002 - as all summaries
        """Add the rows of one chunk."""
        times = to_array(outputs["timestamps"])
        self.rows += len(times)
        self._add(self._season.rows_by_key(times))

    def merge(self, other: KeyTotals) -> None:
        """Add all rows that another one has seen."""
        self.rows += other.rows
        self._add(other.by_key)

    def condense(self) -> None:
        """Nothing: there are 168 keys at most."""

    def _add(self, by_key: dict[int, int]) -> None:
        for key, rows in by_key.items():
            self.by_key[key] = self.by_key.get(key, 0) + rows


def _profiles(reference: Reference, dataframe: DataFrame, timestamp: str | None) -> Profiles:
    """What the rows are compared with, as `Reference.profiles_at` has it."""
    season = reference.season
    if season is None or timestamp is None:
        return reference.profiles
    layout = Layout(features=(), timestamp=timestamp)
    totals = summary_of(select(dataframe, layout), layout, partial(_key_totals, season=season))
    if totals is None or totals.rows == 0:
        return reference.profiles
    return season.mixed(reference.profiles, totals.by_key, totals.rows)


def _part(partition: int, *, profiles: Profiles, features: list[str], share: float) -> WindowPart:
    return WindowPart(profiles, features, seed=partition, share=share)


def _key_totals(partition: int, *, season: Season) -> KeyTotals:  # noqa: ARG001 - one shape for all
    return KeyTotals(season)


def _share(table: DataFrame) -> float:
    """Share of the rows to draw for tests of all features together."""
    with engine_errors():
        rows = int(table.count())
    return min(1.0, SAMPLE_MARGIN * JOINT_ROWS / rows) if rows else 1.0


def _sampling(sampled: Columns | None, rows: int) -> list[str]:
    if sampled is None or sampled.n_rows == rows:
        return []
    return [f"DataFrame: found {rows:,} rows, tested all features together on {sampled.n_rows:,} random ones"]


def _left_out(reference: Reference, policy: Policy) -> list[str]:
    # A summary of every column of twenty segments would travel twenty times as far as that of the whole.
    if reference.segments is None or not policy.segments:
        return []
    return [f"DataFrame: values of {reference.segments.feature!r} were not compared one by one; see check()"]


def _repeated(dataframe: DataFrame, name: str | None) -> int:
    """Rows whose id another row has, too; a row without an id repeats none."""
    if name is None:
        return 0
    if name not in column_types(dataframe):
        raise ObservationError(f"DataFrame: found no column {name!r}, need one of {some(dataframe.columns)}")
    from pyspark.sql import functions  # noqa: PLC0415 - an extra

    ids = functions.col(quoted(name))
    with engine_errors():
        known, distinct = dataframe.agg(functions.count(ids), functions.countDistinct(ids)).collect()[0]
    return int(known - distinct)
