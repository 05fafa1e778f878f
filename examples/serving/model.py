"""The model of these examples, which says whether a loan will be paid back, and how it is measured.

`DRIFTGAUGE_EXAMPLE` names a folder for what several processes share: the reference and the window of rows.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter import InstrumentedPredictor, Reference
from exporter.stores.settings import StoreSettings, open_store

NAME, VERSION = "loans", "1"
FOLDER = Path(os.environ.get("DRIFTGAUGE_EXAMPLE") or tempfile.mkdtemp(prefix="driftgauge-example-"))
INTERVAL_SECONDS = float(os.environ.get("DRIFTGAUGE_EXAMPLE_INTERVAL", "300"))


def training_data() -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Loans of the past, and whether they were paid back."""
    rng = np.random.default_rng(7)
    table = pd.DataFrame(
        {"income": rng.lognormal(10.5, 0.4, 2000), "age": rng.integers(20, 70, 2000).astype(float)}
    )
    return table, (table["income"] + rng.normal(0, 10_000, 2000) > 35_000).to_numpy()


def train() -> tuple[Pipeline, Reference]:
    """A model and the profile of what it was trained on."""
    table, paid = training_data()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, paid)
    reference = Reference.fit(
        table,
        predictions=model.predict(table),
        scores=model.predict_proba(table),
        labels=paid,
        model_name=NAME,
        model_version=VERSION,
    )
    return model, reference


def measured_model() -> InstrumentedPredictor:
    """The model as the examples serve it: its window is in a file that all workers share."""
    model, reference = train()
    settings = StoreSettings(type="sqlite", path=FOLDER / "window.sqlite3")
    return InstrumentedPredictor(
        model,
        name=NAME,
        version=VERSION,
        reference=reference,
        store=open_store(settings, name=NAME, version=VERSION),
        check_interval_seconds=INTERVAL_SECONDS,
    )


def rows_of(body: dict[str, Any]) -> tuple[pd.DataFrame, list[str] | None]:
    """Table and ids of a request: {"rows": [{"income": 30000, "age": 41}], "ids": ["a"]}."""
    return pd.DataFrame(body["rows"])[["income", "age"]], body.get("ids")
