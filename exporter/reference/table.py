"""All columns of a table on their way to profiles: features, scores, predictions and labels.

The kind of a column is decided at its first value (`kinds` decides beforehand); until then only missing
values are counted. Whether predictions are classes or values is decided the same way (`task` beforehand).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import ReferenceDataError
from .accumulate import CategoricalAccumulator, NumericAccumulator
from .profiles import CategoricalProfile, NumericProfile, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..rows import Rows
    from .kinds import Kind
    from .settings import BuildSettings, Task

MAX_CLASSES: Final = 50
"""Whole numbers with at most so many different values are classes, unless `task` says otherwise."""

SCORE, PREDICTION, LABEL = "__score__", "__prediction__", "__label__"
"""Names of the profiles that are no feature, in messages and files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profiles:
    """Profiles of one set of rows.

    Attributes
    ----------
    features : dict of str to profile
        In the order of the model's columns.
    prediction : NumericProfile or None
        Of the scores of a classifier, or of the predicted values of a regression.
    predicted_classes : CategoricalProfile or None
        Of the classes that a classifier predicted.
    labels : profile or None
        Of the truth.
    """

    features: dict[str, Profile]
    prediction: NumericProfile | None = None
    predicted_classes: CategoricalProfile | None = None
    labels: Profile | None = None

    def named(self) -> dict[str, Profile]:
        """Those of scores, predictions and labels by their name in a file."""
        pairs = ((SCORE, self.prediction), (PREDICTION, self.predicted_classes), (LABEL, self.labels))
        return {name: profile for name, profile in pairs if profile is not None}


class ColumnAccumulator:
    """A column whose kind may still be open."""

    def __init__(self, name: str, kind: Kind | None, settings: BuildSettings) -> None:
        self.name = name
        self.problem: str | None = None
        self._settings = settings
        self._declared = kind is not None
        self._missing = 0
        self._inner: NumericAccumulator | CategoricalAccumulator | None = None
        if kind is not None:
            self._inner = self._of_kind(kind)

    def update(self, values: NDArray[Any]) -> None:
        """Add the rows of one chunk."""
        if self._inner is None:
            if not (values.dtype == object or np.isfinite(values).any() or np.isinf(values).any()):
                self._missing += len(values)
                return
            self.decide("categorical" if values.dtype == object else "numeric")
            self._note_mixture(values)
        assert self._inner is not None
        self._inner.update(values)

    def add_missing(self, rows: int) -> None:
        """Add rows of which nothing but their number is known."""
        if self._inner is None:
            self._missing += rows
        else:
            self._inner.add_missing(rows)

    @property
    def kind(self) -> Kind | None:
        """The column's kind; None while it is open."""
        return None if self._inner is None else self._inner.kind

    def decide(self, kind: Kind) -> None:
        """Settle an open kind."""
        if self._inner is None:
            self._inner = self._of_kind(kind)
            self._inner.add_missing(self._missing)

    @classmethod
    def of(cls, profile: Profile, settings: BuildSettings) -> ColumnAccumulator:
        """Accumulator that starts from a finished profile."""
        column = cls(profile.name, None, settings)
        column._declared = True
        if isinstance(profile, CategoricalProfile):
            column._inner = CategoricalAccumulator.of(profile)
        elif profile.count or profile.counts[-1]:
            column._inner = NumericAccumulator.of(profile, grid_points=settings.grid_points)
        else:
            column._missing = profile.rows
        return column

    def merge(self, other: ColumnAccumulator) -> None:
        """Add all rows that another accumulator of the same column has seen.

        Raises
        ------
        ReferenceDataError
            If one is numeric and the other categorical.
        """
        self.problem = self.problem or other.problem
        if other._inner is None:
            self.add_missing(other._missing)
            return
        self.decide(other._inner.kind)
        mine, theirs = self._inner, other._inner
        assert mine is not None
        if isinstance(mine, NumericAccumulator) and isinstance(theirs, NumericAccumulator):  # noqa: SIM114 - types
            mine.merge(theirs)
        elif isinstance(mine, CategoricalAccumulator) and isinstance(theirs, CategoricalAccumulator):
            mine.merge(theirs)
        else:
            raise ReferenceDataError(
                f"column {self.name!r}: found {mine.kind} values in one part and {theirs.kind} ones in the "
                "other, need one kind; declare it in `kinds`"
            )

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary, before it travels."""
        if isinstance(self._inner, NumericAccumulator):
            self._inner.condense()

    def profile(self, like: Profile | None = None) -> Profile:
        """The finished profile, on its own bins or on those of another profile of the column.

        A column that never had a value is numeric and empty, or of the other's kind.

        Raises
        ------
        ReferenceDataError
            If it looks like a key and its kind was not declared.
        """
        self.decide("numeric" if like is None else like.kind)
        if isinstance(self._inner, NumericAccumulator):
            return self._inner.profile(
                self._settings.n_bins, like.edges if isinstance(like, NumericProfile) else None
            )
        assert isinstance(self._inner, CategoricalAccumulator)
        if like is None and not self._declared:
            self._inner.refuse_keys()
        return self._inner.profile(
            self._settings.top_categories, like.categories if isinstance(like, CategoricalProfile) else None
        )

    def _of_kind(self, kind: Kind) -> NumericAccumulator | CategoricalAccumulator:
        if kind == "numeric":
            return NumericAccumulator(self.name, grid_points=self._settings.grid_points)
        return CategoricalAccumulator(self.name)

    def _note_mixture(self, values: NDArray[Any]) -> None:
        if values.dtype == object:
            types = sorted({type(value).__name__ for value in values.tolist() if value is not None})
            if len(types) > 1:
                self.problem = (
                    f"column {self.name!r}: found values of types {', '.join(types)}, read as categories; "
                    "declare it in `kinds` if it is numeric"
                )


class TableAccumulator:
    """A table on its way to `Profiles`."""

    def __init__(
        self, features: list[str], kinds: Mapping[str, Kind], task: Task | None, settings: BuildSettings
    ) -> None:
        self.task = task
        self._settings = settings
        self._features = {name: ColumnAccumulator(name, kinds.get(name), settings) for name in features}
        self._extra: dict[str, ColumnAccumulator] = {}

    @classmethod
    def of(cls, profiles: Profiles, task: Task | None, settings: BuildSettings) -> TableAccumulator:
        """Accumulator that starts from finished profiles."""
        table = cls([], {}, task, settings)
        table._features = {n: ColumnAccumulator.of(p, settings) for n, p in profiles.features.items()}
        table._extra = {n: ColumnAccumulator.of(p, settings) for n, p in profiles.named().items()}
        return table

    @property
    def problems(self) -> list[str]:
        """What was odd about the columns and how it was read."""
        columns = (*self._features.values(), *self._extra.values())
        return [column.problem for column in columns if column.problem is not None]

    def kind_of(self, feature: str) -> Kind | None:
        """Kind of a feature; None while it is open."""
        return self._features[feature].kind

    def update(self, rows: Rows) -> None:
        """Add the rows of one chunk, which has the features as columns."""
        for name, column in self._features.items():
            column.update(rows.columns.arrays[name])
        if self.task is None:
            self.task = guess_task(rows)
        if rows.scores is not None:
            self._column(SCORE, "numeric").update(rows.scores)
        if rows.predictions is not None and self.task == "regression":
            # The values of a regression are its scores: both are "what the model put out" to everyone after.
            self._column(SCORE, "numeric").update(rows.predictions)
        elif rows.predictions is not None:
            self._column(PREDICTION, "categorical").update(rows.predictions)
        if rows.labels is not None:
            kind: Kind = "numeric" if self.task == "regression" else "categorical"
            self._column(LABEL, kind).update(rows.labels)

    def merge(self, other: TableAccumulator) -> None:
        """Add all rows that another accumulator of the same features has seen.

        Raises
        ------
        ReferenceDataError
            If one column is of two kinds, or the predictions of two tasks.
        """
        if self.task is None:
            self.task = other.task
        elif other.task not in (None, self.task):
            raise ReferenceDataError(
                f"task: found predictions of a {self.task} in one part and of a {other.task} in the other, "
                "need one; give it as `task`"
            )
        for name, column in self._features.items():
            column.merge(other._features[name])
        for name, column in other._extra.items():
            if name not in self._extra:
                self._extra[name] = ColumnAccumulator(name, None, self._settings)
            self._extra[name].merge(column)

    def condense(self) -> None:
        """Give up what is exact beyond the size of a summary, before it travels."""
        for column in (*self._features.values(), *self._extra.values()):
            column.condense()

    def follow(self, whole: TableAccumulator) -> None:
        """Settle open kinds as in the accumulator of all rows."""
        for name, column in self._features.items():
            kind = whole.kind_of(name)
            if kind is not None:
                column.decide(kind)
        self.task = whole.task

    def profiles(self, like: Profiles | None = None) -> Profiles:
        """The finished profiles, on their own bins or on those of others of the same columns."""
        models = {} if like is None else {**like.features, **like.named()}
        extra = {name: column.profile(models.get(name)) for name, column in self._extra.items()}
        score, classes = extra.get(SCORE), extra.get(PREDICTION)
        assert score is None or isinstance(score, NumericProfile)
        assert classes is None or isinstance(classes, CategoricalProfile)
        return Profiles(
            features={name: column.profile(models.get(name)) for name, column in self._features.items()},
            prediction=score,
            predicted_classes=classes,
            labels=extra.get(LABEL),
        )

    def _column(self, name: str, kind: Kind) -> ColumnAccumulator:
        if name not in self._extra:
            self._extra[name] = ColumnAccumulator(name, kind, self._settings)
        return self._extra[name]


def guess_task(rows: Rows) -> Task | None:
    """Whether these predictions or labels are classes or values; None while there is nothing to tell by."""
    if rows.scores is not None:
        return "classification"
    for values in (rows.predictions, rows.labels):
        if values is None:
            continue
        if values.dtype == object:
            return "classification"
        known = values[np.isfinite(values)]
        if len(known):
            whole = bool((known == np.round(known)).all()) and len(np.unique(known)) <= MAX_CLASSES
            return "classification" if whole else "regression"
    return None
