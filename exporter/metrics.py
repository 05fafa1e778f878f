"""The one table of metric families.

`families.py` creates them on a registry, `counters.py` counts and `publish.py` sets them. Labels are
bounded by configuration or by the reference, never by traffic; children are created at start, so that a
rate exists before the first event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODEL_LABELS = ("model_name", "model_version")

LATENCY_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds. prometheus_client's default edges, extended down to half a millisecond: a small tree model
answers one row in 0.1 ms, and an objective is only measurable at an edge."""

CHECK_DURATION_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds. From one small window to the longest a check may take at the default interval of five minutes."""

OUTCOME_LAG_BUCKETS = (
    1.0,
    10.0,
    60.0,
    300.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    28800.0,
    86400.0,
    172800.0,
    604800.0,
)
"""Seconds. From a click to a week; what comes later has left the default retention."""

SCORE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Used only where the reference knows no scores; otherwise the edges are the reference's own quantiles."""

ERROR_TYPES = ("ValueError", "TypeError", "KeyError", "RuntimeError", "MemoryError", "NotFittedError",
               "TimeoutError", "ConnectionError", "other")  # fmt: skip
"""Exception classes of the model that get a label of their own; a subclass counts as its nearest listed
ancestor, anything else as `other`. A closed list, since a label must not be bounded by traffic."""

METHODS = ("predict", "predict_proba", "decision_function", "call")

SCHEMA_VIOLATIONS = ("missing_column", "extra_column", "reordered_columns", "column_count", "unreadable")

DROP_REASONS = ("buffer_full", "unreadable", "fault")

CLASSIFICATION_MEASURES = {
    "accuracy": "Share of rows whose class was predicted right",
    "precision": "Share of the predicted positives that were; over several classes the mean",
    "recall": "Share of the positives that were predicted; over several classes the mean",
    "f1": "Harmonic mean of precision and recall; over several classes the mean",
    "auc": "Area under the ROC curve; over several classes the mean of each against the rest",
    "average_precision": "Area under the precision-recall curve",
    "log_loss": "Mean of -log of the probability given to what happened",
    "brier_score": "Mean squared distance of probability and truth",
    "calibration_error": "Expected calibration error over tenths of the probability",
}
REGRESSION_MEASURES = {
    "mae": "Mean absolute error",
    "rmse": "Root of the mean squared error",
    "mape": "Mean absolute error as a share of the true value",
    "r2": "Share of the truth's variance that is explained",
    "bias": "Mean of prediction less truth",
}

ESTIMATED_MEASURES = {
    "accuracy": "Accuracy", "f1": "F1", "auc": "Area under the ROC curve",
    "mae": "Mean absolute error", "rmse": "Root of the mean squared error",
}  # fmt: skip

CHECK_OUTCOMES = ("ok", "drift", "unknown", "failed")

FAILURE_REASONS = ("insufficient_data", "all_missing", "missing_column", "unreadable", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family: what it is called, what it means and which labels it has beyond the model's two."""

    layer: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] | None = None


def _family(
    layer: str, kind: Literal["counter", "gauge", "histogram"], name: str, text: str, *labels: str
) -> Family:
    return Family(layer=layer, name=name, kind=kind, help=text, labels=labels, buckets=_BUCKETS.get(name))


_BUCKETS = {
    "model_outcome_lag_seconds": OUTCOME_LAG_BUCKETS,
    "model_inference_latency_seconds": LATENCY_BUCKETS,
    "model_prediction_score": SCORE_BUCKETS,
    "driftgauge_check_duration_seconds": CHECK_DURATION_BUCKETS,
}

FAMILIES: tuple[Family, ...] = (
    _family("service", "counter", "model_predictions_total", "Rows predicted."),
    _family(
        "service", "counter", "model_prediction_calls_total", "Calls of the model, one or many rows each."
    ),
    _family(
        "service",
        "histogram",
        "model_inference_latency_seconds",
        "Time of one call of the model, as its caller saw it.",
        "method",
    ),
    _family(
        "service",
        "counter",
        "model_errors_total",
        "Calls that ended in an exception of the model.",
        "error_type",
    ),
    _family(
        "service",
        "counter",
        "model_fallbacks_total",
        "Calls that the model failed, by what was answered in its place; none where nothing was.",
        "strategy",
    ),
    _family(
        "service",
        "gauge",
        "model_info",
        "Always 1; which reference and framework serve.",
        "reference_version",
        "framework",
    ),
    _family(
        "prediction",
        "histogram",
        "model_prediction_score",
        "Scores or predicted values, on the reference's quantile edges.",
    ),
    _family(
        "prediction",
        "counter",
        "model_predicted_class_total",
        "Rows predicted per class of the reference; others count as __other__.",
        "predicted_class",
    ),
    _family(
        "data",
        "counter",
        "model_feature_bin_total",
        "Values seen per bin of the reference.",
        "feature_name",
        "bin",
    ),
    _family(
        "data",
        "gauge",
        "model_reference_bin_ratio",
        "Share of the reference's values per bin, 0 to 1.",
        "feature_name",
        "bin",
    ),
    _family(
        "data", "gauge", "model_reference_samples", "Values behind the reference's ratios.", "feature_name"
    ),
    _family(
        "data",
        "counter",
        "model_feature_missing_total",
        "Values that were missing (None, NaN, NaT).",
        "feature_name",
    ),
    _family(
        "data",
        "counter",
        "model_feature_out_of_range_total",
        "Values outside the reference's smallest and largest.",
        "feature_name",
    ),
    _family(
        "data",
        "counter",
        "model_feature_unseen_category_total",
        "Values that the reference never saw as a category.",
        "feature_name",
    ),
    _family(
        "data",
        "counter",
        "model_feature_type_error_total",
        "Values of another type than the reference's (text in a number).",
        "feature_name",
    ),
    _family(
        "data",
        "counter",
        "model_schema_violations_total",
        "Calls whose columns were not the reference's.",
        "violation",
    ),
    _family(
        "data",
        "gauge",
        "model_outlier_ratio",
        "Share of a window's rows with an outlier in a numeric feature, 0 to 1.",
        "window",
    ),
    _family(
        "data",
        "gauge",
        "model_correlation_change",
        "Largest significant change of a rank correlation of two features; 0 where none is.",
        "window",
    ),
    _family(
        "data",
        "gauge",
        "model_quality_score",
        "Worst value of one kind of damage in a window; absent while unknown.",
        "kind",
        "window",
    ),
    _family("data", "gauge", "model_quality_threshold", "Value from which on it counts as broken.", "kind"),
    _family(
        "data",
        "gauge",
        "model_quality_state",
        "Data of all windows: 0 ok, 2 broken, -1 unknown.",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_score",
        "Effect size of one test over one window; absent while unknown.",
        "feature_name",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_p_value",
        "p-value of one test, before correction for many tests.",
        "feature_name",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_threshold",
        "Effect from which on a score counts as large, for the tests that decide.",
        "feature_name",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_noise_floor",
        "Effect that sampling alone reaches with probability alpha.",
        "feature_name",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_minimum_detectable",
        "Smallest effect that this window's rows would show four times out of five.",
        "feature_name",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_detected",
        "1 from the beginning of a drift until it is over, else 0; absent while unknown.",
        "feature_name",
    ),
    _family(
        "drift",
        "gauge",
        "model_drift_state",
        "0 ok, 1 warning, 2 drift, 3 recovering, -1 unknown.",
        "feature_name",
    ),
    _family(
        "drift",
        "gauge",
        "model_drifted_features_ratio",
        "Share of the features whose state is drift, 0 to 1.",
    ),
    _family(
        "drift",
        "gauge",
        "model_multivariate_drift_score",
        "Effect size of one test over all features together.",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_prediction_drift_score",
        "Effect size of one test on scores or predicted classes.",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_prediction_drift_threshold",
        "Effect from which on it counts as large.",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_prediction_drift_state",
        "State of scores and predicted classes, coded as model_drift_state.",
    ),
    _family(
        "drift",
        "gauge",
        "model_label_drift_score",
        "Effect size of one test on outcomes.",
        "test_type",
        "window",
    ),
    _family(
        "drift",
        "gauge",
        "model_label_drift_threshold",
        "Effect from which on it counts as large.",
        "test_type",
        "window",
    ),
    _family(
        "drift", "gauge", "model_label_drift_state", "State of the outcomes, coded as model_drift_state."
    ),
    _family(
        "performance",
        "counter",
        "model_outcomes_total",
        "Outcomes received, by what became of them.",
        "outcome",
    ),
    _family(
        "performance",
        "histogram",
        "model_outcome_lag_seconds",
        "Time from a prediction to its outcome, of those that were joined.",
    ),
    _family(
        "performance",
        "gauge",
        "model_outcome_coverage_ratio",
        "Share of a window's rows with an id whose outcome has come, 0 to 1.",
        "window",
    ),
    *(
        family
        for measure, text in (CLASSIFICATION_MEASURES | REGRESSION_MEASURES).items()
        for family in (
            _family(
                "performance",
                "gauge",
                f"model_{measure}",
                f"{text}; absent while unknown.",
                "segment",
                "window",
            ),
            _family(
                "performance", "gauge", f"model_{measure}_reference", f"{text}, at training time.", "segment"
            ),
        )
    ),
    _family(
        "performance", "gauge", "model_performance_rows", "Rows of a window whose truth is known.", "window"
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_low",
        "Lower end of a measure's 95 % confidence interval.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_high",
        "Upper end of a measure's 95 % confidence interval.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_drop_ratio",
        "How much worse a measure is than at training time, as a share of it; below zero for better.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_drop_threshold",
        "Drop from which on a real one is a decline.",
        "measure",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_state",
        "0 ok, 1 warning (a small drop, but real), 2 declined (real and large), -1 unknown.",
        "measure",
        "window",
    ),
    *(
        _family(
            "performance",
            "gauge",
            f"model_estimated_{measure}",
            f"{text} to expect of a window's rows, without their truth.",
            "window",
        )
        for measure, text in ESTIMATED_MEASURES.items()
    ),
    _family(
        "performance",
        "gauge",
        "model_estimate_reliable",
        "1 if estimates agree with the outcomes that have come, else 0; absent without an estimate.",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_estimate_gap",
        "Realised less estimated, on the rows of a window whose truth is known.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_trend",
        "Over windows that do not overlap: -1 declining, 0 stable, 1 improving; absent below eight.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_slope",
        "Change of a measure a day, over windows that do not overlap.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_trend_p_value",
        "Probability of such an order of windows without a trend.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_volatility_ratio",
        "Standard deviation of a measure from window to window, as a share of its mean.",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_concept_drift_state",
        "State of a detector on the stream of errors: 0 ok, 1 warning, 2 drift, -1 unknown.",
        "detector",
    ),
    _family(
        "performance",
        "counter",
        "model_concept_drifts_total",
        "Drifts that a detector found on the stream of errors.",
        "detector",
    ),
    _family(
        "performance",
        "gauge",
        "model_feature_importance",
        "How much the model depends on a feature: at training time, or by permutation of labelled rows.",
        "feature_name",
        "source",
    ),
    _family(
        "performance",
        "gauge",
        "model_drift_contribution",
        "Share of a feature in what drifted, weighted by its importance; sums to 1, or 0 without drift.",
        "feature_name",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_performance_drop_contribution",
        "What a segment adds to the drop of the whole, in the unit of the measure.",
        "measure",
        "segment",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_fairness_difference",
        "Largest less smallest value of the groups of a declared attribute.",
        "attribute",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_fairness_p_value",
        "Probability of such a difference by chance alone.",
        "attribute",
        "measure",
        "window",
    ),
    _family(
        "performance",
        "gauge",
        "model_fairness_threshold",
        "Difference from which on a significant one counts.",
        "attribute",
    ),
    _family(
        "feedback",
        "gauge",
        "model_label_independence_state",
        "0 outcomes come for both decisions alike, 1 hardly for one of them, -1 unknown.",
        "window",
    ),
    _family("business", "counter", "model_business_value_total", "Business counters, by name.", "measure"),
    _family("business", "gauge", "model_business_value", "Business gauges, by name.", "measure"),
    _family("itself", "counter", "driftgauge_checks_total", "Checks run, by what they found.", "outcome"),
    _family("itself", "histogram", "driftgauge_check_duration_seconds", "Time of one check."),
    _family(
        "itself", "gauge", "driftgauge_last_check_timestamp_seconds", "When the last check that worked ended."
    ),
    _family("itself", "gauge", "driftgauge_window_rows", "Rows in a window at the last check.", "window"),
    _family(
        "itself",
        "counter",
        "driftgauge_observations_dropped_total",
        "Rows predicted but not measured, by reason.",
        "reason",
    ),
    _family(
        "itself",
        "counter",
        "driftgauge_feature_failures_total",
        "Features of a check that could not be decided, by reason.",
        "reason",
    ),
    _family(
        "itself",
        "counter",
        "driftgauge_internal_errors_total",
        "Faults of the monitoring itself; none reaches a caller.",
    ),
    _family("itself", "gauge", "driftgauge_store_rows", "Rows held for windows."),
    _family("itself", "gauge", "driftgauge_series", "Series exported for this model."),
)

FAMILY = {family.name: family for family in FAMILIES}

OUTCOME_RESULTS = ("joined", "duplicate", "conflicting", "unknown_id", "late", "invalid")
"""What becomes of an outcome: joined to its prediction, or counted by why it was not."""
