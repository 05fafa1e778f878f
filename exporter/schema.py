"""How often calls had other columns than the reference, over a window: from totals that only grow."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

MAX_SNAPSHOTS: Final = 2000
"""Looks kept: seven days of checks every five minutes. With more of them a long window is cut short."""


@dataclass(slots=True)
class SchemaCounts:
    """Calls since the start.

    Attributes
    ----------
    calls : int
        All whose rows were looked at.
    violations : Counter
        Those that had other columns, by violation.
    """

    calls: int = 0
    violations: Counter[str] = field(default_factory=Counter)


class SchemaHistory:
    """Totals at each check, so that the share of a window is a difference of two of them.

    Parameters
    ----------
    counts : SchemaCounts
        What grows.
    """

    def __init__(self, counts: SchemaCounts) -> None:
        self._counts = counts
        self._snapshots: deque[tuple[float, SchemaCounts]] = deque(maxlen=MAX_SNAPSHOTS)

    def look(self, now: float) -> None:
        """Remember the totals of now."""
        found = SchemaCounts(self._counts.calls, Counter(self._counts.violations))
        self._snapshots.append((now, found))

    def shares(self, since: float) -> dict[str, float] | None:
        """Share of the calls after a time by violation, as of the last look; None without any call."""
        if not self._snapshots:
            return None
        latest = self._snapshots[-1][1]
        oldest = self._snapshots[0][1] if len(self._snapshots) == MAX_SNAPSHOTS else SchemaCounts()
        before = next((found for at, found in reversed(self._snapshots) if at <= since), oldest)
        calls = latest.calls - before.calls
        if calls <= 0:
            return None
        grown = latest.violations - before.violations
        return {violation: count / calls for violation, count in grown.items()}
