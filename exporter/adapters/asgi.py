"""The exporter's paths inside an ASGI application: Starlette, FastAPI, or any other.

    app.mount("/monitoring", monitoring_app(predictor))                    # /monitoring/metrics, ...
    app.add_middleware(MonitoringMiddleware, predictor=predictor)          # /metrics, /drift, /outcomes, ...

Nothing of these frameworks is imported here. A scrape and a join of outcomes run in a thread, so that the
event loop goes on answering predictions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..answers import MAX_BODY_BYTES, Answer, Answers, error, text

if TYPE_CHECKING:
    from ..predictor import InstrumentedPredictor

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def monitoring_app(predictor: InstrumentedPredictor, token: str | None = None) -> App:
    """An application to mount, with the paths that `InstrumentedPredictor.serve` has.

    Parameters
    ----------
    predictor : InstrumentedPredictor
        Or a `RolloutPredictor`.
    token : str, optional
        Bearer token that every path but /healthz then asks for.
    """
    answers = answers_of(predictor, token)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(answers, scope, receive, send)

    return app


class MonitoringMiddleware:
    """Answers the exporter's paths itself and hands everything else on.

    Parameters
    ----------
    app : callable
        The application.
    predictor : InstrumentedPredictor
        Or a `RolloutPredictor`.
    token : str, optional
        Bearer token that every path but /healthz then asks for.
    """

    def __init__(self, app: App, predictor: InstrumentedPredictor, token: str | None = None) -> None:
        self._app = app
        self._answers = answers_of(predictor, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        ours = scope["type"] == "http" and self._answers.has(scope["method"], _path(scope))
        if ours and scope["method"] in ("GET", "POST"):
            await _answer(self._answers, scope, receive, send)
        else:
            await self._app(scope, receive, send)


def answers_of(predictor: InstrumentedPredictor, token: str | None) -> Answers:
    """What a predictor answers over HTTP."""
    return Answers(predictor.registry, predictor.pages, predictor.actions, token)


async def _answer(answers: Answers, scope: Scope, receive: Receive, send: Send) -> None:
    answer = await _answer_to(answers, scope, receive)
    await send(
        {
            "type": "http.response.start",
            "status": int(answer.status),
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers().items()
            ],
        }
    )
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _answer_to(answers: Answers, scope: Scope, receive: Receive) -> Answer:
    path = _path(scope)
    if scope["method"] in ("GET", "HEAD"):
        return await asyncio.to_thread(
            answers.get,
            path,
            _header(scope, b"authorization"),
            _header(scope, b"accept"),
            scope.get("query_string", b"").decode("latin-1"),
        )
    if scope["method"] != "POST":
        return text(HTTPStatus.METHOD_NOT_ALLOWED, "need GET or POST")
    # A server of this kind also takes bodies in chunks, whose length nobody says.
    length = _header(scope, b"content-length") or "0"
    refusal = answers.refused(path, _header(scope, b"authorization"), length)
    if refusal is not None:
        return refusal
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: found more, need at most {MAX_BODY_BYTES:,}"
            )
        if not message.get("more_body", False):
            break
    return await asyncio.to_thread(answers.post, path, bytes(body))


def _path(scope: Scope) -> str:
    """Path below where we are mounted, still quoted."""
    raw: bytes | None = scope.get("raw_path")
    path = scope["path"] if raw is None else raw.partition(b"?")[0].decode("latin-1")
    return str(path).removeprefix(scope.get("root_path", ""))


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
