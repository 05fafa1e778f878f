"""Whether features, predictions and labels are still those of the reference."""

from __future__ import annotations

from .family import Family, Layer

DRIFT = Layer("drift")

DRIFT_FAMILIES: tuple[Family, ...] = (
    DRIFT.gauge(
        "model_drift_score",
        "Effect size of one test over one window; absent while unknown.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_p_value",
        "p-value of one test, before correction for many tests.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_threshold",
        "Effect from which on a score counts as large, for the tests that decide.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_noise_floor",
        "Effect that sampling alone reaches with probability alpha.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_minimum_detectable",
        "Smallest effect that this window's rows would show four times out of five.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_detected",
        "1 from the beginning of a drift until it is over, else 0; absent while unknown.",
        "feature_name",
    ),
    DRIFT.gauge("model_drift_state", "0 ok, 1 warning, 2 drift, 3 recovering, -1 unknown.", "feature_name"),
    DRIFT.gauge(
        "model_drift_trend",
        "1 if a score rises towards its threshold from window to window, else 0; absent below eight windows.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_drift_trend_slope",
        "Change of a score a day, over windows that do not overlap, as a share of its threshold.",
        "feature_name",
        "test_type",
        "window",
    ),
    DRIFT.gauge("model_drifted_features_ratio", "Share of the features whose state is drift, 0 to 1."),
    DRIFT.gauge(
        "model_segment_drift_state",
        "Worst state of a column within the segment, coded as model_drift_state.",
        "segment",
    ),
    DRIFT.gauge(
        "model_segment_own_drift",
        "Columns that have drifted within the segment and not over all rows; absent while unknown.",
        "segment",
    ),
    DRIFT.gauge(
        "model_segment_drifted_ratio",
        "Share of the features that have drifted within the segment, 0 to 1; absent while unknown.",
        "segment",
        "window",
    ),
    DRIFT.gauge(
        "model_segment_drift_score",
        "Largest significant score within the segment as a multiple of its threshold, 0 if none is.",
        "segment",
        "window",
    ),
    DRIFT.gauge("model_segment_rows", "Rows of the segment in the window.", "segment", "window"),
    DRIFT.gauge(
        "model_multivariate_drift_score",
        "Effect size of one test over all features together.",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_prediction_drift_score",
        "Effect size of one test on scores or predicted classes.",
        "test_type",
        "window",
    ),
    DRIFT.gauge(
        "model_prediction_drift_threshold", "Effect from which on it counts as large.", "test_type", "window"
    ),
    DRIFT.gauge(
        "model_prediction_drift_state", "State of scores and predicted classes, coded as model_drift_state."
    ),
    DRIFT.gauge("model_label_drift_score", "Effect size of one test on outcomes.", "test_type", "window"),
    DRIFT.gauge(
        "model_label_drift_threshold", "Effect from which on it counts as large.", "test_type", "window"
    ),
    DRIFT.gauge("model_label_drift_state", "State of the outcomes, coded as model_drift_state."),
)
