from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter import InstrumentedPredictor, ObservationError, Reference, Window
from exporter.error_stream import ErrorStream
from exporter.observation import JoinedOutcomes, Observations, OutcomeCounts

Value = Callable[..., float | None]
DAY = 86400.0


def outcomes(predicted: list[Any], labels: list[Any], start: float = 0.0) -> JoinedOutcomes:
    n = len(labels)
    numbers = labels and isinstance(labels[0], float)
    rows = Observations(
        times=start + np.arange(n, dtype=float),
        features={},
        classes=None if numbers else np.array(predicted, dtype=object),
        scores=np.array(predicted, dtype=float) if numbers else None,
        labels=np.array(labels, dtype=object),
    )
    return JoinedOutcomes(counts=OutcomeCounts(joined=n), rows=rows, lags=np.zeros(n))


def mistakes(rng: np.random.Generator, n: int, rate: float) -> tuple[list[Any], list[Any]]:
    return ["1"] * n, np.where(rng.uniform(size=n) < rate, "0", "1").tolist()


def test_more_mistakes_are_a_drift_that_is_held_and_ends() -> None:
    """Ok while the rate stays, drift with its position when it triples, and ok again after the hold."""
    rng = np.random.default_rng(0)
    stream = ErrorStream(classification=True, hold_seconds=DAY, detectors=["hddm_w", "page_hinkley"])
    assert stream.run(0.0)["hddm_w"].state == "unknown"
    stream.add(outcomes(*mistakes(rng, 3000, 0.15)))
    assert {report.state for report in stream.run(100.0).values()} <= {"ok", "warning"}
    stream.add(outcomes(*mistakes(rng, 2000, 0.5), start=3000.0))
    found = stream.run(200.0)["hddm_w"]
    assert (found.state, found.detected_at) == ("drift", 200.0)
    assert found.drifts >= 1
    assert found.position is not None
    assert 3000 <= found.position < 5000
    assert found.predicted_at == float(found.position)
    assert stream.run(200.0 + DAY - 1)["hddm_w"].state == "drift"
    assert stream.run(200.0 + DAY)["hddm_w"].state in {"ok", "warning"}


def test_the_order_of_outcomes_and_not_their_batches_decides() -> None:
    """Fed one by one, in batches, or all at once: the same positions."""
    rng = np.random.default_rng(1)
    before, after = mistakes(rng, 2000, 0.1), mistakes(rng, 1000, 0.6)
    predicted, labels = before[0] + after[0], before[1] + after[1]
    found = []
    for size in (7, 500, 3000):
        stream = ErrorStream(classification=True, hold_seconds=DAY)
        for start in range(0, 3000, size):
            stream.add(outcomes(predicted[start : start + size], labels[start : start + size], float(start)))
            stream.run(0.0)
        found.append({name: report.position for name, report in stream.run(0.0).items()})
    assert found[0] == found[1] == found[2]
    assert set(found[0]) == {"adwin", "ddm", "eddm", "hddm_w", "kswin", "page_hinkley"}


def test_waiting_errors_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no check runs, the detectors see the outcomes all the same, and the next check tells."""
    monkeypatch.setattr("exporter.error_stream.MOST_WAITING", 100)
    rng = np.random.default_rng(2)
    stream = ErrorStream(classification=True, hold_seconds=DAY, detectors=["hddm_w"])
    for rate in (0.1, 0.1, 0.8):
        stream.add(outcomes(*mistakes(rng, 1000, rate)))
        assert stream._n_waiting <= 100
    assert stream.run(0.0)["hddm_w"].drifts == 1


def test_rows_without_a_prediction_are_left_out() -> None:
    """A row of which only scores are known, or none, is neither right nor wrong."""
    stream = ErrorStream(classification=True, hold_seconds=DAY)
    stream.add(outcomes([None, None], ["0", "1"]))
    assert stream.run(0.0)["ddm"].state == "unknown"
    numbers = ErrorStream(classification=False, hold_seconds=DAY)
    numbers.add(outcomes([float("nan")], [1.0]))
    assert numbers.run(0.0)["adwin"].state == "unknown"


def test_a_model_that_goes_wrong_is_seen(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """From the predictor to the gauge: unknown at first, ok, then drift."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3000, 1))
    truth = (rows[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a"], model_name="m", model_version="1", predictions=model.predict(rows), labels=truth
    )
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock,
        windows=(Window("1h", 3600.0),), background=False,
    )  # fmt: skip
    assert value("model_concept_drift_state", detector="hddm_w") == -1
    assert value("model_concept_drifts_total", detector="hddm_w") == 0
    predictor.predict_proba(rows, ids=range(3000))
    predictor.record_outcomes(range(2000), truth[:2000])
    predictor.check_now()
    assert value("model_concept_drift_state", detector="hddm_w") == 0
    predictor.record_outcomes(range(2000, 3000), 1 - truth[2000:])
    predictor.check_now()
    assert value("model_concept_drift_state", detector="hddm_w") == 2
    assert value("model_concept_drifts_total", detector="hddm_w") == 1


def test_errors_of_numbers_are_seen_in_their_own_scale(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """A regression whose errors grew drifts, whatever its unit; detectors of mistakes are absent."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(3000, 1))
    truth = 1e6 * rows[:, 0] + rng.normal(0, 1e4, size=3000)
    model = LinearRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a"], model_name="m", model_version="1", predictions=model.predict(rows), labels=truth
    )
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock,
        windows=(Window("1h", 3600.0),), background=False,
    )  # fmt: skip
    predictor.predict(rows, ids=range(3000))
    truth[2000:] += rng.normal(0, 5e4, size=1000)
    predictor.record_outcomes(range(3000), truth)
    predictor.check_now()
    assert value("model_concept_drift_state", detector="adwin") == 2
    assert value("model_concept_drift_state", detector="ddm") is None


def daily(rng: np.random.Generator, rates: Any, per_day: int = 500) -> tuple[list[Any], list[Any]]:
    n = len(rates) * per_day
    wrong = rng.uniform(size=n) < np.repeat(rates, per_day)
    return ["1"] * n, np.where(wrong, "0", "1").tolist()


def test_bad_days_are_no_drifts_and_a_bad_month_is_one() -> None:
    """Days that waver from 5 to 35 % raise hardly anything; a month of days at 60 % is seen."""
    rng = np.random.default_rng(5)
    stream = ErrorStream(classification=True, hold_seconds=1.0, detectors=["adwin", "ddm", "page_hinkley"])
    stream.add(outcomes(*daily(rng, rng.uniform(0.05, 0.35, 120))))
    quiet = stream.run(0.0)
    assert sum(report.drifts for report in quiet.values()) <= 3
    stream.add(outcomes(*daily(rng, np.full(30, 0.6)), start=60_000.0))
    found = stream.run(100.0)
    assert {name for name in found if found[name].drifts > quiet[name].drifts} >= {"ddm", "page_hinkley"}
    assert found["ddm"].position is not None
    assert found["ddm"].position >= 60_000
    assert found["ddm"].predicted_at == float(found["ddm"].position)


def test_a_stream_goes_on_after_a_restart() -> None:
    """By way of JSON: the same reports as without one, with the drift still held and still counted."""
    rng = np.random.default_rng(6)
    before, after = mistakes(rng, 3000, 0.1), mistakes(rng, 1000, 0.6)
    kept = ErrorStream(classification=True, hold_seconds=DAY)
    kept.add(outcomes(*before))
    kept.run(0.0)
    restarted = ErrorStream(classification=True, hold_seconds=DAY)
    restarted.restore(json.loads(json.dumps(kept.to_dict())))
    for stream in (kept, restarted):
        stream.add(outcomes(*after, start=3000.0))
    assert restarted.run(50.0) == kept.run(50.0)
    assert restarted.run(50.0)["hddm_w"].state == "drift"
    again = ErrorStream(classification=True, hold_seconds=DAY)
    again.restore(json.loads(json.dumps(restarted.to_dict())))
    assert again.run(60.0) == kept.run(60.0)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"classification": False},
        {"detectors": {}},
        {"thinning": {}},
        {"seen": "many"},
        {"seen": -1},
        {"last": {"ddm": [1]}},
        {"detected": {"nobody": 1.0}},
        {"count": {}},
    ],
)
def test_a_damaged_state_is_refused_whole(change: dict[str, Any]) -> None:
    """The stream stays as it was."""
    rng = np.random.default_rng(7)
    stream = ErrorStream(classification=True, hold_seconds=DAY)
    stream.add(outcomes(*mistakes(rng, 500, 0.2)))
    before = stream.to_dict()
    with pytest.raises(ObservationError, match="saved"):
        stream.restore({**before, **change})
    assert stream.to_dict() == before
