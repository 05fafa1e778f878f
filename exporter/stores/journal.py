"""A window of observations on top of any journal of batches: what SQLite, PostgreSQL and Redis share.

A journal keeps batches of numbered rows, the row of each prediction id, and the labels of rows; each
operation of it is one transaction. What that means for windows, outcomes and retention is decided here, once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..observation import JoinedOutcomes, Observations, OutcomeCounts
from . import batch as batches
from .memory import MAX_ROWS, RETENTION_HOURS, joined, rows_of
from .refusals import require_ids, require_rows, single_values

FOUND_AT_ONCE: Final = 10_000
"""Outcomes that are looked up together: bounds what one call to a database carries."""

SEARCHED_FOR_A_DOUBLE: Final = 64
"""Newest batches among which one whose append had no answer is looked for; other replicas append too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A batch as a journal keeps it.

    Attributes
    ----------
    first : int
        Number of its first row; rows are numbered in the order in which they were appended.
    n_rows : int
        Rows in `payload`.
    skip : int
        Rows at its beginning that retention has dropped.
    oldest, newest : float
        Of the times of its rows.
    payload : bytes
        See `batch`.
    """

    first: int
    n_rows: int
    skip: int
    oldest: float
    newest: float
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label for a row, as text of JSON, and when it became known (NaN: not said)."""

    row: int
    text: str
    at: float


class Journal(Protocol):
    """What a database has to do.

    Every call is atomic and raises `StoreError` for trouble that may pass, and `ObservationError` for what
    this database refuses to take, now and ever.
    """

    def append(self, payload: bytes, times: NDArray[np.float64], keys: Sequence[str | None]) -> int:
        """Keep a batch and the row of each key; the number of its first row."""

    def newest_first(self, since: float, until: float | None) -> Iterator[Entry]:
        """Batches that may hold rows with `since` < time <= `until`, the last appended first."""

    def holding(self, rows: Sequence[int]) -> list[Entry]:
        """Batches that hold rows with these numbers, without the dropped ones."""

    def rows(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Number of the last row with each key, also of rows that have been dropped not long ago."""

    def set_labels(self, labels: Sequence[Label]) -> Mapping[int, str]:
        """Label rows that have none; the label of each row as it stands before this call, if it had one."""

    def labels(self, entries: Sequence[Entry]) -> Mapping[int, str]:
        """Labels of rows of these batches by row number."""

    def oldest_first(self) -> Iterator[Entry]:
        """Batches in the order in which they were appended."""

    def drop(self, whole: Sequence[Entry], partly: Entry | None, skip: int) -> None:
        """Forget whole batches, and the first `skip` rows of one more."""

    def size(self) -> int:
        """Rows held, without those dropped."""

    def close(self) -> None:
        """Let go of connections."""


class JournalStore:
    """The window store over a journal.

    Parameters
    ----------
    journal : Journal
    max_rows : int
        Rows held at most; the oldest are dropped first.
    retention_hours : float
        Age from which on rows are dropped by `prune`.
    """

    def __init__(
        self, journal: Journal, *, max_rows: int = MAX_ROWS, retention_hours: float = RETENTION_HOURS
    ) -> None:
        self.max_rows = max_rows
        self.retention_hours = retention_hours
        self._journal = journal
        self._doubtful: Observations | None = None

    def append(self, observations: Observations, note: Mapping[str, Any] | None = None) -> None:
        """Keep these rows, and of too many the newest; they are durable when this returns, with the note.

        The same observations may be appended again after a `StoreError`: they are kept once, even if the
        journal had them when its answer was lost, or had no answer when older rows had to go for them.

        Raises
        ------
        ObservationError
            If they can never be kept.
        """
        require_rows(observations)
        again, self._doubtful = observations is self._doubtful, observations
        self._append(observations, note, again=again)
        self._shrink()
        self._doubtful = None

    def notes(self) -> Iterator[Mapping[str, Any]]:
        """What was noted with each batch that is still there, the last appended first."""
        for entry in self._journal.newest_first(-math.inf, None):
            note = batches.note_of(entry.payload)
            if note is not None:
                yield note

    def _append(self, observations: Observations, note: Mapping[str, Any] | None, *, again: bool) -> None:
        if observations.n_rows > self.max_rows:
            observations = rows_of(observations, slice(observations.n_rows - self.max_rows, None))
        if observations.n_rows == 0:
            return
        ids = [] if observations.ids is None else observations.ids.tolist()
        keys = [None if one is None else batches.key_of(one) for one in ids]
        payload = batches.encode(observations, note)
        labels = [] if observations.labels is None else observations.labels.tolist()
        # Before the rows are kept: whoever is told that they cannot be must not find them.
        texts = {row: batches.label_text(label) for row, label in enumerate(labels) if label is not None}
        first = self._found(payload) if again else None
        if first is None:
            first = self._journal.append(payload, observations.times, keys)
        if texts:
            self._journal.set_labels(
                [Label(row=first + row, text=text, at=math.nan) for row, text in texts.items()]
            )

    def _found(self, payload: bytes) -> int | None:
        """First row of a batch that was appended before its answer was lost; None if it was not."""
        newest = islice(self._journal.newest_first(-math.inf, None), SEARCHED_FOR_A_DOUBLE)
        return next((entry.first for entry in newest if entry.payload == payload), None)

    def outcomes(
        self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float] | None = None
    ) -> JoinedOutcomes:
        """Join outcomes to the rows with these ids; see `MemoryStore.outcomes`."""
        require_ids(ids)
        labels = single_values(y_true)
        became: Counter[str] = Counter()
        parts: list[tuple[Observations, NDArray[np.int64]]] = []
        known_at = np.full(len(ids), np.nan) if at is None else np.asarray(at, dtype=np.float64)
        for start in range(0, len(ids), FOUND_AT_ONCE):
            chosen = slice(start, start + FOUND_AT_ONCE)
            parts += self._join(list(ids)[chosen], labels[chosen], known_at[chosen], start, became)
        together = joined([part for part, _ in parts])
        order_of = np.concatenate([order for _, order in parts]) if parts else np.empty(0, np.int64)
        came = np.argsort(order_of, kind="stable")
        together = rows_of(together, came)
        return JoinedOutcomes(
            counts=OutcomeCounts(**became, joined=len(order_of)),
            rows=together,
            lags=known_at[order_of[came]] - together.times,
        )

    def window(self, since: float, until: float | None = None, limit: int | None = None) -> Observations:
        """Rows with `since` < time <= `until`; of more than `limit` the newest appended."""
        chosen: list[tuple[Entry, Observations, NDArray[np.int64]]] = []
        found = 0
        for entry in self._journal.newest_first(since, until):
            part = batches.decode(entry.payload)
            inside = part.times > since
            if until is not None:
                inside &= part.times <= until
            inside[: entry.skip] = False
            rows = np.flatnonzero(inside)
            if limit is not None and found + len(rows) > limit:
                rows = rows[len(rows) - (limit - found) :]
            if len(rows):
                chosen.append((entry, part, rows))
                found += len(rows)
            if limit is not None and found >= limit:
                break
        chosen.reverse()
        labels = self._journal.labels([entry for entry, _, _ in chosen]) if chosen else {}
        return joined(
            [
                rows_of(replace(part, labels=_labels(entry, part.n_rows, labels)), rows)
                for entry, part, rows in chosen
            ]
        )

    def prune(self, now: float) -> int:
        """Drop the oldest rows that are older than the retention; how many rows that was.

        Rows that were appended out of order go when those before them have gone.
        """
        oldest = now - self.retention_hours * 3600.0
        whole: list[Entry] = []
        partly, skip, dropped = None, 0, 0
        for entry in self._journal.oldest_first():
            # What newest says may be of a row that has gone, or NaN in a batch of an earlier release.
            kept = _kept(entry, oldest) if not entry.newest < oldest else None
            if kept is None:
                whole.append(entry)
                dropped += entry.n_rows - entry.skip
                continue
            if kept > 0:
                partly, skip = entry, entry.skip + kept
                dropped += kept
            break
        if dropped:
            self._journal.drop(whole, partly, skip)
        return dropped

    def size(self) -> int:
        """Rows held."""
        return self._journal.size()

    def close(self) -> None:
        """Let go of connections."""
        self._journal.close()

    def _shrink(self) -> None:
        """Drop the oldest rows above the bound."""
        excess = self._journal.size() - self.max_rows
        if excess <= 0:
            return
        whole: list[Entry] = []
        partly, skip = None, 0
        for entry in self._journal.oldest_first():
            held = entry.n_rows - entry.skip
            if held > excess:
                if excess > 0:
                    partly, skip = entry, entry.skip + excess
                break
            whole.append(entry)
            excess -= held
        self._journal.drop(whole, partly, skip)

    def _join(
        self,
        ids: Sequence[Any],
        y_true: Sequence[Any],
        at: NDArray[np.float64],
        start: int,
        became: Counter[str],
    ) -> list[tuple[Observations, NDArray[np.int64]]]:
        """Label the rows of some outcomes: the rows that now have their truth, and the places of these."""
        keys = [batches.key_of(one) for one in ids]
        row_of = self._journal.rows(sorted(set(keys)))
        held = _by_row(self._journal.holding(sorted(set(row_of.values()))))
        offered: dict[int, tuple[int, str]] = {}
        again: list[tuple[int, str]] = []
        for order, (key, label) in enumerate(zip(keys, y_true, strict=True)):
            if label is None:
                became["invalid"] += 1
            elif key not in row_of:
                became["unknown_id"] += 1
            elif _entry(held, row_of[key]) is None:
                became["late"] += 1
            elif row_of[key] in offered:
                again.append((row_of[key], batches.label_text(label)))
            else:
                offered[row_of[key]] = (order, batches.label_text(label))
        before = self._journal.set_labels(
            [Label(row=row, text=text, at=float(at[order])) for row, (order, text) in offered.items()]
        )
        for row, (_, text) in offered.items():
            if row in before:
                became[same(before[row], text)] += 1
        for row, text in again:
            became[same(before.get(row, offered[row][1]), text)] += 1
        return _truths(held, {row: place for row, place in offered.items() if row not in before}, start)


def same(first: str, second: str) -> str:
    """Whether a second label says what the first one did; 1 and 1.0 and true do."""
    return "duplicate" if batches.label_of(first) == batches.label_of(second) else "conflicting"


def _kept(entry: Entry, oldest: float) -> int | None:
    """Place of the first row that is not too old among those that were not skipped; None if there is none."""
    times = batches.decode(entry.payload).times[entry.skip :]
    kept = np.flatnonzero(np.isfinite(times) & (times >= oldest))
    return int(kept[0]) if len(kept) else None


def _by_row(entries: Sequence[Entry]) -> tuple[NDArray[np.int64], list[Entry]]:
    ordered = sorted(entries, key=lambda entry: entry.first)
    return np.array([entry.first for entry in ordered], dtype=np.int64), ordered


def _entry(held: tuple[NDArray[np.int64], list[Entry]], row: int) -> int | None:
    """Place of the batch that holds a row; None if it has been dropped."""
    firsts, entries = held
    place = int(np.searchsorted(firsts, row, side="right")) - 1
    if place < 0:
        return None
    inside = row - entries[place].first
    return place if entries[place].skip <= inside < entries[place].n_rows else None


def _truths(
    held: tuple[NDArray[np.int64], list[Entry]], new: Mapping[int, tuple[int, str]], start: int
) -> list[tuple[Observations, NDArray[np.int64]]]:
    """Rows with their new labels, batch by batch, without features, and where their outcomes stood."""
    of_entry: dict[int, list[int]] = {}
    for row in new:
        place = _entry(held, row)
        assert place is not None
        of_entry.setdefault(place, []).append(row)
    parts = []
    for place, rows in of_entry.items():
        entry = held[1][place]
        part = replace(batches.decode(entry.payload), features={})
        part = rows_of(part, np.array(rows, dtype=np.int64) - entry.first)
        labels = batches.objects(batches.label_of(new[row][1]) for row in rows)
        orders = np.array([start + new[row][0] for row in rows], dtype=np.int64)
        parts.append((replace(part, labels=labels), orders))
    return parts


def _labels(entry: Entry, n_rows: int, labels: Mapping[int, str]) -> NDArray[np.object_]:
    column = np.full(n_rows, None, dtype=object)
    for row in range(n_rows) if labels else ():
        text = labels.get(entry.first + row)
        if text is not None:
            column[row] = batches.label_of(text)
    return column
