from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, ObservationError, Reference, Window, business_measures
from exporter.business_history import MAX_STEPS, BusinessHistory

Value = Callable[..., float | None]
HOUR = 3600.0
MEASURES = business_measures(
    [{"name": "revenue_euros", "kind": "counter"}, {"name": "open_claims", "kind": "gauge"}]
)


def test_revenue_that_follows_drift_is_called_related(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """After enough hours of checks a business metric that falls with drift correlates; another does not."""
    rng = np.random.default_rng(5)
    reference = Reference.fit(rng.normal(size=(4000, 2)), model_name="m", model_version="1")
    predictor = InstrumentedPredictor(
        lambda rows: np.zeros(len(rows)), name="m", version="1", reference=reference, registry=registry,
        clock=clock, windows=(Window("1h", HOUR),), business=MEASURES, background=False,
    )  # fmt: skip
    clock.advance(HOUR - clock.now % HOUR + 1)
    for hour in range(40):
        shift = rng.uniform(0, 1)
        predictor(rng.normal([shift, 0.0], 1.0, size=(500, 2)))
        predictor.record_business("revenue_euros", 100 - 60 * shift)
        predictor.record_business("open_claims", rng.normal())
        clock.advance(HOUR - 10)
        predictor.check_now()
        clock.advance(10)
        if hour == 15:
            assert value("model_business_correlation", measure="revenue_euros", **{"with": "drift"}) is None
    predictor.check_now()
    correlation = value("model_business_correlation", measure="revenue_euros", **{"with": "drift"})
    p_value = value("model_business_correlation_p_value", measure="revenue_euros", **{"with": "drift"})
    assert correlation is not None
    assert p_value is not None
    assert correlation < -0.8
    assert p_value < 1e-6
    assert value("model_business_correlation_lag_seconds", measure="revenue_euros", **{"with": "drift"}) == 0
    noise = value("model_business_correlation_p_value", measure="open_claims", **{"with": "drift"})
    assert noise is not None
    assert noise > 0.05
    # Without outcomes there is no performance to compare with.
    assert value("model_business_correlation", measure="revenue_euros", **{"with": "performance"}) is None
    server = predictor.serve(port=0)
    try:
        page = requests.get(f"{server.url}/effects", timeout=5).json()
        recorded = requests.post(
            f"{server.url}/business", json={"measure": "revenue_euros", "value": 3}, timeout=5
        )
        refused = [
            requests.post(f"{server.url}/business", json=body, timeout=5)
            for body in ({}, {"measure": "profit", "value": 1}, {"measure": "revenue_euros", "value": True})
        ]
    finally:
        predictor.close()
    related = {(found["measure"], found["with"]): found["related"] for found in page["correlations"]}
    assert related == {("revenue_euros", "drift"): True, ("open_claims", "drift"): False}
    assert recorded.json() == {"measure": "revenue_euros", "value": 3}
    assert [answer.status_code for answer in refused] == [400, 400, 400]


def test_a_history_adds_up_counters_and_averages_gauges() -> None:
    """On the grid a counter's steps are sums, a gauge's means, and a step without a record is a gap."""
    history = BusinessHistory(MEASURES, step_seconds=10.0)
    for step in range(60):
        if step == 30:
            continue
        for part in (0.25, 0.75):
            history.recorded("revenue_euros", part * (step % 7), step * 10.0 + 10 * part)
            history.recorded("open_claims", (step % 7) * 2 * part, step * 10.0 + 10 * part)
        history.scored({"drift": 99.0, "performance": None}, step * 10.0 + 5.0)
        history.scored({"drift": float(step % 7), "performance": None}, step * 10.0 + 9.0)
    found = history.correlations(600.0)
    assert set(found) == {("revenue_euros", "drift"), ("open_claims", "drift")}
    for correlation in found.values():
        assert (correlation.best.lag, correlation.best.points) == (0, 59)
        assert correlation.best.coefficient == pytest.approx(1.0)


def test_a_step_that_is_not_over_is_left_out() -> None:
    """Half an hour's revenue is no hour's."""
    history = BusinessHistory(MEASURES, step_seconds=10.0)
    for step in range(21):
        history.recorded("revenue_euros", float(step), step * 10.0)
        history.scored({"drift": float(step)}, step * 10.0)
    assert history.correlations(205.0)["revenue_euros", "drift"].best.points == 20
    assert history.correlations(195.0) == {}


def test_a_history_survives_json() -> None:
    """What was saved gives the same correlations; something else, or other steps, changes nothing."""
    history = BusinessHistory(MEASURES, step_seconds=10.0)
    for step in range(30):
        history.recorded("revenue_euros", float(step * 7 % 11), step * 10.0)
        history.scored({"drift": float(step * 7 % 11), "performance": math.inf}, step * 10.0)
    saved = json.loads(json.dumps(history.to_dict(), allow_nan=False))
    other = BusinessHistory(MEASURES, step_seconds=10.0)
    other.restore(saved)
    assert other.correlations(300.0) == history.correlations(300.0)
    for damaged in ({}, {"step_seconds": 10.0, "steps": [[1, 2, 3, 4]]}, {**saved, "step_seconds": 60.0}):
        with pytest.raises(ObservationError, match="business history: found"):
            other.restore(damaged)
    assert other.correlations(300.0) == history.correlations(300.0)


def test_memory_is_bounded_in_time() -> None:
    """Old steps go, also when the clock jumps or is set back."""
    history = BusinessHistory(MEASURES, step_seconds=1.0)
    for at in (*range(2 * MAX_STEPS), 1e9, 5.0, 1e9 + 1, 6.0):
        history.recorded("revenue_euros", float(at), float(at))
    assert len(history._steps) <= MAX_STEPS
    assert history.correlations(1e9 + 2) == {}
