from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from exporter.adapters.asgi import MonitoringMiddleware, monitoring_app
from exporter.answers import MAX_BODY_BYTES
from exporter.predictor import InstrumentedPredictor


def hello(_: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


class Client:
    """Asks an application without a server."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("POST", path, **options)


def mounted(predictor: InstrumentedPredictor, token: str | None = None) -> Client:
    routes = [Route("/hello", hello), Mount("/monitoring", monitoring_app(predictor, token))]
    return Client(Starlette(routes=routes))


def test_a_mounted_application_answers_every_path(
    predictor: InstrumentedPredictor, table: pd.DataFrame
) -> None:
    """Metrics, outcomes, and the page of a feature whose name has a slash."""
    client = mounted(predictor)
    predictor.predict(table.head(3), ids=["x", "y", "z"])
    predictor.check_now()
    assert (
        'model_predictions_total{model_name="m",model_version="1"} 3.0'
        in client.get("/monitoring/metrics").text
    )
    assert client.get("/monitoring/healthz").text == "ok\n"
    assert client.post("/monitoring/outcomes", json={"ids": ["x"], "y_true": [True]}).json()["joined"] == 1
    assert client.get("/monitoring/drift/b%2Fc").json()["feature"] == "b/c"
    assert client.get("/monitoring/drift/none").status_code == 404
    assert "found 'UA'" in client.get("/monitoring/drift?segment=UA").json()["error"]
    assert client.get("/monitoring/none").status_code == 404
    assert client.get("/hello").text == "hello"


def test_the_content_type_is_what_prometheus_asked_for(predictor: InstrumentedPredictor) -> None:
    """OpenMetrics where it takes that, with its end."""
    client = mounted(predictor)
    answer = client.get(
        "/monitoring/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    head = client.ask("HEAD", "/monitoring/metrics")
    assert (head.status_code, head.text) == (200, "")


def test_a_token_guards_all_but_the_health(predictor: InstrumentedPredictor) -> None:
    """As on a port of its own."""
    client = mounted(predictor, "secret")
    assert client.get("/monitoring/healthz").status_code == 200
    assert client.get("/monitoring/metrics").status_code == 401
    assert client.post("/monitoring/outcomes", json={}).status_code == 401
    allowed = {"Authorization": "Bearer secret"}
    assert client.get("/monitoring/metrics", headers=allowed).status_code == 200


def test_bad_bodies_are_refused(predictor: InstrumentedPredictor) -> None:
    """What is no JSON, too large as it says, or too large without saying."""
    client = mounted(predictor)
    path = "/monitoring/outcomes"
    assert client.post(path, content=b"{").status_code == 400
    assert (
        client.post(path, content=b"{}", headers={"Content-Length": str(MAX_BODY_BYTES + 1)}).status_code
        == 413
    )

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 2**20 + 1):
            yield b" " * 2**20

    assert client.post(path, content=chunks()).status_code == 413
    assert client.ask("PUT", path, content=b"{}").status_code == 405


def test_the_middleware_takes_its_own_paths_alone(predictor: InstrumentedPredictor) -> None:
    """Everything else, and other methods, are the application's."""
    app = Starlette(
        routes=[Route("/hello", hello), Route("/drift", hello, methods=["DELETE"])],
        middleware=[Middleware(MonitoringMiddleware, predictor=predictor)],
    )
    client = Client(app)
    assert "model_info" in client.get("/metrics").text
    assert client.get("/drift").json()["model_name"] == "m"
    assert client.post("/outcomes", json={"ids": ["u"], "y_true": [1]}).json()["unknown_id"] == 1
    assert client.get("/hello").text == "hello"
    assert client.ask("DELETE", "/drift").text == "hello"
    assert client.get("/other").status_code == 404


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_no_request_is_left_alone(predictor: InstrumentedPredictor, kind: str) -> None:
    """A mounted application is not asked to open a socket, or to start."""

    async def never(*_: Any) -> Any:
        raise AssertionError

    async def asked() -> None:
        await monitoring_app(predictor)({"type": kind}, never, never)

    asyncio.run(asked())
