from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter import InstrumentedPredictor, ObservationError, Reference, Window
from exporter.outcomes import as_classes, as_times, as_values, classes_of

Value = Callable[..., float | None]
HOUR = 3600.0


def classifier(**options: Any) -> InstrumentedPredictor:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(400, 2))
    truth = (table[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(table, truth)
    reference = Reference.fit(
        pd.DataFrame(table, columns=["a", "b"]), model_name="m", model_version="1",
        predictions=model.predict(table), scores=model.predict_proba(table), labels=truth,
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, background=False, **options
    )
    predictor.predict_proba(table[:100], ids=list(range(100)))
    return predictor


def test_labels_of_another_type_are_the_same_class() -> None:
    """A label may be a number, a float, a truth value or text; what is no class is refused, not wrong."""
    assert as_classes([np.int64(1), 0.0, np.True_, "1", None, float("nan"), 2, "yes"], ["0", "1"]) == [
        "1", "0", "1", "1", None, None, None, None,
    ]  # fmt: skip
    assert as_classes([1, 0, True], ["False", "True"]) == ["True", "False", "True"]


def test_values_are_finite_numbers() -> None:
    """Text, NaN, infinity and dates are no outcome of a regression."""
    found = as_values([np.float32(0.5), 3, float("inf"), "7", dt.date(2024, 1, 1), None])
    assert found == [0.5, 3.0, None, None, None, None]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("yesterday", "at: found 'yesterday'"),
        ([1.0], "at: found 1 for 2 outcomes"),
        ([1.0, float("nan")], "not finite"),
    ],
)
def test_a_time_that_is_none_is_refused(at: Any, message: str) -> None:
    """Lags of nonsense would hide the real ones."""
    with pytest.raises(ObservationError, match=message):
        as_times(at, 2, 0.0)


def test_lags_and_results_are_counted(clock: Any, registry: CollectorRegistry, value: Value) -> None:
    """Each outcome is counted by what became of it, and a joined one by how late it came."""
    predictor = classifier(clock=clock, registry=registry)
    assert value("model_outcome_lag_seconds_count") == 0
    now = clock.now
    predictor.record_outcomes([0, 1], [1, 0], at=[now + 30.0, now + 2 * HOUR])
    counts = predictor.record_outcomes([0, 1, 2, 3, 500], [1, 1, "late", None, 1])
    assert (counts.duplicate, counts.conflicting, counts.invalid, counts.unknown_id) == (1, 1, 2, 1)
    assert value("model_outcome_lag_seconds_count") == 2
    assert value("model_outcome_lag_seconds_bucket", le="60.0") == 1
    assert value("model_outcome_lag_seconds_sum") == pytest.approx(2 * HOUR + 30.0, abs=1.0)
    assert value("model_outcomes_total", outcome="invalid") == 2


def test_an_outcome_from_before_its_prediction_counts_as_at_once(
    clock: Any, registry: CollectorRegistry, value: Value
) -> None:
    """Clocks of two machines disagree; the outcome is as true as any, and its lag not negative."""
    predictor = classifier(clock=clock, registry=registry)
    assert predictor.record_outcomes([0], [1], at=clock.now - HOUR).joined == 1
    assert value("model_outcome_lag_seconds_sum") == 0


def test_coverage_is_of_rows_that_have_an_id(clock: Any, registry: CollectorRegistry, value: Value) -> None:
    """Rows that nothing can join do not count, and where there are no others the ratio is absent."""
    predictor = classifier(clock=clock, registry=registry, windows=(Window("1h", HOUR),))
    predictor.predict_proba(np.zeros((50, 2)))
    predictor.record_outcomes(range(40), [0] * 40)
    predictor.check_now()
    assert value("model_outcome_coverage_ratio", window="1h") == 0.4
    clock.advance(2 * HOUR)
    predictor.predict_proba(np.zeros((50, 2)))
    predictor.check_now()
    assert value("model_outcome_coverage_ratio", window="1h") is None


def test_outcomes_of_rows_that_left_are_late(clock: Any, registry: CollectorRegistry) -> None:
    """After the retention an outcome is late, which is something else than unknown."""
    predictor = classifier(clock=clock, registry=registry)
    predictor.flush()
    clock.advance(72 * HOUR)
    predictor.check_now()
    counts = predictor.record_outcomes([0, "never"], [1, 1])
    assert (counts.late, counts.unknown_id) == (1, 1)


def test_a_clock_that_goes_backwards_breaks_nothing(clock: Any, registry: CollectorRegistry) -> None:
    """Rows of the future are in no window, and come back when the clock does."""
    predictor = classifier(clock=clock, registry=registry, windows=(Window("1h", HOUR),))
    predictor.flush()
    clock.advance(-10 * HOUR)
    assert predictor.check_now()["1h"].rows == 0
    clock.advance(10 * HOUR + 60.0)
    assert predictor.check_now()["1h"].rows == 100


def test_a_regression_takes_numbers(registry: CollectorRegistry) -> None:
    """What is no number is invalid, and never an error of the model."""
    table = np.arange(20.0).reshape(-1, 1)
    model = LinearRegression().fit(table, table[:, 0] * 1.5)
    reference = Reference.fit(
        table, features=["a"], model_name="m", model_version="1", labels=table[:, 0] * 1.5 + 0.25
    )
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, background=False, registry=registry
    )
    predictor.predict(table, ids=range(20))
    counts = predictor.record_outcomes([0, 1, 2], [1.5, "1.5", np.nan])
    assert (counts.joined, counts.invalid) == (1, 2)


def test_classes_come_from_the_model_or_the_reference() -> None:
    """A plain function has no classes; its reference has, in the order of numbers."""
    reference = Reference.fit(
        {"a": [1.0, 2.0, 3.0]},
        model_name="m",
        model_version="1",
        labels=["10", "9", "x"],
        predictions=[9, 9, 9],
    )
    assert classes_of(reference, None) == ("9", "10", "x")
    assert classes_of(reference, ("b", "a")) == ("b", "a")
    assert classes_of(None, None) is None
