"""The versions of one model in MLflow's registry, each with its reference, and who is champion."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ConfigError, ReferenceDataError
from ..predictor import InstrumentedPredictor
from ..reference import Reference
from .aliases import CHALLENGER, CHAMPION, Alias, Move, Standing, moves
from .connection import connect, is_absent, registry_errors
from .version import MODEL_FOLDER, MODEL_VERSION, REFERENCE_FILE, RegisteredVersion, read_version

LoadModel = Callable[[str], Any]
"""From the folder of an MLflow model to the model, such as `mlflow.sklearn.load_model`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model of the registry with its own reference."""

    model: Any
    reference: Reference
    version: RegisteredVersion

    def predictor(self, **options: Any) -> InstrumentedPredictor:  # noqa: ANN401 - the predictor's own
        """The model, measured; options are those of `InstrumentedPredictor`."""
        return InstrumentedPredictor(
            self.model,
            name=self.version.model_name,
            version=self.version.model_version,
            reference=self.reference,
            **options,
        )


class ModelRegistry:
    """One registered model.

    Nothing is asked before a method is called. Each call ends within the time limits of `connection`.

    Parameters
    ----------
    name : str
        Of the registered model.
    model_name : str, optional
        The `model_name` of metrics and references; by default the same.
    tracking_uri : str, optional
        Of the server; by default what MLflow is set to. Secrets come from MLflow's own variables, such as
        MLFLOW_TRACKING_TOKEN.
    """

    def __init__(self, name: str, *, model_name: str | None = None, tracking_uri: str | None = None) -> None:
        if not name:
            raise ConfigError("registered model: found no name, need one")
        self.name = name
        self.model_name = model_name or name
        self._tracking_uri = tracking_uri

    def __repr__(self) -> str:
        return f"ModelRegistry({self.name!r})"

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - MLflow ships no types
        """The `mlflow.MlflowClient` that is used."""
        return connect(self._tracking_uri)

    def aliases(self) -> dict[str, str]:
        """Alias to model version, of `champion` and `challenger` as far as they are set.

        Raises
        ------
        ConfigError
            If there is no such registered model.
        ReferenceDataError
            If one of them was registered without a reference.
        RegistryError
            If the registry does not answer.
        """
        return {
            alias: self._version(number).model_version
            for alias, number in self._numbers().items()
            if alias in (CHAMPION, CHALLENGER)
        }

    def at(self, alias: Alias) -> RegisteredVersion | None:
        """The version that has an alias, or None; raises as `aliases` does."""
        number = self._numbers().get(alias)
        return None if number is None else self._version(number)

    def find(self, model_version: str) -> RegisteredVersion | None:
        """The version that was published for a model version, or None.

        Raises
        ------
        ConfigError
            If several were, so that nobody can tell which is meant.
        ReferenceDataError
            If its tags are damaged.
        RegistryError
            If the registry does not answer.
        """
        quoted = model_version.replace("'", "''")
        if quoted != model_version:
            raise ConfigError(f"model_version: found {model_version!r}, need one without quotes")
        with registry_errors(f"{self.name}: looking for {model_version!r}"):
            found = self.client.search_model_versions(
                f"name='{self.name}' and tag.`{MODEL_VERSION}`='{model_version}'"
            )
        if len(found) > 1:
            numbers = ", ".join(sorted(version.version for version in found))
            raise ConfigError(f"{self.name}: found {model_version!r} as versions {numbers}, need one of them")
        return self._read(found[0]) if found else None

    def trained_at(self) -> float | None:
        """When the champion or the challenger was trained, whichever is newer; None if there is neither.

        Raises as `aliases` does.
        """
        numbers = self._numbers()
        times = [
            self._version(numbers[alias]).trained_at for alias in (CHAMPION, CHALLENGER) if alias in numbers
        ]
        return max(times, default=None)

    def load(
        self,
        alias: Alias = "champion",
        *,
        load: LoadModel | None = None,
        folder: Path | None = None,
    ) -> LoadedModel:
        """The version that has an alias, with its reference.

        Parameters
        ----------
        alias : {"champion", "challenger"}
        load : callable, optional
            Makes the model from its folder; by default `load_pyfunc`.
        folder : Path, optional
            For the files; by default one that goes with this process.

        Raises
        ------
        ConfigError
            If no version has the alias.
        ReferenceDataError
            If it has no reference, or another version's, or a file that has changed since.
        RegistryError
            If the registry does not answer.
        """
        version = self.at(alias)
        if version is None:
            raise ConfigError(f"{self.name}: found no {alias}, need a version with that alias")
        files = self._download(version, folder or _own_folder())
        reference = self._reference(version, files / REFERENCE_FILE)
        with registry_errors(f"{self.name} version {version.number}: loading the model"):
            model = (load or load_pyfunc)(str(files))
        return LoadedModel(model=model, reference=reference, version=version)

    def follow(self, *, champion: str, challenger: str, standing: Standing) -> tuple[Move, ...]:
        """Set the aliases as a rollout stands; the moves that were needed. Again has no further effect.

        Parameters
        ----------
        champion, challenger : str
            Model versions of the rollout; the champion is the one that was there before.
        standing : {"running", "promoted", "rolled_back"}

        Raises
        ------
        ConfigError
            If somebody else has moved the champion, or a version was never published.
        ReferenceDataError
            If a version has no reference.
        RegistryError
            If the registry does not answer. What was not moved is moved the next time.
        """
        needed = moves(self.aliases(), champion=champion, challenger=challenger, standing=standing)
        versions = {
            move.version: self._published(move.version) for move in needed if move.version is not None
        }
        for move in needed:
            if move.version is None:
                self.remove(move.alias)
            else:
                self.assign(move.alias, versions[move.version])
        return needed

    def assign(self, alias: Alias, version: RegisteredVersion) -> None:
        """Give an alias to a version, whoever had it."""
        with registry_errors(f"{self.name}: alias {alias} to version {version.number}"):
            self.client.set_registered_model_alias(self.name, alias, version.number)

    def remove(self, alias: Alias) -> None:
        """Take an alias away; none is fine too."""
        with registry_errors(f"{self.name}: taking alias {alias} away"):
            self.client.delete_registered_model_alias(self.name, alias)

    def _published(self, model_version: str) -> RegisteredVersion:
        version = self.find(model_version)
        if version is None:
            raise ConfigError(
                f"{self.name}: found no version for {model_version!r}, need one that was published"
            )
        return version

    def _numbers(self) -> Mapping[str, str]:
        """Alias to MLflow's number."""
        with registry_errors(f"{self.name}: reading aliases"):
            try:
                return {
                    str(alias): str(number)
                    for alias, number in self.client.get_registered_model(self.name).aliases.items()
                }
            except Exception as error:
                if is_absent(error):
                    raise ConfigError(
                        f"MLflow: found no registered model {self.name!r}, need one; publishing makes it"
                    ) from None
                raise

    def _version(self, number: str) -> RegisteredVersion:
        with registry_errors(f"{self.name} version {number}: reading"):
            found = self.client.get_model_version(self.name, number)
        return self._read(found)

    def _read(self, found: Any) -> RegisteredVersion:  # noqa: ANN401 - a ModelVersion
        version = read_version(self.name, str(found.version), found.run_id or "", found.tags)
        if version.model_name != self.model_name:
            raise ReferenceDataError(
                f"{self.name} version {version.number}: found the model {version.model_name!r}, need "
                f"{self.model_name!r}"
            )
        return version

    def _download(self, version: RegisteredVersion, folder: Path) -> Path:
        with registry_errors(f"{self.name} version {version.number}: downloading"):
            own = folder / version.number  # files of two versions must not meet
            own.mkdir(parents=True, exist_ok=True)
            return Path(self.client.download_artifacts(version.run_id, MODEL_FOLDER, str(own)))

    def _reference(self, version: RegisteredVersion, path: Path) -> Reference:
        """The reference among a version's files, if it is the one that was published."""
        where = f"{self.name} version {version.number}"
        if not path.is_file():
            raise ReferenceDataError(f"{where}: found no {REFERENCE_FILE}, need the one that was published")
        if sha256_of(path) != version.reference_sha256:
            raise ReferenceDataError(
                f"{where}: {REFERENCE_FILE}: found other content than was published, need the same"
            )
        return Reference.load(path, model_name=version.model_name, model_version=version.model_version)


def load_pyfunc(folder: str) -> Any:  # noqa: ANN401 - any model
    """The model in a folder, whatever its flavour, with the one method `predict`."""
    from mlflow import pyfunc  # noqa: PLC0415 - who has a client has it

    return pyfunc.load_model(folder)


def sha256_of(path: Path) -> str:
    """Of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_folder() -> Path:
    """A folder that lives as long as this process: some models read their files later."""
    folder = Path(tempfile.mkdtemp(prefix="driftgauge-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
