from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from exporter.performance import ClassificationRows, classify

EXACT = 1e-12


def binary(rng: np.random.Generator, n: int = 3000, decimals: int = 2) -> tuple[Any, Any, Any]:
    scores = np.round(rng.beta(2, 3, size=n), decimals)
    truth = (rng.uniform(size=n) < scores**1.3).astype(np.int64)
    return truth, (scores >= 0.5).astype(np.int64), scores


def rows(
    truth: Any, predicted: Any, scores: Any, classes: tuple[str, ...] = ("0", "1")
) -> ClassificationRows:
    return ClassificationRows(
        classes=classes,
        truth=np.asarray(truth, dtype=np.int64),
        predicted=None if predicted is None else np.asarray(predicted, dtype=np.int64),
        scores=None if scores is None else np.asarray(scores, dtype=np.float64),
    )


def test_two_classes_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    """Every measure of tied scores is scikit-learn's to the twelfth digit."""
    truth, predicted, scores = binary(rng)
    found = classify(rows(truth, predicted, scores))
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": metrics.precision_score(truth, predicted),
        "recall": metrics.recall_score(truth, predicted),
        "f1": metrics.f1_score(truth, predicted),
        "auc": metrics.roc_auc_score(truth, scores),
        "average_precision": metrics.average_precision_score(truth, scores),
        "log_loss": metrics.log_loss(truth, scores),
        "brier_score": metrics.brier_score_loss(truth, scores),
    }
    for name, value in expected.items():
        assert found.measures[name].value == pytest.approx(value, abs=EXACT), name
    np.testing.assert_array_equal(found.confusion[:, :2], metrics.confusion_matrix(truth, predicted))
    assert found.curve is not None
    observed, predicted_shares = calibration_curve(truth, scores + 1e-9, n_bins=10)
    points = found.curve.points()
    np.testing.assert_allclose([point["observed"] for point in points], observed, atol=EXACT)
    np.testing.assert_allclose([point["predicted"] for point in points], predicted_shares, atol=1e-8)


def test_several_classes_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    """Macro means, one class against the rest, and each class by itself."""
    n = 2000
    proba = rng.dirichlet([2.0, 1.0, 1.0], size=n)
    truth = np.array([rng.choice(3, p=p) for p in proba])
    predicted = proba.argmax(axis=1)
    found = classify(rows(truth, predicted, proba, ("a", "b", "c")))
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "precision": metrics.precision_score(truth, predicted, average="macro"),
        "recall": metrics.recall_score(truth, predicted, average="macro"),
        "f1": metrics.f1_score(truth, predicted, average="macro"),
        "auc": metrics.roc_auc_score(truth, proba, multi_class="ovr", average="macro"),
        "average_precision": metrics.average_precision_score(np.eye(3)[truth], proba, average="macro"),
        "log_loss": metrics.log_loss(truth, proba),
        "brier_score": metrics.brier_score_loss(truth, proba, scale_by_half=False),
    }
    for name, value in expected.items():
        assert found.measures[name].value == pytest.approx(value, abs=EXACT), name
    per_class = metrics.f1_score(truth, predicted, average=None)
    assert [found.per_class[name]["f1"].value for name in "abc"] == pytest.approx(list(per_class), abs=EXACT)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1, allow_subnormal=False)), min_size=2, max_size=60
    ).filter(lambda pairs: len({label for label, _ in pairs}) == 2)
)
def test_any_rows_of_both_classes_agree_with_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    """Whatever the ties and extremes, area and loss are scikit-learn's."""
    truth = np.array([label for label, _ in pairs], dtype=np.int64)
    scores = np.array([score for _, score in pairs])
    found = classify(rows(truth, scores >= 0.5, scores)).measures
    assert found["auc"].value == pytest.approx(metrics.roc_auc_score(truth, scores), abs=EXACT)
    assert found["average_precision"].value == pytest.approx(
        metrics.average_precision_score(truth, scores), abs=EXACT
    )
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(truth, scores), rel=1e-9, abs=1e-9)


def test_brier_and_calibration_by_hand() -> None:
    """Four rows in two tenths: errors and squares that one can add up on paper."""
    found = classify(rows([1, 0, 1, 1], [0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75])).measures
    assert found["brier_score"].value == pytest.approx((0.5625 + 0.0625 + 0.0625 + 0.0625) / 4)
    # Tenth 2: 0.5 predicted, 1 happened; tenth 7: 1.5 predicted, 2 happened; (0.5 + 0.5) / 4.
    assert found["calibration_error"].value == pytest.approx(0.25)
    assert found["auc"].value == pytest.approx(5 / 6)  # 3 x 1 pairs: two above, one tied


def test_one_class_alone_has_no_area() -> None:
    """AUC needs both classes; without one it is unknown with its reason, never 0."""
    found = classify(rows([1, 1, 1], [1, 0, 1], [0.9, 0.2, 0.8])).measures
    assert found["auc"].value is None
    assert found["auc"].reason == "only one class among the outcomes"
    assert found["average_precision"].value == 1.0
    assert found["accuracy"].value == pytest.approx(2 / 3)
    none = classify(rows([0, 0], [0, 0], [0.1, 0.2])).measures
    assert none["recall"].reason == "no outcome of the class"
    assert none["precision"].reason == "the class was never predicted"
    assert none["average_precision"].reason == "no outcome of the positive class"
    three = classify(rows([0, 1], [0, 1], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], ("a", "b", "c"))).measures
    assert three["auc"].reason == "a class is missing among the outcomes"


@pytest.mark.parametrize(
    ("scores", "classes", "reason"),
    [
        ([1.5, 0.2, -0.1], ("0", "1"), "scores outside 0 to 1"),
        ([[0.5, 0.4, 0.4], [0.2, 0.4, 0.4], [0.2, 0.4, 0.4]], ("a", "b", "c"), "do not sum to 1"),
    ],
)
def test_scores_that_are_no_probabilities_only_rank(scores: Any, classes: Any, reason: str) -> None:
    """Losses of probabilities are unknown and say why; what needs only an order is there."""
    found = classify(rows([1, 0, 0], [1, 0, 0], scores, classes)).measures
    for name in ("log_loss", "brier_score", "calibration_error"):
        assert found[name].value is None
        assert reason in (found[name].reason or "")
    assert found["accuracy"].value == 1.0
    if len(classes) == 2:
        assert found["auc"].value == 1.0


def test_rows_without_a_score_are_left_out_of_scores_alone() -> None:
    """A NaN costs its row the area and nothing else."""
    found = classify(rows([1, 0, 1, 0], [1, 0, 0, 0], [0.9, 0.1, np.nan, 0.2])).measures
    assert (found["auc"].n, found["auc"].value) == (3, 1.0)
    assert (found["accuracy"].n, found["accuracy"].value) == (4, 0.75)
    without = classify(rows([1, 0], [1, 0], None)).measures
    assert without["auc"].reason == "no scores were recorded"
    unpredicted = classify(rows([1, 0], None, [0.8, 0.1])).measures
    assert unpredicted["accuracy"].reason == "no predicted classes"
    assert unpredicted["auc"].value == 1.0


def test_a_prediction_that_is_no_class_is_wrong() -> None:
    """It counts against accuracy and recall, in a column of its own."""
    found = classify(rows([1, 1, 0], [1, -1, 0], None))
    assert found.measures["accuracy"].value == pytest.approx(2 / 3)
    assert found.measures["recall"].value == 0.5
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    "name", ["accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier_score", "average_precision"]
)
def test_intervals_hold_the_truth_as_often_as_they_promise(name: str) -> None:
    """Over 300 windows of 400 rows the 95 % interval holds the value of a million rows in 90 to 99 %."""
    rng = np.random.default_rng(5)
    truth = classify(rows(*binary(rng, 400_000, 6))).measures[name].value
    assert truth is not None
    inside = 0
    for _ in range(300):
        found = classify(rows(*binary(rng, 400, 6))).measures[name]
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= truth <= found.high
    assert 0.90 <= inside / 300 <= 0.995


def test_few_rows_of_a_calibrated_model_are_not_miscalibrated(rng: np.random.Generator) -> None:
    """The lower bound of the calibration error of right probabilities is zero, however few rows there are."""
    zero = 0
    for _ in range(200):
        scores = rng.uniform(size=100)
        found = classify(rows(rng.uniform(size=100) < scores, scores > 0.5, scores)).measures
        zero += found["calibration_error"].low == 0.0
    assert zero >= 190


def test_nothing_is_unknown() -> None:
    """No rows give no number."""
    found = classify(rows([], [], [])).measures
    assert all(measure.value is None and measure.reason for measure in found.values())
    assert not any(math.isnan(measure.n) for measure in found.values())
