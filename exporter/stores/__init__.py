"""Where the rows of a window wait: one small protocol, and the stores that keep it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..observation import JoinedOutcomes, Observations
from .memory import MemoryStore

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """A bounded window of observations, joined with their outcomes by prediction id.

    Times are seconds since 1970. Implementations are safe to call from several threads and raise
    `StoreError` for trouble that may pass, and `ObservationError` for rows or outcomes that they can never
    take: none of these is then kept, and the next ones are welcome.
    """

    def append(self, observations: Observations) -> None:
        """Keep these rows."""

    def outcomes(
        self, ids: Sequence[Any], y_true: Sequence[Any], at: Sequence[float] | None = None
    ) -> JoinedOutcomes:
        """Join outcomes to the rows with these prediction ids; `at` is when each became known."""

    def window(self, since: float, until: float | None = None, limit: int | None = None) -> Observations:
        """Rows with `since` < time <= `until`; of more than `limit` the newest appended."""

    def prune(self, now: float) -> int:
        """Drop what retention no longer covers; how many rows that was."""

    def size(self) -> int:
        """Rows held."""
