from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.adapters.estimator import MonitoredEstimator
from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference

MODEL = {"model_name": "m", "model_version": "1"}


def predicted(predictor: InstrumentedPredictor) -> float | None:
    predictor.flush()
    return predictor.registry.get_sample_value("model_predictions_total", MODEL)


@pytest.fixture
def y(table: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(table["a"] > 0)


def test_a_search_measures_nothing_and_its_winner_can_be(table: pd.DataFrame, y: NDArray[np.bool_]) -> None:
    """Copies are plain estimators; what is measured is what is asked after `monitor`, with its ids."""
    steps = [("scale", StandardScaler()), ("model", MonitoredEstimator(LogisticRegression()))]
    search = GridSearchCV(Pipeline(steps), {"model__estimator__C": [0.01, 1.0]}, cv=2).fit(table, y)
    best = search.best_estimator_
    expected = best.predict(table)
    with best["model"].monitor(name="m", version="1") as predictor:
        assert np.array_equal(best.predict(table, ids=range(len(table))), expected)
        assert best.predict_proba(table).shape == (300, 2)
        assert predicted(predictor) == 600
        assert best.score(table, y) > 0.9
        assert predicted(predictor) == 600
        assert predictor.record_outcomes([0, 1, 999], [True, False, True]).joined == 2


def test_neither_a_clone_nor_a_pickle_takes_the_measuring_along(
    table: pd.DataFrame, y: NDArray[np.bool_]
) -> None:
    """A clone is not even fitted; what is loaded answers the same and is measured when it is told to."""
    model = MonitoredEstimator(LogisticRegression()).fit(table, y)
    with model.monitor(name="m", version="1") as predictor:
        with pytest.raises(NotFittedError):
            clone(model).predict(table)
        loaded = pickle.loads(pickle.dumps(model))
        assert np.array_equal(loaded.predict(table), model.estimator_.predict(table))
        assert predicted(predictor) == 0
        assert list(loaded.classes_) == [False, True]
        with loaded.monitor(name="m", version="1") as other:
            loaded.decision_function(table)
            assert predicted(other) == 300


def test_it_has_the_methods_of_its_estimator(table: pd.DataFrame) -> None:
    """A regression has no probabilities, and nothing answers or is measured before it is fitted."""
    model = MonitoredEstimator(Ridge())
    assert not hasattr(model, "predict_proba")
    with pytest.raises(NotFittedError):
        model.predict(table)
    with pytest.raises(NotFittedError):
        model.monitor(name="m", version="1")
    assert model.set_params(estimator__alpha=3.0).get_params()["estimator__alpha"] == 3.0


def test_a_pipeline_is_measured_as_a_whole(
    table: pd.DataFrame, reference: Reference, y: NDArray[np.bool_]
) -> None:
    """Around it, features are the caller's; a clone is one of the model, unmeasured."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, y)
    with InstrumentedPredictor(pipeline, name="m", version="1", reference=reference) as predictor:
        predictor.predict_proba(table)
        assert predicted(predictor) == 300
        missing = predictor.registry.get_sample_value(
            "model_feature_missing_total", {**MODEL, "feature_name": "b/c"}
        )
        assert missing == 0
        copy = clone(predictor)
        assert isinstance(copy, Pipeline)
        with pytest.raises(NotFittedError):
            copy.predict(table)
