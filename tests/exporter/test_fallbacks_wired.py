from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LogisticRegression

from exporter import (
    DefaultValue,
    Fallback,
    InstrumentedPredictor,
    LastGood,
    ObservationError,
    Reference,
    Window,
    business_measures,
)

Value = Callable[..., float | None]


class Flaky:
    """Answers until it is told to fail."""

    def __init__(self) -> None:
        self.fails = False

    def predict(self, rows: Any) -> Any:
        if self.fails:
            raise TimeoutError("feature service")
        return np.arange(len(rows), dtype=float)


def wrap(model: Any, registry: CollectorRegistry, clock: Any, **options: Any) -> InstrumentedPredictor:
    return InstrumentedPredictor(
        model, name="m", version="1", registry=registry, clock=clock, background=False, **options
    )


def test_the_last_good_answer_and_then_the_default(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Each failure is counted by its error and by what was answered, and is no prediction of the model."""
    model = Flaky()
    fallback = Fallback(LastGood(max_age_seconds=60.0), DefaultValue(predict=-1.0))
    predictor = wrap(model, registry, clock, fallback=fallback)
    assert value("model_fallbacks_total", strategy="last_good") == 0
    predictor.predict(np.zeros((3, 2)))
    predictor.flush()
    model.fails = True
    assert predictor.predict(np.zeros((2, 2))).tolist() == [2.0, 2.0]
    clock.advance(120.0)
    assert predictor.predict(np.zeros((2, 2))).tolist() == [-1.0, -1.0]
    assert value("model_fallbacks_total", strategy="last_good") == 1
    assert value("model_fallbacks_total", strategy="default") == 1
    assert value("model_errors_total", error_type="TimeoutError") == 2
    assert value("model_predictions_total") == 3


def test_where_nothing_has_an_answer_the_models_exception_goes_on(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """As without a fallback, and counted as `none`."""
    model = Flaky()
    model.fails = True
    predictor = wrap(model, registry, clock, fallback=Fallback(LastGood(max_age_seconds=60.0)))
    with pytest.raises(TimeoutError, match="feature service"):
        predictor.predict(np.zeros((2, 2)))
    assert value("model_fallbacks_total", strategy="none") == 1


def test_a_coroutine_falls_back_too(registry: CollectorRegistry, clock: Any) -> None:
    """An async model that fails is answered by the same steps."""

    class Late:
        async def predict(self, rows: Any) -> Any:
            raise ConnectionError("gone")

    predictor = wrap(Late(), registry, clock, fallback=Fallback(DefaultValue(predict=0.5)))
    assert asyncio.run(predictor.predict(np.zeros((2, 1)))).tolist() == [0.5, 0.5]


def test_business_values_have_the_names_of_the_configuration(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Counters add up from zero, gauges show the latest, and any other name is refused."""
    measures = business_measures(
        [{"name": "revenue_euros", "kind": "counter"}, {"name": "open_claims", "kind": "gauge"}]
    )
    predictor = wrap(Flaky(), registry, clock, business=measures)
    assert value("model_business_value_total", measure="revenue_euros") == 0
    assert value("model_business_value", measure="open_claims") is None
    predictor.record_business("revenue_euros", 2.5)
    predictor.record_business("revenue_euros", 1.5)
    predictor.record_business("open_claims", 7)
    assert value("model_business_value_total", measure="revenue_euros") == 4.0
    assert value("model_business_value", measure="open_claims") == 7.0
    with pytest.raises(ObservationError, match="found 'profit'"):
        predictor.record_business("profit", 1.0)
    with pytest.raises(ObservationError):
        predictor.record_business("revenue_euros", float("nan"))


def test_outcomes_of_one_decision_only_are_a_warning(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """When nobody learns what became of the refused, performance is known of the others alone."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 1))
    truth = (rows[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a"], model_name="m", model_version="1", predictions=model.predict(rows), labels=truth
    )
    predictor = wrap(model, registry, clock, reference=reference, windows=(Window("1h", 3600.0),))
    assert value("model_label_independence_state", window="1h") == -1
    chosen = predictor.predict(rows, ids=range(2000))
    positive = np.flatnonzero(chosen == 1)
    predictor.record_outcomes(positive, truth[positive])
    predictor.check_now()
    assert value("model_label_independence_state", window="1h") == 1
    rest = np.flatnonzero(chosen == 0)
    predictor.record_outcomes(rest, truth[rest])
    predictor.check_now()
    assert value("model_label_independence_state", window="1h") == 0
    clock.advance(7200.0)
    predictor.check_now()
    assert value("model_label_independence_state", window="1h") == -1
