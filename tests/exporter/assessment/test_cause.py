from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter import AssessmentPolicy, ConfigError, InstrumentedPredictor, Reference, Window

Value = Callable[..., float | None]


class Model:
    """A logistic regression on the numeric columns of a frame."""

    def __init__(self, frame: pd.DataFrame, truth: Any) -> None:
        self._inner = LogisticRegression().fit(frame[["a", "b"]], truth)
        self.classes_ = self._inner.classes_
        self.feature_names_in_ = np.array(["a", "b", "place"])

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        return self._inner.predict_proba(frame[["a", "b"]])


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    return frame.assign(place=rng.choice(["north", "south"], size=n))


@pytest.fixture
def predictor(rng: np.random.Generator, registry: CollectorRegistry, clock: Any) -> InstrumentedPredictor:
    frame = table(rng, 4000)
    truth = (2 * frame["a"] + 0.2 * frame["b"] + rng.logistic(size=4000) > 0).to_numpy().astype(int)
    model = Model(frame, truth)
    reference = Reference.fit(
        frame, model_name="m", model_version="1", scores=model.predict_proba(frame), labels=truth,
        importances={"a": 0.2, "b": 0.01, "place": 0.0},
    )  # fmt: skip
    return InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock,
        windows=(Window("1h", 3600.0),), background=False,
        assessment=AssessmentPolicy(segment="place", importance_rows=500, protected=("place",)),
    )  # fmt: skip


def test_drift_is_explained_by_what_the_model_uses(
    predictor: InstrumentedPredictor, rng: np.random.Generator, value: Value
) -> None:
    """Of two features that drifted alike, the one that the model depends on explains nearly all."""
    frame = table(rng, 1000)
    predictor.predict_proba(frame.assign(a=frame["a"] + 1, b=frame["b"] + 1))
    predictor.check_now()
    a, b, place = (
        value("model_drift_contribution", feature_name=n, window="1h") for n in ("a", "b", "place")
    )
    assert a is not None
    assert a > 0.9
    assert a + (b or 0.0) == pytest.approx(1.0)
    assert place == 0.0
    assert value("model_feature_importance", feature_name="a", source="reference") == 0.2
    assert value("model_feature_importance", feature_name="a", source="window") is None
    cause = predictor.assessments["1h"].cause.to_dict()
    assert next(iter(cause["drift_contributions"])) == "a"


def test_importance_on_the_windows_own_outcomes(
    predictor: InstrumentedPredictor, rng: np.random.Generator, value: Value
) -> None:
    """What the model uses is worth much, what it does not is worth nothing, and none of its calls counts."""
    frame = table(rng, 1000)
    predictor.predict_proba(frame, ids=range(1000))
    predictor.record_outcomes(range(1000), (frame["a"] > 0).astype(int))
    predictor.check_now()
    found = value("model_feature_importance", feature_name="a", source="window")
    assert found is not None
    assert found > 0.2
    assert abs(value("model_feature_importance", feature_name="place", source="window") or 0.0) < 1e-9
    assert value("model_predictions_total") == 1000
    assert predictor.assessments["1h"].cause.rank_shift["a"] == 0


def test_a_drop_is_explained_by_its_segment(
    predictor: InstrumentedPredictor, rng: np.random.Generator, value: Value
) -> None:
    """Where the truth turned in the south alone, the south adds the drop."""
    frame = table(rng, 2000)
    truth = (2 * frame["a"] + rng.logistic(size=2000) > 0).to_numpy()
    turned = np.where(frame["place"] == "south", ~truth, truth).astype(int)
    predictor.predict_proba(frame, ids=range(2000))
    predictor.record_outcomes(range(2000), turned)
    predictor.check_now()
    labels = {"measure": "brier_score", "window": "1h"}
    south = value("model_performance_drop_contribution", segment="south", **labels)
    north = value("model_performance_drop_contribution", segment="north", **labels)
    assert south is not None
    assert north is not None
    assert south > 0.1 > abs(north) * 5
    whole = value("model_brier_score", segment="all", window="1h") or 0.0
    before = value("model_brier_score_reference", segment="all") or 0.0
    assert south + north == pytest.approx(whole - before, abs=0.01)


def test_groups_of_a_declared_attribute_are_compared(
    predictor: InstrumentedPredictor, rng: np.random.Generator, value: Value
) -> None:
    """Parity comes with the predictions, opportunity and calibration with the outcomes."""
    frame = table(rng, 2000)
    frame.loc[frame["place"] == "south", "a"] += 2.0
    predictor.predict_proba(frame, ids=range(2000))
    predictor.check_now()
    labels = {"attribute": "place", "window": "1h"}
    parity = value("model_fairness_difference", measure="demographic_parity", **labels)
    assert parity is not None
    assert parity > 0.3
    assert value("model_fairness_difference", measure="equal_opportunity", **labels) is None
    predictor.record_outcomes(range(2000), (2 * frame["a"] + rng.logistic(size=2000) > 0).astype(int))
    predictor.check_now()
    assert value("model_fairness_difference", measure="equal_opportunity", **labels) is not None
    assert (value("model_fairness_difference", measure="calibration", **labels) or 1.0) < 0.1
    assert (value("model_fairness_p_value", measure="demographic_parity", **labels) or 0.0) < 1e-6
    assert value("model_fairness_threshold", attribute="place") == 0.1
    assert "groups" in predictor.assessments["1h"].to_dict()["fairness"]["place"]["calibration"]


def test_importance_of_a_regression_on_arrays(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """A model that was fitted on an array is asked with one."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 2))
    truth = rows[:, 0] * 3
    model = LinearRegression().fit(rows, truth)
    reference = Reference.fit(
        rows, features=["a", "b"], model_name="m", model_version="1", predictions=truth, labels=truth
    )
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, background=False,
        windows=(Window("1h", 3600.0),), assessment=AssessmentPolicy(importance_rows=300),
    )  # fmt: skip
    predictor.predict(rows, ids=range(1000))
    predictor.record_outcomes(range(1000), truth)
    predictor.check_now()
    assert (value("model_feature_importance", feature_name="a", source="window") or 0.0) > 2.0
    assert value("model_feature_importance", feature_name="b", source="window") == pytest.approx(
        0.0, abs=1e-9
    )


def test_attributes_are_categories(predictor: InstrumentedPredictor, rng: np.random.Generator) -> None:
    """A number has no groups."""
    with pytest.raises(ConfigError, match=r"assessment\.protected: 'a': found a numeric feature"):
        InstrumentedPredictor(
            predictor._model, name="m", version="1", background=False, reference=predictor.reference,
            assessment=AssessmentPolicy(protected=("a",)),
        )  # fmt: skip
