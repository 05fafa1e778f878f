"""What the background will read of a call, as it was when the model had answered.

Callers go on with what they passed: `batch["prediction"] = predictor.predict(batch)`, a list of ids that is
cleared and filled again, an array that a server reuses. So what waits is a copy, as cheap as its type allows.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np

_MUTABLE_ROWS: Final = frozenset({dict, list, np.ndarray})
_COPIES_ON_WRITE: Final = 3
"""From this version of pandas on, a shallow copy of a frame never shows what is written into the other."""


def held(value: Any) -> Any:  # noqa: ANN401 - rows, answers, ids or times, whatever was passed
    """The value, or a copy of it where the caller could change it later.

    Arrays are copied; so are lists and dicts with the rows or columns they hold, and frames and series of
    pandas (from version 3 on without their values) and polars. Values within rows are shared, and what is of
    another type is kept as it is: tuples, pyarrow tables and numbers cannot change, tensors may.

    Examples
    --------
    >>> rows = [{"age": 31}]
    >>> kept = held(rows)
    >>> rows[0]["age"] = 0
    >>> kept
    [{'age': 31}]
    """
    if value is None:  # most calls have neither ids nor times of their own
        return None
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        if value and type(value[0]) in _MUTABLE_ROWS:
            return [row.copy() if type(row) in _MUTABLE_ROWS else row for row in value]
        return value.copy()
    if isinstance(value, dict):
        return {name: held(column) for name, column in value.items()}
    if hasattr(value, "iloc"):
        return value.copy(deep=_deep())
    if hasattr(value, "get_columns"):
        return value.clone()
    return value


def _deep() -> bool:
    """Whether a copy of a pandas object must take its values along."""
    version = getattr(sys.modules.get("pandas"), "__version__", "0")
    return int(version.partition(".")[0]) < _COPIES_ON_WRITE
