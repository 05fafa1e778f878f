"""A measured model saved for MLflow, loaded again as any pyfunc, and asked.

python examples/serving/mlflow_model.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import joblib
import mlflow
from model import NAME, VERSION, train, training_data

from exporter import InstrumentedPredictor, Reference
from exporter.adapters.pyfunc import python_model


def load(context: Any) -> InstrumentedPredictor:  # noqa: ANN401 - MLflow's
    """The predictor of the files that were saved with the model."""
    reference = Reference.load(context.artifacts["reference"])
    model = joblib.load(context.artifacts["model"])
    return InstrumentedPredictor(model, name=NAME, version=VERSION, reference=reference)


def main(folder: Path) -> float | None:
    """Rows that the loaded model has counted."""
    model, reference = train()
    joblib.dump(model, folder / "model.joblib")
    reference.save(folder / "reference.json")
    mlflow.pyfunc.save_model(
        folder / "pyfunc",
        python_model=python_model(load, id_column="id"),
        artifacts={
            "model": str(folder / "model.joblib"),
            "reference": str(folder / "reference.json"),
        },
        pip_requirements=["driftgauge", "scikit-learn", "joblib"],
        code_paths=[str(Path(__file__).with_name("model.py"))],
    )
    loaded = mlflow.pyfunc.load_model(str(folder / "pyfunc"))
    table = training_data()[0].head(10)
    loaded.predict(table.assign(id=[f"loan-{row}" for row in range(10)]))
    predictor: InstrumentedPredictor = loaded.unwrap_python_model().predictor
    predictor.flush()
    labels = {"model_name": NAME, "model_version": VERSION}
    return predictor.registry.get_sample_value("model_predictions_total", labels)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print("predicted", main(Path(folder)))
