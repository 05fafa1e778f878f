"""A training that a retraining starts: it compares with the champion and publishes what it made.

python examples/mlflow/train.py first loans.csv       the first champion
python examples/mlflow/train.py < order.json          what `driftgauge retrain serve` does

MLflow's own variables say where the server is: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_TOKEN.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from exporter import Reference, check, compare_models
from exporter.mlflow import ModelRegistry, Training, publish

NAME, FEATURES, TARGET = "loans", ["income", "age"], "paid"
HELD_OUT = 0.3
"""Share of the rows that the comparison is made on."""


def fit(rows: pd.DataFrame, model_version: str) -> tuple[LogisticRegression, Reference]:
    """A model, and the profile of what it was trained on."""
    model = LogisticRegression(max_iter=1_000).fit(rows[FEATURES], rows[TARGET])
    reference = Reference.fit(
        rows[FEATURES],
        predictions=model.predict(rows[FEATURES]),
        scores=model.predict_proba(rows[FEATURES]),
        labels=rows[TARGET].to_numpy(),
        model_name=NAME,
        model_version=model_version,
    )
    return model, reference


def write(model: LogisticRegression, folder: Path) -> None:
    """The model as MLflow has it."""
    mlflow.sklearn.save_model(model, str(folder), pip_requirements=["scikit-learn"])


def first(data: str) -> None:
    """Publish the first champion."""
    model, reference = fit(pd.read_csv(data), "1.0.0")
    save = partial(mlflow.sklearn.save_model, model, pip_requirements=["scikit-learn"])
    published = publish(ModelRegistry(NAME), save, reference, alias="champion")
    print("champion", published.model_version)


def retrain(order: dict[str, Any]) -> dict[str, Any]:
    """Train, compare, publish as challenger; what the retraining wants to know."""
    rows = pd.read_csv(order["parameters"]["data"]).sample(frac=1.0, random_state=order["run_id"])
    split = int(len(rows) * HELD_OUT)
    held_out, rows = rows[:split], rows[split:]
    registry = ModelRegistry(NAME)
    champion = registry.load("champion", load=mlflow.sklearn.load_model)

    model, reference = fit(rows, f"{order['run_id']}.{order['attempt']}.0")  # each attempt is a version
    truth = held_out[TARGET].to_numpy()
    scores = model.predict_proba(held_out[FEATURES])[:, 1]
    comparison = compare_models(
        truth,
        champion.model.predict_proba(held_out[FEATURES])[:, 1],
        scores,
        measure="auc",
        rng=np.random.default_rng(order["run_id"]),
    )
    folder = Path(order["output_directory"])
    write(model, folder / "model")
    reference.save(folder / "reference.json")
    metrics = {"auc": float(roc_auc_score(truth, scores))}
    published = publish(
        registry,
        partial(shutil.copytree, folder / "model"),
        reference,
        Training(
            parameters=model.get_params(),
            metrics=metrics,
            order=order,
            report=check(champion.reference, rows[FEATURES]).to_dict(),
            evaluation=asdict(comparison),
        ),
    )
    return {
        "model_path": "model",
        "reference_path": "reference.json",
        "model_version": published.model_version,
        "features": FEATURES,
        "metrics": metrics,
        "comparison": asdict(comparison),
        "mlflow": {"run_id": published.run_id, "version": published.number},
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["first"]:
        first(sys.argv[2])
    else:
        told = json.load(sys.stdin)
        Path(told["result_file"]).write_text(json.dumps(retrain(told)), encoding="utf-8")
