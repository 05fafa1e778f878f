"""The one table of metric families, and their creation on a given registry.

Publishing is `publish.py`'s work, and arithmetic nobody's here. Labels are bounded by configuration or by
the reference, never by traffic; children are created at start, so that a rate exists before the first event.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics import MetricWrapperBase

MODEL_LABELS = ("model_name", "model_version")

LATENCY_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds. prometheus_client's default edges, extended down to half a millisecond: a small tree model
answers one row in 0.1 ms, and an objective is only measurable at an edge."""

CHECK_DURATION_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds. From one small window to the longest a check should take at the default interval of five minutes."""

SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Used only where the reference knows no scores; otherwise the edges are the reference's own quantiles."""

ERROR_TYPES = ("ValueError", "TypeError", "KeyError", "RuntimeError", "MemoryError", "NotFittedError",
               "TimeoutError", "ConnectionError", "other")  # fmt: skip
"""Exception classes of the model that get a label of their own; a subclass counts as its nearest listed
ancestor, anything else as `other`. A closed list, since a label must not be bounded by traffic."""

METHODS = ("predict", "predict_proba", "decision_function", "call")

SCHEMA_VIOLATIONS = ("missing_column", "extra_column", "reordered_columns", "column_count", "unreadable")

DROP_REASONS = ("buffer_full", "fault", "closed")

CHECK_OUTCOMES = ("ok", "drift", "unknown", "failed")

FAILURE_REASONS = ("insufficient_data", "all_missing", "unreadable", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family: what it is called, what it means and which labels it has beyond the model's two."""

    layer: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] | None = None


def _f(layer: str, name: str, kind: Literal["counter", "gauge", "histogram"], help_: str, *labels: str,
       buckets: tuple[float, ...] | None = None) -> Family:  # fmt: skip
    return Family(layer=layer, name=name, kind=kind, help=help_, labels=labels, buckets=buckets)


FAMILIES: tuple[Family, ...] = (
    _f("service", "model_predictions_total", "counter", "Rows predicted."),
    _f("service", "model_prediction_calls_total", "counter", "Calls of the model, one or many rows each."),
    _f("service", "model_inference_latency_seconds", "histogram",
       "Time of one call of the model, as its caller saw it.", "method", buckets=LATENCY_BUCKETS),
    _f("service", "model_errors_total", "counter", "Calls that ended in an exception of the model.", "error_type"),
    _f("service", "model_info", "gauge", "Always 1; which reference and framework serve.",
       "reference_version", "framework"),
    _f("prediction", "model_prediction_score", "histogram",
       "Scores or predicted values, on the reference's quantile edges.", buckets=SCORE_BUCKETS),
    _f("prediction", "model_predicted_class_total", "counter",
       "Rows predicted per class of the reference; others count as __other__.", "predicted_class"),
    _f("data", "model_feature_bin_total", "counter", "Values seen per bin of the reference.", "feature_name", "bin"),
    _f("data", "model_reference_bin_ratio", "gauge", "Share of the reference's values per bin, 0 to 1.",
       "feature_name", "bin"),
    _f("data", "model_reference_samples", "gauge", "Values behind the reference's ratios.", "feature_name"),
    _f("data", "model_feature_missing_total", "counter", "Values that were missing (None, NaN, NaT).", "feature_name"),
    _f("data", "model_feature_out_of_range_total", "counter",
       "Values outside the reference's smallest and largest.", "feature_name"),
    _f("data", "model_feature_unseen_category_total", "counter",
       "Values that the reference never saw as a category.", "feature_name"),
    _f("data", "model_feature_type_error_total", "counter",
       "Values of another type than the reference's (text in a number).", "feature_name"),
    _f("data", "model_schema_violations_total", "counter",
       "Calls whose columns were not the reference's.", "violation"),
    _f("drift", "model_drift_score", "gauge", "Effect size of one test over one window; absent while unknown.",
       "feature_name", "test_type", "window"),
    _f("drift", "model_drift_p_value", "gauge", "p-value of one test, before correction for many tests.",
       "feature_name", "test_type", "window"),
    _f("drift", "model_drift_threshold", "gauge", "Effect from which on a score counts as large.",
       "feature_name", "test_type", "window"),
    _f("drift", "model_drift_noise_floor", "gauge", "Effect that sampling alone reaches with probability alpha.",
       "feature_name", "test_type", "window"),
    _f("drift", "model_drift_minimum_detectable", "gauge",
       "Smallest effect that this window's rows would show four times out of five.",
       "feature_name", "test_type", "window"),
    _f("drift", "model_drift_detected", "gauge", "1 while a feature is in drift, 0 while not; absent while unknown.",
       "feature_name"),
    _f("drift", "model_drift_state", "gauge", "0 ok, 1 warning, 2 drift, 3 recovering, -1 unknown.", "feature_name"),
    _f("drift", "model_drifted_features_ratio", "gauge", "Share of the features whose state is drift, 0 to 1."),
    _f("drift", "model_multivariate_drift_score", "gauge", "Effect size of one test over all features together.",
       "test_type", "window"),
    _f("drift", "model_prediction_drift_score", "gauge", "Effect size of one test on scores or predicted classes.",
       "test_type", "window"),
    _f("drift", "model_label_drift_score", "gauge", "Effect size of one test on outcomes.", "test_type", "window"),
    _f("performance", "model_outcomes_total", "counter", "Outcomes received, by what became of them.", "outcome"),
    _f("itself", "driftgauge_checks_total", "counter", "Checks run, by what they found.", "outcome"),
    _f("itself", "driftgauge_check_duration_seconds", "histogram", "Time of one check.",
       buckets=CHECK_DURATION_BUCKETS),
    _f("itself", "driftgauge_last_check_timestamp_seconds", "gauge", "When the last check that worked ended."),
    _f("itself", "driftgauge_window_rows", "gauge", "Rows in a window at the last check.", "window"),
    _f("itself", "driftgauge_observations_dropped_total", "counter",
       "Rows predicted but not measured, by reason.", "reason"),
    _f("itself", "driftgauge_feature_failures_total", "counter",
       "Features of a check that could not be decided, by reason.", "reason"),
    _f("itself", "driftgauge_internal_errors_total", "counter",
       "Faults of the monitoring itself; none reaches a caller."),
    _f("itself", "driftgauge_store_rows", "gauge", "Rows held for windows."),
    _f("itself", "driftgauge_series", "gauge", "Series exported for this model."),
)  # fmt: skip

OUTCOME_RESULTS = ("joined", "duplicate", "conflicting", "unknown_id", "late", "invalid")
"""What becomes of an outcome: joined to its prediction, or counted by why it was not."""
