from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter import ConfigError, Reference, ReferenceDataError
from exporter.errors import RegistryError

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from mlflow import sklearn as mlflow_sklearn

from exporter.mlflow import ModelRegistry


def test_the_champion_is_loaded_with_its_reference(
    registry: ModelRegistry, publish_version: Any, rows: Any, model: Any, tmp_path: Path
) -> None:
    """The predictor answers as the model does, counts, and has the version's own reference."""
    publish_version("1", alias="champion", made=10.0)
    publish_version("2", made=20.0)
    loaded = registry.load("champion", load=mlflow_sklearn.load_model, folder=tmp_path)
    with loaded.predictor(background=False) as predictor:
        assert np.array_equal(predictor.predict_proba(rows), model.predict_proba(rows))
        predictor.flush()
        labels = {"model_name": registry.name, "model_version": "1"}
        assert predictor.registry.get_sample_value("model_predictions_total", labels) == 300
        assert predictor.reference is not None
        assert predictor.reference.created_at == 10.0
    challenger = registry.load("challenger", folder=tmp_path)
    assert challenger.reference.model_version == "2"
    assert np.array_equal(challenger.model.predict(rows), model.predict(rows))


def test_the_age_is_that_of_the_newest_training(registry: ModelRegistry, publish_version: Any) -> None:
    """Champion and challenger count, by when their references were made."""
    publish_version("1", alias="champion", made=10.0)
    assert registry.trained_at() == 10.0
    publish_version("2", made=20.0)
    assert registry.trained_at() == 20.0


def test_a_name_that_nobody_registered_is_an_error(server: Any) -> None:
    """It says which name was not found."""
    registry = ModelRegistry("nobody", tracking_uri=server.url)
    for ask in (registry.load, registry.aliases, registry.trained_at):
        with pytest.raises(ConfigError, match="found no registered model 'nobody'"):
            ask()
    with pytest.raises(ConfigError, match="found no name"):
        ModelRegistry("")


def test_a_registry_without_a_champion_is_an_error(registry: ModelRegistry, publish_version: Any) -> None:
    """A challenger does not stand in for it."""
    publish_version("1")
    with pytest.raises(ConfigError, match="found no champion"):
        registry.load("champion")


def test_a_version_without_a_reference_is_not_loaded(registry: ModelRegistry, publish_version: Any) -> None:
    """One that another program registered has none of the tags."""
    version = publish_version("1", alias="champion")
    other = registry.client.create_model_version(
        registry.name, source=f"runs:/{version.run_id}/model", run_id=version.run_id
    )
    registry.client.set_registered_model_alias(registry.name, "champion", other.version)
    with pytest.raises(ReferenceDataError, match=r"version 2: found no tag driftgauge\.model_name"):
        registry.load("champion")
    with pytest.raises(ReferenceDataError, match="need a version that was published with its reference"):
        registry.follow(champion="1", challenger="3", standing="running")
    assert registry.client.get_registered_model(registry.name).aliases == {"champion": other.version}


def test_another_versions_reference_is_not_taken(
    registry: ModelRegistry, publish_version: Any, reference_of: Callable[..., Reference], tmp_path: Path
) -> None:
    """A file that was replaced is found by its digest, and one with a fitting digest by what it says."""
    version = publish_version("1", alias="champion")
    other = tmp_path / "reference.json"
    reference_of("2").save(other)
    registry.client.log_artifact(version.run_id, str(other), "model")
    with pytest.raises(ReferenceDataError, match=r"reference\.json: found other content than was published"):
        registry.load("champion")
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    tag = "driftgauge.reference_sha256"
    registry.client.set_model_version_tag(registry.name, version.number, tag, digest)
    with pytest.raises(ReferenceDataError, match="model_version: found '2', need '1'"):
        registry.load("champion")
    damaged = json.loads(other.read_text())
    damaged["rows"] = 1
    other.write_text(json.dumps(damaged))
    registry.client.log_artifact(version.run_id, str(other), "model")
    with pytest.raises(ReferenceDataError, match="found other content"):
        registry.load("champion")


def test_another_models_version_is_not_taken(
    registry: ModelRegistry, publish_version: Any, server: Any
) -> None:
    """The registered model may have another name than the model, but holds one model."""
    publish_version("1", alias="champion")
    other = ModelRegistry(registry.name, model_name="other", tracking_uri=server.url)
    with pytest.raises(ReferenceDataError, match=f"found the model '{registry.name}', need 'other'"):
        other.load("champion")


def test_two_versions_of_one_name_are_told_apart_by_nobody(
    registry: ModelRegistry, publish_version: Any
) -> None:
    """Such a pair, which two publishers at once can make, moves no alias."""
    version = publish_version("1", alias="champion")
    publish_version("2")
    registry.client.create_model_version(
        registry.name,
        source=f"runs:/{version.run_id}/model",
        run_id=version.run_id,
        tags={**version.tags(), "driftgauge.model_version": "2"},
    )
    with pytest.raises(ConfigError, match="found '2' as versions 2, 3"):
        registry.follow(champion="1", challenger="2", standing="promoted")
    assert registry.aliases() == {"champion": "1", "challenger": "2"}


def test_a_server_that_is_away_is_told_in_one_line(
    own_server: Any, save: Callable[[str], Any], name: str
) -> None:
    """The message names what was asked, and no password of the address."""
    registry = ModelRegistry(name, tracking_uri=own_server.url.replace("//", "//me:secret@"))
    with pytest.raises(RegistryError, match=f"MLflow: {name}: reading aliases: .*need a server") as caught:
        registry.load("champion")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
