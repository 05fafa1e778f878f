"""Channels, messages and threads in memory: what the fake Slack's calls work on. No HTTP in here."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .. import pacing
from ..markup import MAX_TEXT
from . import blockkit

KEPT_MESSAGES: Final = 5_000
"""Messages remembered, so that an inbox left open for a month does not grow without bound."""

Reply = dict[str, Any]
_SHOWN: Final = ("text", "blocks", "attachments")


@dataclass(slots=True)
class Posted:
    """One message as the workspace shows it.

    Attributes
    ----------
    versions : list of (float, mapping)
        When it was written and what it said, from the first to the newest.
    """

    channel: str
    ts: str
    thread_ts: str | None
    metadata: Mapping[str, Any] | None
    versions: list[tuple[float, Mapping[str, Any]]]
    deleted: bool = False

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says now: text, blocks, attachments."""
        return self.versions[-1][1]

    @property
    def identity(self) -> object:
        """What makes two messages the same one sent twice: the sender's id, or without it the text."""
        payload = (self.metadata or {}).get("event_payload") or {}
        return payload.get("id") or self.versions[0][1].get("text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What happened so far. `doubled` counts messages that stand there once too often."""

    posted: int
    replied: int
    updated: int
    rate_limited: int
    refused: int
    doubled: int


@dataclass(slots=True)
class Workspace:
    """Channels and messages; safe to use from many threads.

    Parameters
    ----------
    pace : pacing.Pace, optional
        Posts that a channel takes before it answers 429; without it, as many as come.
    clock : callable
        Seconds since 1970.
    """

    pace: pacing.Pace | None = None
    clock: Callable[[], float] = time.time
    messages: list[Posted] = field(default_factory=list)
    channel_names: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    _events: Counter[str] = field(default_factory=Counter)
    _buckets: dict[str, pacing.Bucket] = field(default_factory=dict)
    _last: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def wait(self, channel: str) -> int:
        """Whole seconds until a channel takes another post; 0 takes it now."""
        if self.pace is None:
            return 0
        with self._lock:
            now = self.clock()
            bucket = self._buckets.get(channel) or pacing.Bucket(tokens=self.pace.burst, at=now)
            seconds = pacing.wait(bucket, self.pace, now)
            if seconds > 0:
                self._events["rate_limited"] += 1
                return math.ceil(seconds)
            self._buckets[channel] = pacing.take(bucket, self.pace, now)
            return 0

    def post(self, body: Mapping[str, Any]) -> Reply:
        """chat.postMessage: the answer's JSON."""
        with self._lock:
            problem = self._refusal(body)
            if problem:
                return problem
            channel = self.channel_id(str(body.get("channel", "")))
            thread_ts = body.get("thread_ts")
            if thread_ts is not None and self._find(channel, str(thread_ts)) is None:
                return self._error("thread_not_found")
            # Slack's ts is a time in microseconds that no two messages of a channel share.
            self._last = max(self._last + 1, int(self.clock() * 1e6))
            ts = f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
            message = Posted(channel, ts, thread_ts, body.get("metadata"), [(self.clock(), _shown(body))])
            self.messages.append(message)
            del self.messages[:-KEPT_MESSAGES]
            self._events["posted" if thread_ts is None else "replied"] += 1
            return {"ok": True, "channel": channel, "ts": ts, "message": {"ts": ts, **_shown(body)}}

    def update(self, body: Mapping[str, Any]) -> Reply:
        """chat.update: the answer's JSON."""
        with self._lock:
            if len(str(body.get("text", ""))) > MAX_TEXT:
                return self._error("msg_too_long")
            problem = self._refusal(body)
            if problem:
                return problem
            channel = str(body.get("channel", ""))
            if channel not in self.channel_names:
                return self._error("channel_not_found")  # only the id will do here, as with Slack
            message = self._find(channel, str(body.get("ts", "")))
            if message is None:
                return self._error("message_not_found")
            # What is left out stays as it was.
            message.versions.append((self.clock(), {**message.body, **_shown(body)}))
            self._events["updated"] += 1
            return {"ok": True, "channel": channel, "ts": message.ts, "text": str(body.get("text", ""))}

    def history(self, query: Mapping[str, str], *, replies: bool) -> Reply:
        """conversations.history or conversations.replies: the answer's JSON, a page of it."""
        with self._lock:
            channel = query.get("channel", "")
            if channel not in self.channel_names:
                return self._error("channel_not_found")
            oldest, thread = float(query.get("oldest") or 0), query.get("ts")
            found = [
                message
                for message in self.messages
                if message.channel == channel
                and not message.deleted
                and float(message.ts) >= oldest
                and ((thread in (message.thread_ts, message.ts)) if replies else message.thread_ts is None)
            ]
            if not replies:
                found.reverse()  # Slack lists a channel from its newest message, a thread from its oldest
            start, limit = int(query.get("cursor") or 0), int(query.get("limit") or 100)
            page = found[start : start + limit]
            more = start + limit < len(found)
            with_metadata = query.get("include_all_metadata") in ("true", "1")
            return {
                "ok": True,
                "messages": [_listed(message, with_metadata=with_metadata) for message in page],
                "has_more": more,
                "response_metadata": {"next_cursor": str(start + limit) if more else ""},
            }

    def delete(self, ts: str) -> None:
        """Remove a message, as a person would."""
        with self._lock:
            for message in self.messages:
                if message.ts == ts:
                    message.deleted = True

    def channel_id(self, channel: str) -> str:
        """The id of a channel given by id or name; a name met for the first time makes a channel."""
        with self._lock:
            if channel in self.channel_names:
                return channel
            for known, name in self.channel_names.items():
                if name == channel.lstrip("#"):
                    return known
            made = channel if channel.startswith("C") else f"C{len(self.channel_names) + 1:08d}"
            self.channel_names[made] = channel.lstrip("#")
            return made

    def roots(self) -> list[Posted]:
        """The messages that stand in channels, oldest first, without replies."""
        with self._lock:
            return [message for message in self.messages if message.thread_ts is None and not message.deleted]

    def thread(self, root: Posted) -> list[Posted]:
        """The replies to a message, oldest first."""
        with self._lock:
            return [
                message
                for message in self.messages
                if message.thread_ts == root.ts and message.channel == root.channel
            ]

    def counters(self) -> Counters:
        """What happened so far."""
        with self._lock:
            copies: defaultdict[object, int] = defaultdict(int)
            for message in self.messages:
                if not message.deleted:
                    copies[message.channel, message.thread_ts, message.identity] += 1
            return Counters(
                posted=self._events["posted"],
                replied=self._events["replied"],
                updated=self._events["updated"],
                rate_limited=self._events["rate_limited"],
                refused=self._events["refused"],
                doubled=sum(count - 1 for count in copies.values()),
            )

    def lost(self, expected: Iterable[str]) -> list[str]:
        """Of some words that should have been told, those that no message in a channel says."""
        with self._lock:
            said = "\n".join(str(message.body) for message in self.messages if not message.deleted)
        return [words for words in expected if words not in said]

    def _find(self, channel: str, ts: str) -> Posted | None:
        for message in self.messages:
            if message.ts == ts and message.channel == channel and not message.deleted:
                return message
        return None

    def _refusal(self, body: Mapping[str, Any]) -> Reply | None:
        """What Slack would not take of a message."""
        if not any(body.get(name) for name in _SHOWN):
            return self._error("no_text")
        problems = blockkit.violations(body)
        if problems:
            return {**self._error("invalid_blocks"), "response_metadata": {"messages": problems}}
        return self._error("msg_blocks_too_long") if blockkit.too_long(body) else None

    def _error(self, name: str) -> Reply:
        self._events["refused"] += 1
        return {"ok": False, "error": name}


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _SHOWN if name in body}


def _listed(message: Posted, *, with_metadata: bool) -> Reply:
    listed = {"type": "message", "ts": message.ts, **message.body}
    if message.thread_ts is not None:
        listed["thread_ts"] = message.thread_ts
    if with_metadata and message.metadata is not None:
        listed["metadata"] = dict(message.metadata)
    return listed
