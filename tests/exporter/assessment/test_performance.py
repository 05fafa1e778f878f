from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter import AssessmentPolicy, ConfigError, InstrumentedPredictor, Reference, Window
from exporter.performance import Measure
from exporter.performance.verdict import Standard, judge

Value = Callable[..., float | None]
WINDOW = Window("1h", 3600.0)
STRICT = Standard(alpha=0.01, drop_ratio=0.001, min_samples=100)


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    return frame.assign(place=rng.choice(["north", "south"], size=n, p=[0.7, 0.3]))


def truth_of(frame: pd.DataFrame, rng: np.random.Generator, noise: float = 0.5) -> Any:
    return (frame["a"].to_numpy() + rng.normal(0, noise, size=len(frame)) > 0).astype(int)


class Model:
    """A logistic regression on the numeric columns of a frame."""

    def __init__(self, frame: pd.DataFrame, truth: Any) -> None:
        self._inner = LogisticRegression().fit(frame[["a", "b"]], truth)
        self.classes_ = self._inner.classes_

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        return self._inner.predict_proba(frame[["a", "b"]])


Watched = tuple[InstrumentedPredictor, np.random.Generator]


@pytest.fixture
def watched(rng: np.random.Generator, registry: CollectorRegistry, clock: Any) -> Watched:
    """A classifier with its reference, cut by place."""
    frame = table(rng, 4000)
    truth = truth_of(frame, rng)
    model = Model(frame, truth)
    proba = model.predict_proba(frame)
    reference = Reference.fit(
        frame, model_name="m", model_version="1",
        predictions=proba.argmax(axis=1), scores=proba, labels=truth,
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, windows=(WINDOW,),
        background=False, assessment=AssessmentPolicy(segment="place"),
    )  # fmt: skip
    return predictor, rng


def test_performance_is_published_beside_the_references(watched: Watched, value: Value) -> None:
    """What scikit-learn says of the labelled rows of the window, and what it said at training time."""
    predictor, rng = watched
    assert value("model_performance_state", measure="auc", window="1h") == -1
    assert value("model_auc", segment="all", window="1h") is None
    frame = table(rng, 1500)
    truth = truth_of(frame, rng)
    proba = predictor.predict_proba(frame, ids=range(1500))
    predictor.record_outcomes(range(1000), truth[:1000])
    predictor.check_now()
    scores, labels = proba[:1000, 1], truth[:1000]
    assert value("model_auc", segment="all", window="1h") == pytest.approx(
        metrics.roc_auc_score(labels, scores), abs=1e-12
    )
    assert value("model_accuracy", segment="all", window="1h") == pytest.approx(
        metrics.accuracy_score(labels, scores > 0.5), abs=1e-12
    )
    south = (frame["place"][:1000] == "south").to_numpy()
    assert value("model_brier_score", segment="south", window="1h") == pytest.approx(
        metrics.brier_score_loss(labels[south], scores[south]), abs=1e-12
    )
    assert predictor.reference is not None
    assert value("model_auc_reference", segment="all") == predictor.reference.performance["auc"]
    assert value("model_auc_reference", segment="north") is not None
    assert value("model_performance_rows", window="1h") == 1000
    low, high = (
        value(f"model_performance_{end}", measure="auc", window="1h") or 0.0 for end in ("low", "high")
    )
    assert low < metrics.roc_auc_score(labels, scores) < high
    assert value("model_performance_state", measure="auc", window="1h") == 0
    assert value("model_mae", segment="all", window="1h") is None


def test_a_decline_is_called_when_it_is_real_and_large(watched: Watched, value: Value) -> None:
    """Twice the noise in the truth is a decline; the same model on its own world is none."""
    predictor, rng = watched
    frame = table(rng, 1500)
    predictor.predict_proba(frame, ids=range(1500))
    predictor.record_outcomes(range(1500), truth_of(frame, rng, noise=2.0))
    predictor.check_now()
    assert value("model_performance_state", measure="auc", window="1h") == 2
    drop = value("model_performance_drop_ratio", measure="auc", window="1h")
    threshold = value("model_performance_drop_threshold", measure="auc")
    assert drop is not None
    assert threshold is not None
    assert drop > threshold
    report = predictor.assessments["1h"].performance
    assert report.state == "declined"
    assert report.to_dict()["confusion"]["classes"] == ["0", "1"]


def test_a_window_of_one_class_has_no_area(watched: Watched, value: Value) -> None:
    """AUC is absent and its state unknown with a reason, while accuracy is there."""
    predictor, rng = watched
    predictor.predict_proba(table(rng, 300), ids=range(300))
    predictor.record_outcomes(range(300), np.ones(300, dtype=int))
    predictor.check_now()
    assert value("model_auc", segment="all", window="1h") is None
    assert value("model_performance_state", measure="auc", window="1h") == -1
    assert value("model_accuracy", segment="all", window="1h") is not None
    found = predictor.assessments["1h"].performance.verdicts["auc"]
    assert found.reason == "only one class among the outcomes"


def test_what_is_gone_has_no_series(watched: Watched, clock: Any, value: Value) -> None:
    """Once the labelled rows have left the window nothing is claimed of it."""
    predictor, rng = watched
    frame = table(rng, 300)
    predictor.predict_proba(frame, ids=range(300))
    predictor.record_outcomes(range(300), truth_of(frame, rng))
    predictor.check_now()
    assert value("model_accuracy", segment="all", window="1h") is not None
    clock.advance(7200.0)
    predictor.check_now()
    assert value("model_accuracy", segment="all", window="1h") is None
    assert value("model_accuracy_reference", segment="all") is not None
    assert value("model_performance_state", measure="accuracy", window="1h") == -1
    assert value("model_performance_rows", window="1h") == 0


def test_numbers_are_judged_too(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """A regression whose errors doubled has declined; its bias is shown and not judged."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(3000, 2))
    truth = rows @ [2.0, 1.0] + rng.normal(size=3000)
    model = LinearRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a", "b"], model_name="m", model_version="1",
        predictions=model.predict(rows), labels=truth,
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, windows=(WINDOW,),
        background=False,
    )  # fmt: skip
    rows = rng.normal(size=(500, 2))
    predicted = predictor.predict(rows, ids=range(500))
    late = rows @ [2.0, 1.0] + rng.normal(0, 2.0, size=500)
    predictor.record_outcomes(range(500), late)
    predictor.check_now()
    assert value("model_mae", segment="all", window="1h") == pytest.approx(
        metrics.mean_absolute_error(late, predicted), rel=1e-12
    )
    assert value("model_performance_state", measure="mae", window="1h") == 2
    assert value("model_bias", segment="all", window="1h") is not None
    assert value("model_performance_state", measure="bias", window="1h") is None


def test_several_classes_are_judged_on_whole_probabilities(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Probabilities of three classes reach the measures, in the reference and in the window."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(3000, 2))
    truth = np.argmax(np.column_stack([rows, np.zeros(3000)]) + rng.gumbel(size=(3000, 3)), axis=1)
    model = LogisticRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a", "b"], model_name="m", model_version="1",
        predictions=model.predict(rows), scores=model.predict_proba(rows), labels=truth,
    )  # fmt: skip
    expected = metrics.roc_auc_score(truth, model.predict_proba(rows), multi_class="ovr")
    assert reference.performance["auc"] == pytest.approx(expected, abs=1e-12)
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, windows=(WINDOW,),
        background=False,
    )  # fmt: skip
    proba = predictor.predict_proba(rows[:800], ids=range(800))
    predictor.record_outcomes(range(800), truth[:800])
    predictor.check_now()
    assert value("model_log_loss", segment="all", window="1h") == pytest.approx(
        metrics.log_loss(truth[:800], proba), abs=1e-12
    )
    assert value("model_performance_state", measure="auc", window="1h") == 0


def test_a_fault_of_the_assessment_costs_the_check_nothing(watched: Watched, value: Value) -> None:
    """Drift is checked all the same, and the fault is counted."""
    predictor, rng = watched
    predictor._monitor._assessor.assess = None  # type: ignore[method-assign, union-attr]
    predictor.predict_proba(table(rng, 300))
    assert predictor.check_now()["1h"].rows == 300
    assert value("driftgauge_internal_errors_total") == 1


@pytest.mark.parametrize(("segment", "found"), [("a", "a numeric feature"), ("c", "no such feature")])
def test_segments_are_categories(watched: Watched, segment: str, found: str) -> None:
    """A number or an unknown feature would be no bounded set of series."""
    predictor, rng = watched
    with pytest.raises(ConfigError, match=f"assessment.segment: '{segment}': found {found}"):
        InstrumentedPredictor(
            Model(frame := table(rng, 50), truth_of(frame, rng)), name="m", version="1", background=False,
            reference=predictor.reference, assessment=AssessmentPolicy(segment=segment),
        )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.0},
        {"drop_ratio": 2},
        {"calibration_margin": 0},
        {"headline": "bias"},
        {"min_samples": 1},
        {"tolerance": True},
    ],
)
def test_a_policy_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """With the key, what was found and what is needed."""
    with pytest.raises(ConfigError, match=f"assessment.{next(iter(change))}: found"):
        AssessmentPolicy(**change)


def test_verdicts_without_a_decline_are_rarely_wrong() -> None:
    """At alpha 1 % at most 2 % of 1,000 windows of the same accuracy are called worse."""
    rng = np.random.default_rng(9)
    reference = rng.binomial(5000, 0.9, size=1000) / 5000
    current = rng.binomial(800, 0.9, size=1000) / 800
    called = 0
    for before, now in zip(reference.tolist(), current.tolist(), strict=True):
        measure = Measure(value=now, standard_error=float(np.sqrt(now * (1 - now) / 800)), n=800)
        verdict = judge("accuracy", measure, before, 800 / 5000, STRICT)
        called += verdict.state == "declined"
    assert called <= 20


def test_too_few_outcomes_decide_nothing() -> None:
    """With less than the minimum there is a value, a reason and no state."""
    measure = Measure(value=0.1, standard_error=0.01, n=99)
    verdict = judge("auc", measure, 0.9, 0.02, STRICT)
    assert (verdict.state, verdict.reason) == ("unknown", "found 99 outcomes, need 100")
    without = judge("auc", measure, None, 0.02, STRICT)
    assert without.reason == "the reference has no value to compare with"


def test_an_estimate_comes_before_the_truth_and_is_believed_only_after_it(
    watched: Watched, value: Value
) -> None:
    """Without outcomes it is shown and not reliable; with some that agree it is; when they turn it is not."""
    predictor, rng = watched
    frame = table(rng, 3000)
    truth = truth_of(frame, rng)
    proba = predictor.predict_proba(frame, ids=range(3000))
    predictor.check_now()
    expected = metrics.roc_auc_score(truth, proba[:, 1])
    assert value("model_estimated_auc", window="1h") == pytest.approx(expected, abs=0.02)
    assert value("model_estimate_reliable", window="1h") == 0
    predictor.record_outcomes(range(1000), truth[:1000])
    predictor.check_now()
    assert value("model_estimate_reliable", window="1h") == 1
    assert abs(value("model_estimate_gap", measure="auc", window="1h") or 1.0) < 0.03
    predictor.record_outcomes(range(1000, 3000), 1 - truth[1000:])
    predictor.check_now()
    assert value("model_estimate_reliable", window="1h") == 0
    report = predictor.assessments["1h"].estimate
    assert report is not None
    assert "off" in report.to_dict()["reason"]


def test_errors_of_a_regression_are_estimated(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """Rows from where errors were large are expected to have large ones."""
    rng = np.random.default_rng(3)
    rows = rng.uniform(-1, 1, size=(5000, 1))
    truth = rows[:, 0] + rng.normal(size=5000) * (1 + 3 * (rows[:, 0] > 0))
    model = LinearRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a"], model_name="m", model_version="1", predictions=model.predict(rows), labels=truth
    )
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, windows=(WINDOW,),
        background=False,
    )  # fmt: skip
    predictor.predict(rng.uniform(0, 1, size=(2000, 1)))
    predictor.check_now()
    assert value("model_estimated_mae", window="1h") == pytest.approx(4 * np.sqrt(2 / np.pi), rel=0.1)
    assert value("model_estimate_reliable", window="1h") == 0
    clock.advance(7200.0)
    predictor.check_now()
    assert value("model_estimated_mae", window="1h") is None
    assert value("model_estimate_reliable", window="1h") is None


def test_the_newest_outcomes_are_a_window_of_their_own(watched: Watched, clock: Any, value: Value) -> None:
    """They stay after the windows of time are empty, and are those that came last."""
    predictor, rng = watched
    frame = table(rng, 1200)
    truth = truth_of(frame, rng)
    proba = predictor.predict_proba(frame, ids=range(1200))[:, 1]
    late = list(range(1199, -1, -1))
    predictor.record_outcomes(late, truth[::-1])
    clock.advance(7200.0)
    predictor.check_now()
    assert value("model_accuracy", segment="all", window="1h") is None
    labels = {"segment": "all", "window": "last_10000"}
    assert value("model_auc", **labels) == pytest.approx(metrics.roc_auc_score(truth, proba), abs=1e-12)
    assert value("model_performance_rows", window="last_10000") == 1200
