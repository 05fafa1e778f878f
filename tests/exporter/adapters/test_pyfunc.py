from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from exporter.adapters.pyfunc import MonitoredPyfunc
from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference

MODEL = {"model_name": "m", "model_version": "1"}


class Scaled:
    """Answers a times a factor."""

    def predict(self, X: Any, factor: float = 1.0) -> Any:
        return np.asarray(X)[:, 0] * factor


def load(context: Any) -> InstrumentedPredictor:
    return InstrumentedPredictor(
        Scaled(),
        name="m",
        version="1",
        reference=Reference.load(context.artifacts["reference"]),
        background=False,
    )


def test_it_is_called_as_mlflow_calls_it(table: pd.DataFrame, reference: Reference, tmp_path: Path) -> None:
    """Ids are a column that the model does not see, parameters are the model's, and rows are counted."""
    reference.save(tmp_path / "reference.json")
    context = SimpleNamespace(artifacts={"reference": str(tmp_path / "reference.json")})
    model = pickle.loads(pickle.dumps(MonitoredPyfunc(load, id_column="id")))
    answer = model.predict(context, table.assign(id=range(300)), params={"factor": 2.0})
    assert np.array_equal(answer, table["a"] * 2)
    assert np.array_equal(model.predict(context, table), table["a"])
    predictor = model.predictor
    assert predictor is not None
    predictor.flush()
    assert predictor.registry.get_sample_value("model_predictions_total", MODEL) == 600
    assert predictor.record_outcomes([5, 600], [1.0, 1.0]).joined == 1
    assert pickle.loads(pickle.dumps(model)).predictor is None
    predictor.close()
