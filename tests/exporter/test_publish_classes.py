from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor, Reference, Window
from exporter.families import families_for
from exporter.publish_classes import BINS, MAX_CLASSES, ClassPublisher, classes_shown

Value = Callable[..., float | None]


def predictor_of(
    classes: int, registry: CollectorRegistry, clock: Any
) -> tuple[InstrumentedPredictor, Any, Any]:
    """A predictor of so many classes, rows and their truth."""
    rng = np.random.default_rng(4)
    truth = rng.integers(0, classes, size=3000)
    rows = np.column_stack([truth + rng.normal(0, 0.7, size=3000), rng.normal(size=3000)])
    model = LogisticRegression(max_iter=500).fit(rows, truth)
    reference = Reference.fit(
        rows, model_name="m", model_version="1", predictions=model.predict(rows), labels=truth,
        scores=model.predict_proba(rows),
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, background=False,
        windows=(Window("1h", 3600.0),),
    )  # fmt: skip
    return predictor, rows, truth


def test_confusion_and_classes_are_scikit_learns(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Counts by truth and prediction, and precision, recall and F1 of each class, on the labelled rows."""
    predictor, rows, truth = predictor_of(3, registry, clock)
    predictor.predict_proba(rows, ids=range(3000))
    predictor.check_now()
    assert value("model_confusion", actual="0", predicted="0", window="1h") is None
    assert value("model_class_recall", predicted_class="0", window="1h") is None
    predictor.record_outcomes(range(2000), truth[:2000])
    predictor.check_now()
    predicted = predictor.predict(rows)[:2000]
    confusion = metrics.confusion_matrix(truth[:2000], predicted)
    scores = metrics.precision_recall_fscore_support(truth[:2000], predicted)
    for i in range(3):
        for k in range(3):
            found = value("model_confusion", actual=str(i), predicted=str(k), window="1h")
            assert found == confusion[i, k]
        assert value("model_confusion", actual=str(i), predicted="__other__", window="1h") == 0
        assert value("model_confusion", actual="__other__", predicted=str(i), window="1h") is None
        for measure, expected in zip(("precision", "recall", "f1"), scores, strict=False):
            found = value(f"model_class_{measure}", predicted_class=str(i), window="1h")
            assert found == pytest.approx(expected[i], abs=1e-12)


def test_the_calibration_curve_is_scikit_learns(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """Observed share, mean probability and rows of each tenth; an empty one has rows of 0 and no share."""
    predictor, rows, truth = predictor_of(2, registry, clock)
    kept = rows[:, 0] < 0.9
    proba = predictor.predict_proba(rows[kept], ids=np.flatnonzero(kept))[:, 1]
    predictor.record_outcomes(np.flatnonzero(kept), truth[kept])
    predictor.check_now()
    observed, predicted = calibration_curve(truth[kept], proba, n_bins=10)
    of_bin = [value("model_calibration_curve", bin=name, window="1h") for name in BINS]
    means = [value("model_calibration_curve_predicted", bin=name, window="1h") for name in BINS]
    counts = [value("model_calibration_curve_rows", bin=name, window="1h") for name in BINS]
    assert counts == np.bincount((proba * 10).astype(int), minlength=10).tolist()
    assert [found for found in of_bin if found is not None] == pytest.approx(observed.tolist(), abs=1e-12)
    assert [found for found in means if found is not None] == pytest.approx(predicted.tolist(), abs=1e-12)
    assert counts[-1] == 0
    assert of_bin[-1] is None


def test_rare_classes_share_one_row_and_column(registry: CollectorRegistry, value: Value) -> None:
    """Of many classes the frequent ones are shown, and no labelled row is lost."""
    rng = np.random.default_rng(0)
    names = [f"c{i:02}" for i in range(14)]
    labels = np.repeat(names[::-1], np.arange(14, 0, -1) * 40)
    reference = Reference.fit(rng.normal(size=(4200, 1)), model_name="m", model_version="1", labels=labels)
    shown = classes_shown(reference, names)
    assert shown == tuple(names[: -MAX_CLASSES - 1 : -1])
    publisher = ClassPublisher(families_for(registry), "m", "1", shown)
    counts = rng.integers(0, 9, size=(14, 15))
    publisher.publish({"confusion": {"classes": names, "counts": counts.tolist()}}, "1h")
    read = {
        (actual, predicted): value("model_confusion", actual=actual, predicted=predicted, window="1h") or 0.0
        for actual in (*shown, "__other__")
        for predicted in (*shown, "__other__")
    }
    assert sum(read.values()) == counts.sum()
    assert read["c13", "c12"] == counts[13, 12]
    assert read["__other__", "c13"] == counts[:4, 13].sum()
    assert read["c13", "__other__"] == counts[13, :4].sum() + counts[13, 14]


def test_what_is_no_longer_known_is_gone(registry: CollectorRegistry, value: Value) -> None:
    """A window without outcomes leaves no counts of the one before."""
    publisher = ClassPublisher(families_for(registry), "m", "1", ("no", "yes"))
    points = [{"bin": 3, "predicted": 0.35, "observed": 0.4, "rows": 20}]
    confusion = {"classes": ["no", "yes"], "counts": [[3, 1, 0], [2, 4, 0]]}
    publisher.publish({"confusion": confusion, "calibration_curve": points}, "1h")
    assert value("model_calibration_curve_rows", bin="0.3-0.4", window="1h") == 20
    publisher.publish({}, "1h")
    assert value("model_calibration_curve_rows", bin="0.3-0.4", window="1h") is None
    assert value("model_confusion", actual="no", predicted="no", window="1h") is None
