from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import AssessmentPolicy, ConfigError, InstrumentedPredictor, Reference, Window
from exporter.performance.verdict import BESIDE, BY_SHARES_ALONE

Value = Callable[..., float | None]
WINDOW = Window("1h", 3600.0)
ALL = {"segment": "all", "window": "1h"}
JOINED = {"window": "1h"}


class Scores:
    """A model whose input is its probability of the positive class, as it comes."""

    classes_ = np.array([0, 1])

    def predict_proba(self, rows: Any) -> Any:
        return np.column_stack([1.0 - rows[:, 0], rows[:, 0]])


class Unbounded(Scores):
    """Its probabilities are none: beyond 1, and their sum is not 1."""

    def predict_proba(self, rows: Any) -> Any:
        return np.column_stack([np.ones(len(rows)), 3.0 * rows[:, 0]])


def rows_of(rng: np.random.Generator, n: int, share: float, apart: float = 1.5) -> tuple[Any, Any]:
    """Probabilities that are right where a fifth is positive, and the truth."""
    truth = (rng.random(n) < share).astype(int)
    odds = np.log(0.25) + apart * (rng.normal(size=n) + apart * truth) - apart**2 / 2
    return (1 / (1 + np.exp(-odds)))[:, None], truth


Make = Callable[..., InstrumentedPredictor]


@pytest.fixture
def make(rng: np.random.Generator, registry: CollectorRegistry, clock: Any) -> Make:
    rows, truth = rows_of(rng, 20_000, 0.2)

    def start(model: Any = None, **policy: Any) -> InstrumentedPredictor:
        model = model or Scores()
        reference = Reference.fit(
            rows, features=["score"], model_name="m", model_version="1",
            scores=model.predict_proba(rows)[:, 1], labels=truth,
        )  # fmt: skip
        return InstrumentedPredictor(
            model, name="m", version="1", reference=reference, registry=registry, clock=clock,
            windows=(WINDOW,), background=False, assessment=AssessmentPolicy(**policy),
        )  # fmt: skip

    return start


def told(predictor: InstrumentedPredictor, rows: Any, truth: Any) -> None:
    """Predict, tell the truth and check."""
    predictor.predict_proba(rows, ids=range(len(rows)))
    predictor.record_outcomes(range(len(rows)), truth)
    predictor.check_now()


def test_more_positives_alone_are_no_decline(make: Make, rng: np.random.Generator, value: Value) -> None:
    """AUC decides and is ok; accuracy and calibration are warnings that name the class shares."""
    predictor = make()
    assert value("model_performance_overall_state", **JOINED) == -1
    assert value("model_calibration_state", **JOINED) == -1
    told(predictor, *rows_of(rng, 5000, 0.5))
    assert value("model_performance_overall_state", **JOINED) == 0
    assert value("model_calibration_state", **JOINED) == 1
    for measure in ("accuracy", "brier_score", "calibration_error"):
        assert value("model_performance_state", measure=measure, **JOINED) == 1, measure
    report = predictor.assessments["1h"].performance.to_dict()
    assert (report["state"], report["headline"], report["calibration_state"]) == ("ok", "auc", "warning")
    assert report["measures"]["accuracy"]["reason"] == BY_SHARES_ALONE
    drop = value("model_performance_drop_ratio", measure="accuracy", **JOINED)
    assert drop is not None
    assert drop > 0.05


def test_a_worse_model_is_a_decline_whatever_the_shares(
    make: Make, rng: np.random.Generator, value: Value
) -> None:
    """Scores that tell the classes apart less decide, where fewer positives make the accuracy better."""
    rows, truth = rows_of(rng, 5000, 0.1)
    predictor = make()
    told(predictor, rows, np.where(rng.random(5000) < 0.5, truth, rng.permutation(truth)))
    assert value("model_performance_overall_state", **JOINED) == 2
    verdicts = predictor.assessments["1h"].performance.verdicts
    assert {name for name in verdicts if verdicts[name].state == "declined"} <= {"auc", "calibration_error"}
    assert verdicts["recall"].large_drop
    assert (verdicts["recall"].state, verdicts["recall"].reason) == ("warning", BESIDE)
    drop = value("model_performance_drop_ratio", measure="accuracy", **JOINED)
    assert drop is not None
    assert drop < 0


def test_another_measure_may_decide(make: Make, rng: np.random.Generator, value: Value) -> None:
    """It is judged at the reference's class shares all the same; one that is not known is refused."""
    told(make(headline="accuracy"), *rows_of(rng, 5000, 0.5))
    assert value("model_performance_overall_state", **JOINED) == 1
    with pytest.raises(ConfigError, match=r"assessment\.headline: found 'mae', the reference knows accuracy"):
        make(headline="mae")


def test_probabilities_off_for_all_classes_alike_are_off(
    make: Make, rng: np.random.Generator, value: Value
) -> None:
    """Twice as sure as it may be: the ranking is the same, and calibration is called by its own name."""
    rows, truth = rows_of(rng, 5000, 0.2)
    odds = 3.0 * np.log(rows / (1 - rows))
    told(make(), 1 / (1 + np.exp(-odds)), truth)
    assert value("model_performance_overall_state", **JOINED) == 0
    assert value("model_calibration_state", **JOINED) == 2
    threshold = value("model_performance_drop_threshold", measure="calibration_error")
    assert threshold is not None
    assert threshold * (value("model_calibration_error_reference", segment="all") or 0.0) == pytest.approx(
        0.02
    )


def test_one_class_decides_nothing(make: Make, rng: np.random.Generator, value: Value) -> None:
    """All negative, and with ten positives alone: unknown with its reason, and no fault."""
    predictor = make()
    rows, _ = rows_of(rng, 3000, 0.2)
    told(predictor, rows, np.zeros(3000, dtype=int))
    report = predictor.assessments["1h"].performance
    assert report.state == "unknown"
    assert report.verdicts["auc"].reason == "only one class among the outcomes"
    assert value("model_performance_overall_state", **JOINED) == -1
    few = predictor.predict_proba(rows[:10], ids=range(5000, 5010))
    predictor.record_outcomes(range(5000, 5010), np.ones(len(few), dtype=int))
    predictor.check_now()
    verdict = predictor.assessments["1h"].performance.verdicts["auc"]
    assert (verdict.state, verdict.reason) == ("unknown", "found 10 outcomes of the rarest class, need 20")
    assert value("driftgauge_internal_errors_total") == 0


def test_scores_that_are_no_probabilities_are_ranked(
    make: Make, rng: np.random.Generator, value: Value
) -> None:
    """AUC decides; calibration is unknown with its reason, and nothing is at fault."""
    predictor = make(Unbounded())
    told(predictor, *rows_of(rng, 3000, 0.2))
    assert value("model_performance_overall_state", **JOINED) == 0
    assert value("model_calibration_state", **JOINED) == -1
    reason = predictor.assessments["1h"].performance.verdicts["brier_score"].reason
    assert reason == "scores outside 0 to 1 are no probabilities"
    assert value("model_brier_score", **ALL) is None
    assert value("driftgauge_internal_errors_total") == 0


def test_labels_of_another_type_and_missing_ones(make: Make, rng: np.random.Generator, value: Value) -> None:
    """Text, floats and booleans are their classes; NaN, None and unheard-of ones are invalid, not wrong."""
    predictor = make()
    rows, truth = rows_of(rng, 3000, 0.2)
    labels: list[Any] = [[str(v), float(v), bool(v), int(v)][i % 4] for i, v in enumerate(truth.tolist())]
    labels[:300] = [[float("nan"), None, "late", 7, 0.5][i % 5] for i in range(300)]
    told(predictor, rows, labels)
    assert value("model_outcomes_total", outcome="joined") == 2700
    assert value("model_outcomes_total", outcome="invalid") == 300
    assert value("model_performance_rows", **JOINED) == 2700
    assert value("model_performance_overall_state", **JOINED) == 0


def test_a_clock_that_goes_backwards_costs_no_check(
    make: Make, rng: np.random.Generator, clock: Any, value: Value
) -> None:
    """Set back by a day, the next checks say what they know and no fault is counted."""
    predictor = make()
    rows, truth = rows_of(rng, 3000, 0.2)
    told(predictor, rows, truth)
    clock.advance(-86400.0)
    predictor.check_now()
    assert value("model_performance_overall_state", **JOINED) == -1
    predictor.predict_proba(rows, ids=range(10_000, 13_000))
    predictor.record_outcomes(range(10_000, 13_000), truth)
    predictor.check_now()
    assert value("model_performance_overall_state", **JOINED) == 0
    assert value("driftgauge_internal_errors_total") == 0


def test_labels_of_the_reference_in_another_spelling(
    rng: np.random.Generator, registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Without the shares of its classes a reference is compared with as it is, rather than not at all."""
    rows, truth = rows_of(rng, 20_000, 0.2)
    reference = Reference.fit(
        rows, features=["score"], model_name="m", model_version="1", scores=rows[:, 0],
        labels=np.where(truth == 1, "late", "on time"),
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        Scores(), name="m", version="1", reference=reference, registry=registry, clock=clock,
        windows=(WINDOW,), background=False,
    )  # fmt: skip
    told(predictor, *rows_of(rng, 3000, 0.2))
    before = predictor.assessments["1h"].performance
    assert before.verdicts["accuracy"].standardised is None
    assert before.verdicts["accuracy"].state != "unknown"


def test_one_estimate_decides(make: Make, rng: np.random.Generator, value: Value) -> None:
    """AUC, never F1; the measure that is asked for; none where that is not estimated; absent without rows."""
    for asked, decides in ((None, "auc"), ("f1", "f1"), ("recall", None)):
        predictor = make(headline=asked)
        predictor.check_now()
        shown = {
            name: value("model_estimate_headline", measure=name, **JOINED)
            for name in ("auc", "f1", "accuracy")
        }
        assert set(shown.values()) == {None}
        predictor.predict_proba(rows_of(rng, 3000, 0.2)[0])
        predictor.check_now()
        shown = {name: value("model_estimate_headline", measure=name, **JOINED) for name in shown}
        assert {name for name, one in shown.items() if one == 1.0} == ({decides} if decides else set())
        report = predictor.assessments["1h"].estimate
        assert report is not None
        assert report.to_dict()["headline"] == decides
        predictor.close()
