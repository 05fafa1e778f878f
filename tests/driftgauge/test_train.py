from __future__ import annotations

import numpy as np
import pytest

from driftgauge.demo.data import CATEGORICAL, FEATURES, Flights, find_data, load_flights
from driftgauge.demo.train import MODEL_NAME, MODEL_VERSION, train

DAY = 86400.0


@pytest.fixture(scope="module")
def week() -> Flights:
    """The first week of 2013: enough of both classes, and quick."""
    flights = load_flights(find_data())
    start = float(flights.scheduled[0])
    return flights.between(start, start + 7 * DAY)


def test_the_reference_is_of_the_rows_the_model_was_trained_on(week: Flights) -> None:
    """Same rows, features in the model's order, and the name and version that the metrics will carry."""
    model, reference = train(week)
    assert reference.rows == len(week.with_outcome()) < len(week)
    assert tuple(reference.features) == FEATURES == tuple(model.feature_names_in_)
    assert (reference.model_name, reference.model_version) == (MODEL_NAME, MODEL_VERSION)
    kinds = {name: profile.kind for name, profile in reference.features.items()}
    assert {name for name, kind in kinds.items() if kind == "categorical"} == set(CATEGORICAL)


def test_the_model_answers_what_it_never_saw(week: Flights) -> None:
    """A new carrier and missing weather get a probability like any other row."""
    model, _ = train(week)
    rows = week.features.iloc[:2].copy()
    rows["carrier"] = ["ZZ", "UA"]
    rows["temperature"] = np.nan
    scores = model.predict_proba(rows)
    assert scores.shape == (2, 2)
    assert scores.sum(axis=1) == pytest.approx(1.0)


def test_the_reference_scores_are_those_of_unseen_rows(week: Flights) -> None:
    """Out of fold the model is less sure than on its own training rows."""
    model, reference = train(week)
    rows = week.with_outcome()
    own_accuracy = float(np.mean(model.predict(rows.features) == rows.late))
    assert reference.performance["accuracy"] < own_accuracy
