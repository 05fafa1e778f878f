"""POST /retraining for the bridge and for people, and what they, probes and Prometheus read.

The bridge signs its requests. Whoever else asks shows a token of `access`; with no tokens at all, whoever
reaches the loopback address may. A browser on that machine must not be made to ask by a foreign page: a
request with an Origin, or with a body that is not declared as JSON, is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .. import webhook_signature
from ..access import CHALLENGE, Gate
from ..errors import ConfigError, OutboxError, PayloadError
from ..pages import parse_since
from ..secret import Secret
from . import cause, listing, runs
from .cause import Cause
from .metrics import RetrainingMetrics
from .policy import ModelPolicy
from .state import State

MAX_BODY_BYTES: Final = 8 << 20
"""The bridge's largest request, a thousand alerts with all their labels, is about 6 MB."""
BODY_SECONDS: Final = 10.0
DEFAULT_SINCE: Final = "30d"
MAX_HISTORY: Final = 200
"""Runs in one answer; `since` and `model` choose."""
_NO_STORE: Final = {"Cache-Control": "no-store"}


class _RefusedError(Exception):
    """A request that is not taken: its HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(kw_only=True)
class Api:
    """The handlers.

    Parameters
    ----------
    state : State
    models : mapping of str to ModelPolicy
    metrics : RetrainingMetrics
    gate : Gate
        Who may ask by hand, and read.
    secrets : sequence of Secret
        What the bridge may sign with; more than one while a secret is being replaced.
    open_metrics : bool
    alive : callable
        Whether the loop runs.
    told : callable
        Called after something new was taken down.
    clock : callable
        Seconds since 1970.
    """

    state: State
    models: Mapping[str, ModelPolicy]
    metrics: RetrainingMetrics
    gate: Gate
    secrets: Sequence[Secret]
    open_metrics: bool
    alive: Callable[[], bool]
    told: Callable[[], None]
    clock: Callable[[], float]

    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            Route("/retraining", self.ask, methods=["POST"]),
            Route("/retraining", self.status, methods=["GET"]),
            Route("/retraining/history", self.history, methods=["GET"]),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.exposition),
        ]

    async def ask(self, request: Request) -> Response:
        """Take a request down, once for each cause; 202 if it is new, 200 if it is known."""
        try:
            body = await asyncio.wait_for(_body(request), BODY_SECONDS)
            causes = self._causes(request, body)
            taken = await asyncio.to_thread(self._take, causes)
        except _RefusedError as error:
            self.metrics.request("unauthorized" if error.status in (401, 403) else "unreadable")
            return _unauthorized() if error.status == 401 else _error(error.status, error.message)
        except PayloadError as error:
            self.metrics.request("unreadable")
            return _error(422, str(error))
        except (ClientDisconnect, TimeoutError):
            self.metrics.request("unreadable")
            return _error(408, "the body did not come in time")
        except OutboxError:
            self.metrics.request("unavailable")
            return _error(503, "cannot store now, come again")
        new = any(is_new for _, is_new in taken)
        self.metrics.request("taken" if new else "repeated")
        if new:
            self.told()
        numbers = [run_id for run_id, _ in taken]
        return JSONResponse({"taken": "now" if new else "before", "runs": numbers}, 202 if new else 200)

    async def status(self, request: Request) -> Response:
        """How each model stands."""

        def read() -> list[dict[str, Any]]:
            with self.state.read() as connection:
                return listing.status(connection, self.models.values(), now=self.clock())

        return await self._answer(request, "models", read)

    async def history(self, request: Request) -> Response:
        """Runs and what happened to them, newest first; `since` such as 7d, `model`."""
        query = request.query_params
        try:
            since = self.clock() - parse_since(query.get("since", DEFAULT_SINCE))
        except ConfigError as error:
            return _error(400, str(error))

        def read() -> list[dict[str, Any]]:
            with self.state.read() as connection:
                return listing.history(connection, since=since, model=query.get("model"), limit=MAX_HISTORY)

        return await self._answer(request, "runs", read)

    async def health(self, _: Request) -> Response:
        """200 while the process works; a restart would help if it does not."""
        if self.alive():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the loop has ended\n", status_code=503)

    async def ready(self, _: Request) -> Response:
        """200 if a request could be taken now."""

        def probe() -> None:
            with self.state.write():
                pass

        try:
            await asyncio.to_thread(probe)
        except OutboxError:
            return JSONResponse({"ready": False}, status_code=503)
        return JSONResponse({"ready": True})

    async def exposition(self, request: Request) -> Response:
        """The metrics."""
        if not self.open_metrics and not self._admitted(request):
            return _unauthorized()
        text = await asyncio.to_thread(self.metrics.exposition)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    def _causes(self, request: Request, body: bytes) -> list[Cause]:
        """What a request asks for, if its sender is believed."""
        headers, now = request.headers, self.clock()
        key = headers.get(webhook_signature.KEY, "")
        if webhook_signature.SIGNATURE in headers:
            secrets = [secret.reveal() for secret in self.secrets]
            if not webhook_signature.verify(secrets, headers, body, now):
                raise _RefusedError(401, "signature")
            causes = cause.from_webhook(body, now=now)
            if any(found.key != key for found in causes):
                raise _RefusedError(400, f"{webhook_signature.KEY}: found another than the id, need the id")
            return causes
        if not self._admitted(request):
            raise _RefusedError(401, "token")
        if "origin" in headers:
            raise _RefusedError(403, "found a request of a web page, need one of a program")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise _RefusedError(415, "content-type: need application/json")
        # A key of a person's request must not be able to pass for one of the bridge's.
        named = hashlib.sha256((key or uuid.uuid4().hex).encode()).hexdigest()[:32]
        return [cause.by_hand(body, key=f"manual:{named}", now=now)]

    def _take(self, causes: Sequence[Cause]) -> list[tuple[int, bool]]:
        with self.state.write() as connection:
            return [runs.request(connection, found, self.clock()) for found in causes]

    def _admitted(self, request: Request) -> bool:
        return self.gate.admits(request.headers.get("authorization", ""))

    async def _answer(
        self, request: Request, name: str, read: Callable[[], list[dict[str, Any]]]
    ) -> Response:
        """What was read, for who may read."""
        if not self._admitted(request):
            return _unauthorized()
        try:
            found = await asyncio.to_thread(read)
        except OutboxError:
            return _error(503, "the state cannot be read now")
        return JSONResponse({name: found}, headers=_NO_STORE)


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _RefusedError(413, f"found more than {MAX_BODY_BYTES} bytes, need a smaller body")
        chunks.append(chunk)
    return b"".join(chunks)


def _unauthorized() -> Response:
    return JSONResponse(
        {"error": "need a token or a valid signature"}, 401, headers={"WWW-Authenticate": CHALLENGE}
    )


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
