"""Versions in MLflow's registry, each with its reference, and aliases that follow a rollout (extra `mlflow`).

from exporter.mlflow import AliasKeeper, ModelRegistry, Training, publish

registry = ModelRegistry("flight_delay", tracking_uri="http://mlflow:5000")
publish(registry, partial(mlflow.sklearn.save_model, model), reference, Training(metrics={"auc": 0.81}))
champion = registry.load("champion", load=mlflow.sklearn.load_model).predictor()

MLflow is imported when a registry is first asked for something. docs/mlflow.md says what is where in it.
"""

from __future__ import annotations

from .aliases import Move, moves
from .keeper import AliasKeeper
from .publish import publish
from .registry import LoadedModel, ModelRegistry
from .training import Training
from .version import RegisteredVersion

__all__ = [
    "AliasKeeper",
    "LoadedModel",
    "ModelRegistry",
    "Move",
    "RegisteredVersion",
    "Training",
    "moves",
    "publish",
]
