"""Observations in the process's own memory: bounded by rows and by hours."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..observation import JoinedOutcomes, Observations, OutcomeCounts
from .forks import hold_across_forks
from .refusals import require_ids, require_rows, single_values

MAX_ROWS = 200_000
"""About 32 MB with 20 float64 columns, and two days of two rows a second."""

RETENTION_HOURS = 48.0
"""Twice the longest default window, so that a day's window is whole even when outcomes come a day late."""

REMEMBERED_IDS = 100_000
"""Ids of rows that are gone, kept as hashes (about 20 MB) to tell an outcome that is late from one of an id
that never was."""

MERGED_ROWS = 8_192
"""Small batches are joined up to this size: at one row a second a day would otherwise be 86,400 batches."""


class MemoryStore:
    """Observations in memory, appended in batches and dropped from the oldest end.

    Rows are numbered in the order in which they came; an id leads to its number, and the number to its batch.

    Parameters
    ----------
    max_rows : int
        Rows held at most; the oldest are dropped first.
    retention_hours : float
        Age from which on rows are dropped by `prune`.
    """

    def __init__(self, max_rows: int = MAX_ROWS, retention_hours: float = RETENTION_HOURS) -> None:
        self.max_rows = max_rows
        self.retention_hours = retention_hours
        self._lock = threading.Lock()
        hold_across_forks(self._lock)
        self._batches: list[Observations] = []
        self._starts: list[int] = []
        self._next = 0
        self._numbers: dict[Hashable, int] = {}
        self._gone: OrderedDict[int, None] = OrderedDict()

    def append(self, observations: Observations) -> None:
        """Keep these rows, and of too many the newest.

        Raises
        ------
        ObservationError
            If one has no time, or an id that cannot be looked up; none is then kept.
        """
        require_rows(observations)
        if observations.n_rows > self.max_rows:
            observations = rows_of(observations, slice(observations.n_rows - self.max_rows, None))
        if observations.n_rows == 0:
            return
        if observations.labels is None:
            observations = replace(observations, labels=np.full(observations.n_rows, None, dtype=object))
        with self._lock:
            self._starts.append(self._next)
            self._batches.append(observations)
            if observations.ids is not None:
                for number, prediction_id in enumerate(observations.ids.tolist(), start=self._next):
                    if prediction_id is not None:
                        self._numbers[prediction_id] = number
            self._next += observations.n_rows
            self._merge_newest()
            self._drop(self._held() - self.max_rows)

    def outcomes(
        self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float] | None = None
    ) -> JoinedOutcomes:
        """Join outcomes to the rows with these ids.

        Parameters
        ----------
        ids, y_true : sequence
            One outcome for each id.
        at : sequence of float, optional
            When each became known, seconds since 1970; without it lags are unknown.

        Returns
        -------
        JoinedOutcomes
            What became of each, as `OutcomeCounts` defines it, and the rows that now have their truth.

        Raises
        ------
        ObservationError
            If an id cannot be looked up, or an outcome is several values at once; nothing is then joined.
        """
        require_ids(ids)
        labels = single_values(y_true)
        became: Counter[str] = Counter()
        found: dict[int, tuple[Observations, list[int], list[int]]] = {}
        known_at = np.full(len(ids), np.nan) if at is None else np.asarray(at, dtype=np.float64)
        with self._lock:
            for order, (prediction_id, label) in enumerate(zip(ids, labels, strict=True)):
                place = self._place(prediction_id, label)
                if isinstance(place, str):
                    became[place] += 1
                else:
                    batch, row = place
                    _, rows, orders = found.setdefault(id(batch), (batch, [], []))
                    rows.append(row)
                    orders.append(order)
            parts = [
                rows_of(replace(batch, features={}), np.array(rows)) for batch, rows, _ in found.values()
            ]
        order_of = np.array([order for _, _, orders in found.values() for order in orders], dtype=np.int64)
        came = np.argsort(order_of)
        together = rows_of(joined(parts), came)
        return JoinedOutcomes(
            counts=OutcomeCounts(**became, joined=len(order_of)),
            rows=together,
            lags=known_at[order_of[came]] - together.times,
        )

    def window(self, since: float, until: float | None = None, limit: int | None = None) -> Observations:
        """Rows with `since` < time <= `until`; of more than `limit` the newest appended."""
        parts: list[Observations] = []
        found = 0
        with self._lock:
            for batch in reversed(self._batches):
                inside = batch.times > since
                if until is not None:
                    inside &= batch.times <= until
                part = batch if inside.all() else rows_of(batch, inside)
                if limit is not None and found + part.n_rows > limit:
                    part = rows_of(part, slice(part.n_rows - (limit - found), None))
                if part.n_rows:
                    # Outcomes are written into the labels of the batches while a check reads its window.
                    parts.append(replace(part, labels=None if part.labels is None else part.labels.copy()))
                    found += part.n_rows
                if limit is not None and found >= limit:
                    break
        return joined(parts[::-1])

    def prune(self, now: float) -> int:
        """Drop the oldest rows that are older than the retention; how many rows that was.

        Rows that were appended out of order go when those before them have gone.
        """
        oldest = now - self.retention_hours * 3600.0
        dropped = 0
        with self._lock:
            while self._batches:
                times = self._batches[0].times
                kept = np.flatnonzero(times >= oldest)
                expired = int(kept[0]) if len(kept) else len(times)
                dropped += expired
                self._drop(expired)
                if len(kept):
                    break
        return dropped

    def size(self) -> int:
        """Rows held."""
        with self._lock:
            return self._held()

    def _held(self) -> int:
        return self._next - self._starts[0] if self._starts else 0

    def _place(self, prediction_id: Hashable, label: Any) -> tuple[Observations, int] | str:  # noqa: ANN401 - labels are the user's
        """Write an outcome to its row: the batch and its row, or why there is none."""
        if label is None:
            return "invalid"
        number = self._numbers.get(prediction_id)
        if number is None:
            return "late" if hash(prediction_id) in self._gone else "unknown_id"
        position = bisect_right(self._starts, number) - 1
        labels = self._batches[position].labels
        assert labels is not None
        row = number - self._starts[position]
        if labels[row] is None:
            labels[row] = label
            return self._batches[position], row
        return "duplicate" if labels[row] == label else "conflicting"

    def _merge_newest(self) -> None:
        """Join the newest batches as in a binary counter, so that each row is copied a few times only."""
        batches = self._batches
        while len(batches) > 1 and batches[-2].n_rows <= batches[-1].n_rows:
            if batches[-2].n_rows + batches[-1].n_rows > MERGED_ROWS:
                break
            newest = batches.pop()
            self._starts.pop()
            batches[-1] = joined([batches[-1], newest])

    def _drop(self, n_rows: int) -> None:
        while n_rows > 0:
            batch = self._batches[0]
            gone = min(n_rows, batch.n_rows)
            if batch.ids is not None:
                for number, prediction_id in enumerate(batch.ids[:gone].tolist(), start=self._starts[0]):
                    if self._numbers.get(prediction_id) == number:
                        del self._numbers[prediction_id]
                        self._remember(prediction_id)
            if gone == batch.n_rows:
                del self._batches[0], self._starts[0]
            else:
                self._batches[0] = rows_of(batch, slice(gone, None))
                self._starts[0] += gone
            n_rows -= gone

    def _remember(self, prediction_id: Hashable) -> None:
        self._gone[hash(prediction_id)] = None
        if len(self._gone) > REMEMBERED_IDS:
            self._gone.popitem(last=False)  # to take the first of a dict, Python looks through all that went


def joined(parts: Sequence[Observations]) -> Observations:
    """Observations one after the other; a feature that one part lacks is missing there."""
    if not parts:
        return Observations(times=np.empty(0), features={})
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part.features)
    return Observations(
        times=np.concatenate([part.times for part in parts]),
        features={name: _stacked([_feature(part, name) for part in parts]) for name in names},
        ids=_optional([part.ids for part in parts], parts),
        scores=_optional_floats([part.scores for part in parts], parts),
        classes=_optional([part.classes for part in parts], parts),
        labels=_optional([part.labels for part in parts], parts),
        probabilities=_optional_matrices([part.probabilities for part in parts], parts),
    )


def _feature(part: Observations, name: str) -> NDArray[Any]:
    values = part.features.get(name)
    return np.full(part.n_rows, np.nan) if values is None else values


def _stacked(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if len({array.dtype for array in arrays}) == 1:
        return np.concatenate(arrays)
    # NaN means missing in a float column and None in an object column.
    as_objects = [array.astype(object) for array in arrays]
    for array, original in zip(as_objects, arrays, strict=True):
        if original.dtype != object:
            array[np.isnan(original)] = None
    return np.concatenate(as_objects)


def _optional(
    columns: Sequence[NDArray[np.object_] | None], parts: Sequence[Observations]
) -> NDArray[np.object_] | None:
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full(part.n_rows, None, dtype=object) if column is None else column
            for column, part in zip(columns, parts, strict=True)
        ]
    )


def _optional_floats(
    columns: Sequence[NDArray[np.float64] | None], parts: Sequence[Observations]
) -> NDArray[np.float64] | None:
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full(p.n_rows, np.nan) if column is None else column
            for column, p in zip(columns, parts, strict=True)
        ]
    )


def _optional_matrices(
    matrices: Sequence[NDArray[np.float64] | None], parts: Sequence[Observations]
) -> NDArray[np.float64] | None:
    """Probabilities, NaN where a part has none or those of another number of classes."""
    widths = {matrix.shape[1] for matrix in matrices if matrix is not None}
    if not widths:
        return None
    width = max(widths)
    return np.concatenate(
        [
            np.full((p.n_rows, width), np.nan) if matrix is None or matrix.shape[1] != width else matrix
            for matrix, p in zip(matrices, parts, strict=True)
        ]
    )


def rows_of(observations: Observations, rows: slice | NDArray[Any]) -> Observations:
    """The rows in a slice, at a mask or at indices."""
    return Observations(
        times=observations.times[rows],
        features={name: values[rows] for name, values in observations.features.items()},
        ids=None if observations.ids is None else observations.ids[rows],
        scores=None if observations.scores is None else observations.scores[rows],
        classes=None if observations.classes is None else observations.classes[rows],
        labels=None if observations.labels is None else observations.labels[rows],
        probabilities=None if observations.probabilities is None else observations.probabilities[rows],
    )
