from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alerting.errors import RegistryError
from alerting.retraining.cause import Cause
from alerting.retraining.decision import Reason
from alerting.retraining.mlflow import Mlflow, MlflowPolicy
from alerting.retraining.runs import Run

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from exporter.mlflow import ModelRegistry, Training

EVENTS = [{"at": 1.0, "kind": "requested"}, {"at": 2.0, "kind": "run"}]


def ended(name: str, state: str, *, key: str = "incident-5", result: dict[str, Any] | None = None) -> Run:
    return Run(
        id=7, model_name=name, cause=Cause(key=key, model_name=name, origin="alert", since=1.0),
        requested_at=1.0, state=state, due_at=1.0, attempt=1, trigger_name="drift", strategy="full",
        runner="local", started_at=2.0, attempt_started_at=2.0, ended_at=60.0,
        reasons=(Reason(code="worse", words="the verdict"),), result=result,
    )  # fmt: skip


@pytest.fixture
def mlflow_server(server: Any) -> Mlflow:
    """MLflow as the retraining service asks it."""
    return Mlflow(MlflowPolicy(tracking_uri=server.url, read_timeout_seconds=60.0))


def test_both_sides_agree_on_the_last_training(
    registry: ModelRegistry, publish_version: Any, mlflow_server: Mlflow
) -> None:
    """What the exporter publishes is what the retraining service reads."""
    publish_version("1", alias="champion", made=1_234.5)
    assert mlflow_server.trained_at(registry.name) == registry.trained_at() == 1_234.5
    with pytest.raises(RegistryError, match="found nothing such"):
        mlflow_server.trained_at("nobody")


def test_a_candidate_that_passed_keeps_its_alias(
    registry: ModelRegistry, publish_version: Any, mlflow_server: Mlflow, tmp_path: Path
) -> None:
    """Its own run says what came of it, once and as often as it is told."""
    publish_version("1", alias="champion")
    version = publish_version("2", Training(order={"cause_key": "incident-5"}))
    for _ in range(2):
        assert (
            mlflow_server.record(registry.name, ended(registry.name, "succeeded"), EVENTS) == version.run_id
        )
    tags = registry.client.get_run(version.run_id).data.tags
    assert tags["driftgauge.retraining"] == "succeeded"
    assert tags["driftgauge.retraining_reasons"] == "worse: the verdict"
    path = registry.client.download_artifacts(version.run_id, "driftgauge/retraining.json", str(tmp_path))
    record = json.loads(Path(path).read_text("utf-8"))
    assert (record["state"], [event["kind"] for event in record["events"]]) == (
        "succeeded",
        ["requested", "run"],
    )
    assert registry.aliases() == {"champion": "1", "challenger": "2"}


@pytest.mark.parametrize("state", ["refused", "failed"])
def test_a_candidate_that_did_not_pass_loses_its_alias(
    registry: ModelRegistry, publish_version: Any, mlflow_server: Mlflow, state: str
) -> None:
    """Also one of a training that published and then failed; the champion stays, and the version too."""
    publish_version("1", alias="champion")
    version = publish_version("2", Training(order={"cause_key": "incident-5"}))
    assert mlflow_server.record(registry.name, ended(registry.name, state), EVENTS) == version.run_id
    assert registry.aliases() == {"champion": "1"}
    assert registry.find("2") == version


def test_somebody_elses_challenger_keeps_its_alias(
    registry: ModelRegistry, publish_version: Any, mlflow_server: Mlflow
) -> None:
    """The candidate of another cause is not this retraining's."""
    publish_version("1", alias="champion")
    mine = publish_version("2", Training(order={"cause_key": "incident-5"}))
    other = publish_version("3", Training(order={"cause_key": "incident-6"}))
    told = {"mlflow": {"run_id": mine.run_id}}
    run = ended(registry.name, "refused", result=told)
    assert mlflow_server.record(registry.name, run, EVENTS) == mine.run_id
    assert registry.at("challenger") == other


def test_a_training_that_left_nothing_gets_a_run_of_its_own(
    registry: ModelRegistry, mlflow_server: Mlflow
) -> None:
    """One, however often it is told, with the cause to search by."""
    run = ended(registry.name, "failed")
    first = mlflow_server.record(registry.name, run, EVENTS)
    assert mlflow_server.record(registry.name, run, EVENTS) == first
    found = registry.client.get_run(first)
    assert found.info.status == "FAILED"
    assert found.data.tags["driftgauge.cause_key"] == "incident-5"
    other = mlflow_server.record(registry.name, ended(registry.name, "failed", key="it's"), EVENTS)
    assert other != first


def test_a_server_that_is_away_is_an_error_of_ours(own_server: Any, name: str) -> None:
    """Whoever records tries it again."""
    away = Mlflow(MlflowPolicy(tracking_uri=own_server.url))
    with pytest.raises(RegistryError, match="registered-models/get: no connection"):
        away.record(name, ended(name, "failed"), EVENTS)
    own_server.start()
    assert away.record(name, ended(name, "failed"), EVENTS)
