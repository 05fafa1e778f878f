"""The bounded buffer between the caller's thread and the background: all that a prediction pays for.

Nothing takes a lock: `deque.append` is atomic, and the row count is an estimate that two racing threads may
leave a little low until the next `take`, which sets it right. The bound holds up to those few rows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import count_rows
from .holding import held

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .observation import Call

MAX_PENDING_ROWS = 50_000
"""Five seconds of the highest rate we measure, 10,000 rows a second; 8 MB with 20 float64 columns."""


class Buffer:
    """Calls waiting to be folded into the metrics.

    Parameters
    ----------
    max_rows : int
        So many calls of one row may wait, and besides so many rows of larger calls; a call without rows
        counts as one.
    overflow : callable (method, n_rows, seconds) -> None
        Told of a call of which nothing could be kept. It runs on the caller's thread.
    n_features : int or None
        Columns of a row, by which a one-dimensional array is told to be one row.
    """

    __slots__ = ("_n_features", "_overflow", "_rows", "calls", "max_rows")

    def __init__(
        self, max_rows: int, overflow: Callable[[str, int, float], None], n_features: int | None = None
    ) -> None:
        self.max_rows = max_rows
        self._overflow = overflow
        self._n_features = n_features
        self._rows = 0
        self.calls: deque[Call] = deque()
        """What waits. One-row arrays are appended by the wrapper itself: calling `add` would cost it more
        than all the rest."""

    def add(
        self,
        method: str,
        rows: Any,  # noqa: ANN401 - any table
        result: Any,  # noqa: ANN401
        ids: Sequence[Any] | None,
        at: float | Sequence[float] | None,
        start: float,
        end: float,
    ) -> None:
        """Keep one call as it is now: the caller may change what it passed, and what it got, at once."""
        if type(rows) is np.ndarray and rows.ndim == 2:
            n_rows = rows.shape[0]
        else:
            n_rows = count_rows(rows, self._n_features)
        weight = n_rows or 1
        room = self.max_rows - self._rows
        if weight > room:
            rows, result, ids, at = _heads(rows, result, ids, at, room, n_rows)
            if rows is None:
                self._overflow(method, n_rows, end - start)
                return
            weight = room
        kept = (method, held(rows), held(result), held(ids), held(at), end, end - start, n_rows)
        self._rows += weight
        self.calls.append(kept)

    def take(self) -> list[Call]:
        """All calls that wait, oldest first; the buffer is empty afterwards."""
        calls = self.calls
        taken = [calls.popleft() for _ in range(len(calls))]
        self._rows = 0
        return taken


_Cut = tuple[Any, Any, Any, Any]


def _heads(
    rows: Any,  # noqa: ANN401
    result: Any,  # noqa: ANN401
    ids: Any,  # noqa: ANN401
    at: Any,  # noqa: ANN401
    room: int,
    n_rows: int,
) -> _Cut:
    """First `room` rows of a call, or Nones where there is no room or the table cannot be cut."""
    nothing = (None, None, None, None)
    if room <= 0 or n_rows <= 1 or isinstance(rows, dict):
        return nothing
    try:
        part, answers = rows[:room], result[:room]
    except (TypeError, KeyError, ValueError, IndexError):
        return nothing
    return (
        part,
        answers,
        None if ids is None else ids[:room],
        at[:room] if hasattr(at, "__getitem__") else at,
    )
