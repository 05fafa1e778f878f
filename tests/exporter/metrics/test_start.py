from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor, Reference, business_measures
from exporter.metrics import FAMILIES

OF_OTHERS = {"rollout", "stream"}
"""Layers that a predictor by itself has nothing of."""


@pytest.fixture
def started(registry: CollectorRegistry, clock: Any) -> dict[str, list[float]]:
    """Values of all samples by name, of a predictor that has seen nothing yet."""
    rng = np.random.default_rng(2)
    rows, truth = rng.normal(size=(500, 2)), rng.integers(0, 2, size=500)
    model = LogisticRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, model_name="m", model_version="1", labels=truth, predictions=model.predict(rows),
        scores=model.predict_proba(rows)[:, 1],
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, background=False,
        business=business_measures([{"name": "revenue_euros", "kind": "counter"}]), catalog=["a", "b"],
    )  # fmt: skip
    found: dict[str, list[float]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            found.setdefault(sample.name, []).append(sample.value)
    predictor.close()
    return found


@pytest.mark.parametrize(
    "family", [family for family in FAMILIES if family.layer not in OF_OTHERS], ids=lambda family: family.name
)
def test_counters_begin_at_zero_and_nothing_is_made_up(started: dict[str, list[float]], family: Any) -> None:
    """A rate exists before the first event; a gauge that a check must find out is unknown or absent."""
    if family.kind == "counter":
        assert started[family.name]
        assert set(started[family.name]) == {0.0}
    elif family.kind == "histogram":
        assert set(started[f"{family.name}_count"]) == {0.0}
    elif family.name.endswith("_state"):
        assert set(started.get(family.name, [-1.0])) == {-1.0}
    elif family.name.startswith(
        ("model_drift_", "model_exposure_", "model_class_", "model_calibration_curve")
    ):
        assert family.name not in started
