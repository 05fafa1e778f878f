"""Rows as points: a field for each feature, so that anybody can draw them, and back to the rows they were.

Numbers are fields `f.<feature>`; NaN is no field. Text, truth values and all else in a column of objects is
JSON in `o.<feature>`, and so are infinities, which line protocol cannot say. Beside them: `at` with the
exact time, `id` and `class` as JSON, `score` (`score.text` where it is infinite), and `p.0`, `p.1`, … with
the probability of each class. Which of them a row has is its layout, named by the tag `layout` and spelled
out in a measurement of its own: a column in which everything is missing is otherwise no column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..observation import Observations
from .batch import id_of, label_of, label_text, objects
from .line_protocol import escaped, name, quoted

Kind = str
"""Of a column: "floats", "objects", "mixed" for floats of which some are infinite, or "none"."""

NO_TEXT: Final = 65_000
"""Characters of a text from which on it is missing: the server's documented bound is 64 KB."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which columns rows have."""

    features: tuple[tuple[str, Kind], ...]
    ids: bool
    scores: Kind
    classes: bool
    n_classes: int

    @cached_property
    def text(self) -> str:
        """The layout as JSON."""
        return json.dumps(
            {
                "features": self.features,
                "ids": self.ids,
                "scores": self.scores,
                "classes": self.classes,
                "n_classes": self.n_classes,
            }
        )

    @cached_property
    def tag(self) -> str:
        """A short name, the same for the same columns in every process."""
        return blake2b(self.text.encode(), digest_size=8).hexdigest()

    def fields(self, *, features: bool) -> list[str]:
        """Fields of a row, without those of its features where these are not wanted."""
        wanted = ["at"]
        wanted += ["id"] if self.ids else []
        wanted += {"none": [], "floats": ["score"], "mixed": ["score", "score.text"]}[self.scores]
        wanted += ["class"] if self.classes else []
        wanted += [f"p.{number}" for number in range(self.n_classes)]
        for feature, kind in self.features if features else ():
            wanted += [f"f.{name(feature)}"] if kind != "objects" else []
            wanted += [f"o.{name(feature)}"] if kind != "floats" else []
        return wanted


def layout_of(observations: Observations, infinite: set[str]) -> Layout:
    """The layout of rows; a field that has once been infinite is remembered in `infinite`.

    Else each batch could have a layout of its own.
    """
    return Layout(
        features=tuple(
            (feature, _kind(f"f.{feature}", values, infinite))
            for feature, values in observations.features.items()
        ),
        ids=observations.ids is not None,
        scores=_kind("score", observations.scores, infinite),
        classes=observations.classes is not None,
        n_classes=0 if observations.probabilities is None else observations.probabilities.shape[1],
    )


def _kind(field: str, values: NDArray[Any] | None, infinite: set[str]) -> Kind:
    if values is None:
        return "none"
    if values.dtype == object:
        return "objects"
    if field not in infinite and np.isinf(values).any():
        infinite.add(field)
    return "mixed" if field in infinite else "floats"


def layout_from(text: str) -> Layout:
    """The layout that `Layout.text` wrote."""
    found = json.loads(text)
    features = tuple((feature, kind) for feature, kind in found.pop("features"))
    return Layout(features=features, **found)


def lines(observations: Observations, layout: Layout, head: str, at: NDArray[np.int64]) -> list[str]:
    """A line for each row, with measurement and tags in `head` and the time of its point from `at`."""
    columns: list[Iterable[str | None]] = [_numbers("at", observations.times)]
    if observations.ids is not None:
        columns.append(_texts("id", observations.ids))
    if observations.scores is not None:
        columns.append(_numbers("score", observations.scores, infinite="score.text"))
    if observations.classes is not None:
        columns.append(_texts("class", observations.classes))
    if observations.probabilities is not None:
        columns += [
            _numbers(f"p.{number}", column) for number, column in enumerate(observations.probabilities.T)
        ]
    for feature, kind in layout.features:
        safe, values = escaped(name(feature)), observations.features[feature]
        if kind == "objects":
            columns.append(_texts(f"o.{safe}", values))
        else:
            columns.append(_numbers(f"f.{safe}", values, infinite=f"o.{safe}"))
    return [
        f"{head} {','.join([field for field in row if field])} {time}"
        for *row, time in zip(*columns, at.tolist(), strict=True)
    ]


def rows_from(layout: Layout, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> Observations:
    """The rows of an answer; features that it was not asked for are left out."""
    by_name = dict(zip(columns, zip(*values, strict=True), strict=True))
    features: dict[str, NDArray[Any]] = {}
    for feature, kind in layout.features:
        numbers, texts = by_name.get(f"f.{name(feature)}"), by_name.get(f"o.{name(feature)}")
        if kind == "objects" and texts is not None:
            features[feature] = _read(texts)
        elif numbers is not None:
            features[feature] = _floats(numbers, texts)
    return Observations(
        times=_floats(by_name["at"]),
        features=features,
        ids=objects(map(id_of, _read(by_name["id"]))) if layout.ids else None,
        scores=_floats(by_name["score"], by_name.get("score.text")) if layout.scores != "none" else None,
        classes=_read(by_name["class"]) if layout.classes else None,
        probabilities=np.column_stack([_floats(by_name[f"p.{n}"]) for n in range(layout.n_classes)])
        if layout.n_classes
        else None,
    )


def _numbers(
    field: str, values: NDArray[np.float64], *, infinite: str | None = None
) -> Iterator[str | None] | list[str]:
    """The field of each row; nothing where it is missing."""
    if np.isfinite(values).all():
        return [f"{field}={value!r}" for value in values.tolist()]
    return (
        f"{field}={value!r}"
        if math.isfinite(value)
        else None
        if math.isnan(value) or infinite is None
        else f"{infinite}={quoted(label_text(value))}"
        for value in values.tolist()
    )


def _texts(field: str, values: NDArray[np.object_]) -> Iterator[str | None]:
    for value in values.tolist():
        text = None if value is None else label_text(value)
        yield None if text is None or len(text) > NO_TEXT else f"{field}={quoted(text)}"


def _floats(values: Sequence[Any], infinite: Sequence[str | None] | None = None) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none, with its infinities from their texts."""
    column = np.array(values, dtype=np.float64)
    for row, text in enumerate(infinite or ()):
        if text is not None:
            column[row] = float(label_of(text))
    return column


def _read(texts: Sequence[str | None]) -> NDArray[np.object_]:
    return objects(None if text is None else label_of(text) for text in texts)
