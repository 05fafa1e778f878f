"""A window in InfluxDB: rows are points that anybody can draw, and wait where a team's other series are.

A database of series is no journal: it keeps points by time, writes without transactions, and cannot look a
value up. So rows come back in the order of their times; an append that failed half-way is made whole by
repeating it, since a point replaces itself; ids are remembered by the process that wrote them and else looked
for in all rows; and two processes that bring one outcome at the same moment may both count it.
"""

from __future__ import annotations

import math
import os
import threading
import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..observation import JoinedOutcomes, Observations, OutcomeCounts
from . import batch as batches
from .forks import hold_across_forks
from .influx_points import layout_of
from .influx_server import InfluxServer
from .influx_tables import InfluxTables, Point
from .journal import same
from .line_protocol import SLOT, slot, slots
from .memory import MAX_ROWS, REMEMBERED_IDS, RETENTION_HOURS, joined, rows_of
from .refusals import require_ids, require_rows, single_values

LOOSE: Final = 10
"""The bound on rows is kept to a tenth: to delete costs InfluxDB far more than to keep."""


class InfluxStore:
    """The window of a model version in an InfluxDB.

    Parameters
    ----------
    url : str
        http://user:password@host:8086/database; its password is in no message of ours.
    model : str
        Name and version: several share the database.
    max_rows : int
        Rows held at most, and up to a tenth more for a moment; the oldest by their time are dropped first.
    retention_hours : float
        Age from which on rows are dropped by `prune`.
    """

    def __init__(
        self, url: str, *, model: str, max_rows: int = MAX_ROWS, retention_hours: float = RETENTION_HOURS
    ) -> None:
        self.max_rows = max_rows
        self.retention_hours = retention_hours
        self._tables = InfluxTables(InfluxServer(url), model=model)
        self._appending = threading.Lock()
        self._joining = threading.Lock()
        for lock in (self._appending, self._joining):  # joining takes appending: the last is held first
            hold_across_forks(lock)
        self._process = 0
        self._writer = ""
        self._next = 0
        self._doubtful: tuple[Observations | None, int] = (None, 0)
        self._uncounted = max_rows  # what is there already has not been counted
        self._infinite: set[str] = set()
        self._written: dict[str, int] = {}

    def append(self, observations: Observations) -> None:
        """Keep these rows, and of too many the newest; all of them are kept when this returns.

        After a `StoreError` some may be. The same observations appended again replace them.

        Raises
        ------
        ObservationError
            If they can never be kept.
        """
        require_rows(observations)
        with self._appending:
            self._begin_process()
            if self._doubtful[0] is not observations:
                self._doubtful = (observations, self._next)
                self._next += observations.n_rows
            self._append(observations, self._doubtful[1])
            self._doubtful = (None, 0)
            self._uncounted += observations.n_rows
            if self._uncounted > self.max_rows // LOOSE:
                self._shrink()
                self._uncounted = 0

    def outcomes(
        self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float] | None = None
    ) -> JoinedOutcomes:
        """Join outcomes to the rows with these ids; see `MemoryStore.outcomes`.

        That an outcome is late, not unknown, is told for rows of this process alone.
        """
        known_at = np.full(len(ids), np.nan) if at is None else np.asarray(at, dtype=np.float64)
        require_ids(ids)
        labels = single_values(y_true)
        with self._joining:
            return self._join([batches.key_of(one) for one in ids], labels, known_at)

    def window(self, since: float, until: float | None = None, limit: int | None = None) -> Observations:
        """Rows with `since` < time <= `until` in the order of time; of more than `limit` the newest."""
        parts = [] if limit == 0 else self._tables.window(since, math.inf if until is None else until, limit)
        if not parts:
            return joined([])
        at = np.concatenate([part.at for part in parts])
        labels = self._tables.labels(int(at.min()), int(at.max()))
        writers = [part.writer for part in parts for _ in part.at]
        texts = (
            [labels.get(point) for point in zip(writers, at.tolist(), strict=True)]
            if labels
            else [None] * len(at)
        )
        column = batches.objects(None if text is None else batches.label_of(text) for text in texts)
        order = np.argsort(at, kind="stable")
        together = replace(joined([part.rows for part in parts]), labels=column)
        return rows_of(together, order if limit is None else order[-limit:])

    def prune(self, now: float) -> int:
        """Drop rows that are older than the retention, to the millisecond; how many rows that was."""
        edge = slot(now - self.retention_hours * 3600.0)
        dropped = self._tables.count(edge)
        if dropped:
            self._tables.drop(edge)
        return dropped

    def size(self) -> int:
        """Rows held."""
        return self._tables.count()

    def close(self) -> None:
        """Close all connections; the next use opens one again."""
        self._tables.close()

    def _begin_process(self) -> None:
        """Write under a name of this process's own: points of a forked child are not its parent's."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._writer = uuid.uuid4().hex[:12]
            self._next = 0
            self._doubtful = (None, 0)
            self._written = {}

    def _append(self, observations: Observations, first: int) -> None:
        if observations.n_rows > self.max_rows:
            first += observations.n_rows - self.max_rows
            observations = rows_of(observations, slice(observations.n_rows - self.max_rows, None))
        if observations.n_rows == 0:
            return
        at = slots(observations.times) + np.arange(first, first + observations.n_rows) % SLOT
        self._tables.write_rows(observations, layout_of(observations, self._infinite), self._writer, at)
        if observations.labels is not None:
            known = zip(at.tolist(), observations.labels.tolist(), strict=True)
            self._tables.write_labels(
                {(self._writer, point): (label, math.nan) for point, label in known if label is not None}
            )
        if observations.ids is not None:
            for one, point in zip(observations.ids.tolist(), at.tolist(), strict=True):
                if one is not None:
                    self._written[batches.key_of(one)] = point
            excess = len(self._written) - self.max_rows - REMEMBERED_IDS
            for key in list(islice(self._written, max(0, excess))):
                del self._written[key]

    def _shrink(self) -> None:
        """Drop the oldest rows above the bound."""
        excess = self._tables.count() - self.max_rows
        edge = self._tables.edge(excess) if excess > 0 else None
        if edge is not None:
            self._tables.drop(edge)

    def _join(self, keys: Sequence[str], y_true: Sequence[Any], at: NDArray[np.float64]) -> JoinedOutcomes:
        """Label the rows with these keys."""
        became: Counter[str] = Counter()
        point_of = self._points(set(keys))
        rows, place_of, before = self._held(set(point_of.values()))
        new: dict[Point, int] = {}
        for order, (key, label) in enumerate(zip(keys, y_true, strict=True)):
            point = point_of.get(key)
            if label is None:
                became["invalid"] += 1
            elif point is None:
                became["unknown_id"] += 1
            elif point not in place_of:
                became["late"] += 1
            elif point in before:
                became[same(before[point], batches.label_text(label))] += 1
            else:
                new[point] = order
                before[point] = batches.label_text(label)
        self._tables.write_labels({point: (y_true[order], float(at[order])) for point, order in new.items()})
        chosen = rows_of(rows, np.array([place_of[point] for point in new], dtype=np.int64))
        return JoinedOutcomes(
            counts=OutcomeCounts(**became, joined=len(new)),
            rows=replace(chosen, labels=batches.objects(batches.label_of(before[point]) for point in new)),
            lags=at[list(new.values())] - chosen.times,
        )

    def _points(self, keys: Collection[str]) -> dict[str, Point]:
        """The last row with each key, as far as there is one."""
        with self._appending:
            self._begin_process()
            found = {key: (self._writer, self._written[key]) for key in keys if key in self._written}
        left = set(keys) - found.keys()
        if left:
            elsewhere: dict[str, Point] = {}
            for point, text in self._tables.ids():
                key = batches.key_of(batches.id_of(batches.label_of(text)))
                if key in left and (key not in elsewhere or elsewhere[key][1] < point[1]):
                    elsewhere[key] = point
            found |= elsewhere
        return found

    def _held(self, points: Collection[Point]) -> tuple[Observations, dict[Point, int], dict[Point, str]]:
        """The rows at these points without features, the place of each among them, and their labels."""
        wanted = np.array([at for _, at in points], dtype=np.int64)
        parts = self._tables.held(wanted)
        of_points = [
            (part, np.flatnonzero([(part.writer, at) in points for at in part.at.tolist()])) for part in parts
        ]
        place_of = {
            point: place
            for place, point in enumerate(
                (part.writer, at) for part, rows in of_points for at in part.at[rows].tolist()
            )
        }
        before = self._tables.labels(int(wanted.min()), int(wanted.max())) if place_of else {}
        return joined([rows_of(part.rows, rows) for part, rows in of_points]), place_of, before
