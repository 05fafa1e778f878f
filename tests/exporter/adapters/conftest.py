"""A measured model to put into other people's servers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference

FEATURES = ["a", "b/c"]


@pytest.fixture
def table(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(300, 2)), columns=FEATURES)


@pytest.fixture
def reference(table: pd.DataFrame) -> Reference:
    return Reference.fit(table, model_name="m", model_version="1")


@pytest.fixture
def predictor(table: pd.DataFrame, reference: Reference) -> Iterator[InstrumentedPredictor]:
    model = LogisticRegression().fit(table, table["a"] > 0)
    with InstrumentedPredictor(
        model, name="m", version="1", reference=reference, background=False
    ) as predictor:
        yield predictor
