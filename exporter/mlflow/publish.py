"""A trained model becomes a version of the registry: run, model, reference and record, or nothing at all."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigError, ReferenceDataError, RegistryError
from ..reference import Reference
from .aliases import CHALLENGER, CHAMPION, Alias
from .connection import is_absent, registry_errors
from .registry import ModelRegistry, sha256_of
from .training import Training, documents_of, metrics_of, parameters_of, tags_of
from .version import MODEL_FOLDER, REFERENCE_FILE, RegisteredVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("driftgauge.mlflow")

SaveModel = Callable[[str], Any]
"""Writes an MLflow model to a folder that is not there yet: `partial(mlflow.sklearn.save_model, model)`."""

DESCRIPTION_FILE: Final = "MLmodel"
"""What makes a folder an MLflow model."""
CREATION_SECONDS: Final = 60
"""How long the registry may take to make a version; MLflow's own limit is five minutes."""


def publish(
    registry: ModelRegistry,
    save: SaveModel,
    reference: Reference,
    training: Training | None = None,
    *,
    alias: Alias = "challenger",
    experiment: str | None = None,
) -> RegisteredVersion:
    """Record a training and register its model with its reference.

    The version is registered last, when all files are there: a process that is killed before leaves a run
    without a version. Publishing the same reference again finds the version that there is.

    Parameters
    ----------
    registry : ModelRegistry
    save : callable
        Writes the model as MLflow has it; any of its flavours.
    reference : Reference
        Of this model and version.
    training : Training, optional
        What is recorded with it.
    alias : {"challenger", "champion"}
        That the version gets. The champion is only for a registry that has none: others are replaced by a
        rollout.
    experiment : str, optional
        By default named as the registered model.

    Returns
    -------
    RegisteredVersion

    Raises
    ------
    ConfigError
        If something cannot be recorded, `save` wrote no model, or the model version or the champion is there.
    ReferenceDataError
        If there is no reference, or it is of another model.
    RegistryError
        If the registry does not answer.
    """
    if not isinstance(reference, Reference):
        raise ReferenceDataError(
            f"reference: found {type(reference).__name__}, need the model's: no version without one"
        )
    if reference.model_name != registry.model_name:
        raise ReferenceDataError(
            f"reference: model_name: found {reference.model_name!r}, need {registry.model_name!r}"
        )
    record = training or Training()
    parameters, metrics, documents = parameters_of(record), metrics_of(record), documents_of(record)
    with tempfile.TemporaryDirectory(prefix="driftgauge-publish-") as place:
        folder = Path(place)
        _write_model(folder / MODEL_FOLDER, save, reference)
        for path, text in documents.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        digest = sha256_of(folder / MODEL_FOLDER / REFERENCE_FILE)
        _ensure_registered(registry)
        _require_free(registry, reference.model_version, alias)
        version = registry.find(reference.model_version)
        if version is not None and version.reference_sha256 != digest:
            raise ConfigError(
                f"{registry.name}: found {reference.model_version!r} as version {version.number} with "
                "another reference, need a model_version of its own for each training"
            )
        if version is None:
            with _run(registry, experiment or registry.name, tags_of(record)) as run_id:
                _upload(registry, run_id, folder, parameters, metrics)
                version = _register(registry, run_id, reference, digest)
    registry.assign(alias, version)
    return version


def _write_model(folder: Path, save: SaveModel, reference: Reference) -> None:
    """Model and reference in one folder."""
    save(str(folder))
    if not (folder / DESCRIPTION_FILE).is_file():
        raise ConfigError(
            f"save: found no {DESCRIPTION_FILE} in the folder that it was given, need an MLflow model, as "
            "mlflow.sklearn.save_model writes it"
        )
    reference.save(folder / REFERENCE_FILE)


def _ensure_registered(registry: ModelRegistry) -> None:
    with registry_errors(f"{registry.name}: making the registered model"):
        try:
            registry.client.create_registered_model(registry.name)
        except Exception as error:
            if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                raise


def _require_free(registry: ModelRegistry, model_version: str, alias: Alias) -> None:
    """Refuse to replace a champion, and to try a champion against itself."""
    champion = registry.at(CHAMPION)
    if champion is None or (alias == CHAMPION and champion.model_version == model_version):
        return
    if alias == CHAMPION:
        raise ConfigError(
            f"{registry.name}: found {champion.model_version!r} as champion, need a rollout to replace it; "
            f"publish {model_version!r} as {CHALLENGER}"
        )
    if champion.model_version == model_version:
        raise ConfigError(
            f"{registry.name}: found {model_version!r} as champion, need another model_version as {alias}"
        )


@contextmanager
def _run(registry: ModelRegistry, experiment: str, tags: dict[str, str]) -> Iterator[str]:
    """A run of MLflow: finished when the block ends, failed when it raises."""
    client = registry.client
    with registry_errors(f"experiment {experiment}: beginning a run"):
        run_id: str = client.create_run(_experiment(client, experiment), tags=tags).info.run_id
    try:
        yield run_id
    except BaseException:
        try:
            with registry_errors(f"run {run_id}: marking it as failed"):
                client.set_terminated(run_id, "FAILED")
        except RegistryError as error:  # what went wrong first is what has to be told
            logger.warning("%s", error)
        raise
    with registry_errors(f"run {run_id}: ending it"):
        client.set_terminated(run_id, "FINISHED")


def _experiment(client: Any, name: str) -> str:  # noqa: ANN401 - an MlflowClient
    """Number of an experiment, made if there is none."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except Exception as error:  # somebody made it in between
        if is_absent(error) or (found := client.get_experiment_by_name(name)) is None:
            raise
        return str(found.experiment_id)


def _upload(
    registry: ModelRegistry,
    run_id: str,
    folder: Path,
    parameters: dict[str, str],
    metrics: dict[str, float],
) -> None:
    """Record a training in its run, and make sure that the reference is there."""
    client = registry.client
    with registry_errors(f"run {run_id}: recording"):
        for name, text in parameters.items():
            client.log_param(run_id, name, text)
        for name, value in metrics.items():
            client.log_metric(run_id, name, value)
        client.log_artifacts(run_id, str(folder))
        sizes = {found.path: found.file_size for found in client.list_artifacts(run_id, MODEL_FOLDER)}
    path = f"{MODEL_FOLDER}/{REFERENCE_FILE}"
    needed = (folder / path).stat().st_size
    if sizes.get(path) != needed:
        raise RegistryError(
            f"run {run_id}: {path}: found {sizes.get(path, 'nothing')}, need {needed} bytes: no version "
            "without its reference"
        )


def _register(registry: ModelRegistry, run_id: str, reference: Reference, digest: str) -> RegisteredVersion:
    """Register what a run holds."""
    version = RegisteredVersion(
        number="",
        model_name=reference.model_name,
        model_version=reference.model_version,
        run_id=run_id,
        reference_sha256=digest,
        trained_at=reference.created_at,
    )
    with registry_errors(f"{registry.name}: registering {reference.model_version!r}"):
        made = registry.client.create_model_version(
            registry.name,
            source=f"runs:/{run_id}/{MODEL_FOLDER}",
            run_id=run_id,
            tags=version.tags(),
            await_creation_for=CREATION_SECONDS,
        )
    return replace(version, number=str(made.version))
