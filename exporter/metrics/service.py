"""What is asked of the model and what it answers: layers service and prediction."""

from __future__ import annotations

from .family import Family, Layer

LATENCY_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds. prometheus_client's default edges, extended down to half a millisecond: a small tree model
answers one row in 0.1 ms, and an objective is only measurable at an edge."""

SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Used only where the reference knows no scores; otherwise the edges are the reference's own quantiles."""

ERROR_TYPES = ("ValueError", "TypeError", "KeyError", "RuntimeError", "MemoryError", "NotFittedError",
               "TimeoutError", "CancelledError", "ConnectionError", "other")  # fmt: skip
"""Exception classes of the model that get a label of their own; a subclass counts as its nearest listed
ancestor, anything else as `other`. A closed list, since a label must not be bounded by traffic."""

METHODS = ("predict", "predict_proba", "decision_function", "call")

OUTPUTS = ("score", "class")
"""What of a prediction is compared with the reference."""

SERVICE, PREDICTION = Layer("service"), Layer("prediction")

SERVICE_FAMILIES: tuple[Family, ...] = (
    SERVICE.counter("model_predictions_total", "Rows predicted."),
    SERVICE.counter("model_prediction_calls_total", "Calls of the model, one or many rows each."),
    SERVICE.histogram(
        "model_inference_latency_seconds",
        "Time of one call of the model, as its caller saw it.",
        "method",
        buckets=LATENCY_BUCKETS,
    ),
    SERVICE.counter("model_errors_total", "Calls that ended in an exception of the model.", "error_type"),
    SERVICE.counter(
        "model_fallbacks_total",
        "Calls that the model failed, by what was answered in its place; none where nothing was.",
        "strategy",
    ),
    SERVICE.gauge(
        "model_info", "Always 1; which reference and framework serve.", "reference_version", "framework"
    ),
    PREDICTION.histogram(
        "model_prediction_score",
        "Scores or predicted values, on the reference's quantile edges.",
        buckets=SCORE_BUCKETS,
    ),
    PREDICTION.counter(
        "model_predicted_class_total",
        "Rows predicted per class of the reference; others count as __other__.",
        "predicted_class",
    ),
    PREDICTION.gauge(
        "model_reference_prediction_ratio",
        "Share of the reference's scores or classes per bin; edge is the upper one of scores, as le.",
        "output",
        "bin",
        "edge",
    ),
    PREDICTION.gauge(
        "model_reference_prediction_samples", "Scores or classes behind the reference's ratios.", "output"
    ),
)
