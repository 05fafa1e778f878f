from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from exporter.estimation import (
    Calibrator,
    LossModel,
    calibrated,
    estimate_classes,
    reliability,
    weighted_auc,
)
from exporter.performance import Measure

SIGMOID_SHIFT = 1.5


def binary(rng: np.random.Generator, n: int, mean: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident scores of rows and their truth: the true logit is half the score's."""
    logit = rng.normal(mean, SIGMOID_SHIFT, size=n)
    return 1 / (1 + np.exp(-2 * logit)), rng.uniform(size=n) < 1 / (1 + np.exp(-logit))


def test_calibration_is_isotonic_regression() -> None:
    """On few distinct scores it is scikit-learn's curve."""
    rng = np.random.default_rng(0)
    scores = np.round(rng.uniform(size=190), 3)
    happened = rng.uniform(size=190) < scores**2
    curve = Calibrator.fit(scores, happened)
    expected = IsotonicRegression().fit(scores, happened).predict(scores)
    assert (np.diff(curve.rates) >= 0).all()
    assert np.abs(curve(scores) - expected).mean() < 0.05
    assert curve(scores).mean() == pytest.approx(happened.mean(), abs=0.02)


@pytest.mark.parametrize("mean", [0.0, 1.0, -1.0])
def test_estimates_follow_a_change_of_inputs(mean: float) -> None:
    """Calibrated on one population, accuracy and AUC of another are known within 0.02 before any label."""
    rng = np.random.default_rng(1)
    curve = Calibrator.fit(*binary(rng, 50_000))
    scores, truth = binary(rng, 20_000, mean)
    predicted = (scores > 0.5).astype(np.int64)
    found = estimate_classes(calibrated(scores, [curve]), predicted, scores)
    assert found["accuracy"].value == pytest.approx(metrics.accuracy_score(truth, predicted), abs=0.02)
    assert found["auc"].value == pytest.approx(metrics.roc_auc_score(truth, scores), abs=0.02)
    assert found["f1"].value == pytest.approx(metrics.f1_score(truth, predicted), abs=0.02)


def test_several_classes_are_estimated() -> None:
    """Each class is calibrated by itself and the row's probabilities sum to one again."""
    rng = np.random.default_rng(2)
    proba = rng.dirichlet([1.0, 1.0, 1.0], size=20_000)
    truth = np.array(
        [np.searchsorted(np.cumsum(p), u) for p, u in zip(proba, rng.uniform(size=20_000), strict=True)]
    )
    truth = np.minimum(truth, 2)
    curves = [Calibrator.fit(proba[:10_000, i], truth[:10_000] == i) for i in range(3)]
    now, later = proba[10_000:], truth[10_000:]
    again = calibrated(now, curves)
    np.testing.assert_allclose(again.sum(axis=1), 1.0)
    found = estimate_classes(again, now.argmax(axis=1), now)
    assert found["accuracy"].value == pytest.approx((now.argmax(axis=1) == later).mean(), abs=0.02)
    assert found["auc"].value == pytest.approx(metrics.roc_auc_score(later, now, multi_class="ovr"), abs=0.02)


def test_certain_rows_have_the_area_of_their_truth() -> None:
    """With probabilities 0 and 1 the expected AUC is the AUC."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, size=300)
    scores = np.round(rng.uniform(size=300) + truth * 0.3, 2).astype(np.float64)
    found = weighted_auc(truth.astype(np.float64), scores)
    assert found.value == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)
    assert weighted_auc(np.ones(5), np.arange(5.0)).value is None


def test_losses_follow_a_change_of_inputs() -> None:
    """Errors that grow with a feature are expected to be large where it is."""
    rng = np.random.default_rng(4)
    bins = rng.integers(0, 10, size=50_000)
    errors = rng.normal(size=50_000) * (1 + bins)
    other = rng.integers(0, 3, size=50_000)
    model = LossModel.fit(errors, {"x": bins, "y": other}, {"x": 10, "y": 3})
    same = model.estimate({"x": bins, "y": other}, 50_000)
    assert same["mae"].value == pytest.approx(np.abs(errors).mean(), rel=0.01)
    shifted = rng.integers(7, 10, size=5_000)
    truth = rng.normal(size=5_000) * (1 + shifted)
    found = model.estimate({"x": shifted, "y": rng.integers(0, 3, size=5_000)}, 5_000)
    assert found["mae"].value == pytest.approx(np.abs(truth).mean(), rel=0.05)
    assert found["rmse"].value == pytest.approx(np.sqrt((truth**2).mean()), rel=0.05)
    assert model.estimate({}, 0)["mae"].value is None


def light(estimated: float, realised: float, n: int = 1000, gap: Measure | None = None) -> tuple[bool, str]:
    found = reliability(
        {"auc": Measure(value=estimated, n=5000)},
        {"auc": Measure(value=realised, standard_error=0.01, n=n)},
        gap,
        tolerance=0.05,
        min_samples=100,
    )
    return found.reliable, found.reason


def test_an_estimate_is_reliable_only_while_outcomes_agree() -> None:
    """Without outcomes, off by more than is allowed, or badly calibrated, it is not; else it is."""
    assert light(0.8, 0.81)[0] is True
    assert light(0.8, 0.81, n=99) == (False, "fewer than 100 outcomes to compare with")
    assert light(0.8, 0.7) == (False, "auc is -0.100 off")
    assert light(0.8, 0.81, gap=Measure(value=0.2, low=0.1, n=1000)) == (
        False,
        "calibration has drifted by 0.200",
    )
    assert light(0.8, 0.81, gap=Measure(value=0.06, low=0.0, n=1000))[0] is True
