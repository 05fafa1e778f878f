"""What is known of predicted rows, and of their truth later: values without behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Call = tuple[str, Any, Any, Sequence[Any] | None, float | Sequence[float] | None, float, float, int]
"""One call of the model, as the caller's thread leaves it in the buffer.

`(method, rows, result, ids, at, ended, seconds, n_rows)`: the method that was called; the table that was
passed and what the model returned, as far as they had room; prediction ids, by which outcomes find their
rows; when the rows were observed in seconds since 1970 (None: when the call ended); `time.perf_counter()`
at the end; how long the model took; and the rows predicted, also those that had no room. A bare tuple, since
making any other object costs the caller up to a microsecond.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Predicted rows, column by column.

    Attributes
    ----------
    times : ndarray of shape (n_rows,)
        Seconds since 1970.
    features : mapping of str to ndarray of shape (n_rows,)
        float64 with NaN for missing, or object with None for missing.
    ids : ndarray of shape (n_rows,) of objects, or None
        Prediction ids; None where the caller gave none.
    scores : ndarray of shape (n_rows,) or None
        Probability of the positive class, highest probability, decision value or predicted number.
    classes : ndarray of shape (n_rows,) of objects, or None
        Predicted classes as text.
    labels : ndarray of shape (n_rows,) of objects, or None
        Outcomes that have arrived, None where not.
    probabilities : ndarray of shape (n_rows, n_classes) or None
        Of a model with three classes or more, in the order of its classes; two are told by `scores`.
    """

    times: NDArray[np.float64]
    features: Mapping[str, NDArray[Any]]
    ids: NDArray[np.object_] | None = None
    scores: NDArray[np.float64] | None = None
    classes: NDArray[np.object_] | None = None
    labels: NDArray[np.object_] | None = None
    probabilities: NDArray[np.float64] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.times)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCounts:
    """What became of outcomes: joined to their prediction, or why not.

    Attributes
    ----------
    joined : int
        Written to their row.
    duplicate, conflicting : int
        A second outcome of one row that says the same, or something else; the first one stays.
    unknown_id : int
        No row had this id, as far as is remembered.
    late : int
        The row was there and is gone: pushed out by newer ones, or older than the retention.
    invalid : int
        Missing, or nothing that this model could have predicted.
    """

    joined: int = 0
    duplicate: int = 0
    conflicting: int = 0
    unknown_id: int = 0
    late: int = 0
    invalid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JoinedOutcomes:
    """Outcomes that have just found their rows.

    Attributes
    ----------
    counts : OutcomeCounts
        What became of each.
    rows : Observations
        The joined rows in the order in which their outcomes came, with labels and without features.
    lags : ndarray of shape (n_joined,)
        Seconds from prediction to outcome. Below zero where the clocks of two machines disagree.
    """

    counts: OutcomeCounts
    rows: Observations
    lags: NDArray[np.float64]
