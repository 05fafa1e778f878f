"""POST /alertmanager: parse, commit, and only then answer 200. Slack is never called in here.

What Alertmanager does with an answer decides which one it gets (measured with 0.25): it repeats after 5xx,
and after nothing else. So trouble that passes is 503, never 429; what can never be read is 400, counted and
kept.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import audit, episodes, heartbeats, pacing, payload
from .access import CHALLENGE, Gate
from .database import Database
from .episodes import Recorded
from .errors import OutboxError, PayloadError
from .escalation import Policy
from .heartbeats import Heartbeat
from .incidents import StatePolicy
from .landing import Landing
from .metrics import UNKNOWN_SOURCE, BridgeMetrics
from .notices import Notices
from .payload import Notification

logger = logging.getLogger(__name__)

DEFAULT_SOURCE: Final = "default"
MAX_LENGTH_DIGITS: Final = 18
"""Of a Content-Length; Python refuses to read thousands of digits with an error."""
PARSE_INLINE_BYTES: Final = 256 << 10
"""A larger body is parsed in a thread, so that health checks and other requests do not wait for it."""
QUARANTINE_PACE: Final = pacing.Pace(per_second=1.0, burst=60.0)
"""What cannot be read is written down this fast at most, so that a flood of it cannot fill the disk."""
UNREADABLE_KEPT: Final = 10
_TOLD: Final = frozenset({400, 413, 415})
"""Refusals that are told as an incident: an alert was lost, and not for want of a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePolicy:
    """What a request may cost.

    Attributes
    ----------
    max_body_bytes : int
        10,000 alerts in one group are 7.7 MB.
    max_bytes_in_flight : int
        Of all requests together; above it a request gets 503 and comes again.
    body_seconds, commit_seconds : float
        For reading a body, and for its commit. Alertmanager waits ten seconds at least.
    max_requests : int
        Being handled at once; above it a request gets 503 before its body is read. Alertmanager sends each
        group over a connection of its own. Measured with 10,000 groups: 2,000 took 29 s and 170 MB (every 503
        comes again), 5,000 took 13 s and 200 MB, no limit 13 s and 240 MB.
    """

    max_body_bytes: int = 32 << 20
    max_bytes_in_flight: int = 128 << 20
    body_seconds: float = 10.0
    commit_seconds: float = 8.0
    max_requests: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Somebody who posts: to whom its alerts go, and what it must show."""

    name: str
    destinations: tuple[str, ...]
    gate: Gate


class _RefusedError(Exception):
    """A request that is not stored: its HTTP status, its reason for the metric, and a sentence."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass(kw_only=True)
class Intake:
    """The webhook's handler.

    Parameters
    ----------
    sources : mapping of str to Source
    database : Database
    metrics : BridgeMetrics
    policy : IntakePolicy
    state : StatePolicy
    policies : sequence of escalation.Policy
    beats : sequence of Heartbeat
        Signals that refresh a row instead of opening an incident.
    notices : Notices, optional
        Tell of what had to be refused.
    told : callable
        Called after a commit that gives somebody something to send.
    clock : callable
        Seconds since 1970.
    """

    sources: Mapping[str, Source]
    database: Database
    metrics: BridgeMetrics
    policy: IntakePolicy = field(default_factory=IntakePolicy)
    state: StatePolicy = field(default_factory=StatePolicy)
    policies: Sequence[Policy] = ()
    beats: Sequence[Heartbeat] = ()
    notices: Notices | None = None
    told: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    _landing: Landing = field(default_factory=Landing)
    _requests: int = 0
    _bytes_in_flight: int = 0
    _quarantine: pacing.Bucket = field(
        default_factory=lambda: pacing.Bucket(tokens=QUARANTINE_PACE.burst, at=0.0)
    )

    def routes(self) -> list[Route]:
        """POST /alertmanager for the default source, and /alertmanager/{source}."""
        return [
            Route("/alertmanager", self.receive, methods=["POST"]),
            Route("/alertmanager/{source}", self.receive, methods=["POST"]),
        ]

    async def receive(self, request: Request) -> Response:
        """Store one webhook body."""
        name = request.path_params.get("source", DEFAULT_SOURCE)
        label = name if name in self.sources else UNKNOWN_SOURCE
        body = b""
        self._requests += 1
        try:
            source = self._admitted(name, request)
            body = await self._body(request)
            await self._store(body, source)
        except PayloadError as error:
            return self._refuse(label, _RefusedError(400, error.reason, str(error)), body)
        except _RefusedError as error:
            return self._refuse(label, error, body)
        except ClientDisconnect:
            return self._refuse(label, _RefusedError(503, "too_slow", "the sender went away"), body)
        finally:
            self._requests -= 1
            self._bytes_in_flight -= len(body)
        return Response()  # a body would be a packet of its own

    def _admitted(self, name: str, request: Request) -> Source:
        """The source that a request may speak for."""
        source = self.sources.get(name)
        if source is None:
            raise _RefusedError(404, "unknown_source", "source: found one that is not configured")
        if not source.gate.admits(request.headers.get("authorization", "")):
            raise _RefusedError(401, "unauthorized", "found no valid token, need a bearer token")
        if "origin" in request.headers:
            # A foreign page in a browser of this machine reaches loopback, where nobody needs a token.
            raise _RefusedError(403, "unauthorized", "found a request of a web page, need one of a program")
        if self._requests > self.policy.max_requests:
            raise _RefusedError(503, "busy", "too much at once, come again")
        return source

    async def _body(self, request: Request) -> bytes:
        """The whole body, within limits; its bytes count as in flight from here on."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise _RefusedError(415, "encoding", "found a compressed body, need it as it is")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal():
            self._check_size(int(declared[:MAX_LENGTH_DIGITS]))
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.policy.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    self._bytes_in_flight += len(chunk)
                    self._check_size(size)
                    chunks.append(chunk)
        except BaseException as error:
            self._bytes_in_flight -= size
            if isinstance(error, TimeoutError):
                raise _RefusedError(503, "too_slow", "the body took too long, come again") from None
            raise
        return b"".join(chunks)

    def _check_size(self, size: int) -> None:
        limit = self.policy.max_body_bytes
        if size > limit:
            raise _RefusedError(
                413, "too_large", f"found a body of more than {limit} bytes, need a smaller one"
            )
        if self._bytes_in_flight > self.policy.max_bytes_in_flight:
            raise _RefusedError(503, "busy", "too much at once, come again")

    async def _store(self, body: bytes, source: Source) -> None:
        """Parse and commit; returns when it is on the disk."""
        if len(body) > PARSE_INLINE_BYTES:
            notification = await asyncio.to_thread(payload.parse, body)
        else:
            notification = payload.parse(body)
        started = time.perf_counter()
        write = self.database.write(lambda connection: self._record(connection, notification, source))
        try:
            recorded = await self._landing.result(write, self.policy.commit_seconds)
        except (OutboxError, TimeoutError) as error:
            logger.warning("intake: cannot store: %s", str(error) or "the commit takes too long")
            raise _RefusedError(503, "unavailable", "cannot store now, come again") from None
        except Exception:
            # A defect of ours: 5xx keeps the alert alive at the sender until it is mended.
            logger.exception("intake: unexpected error")
            raise _RefusedError(503, "unavailable", "cannot store now, come again") from None
        self.metrics.received(
            source.name,
            recorded.outcome,
            stale=recorded.stale,
            unreadable=len(notification.unreadable),
            seconds=time.perf_counter() - started,
        )
        for receiver, reason in recorded.told:
            self.metrics.escalated(receiver, reason)
        if recorded.outcome != "duplicate":
            self.told()

    def _record(self, connection: sqlite3.Connection, notification: Notification, source: Source) -> Recorded:
        now = self.clock()
        for entry in notification.unreadable[:UNREADABLE_KEPT]:
            audit.quarantine(
                connection, at=now, source=source.name, reason=entry.reason, excerpt=entry.excerpt
            )
        is_open = functools.partial(episodes.is_open, connection, source.name)
        heard, others = heartbeats.split(notification, self.beats, is_open)
        heartbeats.beat(connection, heard, now)
        if not others.alerts:
            return Recorded(outcome="duplicate", stale=0)
        return episodes.record(
            connection,
            others,
            source=source.name,
            destinations=source.destinations,
            now=now,
            policy=self.state,
            policies=self.policies,
        )

    def _refuse(self, label: str, error: _RefusedError, body: bytes) -> Response:
        """Count a refusal, keep the beginning of what was sent, and say why."""
        self.metrics.refused(label, error.reason)
        now = self.clock()
        if error.status < 500 and pacing.wait(self._quarantine, QUARANTINE_PACE, now) == 0:
            self._quarantine = pacing.take(self._quarantine, QUARANTINE_PACE, now)
            logger.warning("intake: refused (%s) from source %s: %s", error.reason, label, error.message)
            excerpt = payload.excerpt(body)
            self.database.write(
                lambda connection: self._keep(connection, label, error, excerpt, now)
            ).add_done_callback(lambda _: self.told())
        headers = {"WWW-Authenticate": CHALLENGE} if error.status == 401 else {}
        return PlainTextResponse(f"{error.message}\n", status_code=error.status, headers=headers)

    def _keep(
        self, connection: sqlite3.Connection, label: str, error: _RefusedError, excerpt: str, now: float
    ) -> None:
        """Keep what was refused, and tell of it if it came from somebody who may post."""
        audit.quarantine(connection, at=now, source=label, reason=error.reason, excerpt=excerpt)
        if error.status in _TOLD and self.notices is not None:
            for receiver, reason in self.notices.refused(connection, label, error.message, now):
                self.metrics.escalated(receiver, reason)
