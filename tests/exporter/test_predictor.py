from __future__ import annotations

import asyncio
import copy
import datetime as dt
import gc
import logging
import os
import pickle
import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter import (
    ConfigError,
    InstrumentedPredictor,
    ObservationError,
    Reference,
    ReferenceDataError,
    Window,
)
from exporter.buffer import Buffer
from exporter.stores import MemoryStore

Value = Callable[..., float | None]
NAMES = ("a", "b", "c")


class SettableClock(Protocol):
    now: float

    def __call__(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


@pytest.fixture
def table(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(4000, 3)), columns=list(NAMES))


@pytest.fixture
def model(table: pd.DataFrame, rng: np.random.Generator) -> LogisticRegression:
    return LogisticRegression().fit(table, table["a"] + rng.normal(size=len(table)) > 0)


@pytest.fixture
def reference(table: pd.DataFrame, model: LogisticRegression) -> Reference:
    return Reference.fit(
        table,
        model_name="m",
        model_version="1",
        predictions=model.predict(table),
        scores=model.predict_proba(table)[:, 1],
        labels=model.predict(table),
    )


Make = Callable[..., InstrumentedPredictor]


@pytest.fixture
def wrap(registry: CollectorRegistry, clock: SettableClock) -> Make:
    """A predictor of model `m` version `1` without threads."""

    def make(model: Any, **options: Any) -> InstrumentedPredictor:
        settings: dict[str, Any] = {"registry": registry, "clock": clock, "background": False, **options}
        return InstrumentedPredictor(model, name="m", version="1", **settings)

    return make


def test_answers_are_the_models_own(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame
) -> None:
    """Wrapped methods return the very object that the model returned, and its attributes are there."""
    predictor = wrap(model, reference=reference)
    np.testing.assert_array_equal(predictor.predict(table), model.predict(table))
    np.testing.assert_array_equal(predictor.predict_proba(table), model.predict_proba(table))
    np.testing.assert_array_equal(predictor.decision_function(table), model.decision_function(table))
    assert predictor.classes_ is model.classes_
    assert predictor.predict_log_proba(table).shape == (4000, 2)
    answer = object()
    assert wrap(lambda _: answer)([1]) is answer


def test_what_the_model_lacks_is_lacking(wrap: Make) -> None:
    """A regression has no predict_proba and cannot be called, before and after."""
    predictor = wrap(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    assert not hasattr(predictor, "predict_proba")
    with pytest.raises(TypeError, match="'LinearRegression' object is not callable"):
        predictor([[1.0]])
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = predictor.no_such_thing


def test_service_and_data_are_counted(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, value: Value
) -> None:
    """Rows, calls, latency, bins, scores and classes add up to what was predicted."""
    predictor = wrap(model, reference=reference)
    predictor.predict_proba(table)
    predictor.predict(table.iloc[:10])
    predictor.flush()
    assert value("model_predictions_total") == 4010
    assert value("model_prediction_calls_total") == 2
    assert value("model_inference_latency_seconds_count", method="predict_proba") == 1
    assert value("model_inference_latency_seconds_count", method="predict") == 1
    profile = reference.features["a"]
    counts = [value("model_feature_bin_total", feature_name="a", bin=bin_) or 0.0 for bin_ in profile.bins]
    assert sum(counts) == 4010
    expected = (
        profile.count_bins(table["a"].to_numpy()).counts
        + profile.count_bins(table["a"].to_numpy()[:10]).counts
    )
    assert counts == expected.tolist()
    assert value("model_reference_samples", feature_name="a") == 4000
    assert value("model_prediction_score_count") == 4000
    classes = [
        value("model_predicted_class_total", predicted_class=name) or 0.0 for name in ("False", "True")
    ]
    assert sum(classes) == 4010
    assert value("model_predicted_class_total", predicted_class="__other__") == 0


def test_every_series_is_there_from_the_start(
    wrap: Make, model: LogisticRegression, reference: Reference, value: Value
) -> None:
    """Counters begin with their zero, since Prometheus cannot see growth before the first sample."""
    predictor = wrap(model, reference=reference)
    assert predictor.name == "m"
    assert value("model_errors_total", error_type="ValueError") == 0
    assert value("model_feature_bin_total", feature_name="a", bin="__missing__") == 0
    assert value("model_predicted_class_total", predicted_class="True") == 0
    assert value("driftgauge_observations_dropped_total", reason="buffer_full") == 0
    assert value("driftgauge_checks_total", outcome="drift") == 0
    assert value("model_drift_state", feature_name="a") == -1
    assert value("model_info", reference_version=time_text(reference.created_at), framework="sklearn") == 1


def time_text(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([[float("nan"), 0.0, 0.0]], {"model_feature_missing_total": "a"}),
        ([[0.0, 1e9, 0.0]], {"model_feature_out_of_range_total": "b"}),
        ([[0.0, "text", 0.0]], {"model_feature_type_error_total": "b"}),
        ([[0.0, None, 0.0]], {"model_feature_missing_total": "b"}),
    ],
)
def test_odd_values_are_counted(
    wrap: Make, reference: Reference, value: Value, rows: Any, counted: dict[str, str]
) -> None:
    """Each odd value is in its counter, and the model sees what it always saw."""
    seen: list[Any] = []

    def model(X: Any) -> list[float]:
        seen.append(X)
        return [0.5]

    predictor = wrap(model, reference=reference)
    given = np.array(rows, dtype=object)
    predictor(given)
    predictor.flush()
    assert seen[0] is given
    for family, feature in counted.items():
        assert value(family, feature_name=feature) == 1


def test_the_models_exceptions_pass_through(wrap: Make, value: Value) -> None:
    """The same exception object reaches the caller, counted by its type; rows are not."""
    failure = ConnectionResetError("the model's own")

    def broken(_: Any) -> Any:
        raise failure

    predictor = wrap(broken)
    with pytest.raises(ConnectionResetError) as caught:
        predictor([[1.0]])
    assert caught.value is failure
    assert value("model_errors_total", error_type="ConnectionError") == 1
    assert value("model_prediction_calls_total") == 1
    assert value("model_predictions_total") == 0


@pytest.mark.parametrize("rows", [np.zeros((2, 7)), np.zeros((0, 3)), [["x", "y", "z"]], None])
def test_input_that_the_model_refuses_is_refused_as_before(
    wrap: Make, model: LogisticRegression, reference: Reference, rows: Any
) -> None:
    """Wrong width, no rows, text and nothing at all raise what the bare model raises."""
    with pytest.raises(Exception) as bare:
        model.predict(rows)
    with pytest.raises(type(bare.value)) as wrapped:
        wrap(model, reference=reference).predict(rows)
    assert str(wrapped.value) == str(bare.value)


def test_wrong_columns_are_violations(wrap: Make, reference: Reference, value: Value) -> None:
    """A callable that takes anything still has its tables compared with the reference."""
    predictor = wrap(lambda X: np.zeros(len(X)), reference=reference)
    predictor(np.zeros((5, 7)))
    predictor(pd.DataFrame({"a": [1.0], "c": [1.0], "d": [1.0]}))
    predictor.flush()
    assert value("model_schema_violations_total", violation="column_count") == 1
    assert value("model_schema_violations_total", violation="missing_column") == 1
    assert value("model_schema_violations_total", violation="extra_column") == 1
    assert value("driftgauge_observations_dropped_total", reason="unreadable") == 5
    assert value("model_feature_missing_total", feature_name="b") == 1
    assert value("model_predictions_total") == 6


class Raising:
    """Stands for any part of the monitoring and fails whatever is asked of it."""

    calls: Any = ()
    max_rows = 10

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"planted: {name}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", ["_append", "_counters", "_store", "_layout", "_clock", "buffer"])
def test_faults_of_the_monitoring_never_reach_the_caller(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, part: str,
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With any part broken the answers are the model's; the fault is logged once, however often."""
    if part == "_append":
        monkeypatch.setattr(Buffer, "add", lambda *_: Raising().append)
    predictor = wrap(model, reference=reference)
    if part != "_append":
        setattr(predictor._recorder, part, Raising())
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            np.testing.assert_array_equal(predictor.predict(table), model.predict(table))
            predictor.flush()
            with pytest.raises(ValueError, match="feature names"):
                predictor.predict(table[["a"]])
    logged = [record for record in caplog.records if "monitoring failed" in record.message]
    assert len(logged) == 1


def test_faults_are_counted_with_their_rows(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, value: Value
) -> None:
    """A store that fails costs its rows, and says how many."""
    predictor = wrap(model, reference=reference)
    predictor._recorder._store = Raising()
    predictor.predict(table)
    predictor.flush()
    assert value("driftgauge_internal_errors_total") == 1
    assert value("driftgauge_observations_dropped_total", reason="fault") == 4000
    assert value("model_predictions_total") == 4000


def test_too_many_rows_are_dropped_and_counted(wrap: Make, reference: Reference, value: Value) -> None:
    """Rows beyond the buffer are predicted and counted as predictions, and told as dropped."""
    predictor = wrap(lambda X: np.zeros(len(X)), reference=reference, max_pending_rows=100)
    for _ in range(3):
        predictor(np.zeros((60, 3)))
    predictor.flush()
    assert value("model_predictions_total") == 180
    assert value("model_prediction_calls_total") == 3
    assert value("model_inference_latency_seconds_count", method="call") == 3
    assert value("driftgauge_observations_dropped_total", reason="buffer_full") == 80
    assert value("model_feature_bin_total", feature_name="a", bin="__missing__") == 0
    assert predictor._store.size() == 100


def test_a_check_finds_the_drifted_feature(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, value: Value,
    clock: SettableClock,
) -> None:  # fmt: skip
    """A feature that moved is in drift after the second check; its score stands beside its threshold."""
    predictor = wrap(model, reference=reference)
    moved = table.assign(b=table["b"] + 1.0)
    predictor.predict_proba(moved)
    predictor.check_now()
    assert value("model_drift_state", feature_name="b") == 1
    assert value("model_drift_detected", feature_name="b") == 0
    clock.advance(60.0)
    reports = predictor.check_now()
    assert reports["1h"].drifted_features == ("b",)
    assert value("model_drift_state", feature_name="b") == 2
    assert value("model_drift_detected", feature_name="b") == 1
    assert value("model_drift_detected", feature_name="a") == 0
    assert value("model_drifted_features_ratio") == pytest.approx(1 / 3)
    score = value("model_drift_score", feature_name="b", test_type="psi", window="1h")
    threshold = value("model_drift_threshold", feature_name="b", test_type="psi", window="1h")
    assert score is not None
    assert threshold is not None
    assert score > threshold
    # A test that only reports has a score, and no threshold that a rule could take for a verdict.
    assert value("model_drift_score", feature_name="b", test_type="wasserstein", window="1h") is not None
    assert value("model_drift_threshold", feature_name="b", test_type="wasserstein", window="1h") is None
    assert value("driftgauge_window_rows", window="1d") == 4000
    assert value("driftgauge_checks_total", outcome="drift") == 1


def test_without_rows_nothing_is_claimed(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, value: Value,
    clock: SettableClock,
) -> None:  # fmt: skip
    """When the rows have left every window, scores vanish and the state is unknown."""
    predictor = wrap(model, reference=reference)
    predictor.predict_proba(table)
    predictor.check_now()
    assert value("model_drift_score", feature_name="a", test_type="psi", window="1h") is not None
    clock.advance(100_000.0)
    predictor.check_now()
    assert value("model_drift_score", feature_name="a", test_type="psi", window="1h") is None
    assert value("model_drift_detected", feature_name="a") is None
    assert value("model_drift_state", feature_name="a") == -1
    assert value("driftgauge_feature_failures_total", reason="insufficient_data") == 6
    assert value("driftgauge_checks_total", outcome="unknown") == 1


def test_outcomes_are_joined_at_once(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, value: Value
) -> None:
    """Outcomes may come before the background has seen their predictions."""
    predictor = wrap(model, reference=reference)
    predictor.predict(table, ids=range(4000))
    counts = predictor.record_outcomes([0, 1, 9999], [True, False, True])
    assert (counts.joined, counts.unknown_id) == (2, 1)
    assert value("model_outcomes_total", outcome="joined") == 2
    with pytest.raises(ObservationError, match="found 1 for 2 ids, need one for each id"):
        predictor.record_outcomes([1, 2], [True])


def test_given_times_decide_the_window(
    wrap: Make, model: LogisticRegression, reference: Reference, table: pd.DataFrame, clock: SettableClock
) -> None:
    """A replay's rows are in the window of their own time."""
    predictor = wrap(model, reference=reference, windows=(Window("10s", 10.0),))
    predictor.predict(table, at=clock.now - 5.0)
    predictor.predict(table, at=clock.now - 50.0)
    assert predictor.check_now()["10s"].rows == 4000


def test_two_models_share_a_registry(model: LogisticRegression, table: pd.DataFrame) -> None:
    """Two predictors on one registry are told apart by their labels; a scrape folds both."""
    registry = CollectorRegistry()
    predictors = [
        InstrumentedPredictor(model, name=name, version="1", registry=registry, background=False)
        for name in "xy"
    ]
    for predictor in predictors:
        predictor.predict(table)
    text = generate_latest(registry).decode()
    for name in "xy":
        assert f'model_predictions_total{{model_name="{name}",model_version="1"}} 4000.0' in text


def test_a_coroutine_is_awaited(wrap: Make, value: Value) -> None:
    """An async model is measured over its whole await."""

    async def model(rows: Any) -> Any:
        await asyncio.sleep(0)
        return np.zeros(len(rows))

    predictor = wrap(model)
    assert asyncio.run(predictor(np.zeros((3, 1)))).tolist() == [0.0, 0.0, 0.0]
    predictor.flush()
    assert value("model_predictions_total") == 3

    async def broken(_: Any) -> Any:
        raise KeyError("x")

    failing = wrap(broken)
    with pytest.raises(KeyError):
        asyncio.run(failing([[1.0]]))
    assert value("model_errors_total", error_type="KeyError") == 1

    async def hanging(_: Any) -> Any:
        await asyncio.sleep(60)

    late = wrap(hanging)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(late([[1.0]]), 0.01))
    assert value("model_errors_total", error_type="CancelledError") == 1


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("one_row", [True, False])
def test_what_the_caller_does_afterwards_changes_nothing(
    wrap: Make,
    model: LogisticRegression,
    reference: Reference,
    table: pd.DataFrame,
    registry: CollectorRegistry,
    one_row: bool,
) -> None:
    """Answers become a column of the frame, values are changed in place, a list of ids is used again."""
    predictor = wrap(model, reference=reference)
    ids: list[int] = []
    for first in range(0, 300, 1 if one_row else 100):
        batch = table.iloc[first : first + (1 if one_row else 100)].copy()
        ids[:] = range(first, first + len(batch))
        batch["prediction"] = predictor.predict(batch, ids=ids)
        batch["a"] = 1e6
        rows = table.iloc[[first]].to_numpy(copy=True)
        predictor.predict(rows, ids=[f"array {first}"])
        rows[:] = 1e6
    predictor.flush()
    samples = [sample for family in registry.collect() for sample in family.samples]
    wrong = {"model_schema_violations_total", "model_feature_out_of_range_total"}
    assert sum(sample.value for sample in samples if sample.name in wrong) < 10
    joined = predictor.record_outcomes(list(range(300)), model.predict(table[:300]))
    assert joined.joined == 300


def test_threads_are_counted_exactly(wrap: Make, value: Value) -> None:
    """Predictions of many threads are all there."""
    predictor = wrap(lambda X: np.zeros(len(X)))
    threads = [
        threading.Thread(target=lambda: [predictor(np.zeros((1, 2))) for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    predictor.flush()
    assert value("model_predictions_total") == 4000
    assert value("model_prediction_calls_total") == 4000


@pytest.mark.parametrize("port", [70000, -1, "9108", 9108.0, True, None])
def test_what_is_no_port_is_refused(wrap: Make, port: Any) -> None:
    """By name and with what ports are; afterwards it can serve."""
    with wrap(lambda rows: np.zeros(len(rows))) as predictor:
        with pytest.raises(
            ConfigError, match=f"serve: port: found {port!r}, need an integer from 0 to 65535"
        ):
            predictor.serve(port=port)
        assert predictor.serve(port=0).port > 0


def test_everything_is_served(model: LogisticRegression, reference: Reference, table: pd.DataFrame) -> None:
    """`serve` shows metrics with what is pending and the latest report; a second server is refused."""
    with InstrumentedPredictor(model, name="m", version="1", reference=reference) as predictor:
        server = predictor.serve(port=0)
        predictor.predict_proba(table)
        predictor.check_now()
        text = requests.get(f"{server.url}/metrics", timeout=5).text
        assert 'model_predictions_total{model_name="m",model_version="1"} 4000.0' in text
        assert "process_resident_memory_bytes" in text
        report = requests.get(f"{server.url}/drift", timeout=5).json()
        assert report["states"]["a"] == "ok"
        of_one = requests.get(f"{server.url}/drift/a", timeout=5).json()
        assert of_one["state"] == "ok"
        bins = of_one["reference"]
        assert (bins["kind"], len(bins["edges"])) == ("numeric", len(bins["bins"]) - 4)
        assert bins["minimum"] < bins["edges"][0] < bins["edges"][-1] < bins["maximum"]
        assert sum(bins["ratios"][:-2]) == pytest.approx(1.0)
        assert requests.get(f"{server.url}/drift/none", timeout=5).status_code == 404
        with pytest.raises(ConfigError, match="found this predictor serving"):
            predictor.serve(port=0)


def test_the_background_folds_and_checks(
    model: LogisticRegression, reference: Reference, table: pd.DataFrame
) -> None:
    """Without being asked, predictions reach the metrics and a check runs."""
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, check_interval_seconds=0.05
    )
    try:
        predictor.predict_proba(table)
        deadline = threading.Event()
        for _ in range(200):
            found = predictor.reports
            if found and found["1h"].rows == 4000:
                break
            deadline.wait(0.05)
        assert predictor.reports["1h"].rows == 4000
        labels = {"model_name": "m", "model_version": "1"}
        interval = predictor.registry.get_sample_value("driftgauge_check_interval_seconds", labels)
        assert interval == 0.05
    finally:
        predictor.close()
    assert predictor.predict_proba(table).shape == (4000, 2)


def test_a_forgotten_predictor_leaves_no_thread(model: LogisticRegression, reference: Reference) -> None:
    """Threads end with the last reference to their predictor."""
    predictor = InstrumentedPredictor(model, name="forgotten", version="1", reference=Reference.fit(
        np.zeros((200, 3)), model_name="forgotten", model_version="1", features=list(NAMES)))  # fmt: skip
    threads = [thread for thread in threading.enumerate() if "forgotten" in thread.name]
    assert len(threads) == 2
    del predictor
    gc.collect()
    for thread in threads:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_measures_itself(model: LogisticRegression, table: pd.DataFrame) -> None:
    """After a fork, as of a preloading server, the child's background works."""
    predictor = InstrumentedPredictor(model, name="m", version="1")
    try:
        pid = os.fork()
        if pid == 0:
            predictor.predict(table)
            for _ in range(100):
                threading.Event().wait(0.05)
                if not predictor._recorder.buffer.calls:
                    os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        predictor.close()


def test_it_can_be_copied_and_refuses_to_be_pickled_plainly(wrap: Make, model: LogisticRegression) -> None:
    """Protocol look-ups do not recurse into the model and back."""
    predictor = wrap(model)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(predictor)
    with pytest.raises((TypeError, AttributeError)):
        copy.deepcopy(predictor)
    assert repr(predictor) == "InstrumentedPredictor(LogisticRegression(), name='m', version='1')"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"model": HistGradientBoostingClassifier()},
            ConfigError,
            "a HistGradientBoostingClassifier that is not fitted",
        ),
        ({"model": LogisticRegression}, ConfigError, "found the class LogisticRegression, need an object"),
        ({"model": object()}, ConfigError, "found object, need an object with predict"),
        ({"name": ""}, ConfigError, "name: found ''"),
        ({"version": 3}, ConfigError, "version: found 3, need a text"),
        ({"version": "2"}, ReferenceDataError, "model_version: found '1', need '2'"),
        ({"name": "other"}, ReferenceDataError, "model_name: found 'm', need 'other'"),
        ({"reference": "ref.json"}, ReferenceDataError, "found str, need a Reference; see Reference.load"),
        (
            {"check_interval_seconds": 0},
            ConfigError,
            "check_interval_seconds: found 0, need a number above 0",
        ),
        ({"max_pending_rows": 0}, ConfigError, "max_pending_rows: found 0"),
        ({"windows": ()}, ConfigError, "windows: found"),
        ({"windows": "1h"}, ConfigError, "windows: found '1h', need a list of Window"),
        ({"windows": Window("1h", 3600)}, ConfigError, "need a list of Window"),
        ({"windows": ["1h"]}, ConfigError, r"windows: found '1h', need each to be one such as Window\("),
        ({"policy": "balanced"}, ConfigError, r"policy: found 'balanced', need a Policy such as"),
        ({"store": "sqlite"}, ConfigError, "store: found 'sqlite', need an object with append, outcomes"),
        ({"store": MemoryStore}, ConfigError, "store: found <class .*, need an object with append"),
        ({"assessment": {}}, ConfigError, "assessment: found {}, need an AssessmentPolicy"),
        ({"fallback": 0.5}, ConfigError, "fallback: found 0.5, need a Fallback"),
        ({"business": ["revenue"]}, ConfigError, r"business: found \['revenue'\], need a mapping of names"),
        ({"schedule": "* * * * *"}, ConfigError, r"schedule: found '\* \* \* \* \*', need a Schedule"),
        ({"registry": {}}, ConfigError, "registry: found {}, need a CollectorRegistry"),
        ({"clock": 0.0}, ConfigError, "clock: found 0.0, need a function"),
        ({"state_path": 7}, ConfigError, "state_path: found 7, need the path of a file"),
        ({"check_interval_seconds": "60"}, ConfigError, "check_interval_seconds: found '60', need a number"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    model: LogisticRegression,
    reference: Reference,
    change: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    """Construction says where, what was found and what is needed."""
    arguments: dict[str, Any] = {
        "name": "m",
        "version": "1",
        "reference": reference,
        "background": False,
        **change,
    }
    with pytest.raises(error, match=message):
        InstrumentedPredictor(arguments.pop("model", model), **arguments)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a", "b"], "found none named 'c', need all that the model was fitted on"),
        (["a", "b", "c", "d"], "found 'd', need only those"),
        (["b", "a", "c"], "found the order 'b', 'a', 'c', need the model's 'a', 'b', 'c'"),
    ],
)
def test_a_reference_of_other_features_is_refused(
    wrap: Make, model: LogisticRegression, columns: list[str], message: str
) -> None:
    """Missing, extra and reordered features are told apart."""
    other = Reference.fit(np.zeros((10, len(columns))), features=columns, model_name="m", model_version="1")
    with pytest.raises(ReferenceDataError, match=message):
        wrap(model, reference=other)


def test_a_reference_of_another_width_is_refused(wrap: Make) -> None:
    """A model that was fitted on an array knows only how many columns it had."""
    model = LinearRegression().fit(np.zeros((10, 2)), np.zeros(10))
    reference = Reference.fit(np.zeros((10, 3)), model_name="m", model_version="1")
    with pytest.raises(ReferenceDataError, match="features: found 3, need 2 as the model was fitted on"):
        wrap(model, reference=reference)
