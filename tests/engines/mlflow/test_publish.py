from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter import ConfigError, Reference, ReferenceDataError
from exporter.errors import RegistryError

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from exporter.mlflow import ModelRegistry, Training, publish

ORDER = {
    "run_id": 7,
    "attempt": 1,
    "cause_key": "incident-5",
    "trigger": "drift",
    "strategy": "full",
    "by": "",
}
TRAINING = Training(
    parameters={"C": 0.5, "solver": "lbfgs"},
    metrics={"auc": 0.81},
    order=ORDER,
    report={"drift_detected": True, "drifted_features": ["income"]},
    evaluation={"verdict": "better", "difference": 0.02, "low": 0.01, "high": 0.03, "reason": None},
)


def artifact(registry: ModelRegistry, run_id: str, path: str, folder: Path) -> Any:
    return json.loads(Path(registry.client.download_artifacts(run_id, path, str(folder))).read_text("utf-8"))


def test_a_training_is_recorded_with_what_led_to_it(
    registry: ModelRegistry, publish_version: Any, tmp_path: Path
) -> None:
    """Parameters, metrics, cause and verdict can be searched by; order, report and evaluation are files."""
    version = publish_version("1", TRAINING)
    run = registry.client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"C": "0.5", "solver": "lbfgs"}
    assert run.data.metrics == {
        "auc": 0.81, "evaluation.difference": 0.02, "evaluation.low": 0.01, "evaluation.high": 0.03,
    }  # fmt: skip
    assert run.data.tags["driftgauge.cause_key"] == "incident-5"
    assert run.data.tags["driftgauge.trigger"] == "drift"
    assert run.data.tags["driftgauge.verdict"] == "better"
    assert "driftgauge.by" not in run.data.tags
    assert artifact(registry, version.run_id, "driftgauge/order.json", tmp_path) == ORDER
    report = artifact(registry, version.run_id, "driftgauge/drift_report.json", tmp_path)
    assert report == TRAINING.report
    evaluation = artifact(registry, version.run_id, "driftgauge/evaluation.json", tmp_path)
    assert evaluation == TRAINING.evaluation
    found = registry.client.search_runs(
        [run.info.experiment_id], "tags.`driftgauge.cause_key` = 'incident-5' and params.C = '0.5'"
    )
    assert [each.info.run_id for each in found] == [version.run_id]


def test_a_version_has_its_reference_beside_it(
    registry: ModelRegistry, publish_version: Any, reference_of: Callable[..., Reference], tmp_path: Path
) -> None:
    """The file in the model's folder is the reference, and tags say which and where."""
    version = publish_version("1.3.0", made=5_000.0)
    tags = registry.client.get_model_version(registry.name, version.number).tags
    assert tags == {
        "driftgauge.model_name": registry.name,
        "driftgauge.model_version": "1.3.0",
        "driftgauge.reference_path": "model/reference.json",
        "driftgauge.reference_sha256": version.reference_sha256,
        "driftgauge.trained_at": "5000.0",
    }
    path = registry.client.download_artifacts(
        version.run_id, tags["driftgauge.reference_path"], str(tmp_path)
    )
    reference_of("1.3.0", made=5_000.0).save(tmp_path / "expected.json")
    assert Path(path).read_bytes() == (tmp_path / "expected.json").read_bytes()
    assert registry.at("challenger") == version
    assert registry.at("champion") is None
    assert registry.find("1.3.0") == version
    assert registry.find("1.4.0") is None


def test_publishing_again_finds_the_version(registry: ModelRegistry, publish_version: Any) -> None:
    """A training that was told to end in between may say it twice; there is one version."""
    first = publish_version("1", TRAINING)
    registry.remove("challenger")
    assert publish_version("1", TRAINING) == first
    assert registry.at("challenger") == first
    assert len(registry.client.search_model_versions(f"name='{registry.name}'")) == 1


def test_a_model_version_has_one_reference(registry: ModelRegistry, publish_version: Any) -> None:
    """Another training cannot take the version of one that is registered."""
    first = publish_version("1", made=1.0)
    with pytest.raises(ConfigError, match="found '1' as version 1 with another reference"):
        publish_version("1", made=2.0)
    assert registry.find("1") == first
    assert len(registry.client.search_model_versions(f"name='{registry.name}'")) == 1


def test_no_version_without_its_reference(
    registry: ModelRegistry, save: Callable[[str], Any], reference_of: Callable[..., Reference]
) -> None:
    """Neither none nor another model's is taken, and nothing is made in the registry."""
    with pytest.raises(ReferenceDataError, match="found NoneType, need the model's"):
        publish(registry, save, None)  # type: ignore[arg-type]
    with pytest.raises(ReferenceDataError, match="model_name: found 'other'"):
        publish(registry, save, reference_of("1", model_name="other"))
    with pytest.raises(ConfigError, match="found no MLmodel"):
        publish(registry, lambda folder: Path(folder).mkdir(), reference_of("1"))
    with pytest.raises(ConfigError, match="no registered model"):
        registry.aliases()


def test_a_reference_that_was_not_stored_makes_no_version(
    registry: ModelRegistry, publish_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is marked as failed, and the registry has no version."""
    monkeypatch.setattr(registry.client, "log_artifacts", lambda *_: None)
    with pytest.raises(RegistryError, match=r"model/reference.json: found nothing, need \d+ bytes"):
        publish_version("1")
    assert registry.client.search_model_versions(f"name='{registry.name}'") == []
    experiment = registry.client.get_experiment_by_name(registry.name)
    assert [run.info.status for run in registry.client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_only_a_rollout_replaces_a_champion(registry: ModelRegistry, publish_version: Any) -> None:
    """The first version may be published as champion; a later one is a challenger, and never the same one."""
    first = publish_version("1", alias="champion")
    assert publish_version("1", alias="champion") == first
    with pytest.raises(ConfigError, match="found '1' as champion, need a rollout"):
        publish_version("2", alias="champion")
    with pytest.raises(ConfigError, match="found '1' as champion, need another"):
        publish_version("1")
    publish_version("2")
    assert registry.aliases() == {"champion": "1", "challenger": "2"}


def test_experiments_can_be_shared_with_other_runs(registry: ModelRegistry, publish_version: Any) -> None:
    """An experiment that is there is used."""
    experiment = registry.client.create_experiment(f"{registry.name}-trainings")
    version = publish_version("1", experiment=f"{registry.name}-trainings")
    assert registry.client.get_run(version.run_id).info.experiment_id == experiment
