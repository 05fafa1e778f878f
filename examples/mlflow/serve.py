"""The champion of the registry, and its challenger if there is one, as one predictor.

python examples/mlflow/serve.py rollout.json          metrics on port 9108
"""

from __future__ import annotations

import sys
import threading

import mlflow.sklearn

from exporter import InstrumentedPredictor, RolloutPredictor
from exporter.mlflow import AliasKeeper, ModelRegistry

NAME = "loans"


def serve(state_path: str, port: int) -> InstrumentedPredictor | RolloutPredictor:
    """What answers, with its metrics on a port."""
    registry = ModelRegistry(NAME)
    keeper = AliasKeeper(registry, state_path)
    keeper.reconcile()  # what a process that was killed had decided
    champion = registry.load("champion", load=mlflow.sklearn.load_model).predictor()
    if registry.at("challenger") is None:
        champion.serve(port=port)
        return champion
    challenger = registry.load("challenger", load=mlflow.sklearn.load_model).predictor(
        registry=champion.registry
    )
    rollout = RolloutPredictor(champion, challenger, state_path=state_path, on_event=keeper)
    rollout.serve(port=port)
    return rollout


if __name__ == "__main__":
    answering = serve(sys.argv[1], 9108)
    threading.Event().wait()
