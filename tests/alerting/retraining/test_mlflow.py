from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alerting.errors import RegistryError, RegistryRefusedError
from alerting.retraining import mlflow
from alerting.retraining.decision import Reason
from alerting.retraining.mlflow import Mlflow, MlflowPolicy, record_tags
from alerting.retraining.runs import Run
from alerting.secret import Secret
from exporter.mlflow import training, version

from .conftest import STARTED, cause
from .http_fake import Asked, Server, Told

NOT_FOUND = Told(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such https://me:secret@host"})


def run(**changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": 7, "model_name": "delay", "cause": cause(), "requested_at": STARTED, "state": "refused",
        "due_at": STARTED, "attempt": 2, "trigger_name": "drift", "strategy": "full", "runner": "local",
        "started_at": STARTED, "attempt_started_at": STARTED, "ended_at": STARTED + 60.0,
        "reasons": (Reason(code="worse", words="comparison.verdict: found 'worse'"),), "result": None,
        **changes,
    }  # fmt: skip
    return Run(**values)


class FakeMlflow:
    """A registry with aliases and versions, and what was asked of it."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.asked: list[Asked] = []

    def answer(self, request: Asked) -> Told:
        self.asked.append(request)
        query = {key: found[0] for key, found in parse_qs(urlsplit(request.path).query).items()}
        if "registered-models/get" in request.path:
            if query["name"] != "delay-model":
                return NOT_FOUND
            aliases = [{"alias": alias, "version": number} for alias, number in self.aliases.items()]
            return Told(200, {"registered_model": {"name": "delay-model", "aliases": aliases}})
        if "model-versions/get" in request.path:
            return Told(200, {"model_version": self.versions[query["version"]]})
        return NOT_FOUND


@pytest.fixture
def fake() -> FakeMlflow:
    return FakeMlflow()


@pytest.fixture
def server(fake: FakeMlflow) -> Iterator[Server]:
    with Server(fake.answer) as found:
        yield found


def client(url: str, token: Secret | None = None) -> Mlflow:
    policy = MlflowPolicy(tracking_uri=f"{url}/", connect_timeout_seconds=60.0, read_timeout_seconds=60.0)
    return Mlflow(policy, token)


def test_both_packages_mean_the_same_tags() -> None:
    """Neither imports the other; what one writes the other reads."""
    assert mlflow.PREFIX == training.PREFIX
    assert mlflow.TRAINED_AT == version.TRAINED_AT
    assert "cause_key" in training.ORDER_TAGS
    assert f"{training.PREFIX}cause_key" == mlflow.CAUSE_KEY


def test_the_newest_of_champion_and_challenger_is_the_last_training(fake: FakeMlflow, server: Server) -> None:
    """By the tag of the training, else by its registration, which is in milliseconds."""
    assert client(server.url).trained_at("delay-model") is None
    fake.versions = {
        "1": {"creation_timestamp": 9_000_000, "tags": [{"key": "driftgauge.trained_at", "value": "100.5"}]},
        "2": {"creation_timestamp": 50_000},
        "3": {"creation_timestamp": 7_000, "tags": [{"key": "driftgauge.trained_at", "value": "soon"}]},
        "4": {"creation_timestamp": 999_999_000},
    }
    fake.aliases = {"champion": "1", "other": "4"}
    assert client(server.url).trained_at("delay-model") == 100.5
    fake.aliases = {"champion": "2", "challenger": "1"}
    assert client(server.url).trained_at("delay-model") == 100.5
    fake.aliases = {"champion": "3"}
    assert client(server.url).trained_at("delay-model") == 7.0


def test_the_token_is_a_bearer(fake: FakeMlflow, server: Server) -> None:
    """As MLFLOW_TRACKING_TOKEN is for MLflow's own client."""
    client(server.url, Secret("s3cret")).trained_at("delay-model")
    assert fake.asked[0].headers["Authorization"] == "Bearer s3cret"


def test_a_refusal_says_which_call_and_nothing_of_the_servers_words(server: Server) -> None:
    """They may hold addresses with passwords; the code is a word of MLflow's."""
    with pytest.raises(RegistryRefusedError, match="registered-models/get: found nothing such") as caught:
        client(server.url).trained_at("nobody")
    assert "RESOURCE_DOES_NOT_EXIST" in str(caught.value)
    assert "secret" not in str(caught.value)
    server.instead = [500]
    with pytest.raises(RegistryRefusedError, match="answered 500"):
        client(server.url).trained_at("delay-model")


def test_a_server_that_breaks_off_is_one_that_does_not_answer(server: Server) -> None:
    """Whoever asked goes on with what was known before."""
    server.instead = [0]
    with pytest.raises(RegistryError, match=r"registered-models/get: .*, need an answer"):
        client(server.url).trained_at("delay-model")


def test_an_answer_of_another_server_is_refused() -> None:
    """Something else listens there."""
    with (
        Server(lambda _: Told(200, {"hello": "world"})) as server,
        pytest.raises(RegistryRefusedError, match="found no registered_model in an answer"),
    ):
        client(server.url).trained_at("delay-model")


def test_tags_say_why_and_what_came_of_it() -> None:
    """Texts are cut to what MLflow takes, and empty ones left out."""
    found = record_tags(run(cause=cause(severity=""), reasons=(Reason(code="worse", words="x" * 9_000),)))
    assert found["driftgauge.retraining"] == "refused"
    assert len(found["driftgauge.retraining_reasons"]) == 5_000
    assert "driftgauge.severity" not in found
    assert json.loads(json.dumps(found))["driftgauge.cause_key"] == "incident-1"
