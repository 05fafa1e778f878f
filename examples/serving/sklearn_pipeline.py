"""A scikit-learn Pipeline, measured around it and inside it.

python examples/serving/sklearn_pipeline.py
"""

from __future__ import annotations

import pickle

from model import training_data
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter import InstrumentedPredictor, Reference
from exporter.adapters.estimator import MonitoredEstimator


def around() -> float | None:
    """Rows predicted: the whole Pipeline is the model, and its features are those of the caller."""
    table, paid = training_data()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, paid)
    reference = Reference.fit(table, model_name="around", model_version="1")
    with InstrumentedPredictor(pipeline, name="around", version="1", reference=reference) as predictor:
        predictor.predict_proba(table.head(10))
        return rows_predicted(predictor)


def inside() -> float | None:
    """Rows predicted: the last step is measured, once the search over copies of it has ended."""
    table, paid = training_data()
    steps = [("scale", StandardScaler()), ("model", MonitoredEstimator(LogisticRegression()))]
    search = GridSearchCV(Pipeline(steps), {"model__estimator__C": [0.1, 1.0]}, cv=2).fit(table, paid)
    pipeline = pickle.loads(pickle.dumps(search.best_estimator_))  # noqa: S301 - made a line ago
    scaled = pipeline["scale"].transform(table)
    reference = Reference.fit(scaled, model_name="inside", model_version="1", features=list(table.columns))
    with pipeline["model"].monitor(name="inside", version="1", reference=reference) as predictor:
        pipeline.predict(table.head(10), ids=list(range(10)))
        return rows_predicted(predictor)


def rows_predicted(predictor: InstrumentedPredictor) -> float | None:
    """The counter of the exporter."""
    predictor.flush()
    labels = {"model_name": predictor.name, "model_version": predictor.version}
    return predictor.registry.get_sample_value("model_predictions_total", labels)


if __name__ == "__main__":
    print("around", around(), "inside", inside())
