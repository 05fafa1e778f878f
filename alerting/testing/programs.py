"""A fake program that takes signed requests: it verifies them, takes each key once, and shows what it has."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .. import webhook_signature
from .loopback import Loopback, Reply, Request

SECRET: Final = "a-webhook-secret-for-tests"  # noqa: S105 - a test's


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCounters:
    """What happened so far. `repeated` counts requests whose key was known, `doubled` what was done twice."""

    taken: int
    repeated: int
    refused: int
    doubled: int


class FakeWebhook(Loopback):
    """A program on this machine that takes what the bridge sends; a context manager.

    Parameters
    ----------
    secret : str
        What requests must be signed with.
    seed : int
        Of the faults that happen with a probability.
    clock : callable
        Seconds since 1970.

    Examples
    --------
    >>> with FakeWebhook() as program:
    ...     program.taken
    []
    """

    def __init__(
        self, *, secret: str = SECRET, seed: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self.secret, self._clock = secret, clock
        self.taken: list[Mapping[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self._keys: set[str] = set()
        self._events: Counter[str] = Counter()
        self._lock = threading.Lock()
        super().__init__(self._answer, "webhook", seed)
        self.url += "/hook"

    def counters(self) -> WebhookCounters:
        """What happened so far."""
        with self._lock:
            bodies = Counter((body.get("thread"), body["id"]) for body in self.taken)
            return WebhookCounters(
                taken=len(self.taken),
                repeated=self._events["repeated"],
                refused=self._events["refused"],
                doubled=sum(count - 1 for count in bodies.values()),
            )

    def lost(self, expected: Iterable[str]) -> list[str]:
        """Of some words that should have been told, those that nothing that was taken says."""
        with self._lock:
            said = str(self.taken)
        return [words for words in expected if words not in said]

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            self.headers.append(request.headers)
            if not webhook_signature.verify([self.secret], request.headers, request.body, self._clock()):
                self._events["refused"] += 1
                return Reply(401, {"error": "signature"})
            key = request.headers.get(webhook_signature.KEY, "")
            body = json.loads(request.body)
            if not key or body.get("id") != key:
                self._events["refused"] += 1
                return Reply(400, {"error": "key"})
            if key in self._keys:
                self._events["repeated"] += 1
                return Reply(200, {"taken": "before"})
            self._keys.add(key)
            self.taken.append(body)
            return Reply(202, {"taken": "now"})
