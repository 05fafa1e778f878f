"""The versions of one model that a process has loaded: each a predictor with its reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from ..errors import ConfigError, ExporterError, ReferenceDataError
from ..families import families_for
from ..predictor import InstrumentedPredictor
from .candidate import Candidate, Refusal, reference_of
from .pair import require_pair

Build = Callable[[Candidate | None, CollectorRegistry], InstrumentedPredictor]
"""Makes the predictor of a candidate, or of the configured version for None, on a registry."""


class Versions:
    """Predictors by version.

    Parameters
    ----------
    build : callable
        See `Build`.
    name, configured : str
        Of the model, and the version that the configuration names.
    registry : CollectorRegistry
        Where the metrics of all are.
    """

    def __init__(self, build: Build, name: str, configured: str, registry: CollectorRegistry) -> None:
        self._build = build
        self._name, self._configured = name, configured
        self._registry = registry
        self._loaded: dict[str, InstrumentedPredictor] = {}
        self._origins: dict[str, Mapping[str, Any]] = {configured: {}}

    def learn(self, origins: Mapping[str, Mapping[str, Any]]) -> None:
        """Hear where versions are loaded from."""
        self._origins = {**self._origins, **origins}

    def origins(self, champion: str, candidate: Candidate) -> dict[str, Mapping[str, Any]]:
        """What a state has to say so that any worker can load the two, and knows the configured version."""
        known = {version: self._origins.get(version, {}) for version in (self._configured, champion)}
        return {**known, candidate.version: candidate.to_dict()}

    def get(self, version: str) -> InstrumentedPredictor:
        """The predictor of a version, loaded now if it was not.

        Raises
        ------
        ConfigError
            If the model cannot be loaded.
        ReferenceDataError
            If the reference is not its own.
        """
        found = self._loaded.get(version)
        if found is not None:
            return found
        candidate = None
        if version != self._configured:
            try:
                candidate = Candidate.from_dict(self._origins.get(version, {}), Path())
            except ConfigError as error:
                raise ConfigError(f"version {version}: {error}, need to know where it lies") from error
        self._loaded[version] = predictor = self._made(candidate, version)
        return predictor

    def try_(self, candidate: Candidate, champion: InstrumentedPredictor) -> InstrumentedPredictor | Refusal:
        """The predictor of a candidate that can take the champion's place, or why it cannot."""
        if candidate.version == self._configured:
            words = f"model_version: found the configured one, {self._configured!r}, need one of its own"
            return Refusal(reason="other_model", words=words)
        reference = reference_of(candidate, self._name, champion.reference)
        if isinstance(reference, Refusal):
            return reference
        self._origins[candidate.version] = candidate.to_dict()
        try:
            predictor = self.get(candidate.version)
        except ReferenceDataError as error:  # the file was sound: the model is not of its features
            return Refusal(reason="other_features", words=str(error))
        except ExporterError as error:
            return Refusal(reason="no_model", words=str(error))
        try:
            require_pair(champion, predictor)
        except ConfigError as error:
            self._drop(candidate.version)
            return Refusal(reason="no_model", words=str(error))
        return predictor

    def keep(self, versions: Iterable[str]) -> None:
        """Close all other versions, and forget what their gauges showed."""
        for version in set(self._loaded) - set(versions):
            self._drop(version)

    def close(self) -> None:
        """Close all, and leave their gauges as they were last."""
        for predictor in self._loaded.values():
            predictor.close()

    def _drop(self, version: str) -> None:
        self._loaded.pop(version).close()
        families_for(self._registry).forget(self._name, version)

    def _made(self, candidate: Candidate | None, version: str) -> InstrumentedPredictor:
        try:
            return self._build(candidate, self._registry)
        except ExporterError:
            raise
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise ConfigError(f"version {version}: {found}, need a model that can be measured") from error
