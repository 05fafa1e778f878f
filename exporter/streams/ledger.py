"""Where in its topics a window ends: kept in the batches of the store themselves.

Each batch carries the offset after its last message for every partition that its writer held. So a batch and
its place in the topics are there together or not at all, in any journal; whoever takes over a partition asks
the store where to begin, and reads no row twice and skips none. What Kafka has as committed is for those who
watch the lag, and for what no batch tells: outcomes and refused messages, and a store in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ConfigError
from ..observation import Observations
from ..stores import MemoryStore, Store
from ..stores.journal import JournalStore

Place = tuple[str, int]
"""A topic and one of its partitions."""


class Ledger:
    """A store with the places that its batches came from.

    Parameters
    ----------
    store : Store
        One in memory has no ledger: its window ends with its process, and nothing is left to go on from.
    group : str
        Places are those of a consumer group.

    Raises
    ------
    ConfigError
        If the store cannot keep rows and their places in one.
    """

    def __init__(self, store: Store, group: str) -> None:
        if not isinstance(store, JournalStore | MemoryStore):
            raise ConfigError(
                "store.type: found influxdb, need sqlite, postgresql, redis or memory for a stream:"
                " InfluxDB has no transactions, so rows and their offsets could not be kept together,"
                " and after a kill rows would be there twice"
            )
        self._store = store
        self._group = group

    def append(self, observations: Observations, reached: Mapping[Place, int]) -> None:
        """Keep rows and what was reached with them, in one; the same rows may be tried again.

        Raises
        ------
        StoreError
            If the store is away. The rows may be there all the same: then its answer was lost.
        """
        if isinstance(self._store, JournalStore):
            marks = [[topic, partition, offset] for (topic, partition), offset in sorted(reached.items())]
            self._store.append(observations, {"group": self._group, "reached": marks})
        else:
            self._store.append(observations)

    def reached(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset after the last message in the store for each of these places that it has any of.

        Raises
        ------
        StoreError
            If the store is away.
        """
        wanted = set(places)
        found: dict[Place, int] = {}
        if not isinstance(self._store, JournalStore):
            return found
        for note in self._store.notes():
            if not wanted:
                break
            if note.get("group") == self._group:
                for topic, partition, offset in note["reached"]:
                    if (topic, partition) in wanted:
                        wanted.remove((topic, partition))
                        found[topic, partition] = offset
        return found


def begin_at(reached: int | None, committed: int | None, metadata: str | None) -> int | None:
    """Offset from which a partition is read; None where the group has never been there.

    Parameters
    ----------
    reached : int or None
        What the store says.
    committed : int or None
        What Kafka has, and what was written beside it (`metadata_of`).

    Examples
    --------
    >>> begin_at(70, 80, metadata_of(70))  # ten refused messages after the last row
    80
    >>> begin_at(70, 80, metadata_of(80))  # the store has lost ten messages, in the crash of its machine
    70
    """
    if reached is None or committed is None:
        return committed if reached is None else reached
    stored = _stored(metadata)
    return reached if stored is not None and stored > reached else max(reached, committed)


def metadata_of(stored: int | None) -> str:
    """What to commit beside an offset: how far the store itself had come."""
    return json.dumps({"stored": stored})


def _stored(metadata: str | None) -> int | None:
    try:
        found: Any = json.loads(metadata or "null")
    except (ValueError, RecursionError):
        return None  # committed by another program
    stored = found.get("stored") if isinstance(found, dict) else None
    return stored if isinstance(stored, int) else None
