"""A journal in Redis: for replicas that share a window and have a Redis anyway.

A stream holds what is known of each batch, with the number of its first row as the id of its entry;
payloads, labels and ids lie beside it. Every change is one Lua script, so nothing is ever half-written.
Everything has a time to live: a model that is gone leaves nothing behind. How much survives the death of the
server is for its own configuration to say (`appendonly`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ObservationError, StoreError
from .forks import hold_across_forks
from .journal import Entry, Label

try:
    import redis
except ImportError as error:  # pragma: no cover - told to whoever configures the store
    raise ConfigError(
        "store.type: found redis and no client, need: pip install 'driftgauge[redis]'"
    ) from error

SCHEMA_VERSION: Final = 1

SOCKET_SECONDS: Final = 5.0
"""How long a call may take. Longer, and what waits to be stored would pile up behind one call."""
READ_AT_ONCE: Final = 16
"""Payloads read together: bounds memory while old ones are looked for."""
SCANNED_AT_ONCE: Final = 1_000
"""Entries of the stream read together; about 100 bytes each."""

_APPEND: Final = """
local base, n, ttl = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local first = redis.call('INCRBY', base .. 'next', n) - n
redis.call('SET', base .. 'payload:' .. first, ARGV[5], 'EX', ttl)
redis.call('XADD', base .. 'batches', (first + 1) .. '-0', 'n_rows', n, 'oldest', ARGV[3], 'newest', ARGV[4])
redis.call('INCRBY', base .. 'held', n)
for i = 6, #ARGV, 2 do
    redis.call('SET', base .. 'id:' .. ARGV[i + 1], first + ARGV[i], 'EX', ttl)
end
for _, name in ipairs({'batches', 'held', 'skips'}) do redis.call('EXPIRE', base .. name, ttl) end
return first
"""
"""Arguments: rows, seconds to live, oldest, newest, payload, then place and key of each id."""

_LABEL: Final = """
local base, ttl, before = KEYS[1], ARGV[1], {}
for i = 2, #ARGV, 3 do
    local labels = base .. 'labels:' .. ARGV[i]
    if redis.call('HSETNX', labels, ARGV[i + 1], ARGV[i + 2]) == 0 then
        before[#before + 1] = ARGV[i + 1]
        before[#before + 1] = redis.call('HGET', labels, ARGV[i + 1])
    else
        redis.call('EXPIRE', labels, ttl)
    end
end
return before
"""
"""Arguments: seconds to live, then first row of the batch, row and label of each."""

_DROP: Final = """
local base = KEYS[1]
for i = 3, #ARGV, 2 do
    if redis.call('XDEL', base .. 'batches', (ARGV[i] + 1) .. '-0') == 1 then
        local skipped = tonumber(redis.call('HGET', base .. 'skips', ARGV[i]) or 0)
        redis.call('DECRBY', base .. 'held', ARGV[i + 1] - skipped)
        redis.call('DEL', base .. 'payload:' .. ARGV[i], base .. 'labels:' .. ARGV[i])
        redis.call('HDEL', base .. 'skips', ARGV[i])
    end
end
if ARGV[1] ~= '' and redis.call('EXISTS', base .. 'payload:' .. ARGV[1]) == 1 then
    local more = ARGV[2] - tonumber(redis.call('HGET', base .. 'skips', ARGV[1]) or 0)
    if more > 0 then
        redis.call('HSET', base .. 'skips', ARGV[1], ARGV[2])
        redis.call('DECRBY', base .. 'held', more)
    end
end
"""
"""Arguments: first row of the batch that loses some (or nothing), how many, then first row and rows of each
batch that goes."""


class RedisJournal:
    """Batches of one model version in a Redis.

    Parameters
    ----------
    url : str
        redis://:password@host:port/0, or rediss:// with TLS; its password is in no message of ours.
    model : str
        Name and version: several share the server.
    keep_seconds : float
        Time to live of everything after its last change: more than the retention, so that late outcomes are
        known as such.
    """

    def __init__(self, url: str, *, model: str, keep_seconds: float = 7 * 86_400.0) -> None:
        self._base = f"driftgauge:{{{model}}}:"  # braces: all keys on one node of a cluster
        self._ttl = max(1, int(keep_seconds))
        self._lock = threading.Lock()
        hold_across_forks(self._lock)
        self._prepared = False
        try:
            parts = urlsplit(url)
            self._place = f"redis {parts.hostname}:{parts.port or 6379}"
            self._client = redis.Redis.from_url(
                url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS
            )
        except ValueError:
            raise ConfigError(
                "store.url: found no address of a Redis, need redis://:password@host:port/0"
            ) from None
        self._append = self._client.register_script(_APPEND)
        self._label = self._client.register_script(_LABEL)
        self._drop = self._client.register_script(_DROP)

    def append(self, payload: bytes, times: NDArray[np.float64], keys: Sequence[str | None]) -> int:
        """Keep a batch and the row of each key; the number of its first row."""
        ids: list[Any] = []
        for place, key in enumerate(keys):
            if key is not None:
                ids += (place, key)
        values = [len(times), self._ttl, float(times.min()), float(times.max()), payload, *ids]
        with self._server():
            return int(self._append(keys=[self._base], args=values))

    def newest_first(self, since: float, until: float | None) -> Iterator[Entry]:
        """Batches that may hold rows with `since` < time <= `until`, the last appended first."""
        wanted: list[tuple[int, dict[bytes, bytes]]] = []
        for found in self._scan(backwards=True):
            about = found[1]
            if float(about[b"newest"]) > since and (until is None or float(about[b"oldest"]) <= until):
                wanted.append(found)
            if len(wanted) == READ_AT_ONCE:
                yield from self._entries(wanted)
                wanted = []
        yield from self._entries(wanted)

    def oldest_first(self) -> Iterator[Entry]:
        """Batches in the order in which they were appended."""
        for found in self._scan(backwards=False):
            yield from self._entries([found])

    def holding(self, rows: Sequence[int]) -> list[Entry]:
        """Batches that hold rows with these numbers, without the dropped ones."""
        with self._server():
            pipe = self._client.pipeline(transaction=False)
            for row in rows:
                pipe.xrevrange(f"{self._base}batches", max=f"{row + 1}-0", count=1)
            answers = pipe.execute()
        found = {_first(line[0][0]): line[0][1] for line in answers if line}
        return self._entries(list(found.items()))

    def rows(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Number of the last row with each key, also of rows that have been dropped not long ago."""
        if not keys:
            return {}
        with self._server():
            values = self._client.mget([f"{self._base}id:{key}" for key in keys])
        return {key: int(value) for key, value in zip(keys, values, strict=True) if value is not None}

    def set_labels(self, labels: Sequence[Label]) -> Mapping[int, str]:
        """Label rows that have none; the label of each row as it stands before this call, if it had one."""
        entries = sorted(self.holding([label.row for label in labels]), key=lambda entry: entry.first)
        firsts = np.array([entry.first for entry in entries], dtype=np.int64)
        values: list[Any] = [self._ttl]
        for label in labels:
            place = int(np.searchsorted(firsts, label.row, side="right")) - 1
            if place >= 0:
                values += (int(firsts[place]), label.row, label.text)
        if len(values) == 1:
            return {}
        with self._server():
            before = self._label(keys=[self._base], args=values)
        return {int(row): text.decode() for row, text in _pairs(before)}

    def labels(self, entries: Sequence[Entry]) -> Mapping[int, str]:
        """Labels of rows of these batches by row number."""
        with self._server():
            pipe = self._client.pipeline(transaction=False)
            for entry in entries:
                pipe.hgetall(f"{self._base}labels:{entry.first}")
            answers = pipe.execute()
        return {int(row): text.decode() for labels in answers for row, text in labels.items()}

    def drop(self, whole: Sequence[Entry], partly: Entry | None, skip: int) -> None:
        """Forget whole batches, and the first `skip` rows of one more."""
        values: list[Any] = ["" if partly is None else partly.first, skip]
        for entry in whole:
            values += (entry.first, entry.n_rows)
        with self._server():
            self._drop(keys=[self._base], args=values)

    def size(self) -> int:
        """Rows held, without those dropped."""
        with self._server():
            return int(self._client.get(f"{self._base}held") or 0)

    def close(self) -> None:
        """Close all connections; the next use opens one again."""
        self._client.close()

    def _scan(self, *, backwards: bool) -> Iterator[tuple[int, dict[bytes, bytes]]]:
        """First row of each batch and what is known of it, page by page."""
        name, edge = f"{self._base}batches", "+" if backwards else "-"
        while True:
            with self._server():
                page: Any = (
                    self._client.xrevrange(name, max=edge, count=SCANNED_AT_ONCE)
                    if backwards
                    else self._client.xrange(name, min=edge, count=SCANNED_AT_ONCE)
                )
            for number, about in page:
                yield _first(number), about
            if len(page) < SCANNED_AT_ONCE:
                return
            edge = f"({page[-1][0].decode()}"

    def _entries(self, found: Sequence[tuple[int, Mapping[bytes, bytes]]]) -> list[Entry]:
        """The batches with these first rows; one whose payload has been dropped meanwhile is left out."""
        if not found:
            return []
        with self._server():
            payloads: Any = self._client.mget([f"{self._base}payload:{first}" for first, _ in found])
            skips = self._client.hmget(f"{self._base}skips", [str(first) for first, _ in found])
        return [
            Entry(
                first=first,
                n_rows=int(about[b"n_rows"]),
                skip=int(skip or 0),
                oldest=float(about[b"oldest"]),
                newest=float(about[b"newest"]),
                payload=payload,
            )
            for (first, about), payload, skip in zip(found, payloads, skips, strict=True)
            if payload is not None
        ]

    @contextmanager
    def _server(self) -> Iterator[None]:
        """The server, of our version of the schema.

        Raises
        ------
        StoreError
            If it cannot be used for now.
        ObservationError
            If a value is none that a Redis takes.
        """
        try:
            with self._lock:
                if not self._prepared:
                    self._client.set(f"{self._base}version", SCHEMA_VERSION, nx=True)
                    version = self._client.get(f"{self._base}version")
                    if version is None or int(version) != SCHEMA_VERSION:
                        raise ConfigError(
                            f"{self._place}: found schema version {version!r}, need {SCHEMA_VERSION}"
                        )
                    self._prepared = True
            yield
        except redis.DataError as error:
            raise ObservationError(
                f"{self._place}: found a value that it refuses ({error}), need text, bytes or numbers"
            ) from error
        except redis.RedisError as error:
            raise StoreError(
                f"{self._place}: found it unusable for now ({error}), need a Redis that takes writes"
            ) from error


def _first(number: bytes) -> int:
    """First row of a batch by the id of its entry."""
    return int(number.split(b"-")[0]) - 1


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
