"""The exporter's paths inside a WSGI application: Flask, Django, or any other.

app.register_blueprint(blueprint(predictor))                                          # Flask
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/monitoring": monitoring_app(predictor)})  # any
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..answers import Answer, Answers, text

if TYPE_CHECKING:
    from flask import Blueprint

    from ..predictor import InstrumentedPredictor

Start = Callable[[str, list[tuple[str, str]]], Any]
App = Callable[[Mapping[str, Any], Start], Iterable[bytes]]

_VARIABLES = {
    "Authorization": "HTTP_AUTHORIZATION", "Accept": "HTTP_ACCEPT", "Content-Length": "CONTENT_LENGTH",
}  # fmt: skip
"""Headers that matter here, and what WSGI calls them."""


def monitoring_app(predictor: InstrumentedPredictor, token: str | None = None) -> App:
    """An application to mount, with the paths that `InstrumentedPredictor.serve` has.

    Parameters
    ----------
    predictor : InstrumentedPredictor
        Or a `RolloutPredictor`.
    token : str, optional
        Bearer token that every path but /healthz then asks for.
    """
    answers = Answers(predictor.registry, predictor.pages, predictor.actions, token)

    def app(environ: Mapping[str, Any], start: Start) -> Iterable[bytes]:
        # WSGI has taken the quotes off already, and reads the bytes as Latin-1.
        path = quote(environ.get("PATH_INFO", "").encode("latin-1"))
        headers = {header: environ.get(variable) or "" for header, variable in _VARIABLES.items()}
        method: str = environ["REQUEST_METHOD"]
        query = environ.get("QUERY_STRING", "")
        answer = _answer_to(answers, method, path, query, headers, environ["wsgi.input"].read)
        start(f"{answer.status.value} {answer.status.phrase}", list(answer.headers().items()))
        return [] if method == "HEAD" else [answer.body]

    return app


def blueprint(predictor: InstrumentedPredictor, token: str | None = None) -> Blueprint:
    """A blueprint for Flask with the same paths; register it with a `url_prefix` to have them below one."""
    from flask import Blueprint, Response, request  # noqa: PLC0415 - whoever calls this has it

    answers = Answers(predictor.registry, predictor.pages, predictor.actions, token)
    monitoring = Blueprint("driftgauge", __name__)

    def respond(path: str, rest: str = "") -> Response:
        headers = {header: request.headers.get(header, "") for header in _VARIABLES}
        quoted = quote(f"/{path}/{rest}")
        query = request.query_string.decode("latin-1")
        answer = _answer_to(answers, request.method, quoted, query, headers, request.stream.read)
        return Response(answer.body, status=answer.status.value, headers=answer.headers())

    for path in ("metrics", "healthz", *predictor.pages):
        monitoring.add_url_rule(f"/{path}", path, respond, methods=["GET"], defaults={"path": path})
        monitoring.add_url_rule(
            f"/{path}/<path:rest>", f"{path}_part", respond, methods=["GET"], defaults={"path": path}
        )
    for path in predictor.actions:
        monitoring.add_url_rule(
            f"/{path}", f"post_{path}", respond, methods=["POST"], defaults={"path": path}
        )
    return monitoring


def _answer_to(
    answers: Answers,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    read: Callable[[int], bytes],
) -> Answer:
    authorization = headers["Authorization"]
    if method in ("GET", "HEAD"):
        return answers.get(path, authorization, headers["Accept"], query)
    if method != "POST":
        return text(HTTPStatus.METHOD_NOT_ALLOWED, "need GET or POST")
    length = headers["Content-Length"]
    refusal = answers.refused(path, authorization, length)
    return answers.post(path, read(int(length))) if refusal is None else refusal
