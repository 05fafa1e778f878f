"""`driftgauge serve`: a model named in the configuration, predicted with and measured over HTTP.

For a team that has no serving process of its own yet, or tries one out. Everybody else wraps the model where
it runs and calls `InstrumentedPredictor.serve`.

POST /predict   {"rows": [{"age": 41, ...}, ...], "ids": ["a", ...], "at": [1700000000.0, ...]}

and what `actions.py` does for every predictor that serves.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from prometheus_client import CollectorRegistry

from .actions import listed
from .config import ExporterConfig, ModelSettings
from .errors import ConfigError
from .predictor import InstrumentedPredictor
from .reference import Reference
from .rollout import Candidate, RolloutPredictor, Succession
from .server import MetricsServer
from .stores.settings import open_store

Served = InstrumentedPredictor | RolloutPredictor | Succession


def predictor_of(config: ExporterConfig) -> Served:
    """Predictor of the model that a configuration names, with its reference and its rollout.

    For a server of one's own, too: each of its workers makes one.

    Raises
    ------
    ConfigError
        If it names no model, or the model cannot be loaded, or what is rolled out cannot take its place.
    ReferenceDataError
        If a reference is not its model's.
    StoreError
        If the state file of the rollout cannot be used.
    """
    settings = config.model
    if settings is None:
        raise ConfigError("model: found nothing, need name, version and factory of the model to serve")
    rollout = config.rollout
    if rollout is None:
        return measured(config, settings, load_model(settings))
    if rollout.candidates is not None:
        return Succession(
            partial(_version, config, settings, rollout.candidates.loader),
            name=settings.name,
            version=settings.version,
            state_path=rollout.state_path,
            candidate_path=rollout.candidates.file,
            policy=rollout.policy,
        )
    given = rollout.challenger
    assert given is not None
    challenger = replace(settings, version=given.version, factory=given.factory, reference=given.reference)
    # Both are loaded before a thread of either starts.
    models = load_model(settings), load_model(challenger, "rollout.challenger.factory")
    champion = measured(config, settings, models[0])
    return RolloutPredictor(
        champion,
        measured(beside(config, given.version), challenger, models[1], champion.registry),
        state_path=rollout.state_path,
        policy=rollout.policy,
    )


def measured(
    config: ExporterConfig,
    settings: ModelSettings,
    model: Any,  # noqa: ANN401 - any model
    registry: CollectorRegistry | None = None,
) -> InstrumentedPredictor:
    """A model as a configuration wants it measured.

    Raises
    ------
    ReferenceDataError
        If the reference is not the model's.
    """
    reference = None
    if settings.reference is not None:
        reference = Reference.load(
            settings.reference, model_name=settings.name, model_version=settings.version
        )
    return InstrumentedPredictor(
        model,
        name=settings.name,
        version=settings.version,
        reference=reference,
        registry=registry,
        policy=config.policy,
        windows=config.windows,
        store=open_store(config.store, name=settings.name, version=settings.version),
        schedule=config.schedule,
        assessment=config.assessment,
        business=config.business,
        catalog=config.catalog,
        state_path=config.state_path,
    )


def _version(
    config: ExporterConfig,
    settings: ModelSettings,
    loader: str,
    candidate: Candidate | None,
    registry: CollectorRegistry,
) -> InstrumentedPredictor:
    """Predictor of a candidate, or of the configured version."""
    if candidate is None:
        return measured(config, settings, load_model(settings), registry)
    given = replace(settings, version=candidate.version, reference=Path(candidate.reference_path))
    model = loaded(loader, "rollout.loader", candidate.model_path)
    return measured(beside(config, candidate.version), given, model, registry)


def beside(config: ExporterConfig, version: str) -> ExporterConfig:
    """The configuration of another version in the same process: its files beside those of the first."""

    def own(path: Path | None) -> Path | None:
        return None if path is None else path.with_stem(f"{path.stem}-{quote(version, safe='')}")

    store = replace(config.store, path=own(config.store.path))
    return replace(config, store=store, state_path=own(config.state_path))


def load_model(settings: ModelSettings, key: str = "model.factory") -> Any:  # noqa: ANN401 - any model
    """The model that the factory returns.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be imported, or raises; the key of the configuration says which.
    """
    if settings.factory is None:
        raise ConfigError(f"{key}: found nothing, need the function that returns the model to serve")
    return loaded(settings.factory, key)


def loaded(name: str, key: str, *arguments: str) -> Any:  # noqa: ANN401 - any model
    """What the function of a name, `package.module:function`, returns for these arguments.

    Raises
    ------
    ConfigError
        If it cannot be imported, or raises.
    """
    module_name, _, function_name = name.partition(":")
    where = f"{key}: {name}"
    try:
        factory = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where}: {error}, need an importable function") from error
    try:
        return factory(*arguments)
    except Exception as error:
        raise ConfigError(
            f"{where}: raised {type(error).__name__}: {error}, need a function that returns the model"
        ) from error


def start(config: ExporterConfig) -> tuple[Served, MetricsServer]:
    """Predictor and server of a configuration, both running."""
    predictor = predictor_of(config)
    return predictor, predictor.serve_with(config.server, {"predict": partial(predict, predictor)})


def predict(predictor: Served, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Answer to POST /predict: probabilities where the model has them, else predictions.

    Raises
    ------
    ObservationError
        If the body is not as the module says.
    """
    rows = listed(body, "rows")
    ids, at = (listed(body, key, len(rows)) if key in body else None for key in ("ids", "at"))
    table = _table(predictor, rows)
    if hasattr(predictor, "predict_proba"):
        answer = predictor.predict_proba(table, ids=ids, at=at)
        return {"classes": _plain(predictor.classes_), "probabilities": _plain(answer)}
    function = predictor.predict if hasattr(predictor, "predict") else predictor
    return {"predictions": _plain(function(table, ids=ids, at=at))}


def _table(predictor: Served, rows: list[Any]) -> Any:  # noqa: ANN401
    """Rows as the model was fitted: a data frame if it knows names, else an array in reference order."""
    if not all(isinstance(row, Mapping) for row in rows):
        return rows
    names = getattr(predictor, "feature_names_in_", None)
    if names is not None:
        import pandas as pd  # noqa: PLC0415 - a model that was fitted on a data frame has it installed

        return pd.DataFrame(rows).reindex(columns=list(names))
    if predictor.reference is None:
        return rows
    names = list(predictor.reference.features)
    return np.array([[row.get(name) for name in names] for row in rows], dtype=object)


def _plain(answer: Any) -> Any:  # noqa: ANN401
    """Strict JSON of an array or list: numbers that are not finite are null."""
    if isinstance(answer, np.ndarray):
        return _plain(answer.tolist())
    if isinstance(answer, (list, tuple)):
        return [_plain(value) for value in answer]
    if isinstance(answer, float):
        return answer if math.isfinite(answer) else None
    return answer if isinstance(answer, (str, int, bool)) or answer is None else str(answer)
