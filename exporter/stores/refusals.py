"""What no store takes: rows without a time, ids that cannot be looked up, outcomes that are no single value.

Each database would stumble over them in its own way, some only when the rows are read. So every store refuses
them with the same words, before anything of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from ..errors import ObservationError
from ..observation import Observations
from ..values import is_hashable, is_missing

PLAIN: Final = frozenset({str, int, bool})
"""Types of which every value is a single one and none is missing: most outcomes, and quickly told."""


def require_rows(observations: Observations) -> None:
    """Refuse rows of which one has no time, or an id that no outcome could ask for.

    Raises
    ------
    ObservationError
        If there is one; a row without a time would be in no window and stop those behind it from expiring.
    """
    bad = np.flatnonzero(~np.isfinite(observations.times))
    if len(bad):
        raise ObservationError(
            f"rows: at: found {observations.times[bad[0]]} in row {bad[0]} of {observations.n_rows},"
            " need seconds since 1970"
        )
    if observations.ids is not None:
        require_ids(observations.ids.tolist(), "rows")


def require_ids(ids: Iterable[Any], where: str = "outcomes") -> None:
    """Refuse ids that cannot be looked up: lists, dicts and whatever else has no hash.

    Raises
    ------
    ObservationError
        If there is one; the message begins with `where`.
    """
    for place, one in enumerate(ids):
        if not is_hashable(one):
            raise ObservationError(
                f"{where}: ids: found {type(one).__name__} {one!r:.40} at {place},"
                " need text, numbers or tuples"
            )


def single_values(y_true: Iterable[Any]) -> list[Any]:
    """Outcomes, with None for each that is missing.

    Raises
    ------
    ObservationError
        If one is several values at once, such as a row of a table.
    """
    return [label if type(label) in PLAIN else _single(label, place) for place, label in enumerate(y_true)]


def _single(label: Any, place: int) -> Any:  # noqa: ANN401 - labels are the user's
    try:
        if is_missing(label) or bool(label != label):  # noqa: PLR0124 - only NaN differs from itself
            return None
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ):  # several values, which differ in some places and not in others
        single = False
    else:
        single = is_hashable(label) and not isinstance(label, tuple)
    if not single:
        raise ObservationError(
            f"outcomes: y_true: found {type(label).__name__} {label!r:.40} at {place},"
            " need a single value for each id"
        )
    return label
