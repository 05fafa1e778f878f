"""Outcomes as a caller gives them, read in the terms of the model: its classes, or numbers.

What the model could never have predicted becomes None, which stores count as invalid: labels of another type
would else look like a model that is always wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ObservationError
from .performance.measure import class_order
from .reference.kinds import INF, MISSING, category_text, known_name
from .reference.profiles import CategoricalProfile

if TYPE_CHECKING:
    from .reference import Reference


def classes_of(reference: Reference | None, model_classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Classes of a model in its own order, else of the reference in scikit-learn's; None if not known."""
    if model_classes is not None:
        return model_classes
    if reference is None or reference.task != "classification":
        return None
    known: set[str] = set()
    for profile in (reference.predicted_classes, reference.labels):
        if isinstance(profile, CategoricalProfile):
            if profile.untallied:
                return None
            known.update(profile.tally)
    known -= {MISSING, INF}
    return tuple(sorted(known, key=class_order)) or None


def readable(
    y_true: Sequence[Any], classes: tuple[str, ...] | None, reference: Reference | None, *, texts: bool
) -> Sequence[Any]:
    """Outcomes in the terms of a model: its classes, numbers of a regression, texts, or as they are."""
    if classes is not None:
        return as_classes(y_true, classes)
    if reference is not None and reference.task == "regression":
        return as_values(y_true)
    return as_texts(y_true) if texts else y_true


def as_classes(y_true: Sequence[Any], classes: Sequence[str]) -> list[str | None]:
    """Class of each outcome as text, None for what is missing or no class of the model.

    Examples
    --------
    >>> as_classes([1, 1.0, True, "0", None, "late"], ["0", "1"])
    ['1', '1', '1', '0', None, None]
    """
    known = set(classes)
    return [known_name(category_text(label), known) for label in y_true]


def as_texts(y_true: Sequence[Any]) -> list[str | None]:
    """Text of each outcome where nobody knows the classes, None for what is missing."""
    texts = [category_text(label) for label in y_true]
    return [None if text in (MISSING, INF) else text for text in texts]


def as_values(y_true: Sequence[Any]) -> list[float | None]:
    """Number of each outcome of a regression, None for what is missing, infinite or no number.

    Examples
    --------
    >>> as_values([1, 2.5, float("nan"), "3"])
    [1.0, 2.5, None, None]
    """
    values: list[float | None] = []
    for label in y_true:
        number = float(label) if isinstance(label, (Real, Decimal)) else math.nan
        values.append(number if math.isfinite(number) else None)
    return values


def as_times(at: Any, n_rows: int, now: float) -> list[float]:  # noqa: ANN401 - a number or any column
    """When each outcome became known; `now` where the caller did not say.

    Raises
    ------
    ObservationError
        If there are not as many as outcomes, or one is no time in seconds since 1970.
    """
    if at is None:
        return [now] * n_rows
    try:
        times = np.array(list(at) if np.ndim(at) else [at] * n_rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise ObservationError(
            f"outcomes: at: found {at!r:.60}, need seconds since 1970, one or one for each outcome"
        ) from None
    if len(times) != n_rows:
        raise ObservationError(
            f"outcomes: at: found {len(times)} for {n_rows} outcomes, need one for each or a single number"
        )
    if not np.isfinite(times).all():
        raise ObservationError("outcomes: at: found a time that is not finite, need seconds since 1970")
    return [float(time) for time in times]
