"""Outcomes that are new in a window which other processes write to.

Whoever joins an outcome knows that it is new; a process that checks a shared store has to look. It remembers
the labelled rows of the longest window. Within a check they come in the order in which they were predicted,
and an outcome that comes after its row has left that window is not seen.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np

from .observation import JoinedOutcomes, Observations, OutcomeCounts
from .stores.memory import rows_of


class Arrivals:
    """Remembers which rows had their outcome at the last look."""

    def __init__(self) -> None:
        self._known: set[tuple[str, float]] = set()
        self._skipping = False
        self._lock = threading.Lock()

    def skip_known(self) -> None:
        """Take what the next look finds as known: somebody has followed it before."""
        self._skipping = True

    def new(self, rows: Observations) -> JoinedOutcomes:
        """Rows that have their outcome now and had none before, without features."""
        with self._lock:
            labels = [None] * rows.n_rows if rows.labels is None else rows.labels.tolist()
            ids = [None] * rows.n_rows if rows.ids is None else rows.ids.tolist()
            keys = list(zip(map(str, ids), rows.times.tolist(), strict=True))
            labelled = {key for key, label in zip(keys, labels, strict=True) if label is not None}
            fresh = labelled - self._known
            if self._skipping:
                fresh, self._skipping = set(), False
            self._known = labelled
            places = np.array([place for place, key in enumerate(keys) if key in fresh], dtype=np.int64)
        chosen = rows_of(replace(rows, features={}), places)
        return JoinedOutcomes(
            counts=OutcomeCounts(joined=len(places)), rows=chosen, lags=np.zeros(len(places))
        )
