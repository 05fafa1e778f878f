from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from alerting import webhook_signature
from alerting.access import Gate
from alerting.retraining.api import Api
from alerting.secret import Secret

from .conftest import Bench

SECRET = "a-webhook-secret-for-tests"
TOKEN = "0123456789abcdef"
REQUEST = {
    "version": 1,
    "kind": "retraining",
    "id": "incident-9",
    "cause": {"key": "incident-9", "trigger": "alert", "by": None, "since": "2025-12-31T22:00:00.000Z"},
    "model_name": "delay",
    "severity": "critical",
    "alert_names": ["ModelDriftDetected"],
    "features": ["dep_hour"],
    "quality": None,
    "alerts": [],
}
WISH = {"model_name": "delay", "by": "ana", "reason": "new airport"}


@dataclass
class Client:
    """The addresses in process, without the loop."""

    application: Starlette

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://retraining") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.call("POST", path, **options)


@pytest.fixture
def client(bench: Bench) -> Client:
    """The addresses of a bench."""
    api = Api(
        state=bench.state,
        models=bench.controller.models,
        metrics=bench.controller.metrics,
        gate=Gate([Secret(TOKEN)]),
        secrets=[Secret("old-secret-0123456"), Secret(SECRET)],
        open_metrics=False,
        alive=lambda: True,
        told=lambda: None,
        clock=bench.clock,
    )
    return Client(Starlette(routes=api.routes()))


def signed(
    bench: Bench, body: dict[str, Any], *, secret: str = SECRET, age: float = 0.0, key: str = ""
) -> Any:
    """A request as the bridge sends it."""
    raw, timestamp = json.dumps(body).encode(), int(bench.clock() - age)
    headers = {
        webhook_signature.KEY: key or body["id"],
        webhook_signature.TIMESTAMP: str(timestamp),
        webhook_signature.SIGNATURE: webhook_signature.sign(secret, timestamp, raw),
        "Content-Type": "application/json; charset=utf-8",
    }
    return {"content": raw, "headers": headers}


def bearer(**headers: str) -> dict[str, str]:
    """A token, and more."""
    return {"Authorization": f"Bearer {TOKEN}", **headers}


def test_a_signed_request_is_taken_once(bench: Bench, client: Client) -> None:
    """202 for the first, 200 for every other; it is on the disk before the answer."""
    first = client.post("/retraining", **signed(bench, REQUEST))
    assert (first.status_code, first.json()) == (202, {"taken": "now", "runs": [1]})
    again = client.post("/retraining", **signed(bench, REQUEST))
    assert (again.status_code, again.json()) == (200, {"taken": "before", "runs": [1]})
    assert bench.run().cause.alert_names == ("ModelDriftDetected",)
    assert bench.metric("retraining_requests_total", outcome="repeated") == 1


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"secret": "another-secret-00"}, 401),
        ({"age": 301.0}, 401),
        ({"age": -301.0}, 401),
        ({"key": "incident-8"}, 400),
    ],
)
def test_what_is_not_believed_is_not_taken(
    bench: Bench, client: Client, options: dict[str, Any], status: int
) -> None:
    """A foreign signature, an old recording, a key that is not the cause's."""
    assert client.post("/retraining", **signed(bench, REQUEST, **options)).status_code == status
    assert bench.all() == []


def test_a_changed_body_breaks_the_signature(bench: Bench, client: Client) -> None:
    """The signature is made over the bytes."""
    options = signed(bench, REQUEST)
    options["content"] = options["content"].replace(b"delay", b"fraud")
    assert client.post("/retraining", **options).status_code == 401


def test_what_cannot_be_read_is_told_to_whoever_signed_it(bench: Bench, client: Client) -> None:
    """422 is given up by the bridge after a try without its alerts."""
    answer = client.post("/retraining", **signed(bench, {**REQUEST, "kind": "incident"}))
    assert answer.status_code == 422
    assert "kind, version" in answer.json()["error"]
    assert bench.metric("retraining_requests_total", outcome="unreadable") == 1


def test_a_person_asks_with_a_token(bench: Bench, client: Client) -> None:
    """Once for each key; the key cannot pass for one of the bridge's."""
    key = bearer(**{"Idempotency-Key": "incident-9"})
    assert client.post("/retraining", json=WISH).status_code == 401
    assert client.post("/retraining", json=WISH, headers=key).json() == {"taken": "now", "runs": [1]}
    assert client.post("/retraining", json=WISH, headers=key).json() == {"taken": "before", "runs": [1]}
    assert client.post("/retraining", **signed(bench, REQUEST)).json() == {"taken": "now", "runs": [2]}
    assert client.post("/retraining", json=WISH, headers=bearer()).json()["runs"] == [3]
    assert (bench.run().cause.by, bench.run().cause.words) == ("ana", "new airport")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": WISH, "headers": bearer(Origin="https://evil.example")}, 403),
        ({"content": json.dumps(WISH), "headers": bearer(**{"Content-Type": "text/plain"})}, 415),
        ({"json": {"model_name": "delay"}, "headers": bearer()}, 422),
        ({"content": "{", "headers": bearer(**{"Content-Type": "application/json"})}, 422),
        ({"content": "x" * (9 << 20), "headers": bearer(**{"Content-Type": "application/json"})}, 413),
    ],
)
def test_a_web_page_and_nonsense_are_refused(client: Client, options: dict[str, Any], status: int) -> None:
    """A browser on the machine must not be made to retrain."""
    assert client.post("/retraining", **options).status_code == status


def test_status_and_history_show_every_decision(bench: Bench, client: Client) -> None:
    """With a token; what waits and why, what was done and when."""
    client.post("/retraining", json=WISH, headers=bearer())
    bench.step()
    assert client.get("/retraining").status_code == 401
    (model,) = client.get("/retraining", headers=bearer()).json()["models"]
    assert model["running"][0]["state"] == "running"
    assert model["budget"] == {"runs": 4, "used": 1, "period_seconds": 2592000.0}
    bench.runner.finish(bench)
    bench.step()
    (run,) = client.get("/retraining/history?since=7d&model=delay", headers=bearer()).json()["runs"]
    assert [event["kind"] for event in run["events"]] == ["requested", "run", "trained", "succeeded"]
    assert run["result"]["metrics"] == {"auc": 0.8}
    assert client.get("/retraining/history?model=other", headers=bearer()).json() == {"runs": []}
    assert client.get("/retraining/history?since=x", headers=bearer()).status_code == 400


def test_probes_are_open_and_metrics_are_not(client: Client) -> None:
    """As with the bridge."""
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
    assert client.get("/metrics").status_code == 401
    text = client.get("/metrics", headers=bearer()).text
    assert 'retraining_runs_total{model_name="delay",outcome="failed"} 0.0' in text
    assert "_created" not in text
