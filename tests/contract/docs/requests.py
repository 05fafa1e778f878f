"""HTTP requests of the documentation, answered by our own applications where there is one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette

from alerting.app import build_bridge
from alerting.config import load_config as bridge_config
from alerting.retraining.config import load_config as retraining_config
from alerting.retraining.service import build as build_retraining
from exporter import InstrumentedPredictor
from exporter.adapters.asgi import answers_of
from exporter.serving import predict

from .blocks import ROOT

OF_OTHERS: Final[Mapping[int, tuple[str, ...]]] = {
    3000: ("/api/health",),
    9090: ("/-/ready", "/-/reload", "/api/v1/query", "/api/v1/status/tsdb"),
    9093: ("/-/ready", "/-/reload"),
}
"""Ports of Grafana, Prometheus and Alertmanager to the paths of theirs that we name."""

UNREAD: Final = (400, 401, 405, 411, 413, 415, 422)
"""Answers that say that the request is wrong, whatever there is to act on."""


def request(
    method: str, url: str, headers: Mapping[str, str], body: object, names: Mapping[str, Any], folder: Path
) -> None:
    """Ask the program whose port it is.

    Parameters
    ----------
    names : mapping of str to object
        What the page's Python has: `app` answers for a service, `predictor` for the exporter.
    folder : Path
        For the state of the others.
    """
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    match parts.port:
        case 8000:
            _understands(names["app"], method, path, headers, body)
        case 9108:
            predictor = names.get("predictor")
            assert isinstance(predictor, InstrumentedPredictor), f"{url}: the page prepares no predictor"
            exporter_takes(predictor, method, parts.path, body)
        case 9109:
            state = {"BRIDGE_STATE_DIRECTORY": str(folder / "bridge"), "SLACK_BOT_TOKEN": "xoxb-docs"}
            bridge = build_bridge(bridge_config(ROOT / "config/bridge.yaml", state))
            with closing(bridge.database):
                _understands(bridge.application, method, path, headers, body)
        case 9120:
            state = {"RETRAINING_STATE_DIRECTORY": str(folder / "retraining")}
            service = build_retraining(retraining_config(ROOT / "config/retraining.yaml", state))
            _understands(service.application, method, path, headers, body)
        case port:
            assert parts.path in OF_OTHERS.get(port or 0, ()), f"{url}: found a path that no test knows"


def exporter_takes(predictor: InstrumentedPredictor, method: str, path: str, body: object) -> None:
    """As `driftgauge serve` answers, which predicts as well."""
    if (method, path) == ("POST", "/predict"):
        predict(predictor, body)
        return
    answers = answers_of(predictor, None)
    answer = (
        answers.get(path, "", "") if method == "GET" else answers.post(path, json.dumps(body).encode("utf-8"))
    )
    assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body[:200]!r}"


def ask(
    app: Starlette, method: str, path: str, headers: Mapping[str, str], content: bytes | None
) -> httpx.Response:
    """What an application answers, without a socket."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=dict(headers), content=content)

    return asyncio.run(asked())


def _understands(app: Starlette, method: str, path: str, headers: Mapping[str, str], body: object) -> None:
    """The application has such a place and can read the request; its loops do not run."""
    content = None if body is None else json.dumps(body).encode("utf-8")
    answer = ask(app, method, path, headers, content)
    nowhere = answer.status_code == 404 and answer.text == "Not Found"
    assert answer.status_code not in UNREAD, f"{method} {path}: {answer.status_code} {answer.text}"
    assert not nowhere, f"{method} {path}: no such place"
