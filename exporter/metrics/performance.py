"""Whether the model is right, and where it is not."""

from __future__ import annotations

from .family import Family, Layer

OUTCOME_LAG_BUCKETS = (
    1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 172800.0, 604800.0,
)  # fmt: skip
"""Seconds. From a click to a week; what comes later has left the default retention."""

OUTCOME_RESULTS = ("joined", "duplicate", "conflicting", "unknown_id", "late", "invalid")
"""What becomes of an outcome: joined to its prediction, or counted by why it was not."""

CLASSIFICATION_MEASURES = {
    "accuracy": "Share of rows whose class was predicted right",
    "balanced_accuracy": "Mean over the classes of the share of each that was predicted right",
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

PERFORMANCE = Layer("performance")

PERFORMANCE_FAMILIES: tuple[Family, ...] = (
    PERFORMANCE.counter("model_outcomes_total", "Outcomes received, by what became of them.", "outcome"),
    PERFORMANCE.histogram(
        "model_outcome_lag_seconds",
        "Time from a prediction to its outcome, of those that were joined.",
        buckets=OUTCOME_LAG_BUCKETS,
    ),
    PERFORMANCE.gauge(
        "model_outcome_coverage_ratio",
        "Share of a window's rows with an id whose outcome has come, 0 to 1.",
        "window",
    ),
    *(
        family
        for measure, text in (CLASSIFICATION_MEASURES | REGRESSION_MEASURES).items()
        for family in (
            PERFORMANCE.gauge(f"model_{measure}", f"{text}; absent while unknown.", "segment", "window"),
            PERFORMANCE.gauge(f"model_{measure}_reference", f"{text}, at training time.", "segment"),
        )
    ),
    PERFORMANCE.gauge("model_performance_rows", "Rows of a window whose truth is known.", "window"),
    PERFORMANCE.gauge(
        "model_performance_low", "Lower end of a measure's 95 % confidence interval.", "measure", "window"
    ),
    PERFORMANCE.gauge(
        "model_performance_high", "Upper end of a measure's 95 % confidence interval.", "measure", "window"
    ),
    PERFORMANCE.gauge(
        "model_performance_drop_ratio",
        "How much worse a measure is than at training time, as a share of it; below zero for better.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_drop_threshold", "Drop from which on a real one is a decline.", "measure"
    ),
    PERFORMANCE.gauge(
        "model_performance_state",
        "0 ok, 1 warning (a small drop, but real), 2 declined (real and large), -1 unknown.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_overall_state",
        "State of the measure that decides: 0 ok, 1 warning, 2 declined, -1 unknown.",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_calibration_state",
        "0 ok, 1 warning (small, or by new class shares alone), 2 off, -1 unknown; absent for numbers.",
        "window",
    ),
    *(
        PERFORMANCE.gauge(
            f"model_estimated_{measure}",
            f"{text} to expect of a window's rows, without their truth.",
            "window",
        )
        for measure, text in ESTIMATED_MEASURES.items()
    ),
    PERFORMANCE.gauge(
        "model_estimate_reliable",
        "1 if estimates agree with the outcomes that have come, else 0; absent without an estimate.",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_estimate_headline",
        "1 for the measure whose estimate decides; absent for the others.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_estimate_gap",
        "Realised less estimated, on the rows of a window whose truth is known.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_trend",
        "Over windows that do not overlap: -1 declining, 0 stable, 1 improving; absent below eight.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_slope",
        "Change of a measure a day, over windows that do not overlap.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_trend_p_value",
        "Probability of such an order of windows without a trend.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_volatility_ratio",
        "Standard deviation of a measure from window to window, as a share of its mean.",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_class_precision",
        "Share of the rows predicted as a class that were of it; absent while unknown.",
        "predicted_class",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_class_recall",
        "Share of the rows of a class that were predicted as it; absent while unknown.",
        "predicted_class",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_class_f1",
        "Harmonic mean of both, of one class; absent while unknown.",
        "predicted_class",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_confusion",
        "Labelled rows of a window by their class and the one predicted; the rarer classes as __other__.",
        "actual",
        "predicted",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_calibration_curve",
        "Share of a bin's labelled rows that were positive; absent for an empty bin.",
        "bin",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_calibration_curve_predicted",
        "Mean probability of a bin's labelled rows: where the curve would be if it were right.",
        "bin",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_calibration_curve_rows",
        "Labelled rows of a window by tenth of the probability.",
        "bin",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_concept_drift_state",
        "State of a detector on the stream of errors: 0 ok, 1 warning, 2 drift, -1 unknown.",
        "detector",
    ),
    PERFORMANCE.counter(
        "model_concept_drifts_total", "Drifts that a detector found on the stream of errors.", "detector"
    ),
    PERFORMANCE.gauge(
        "model_feature_importance",
        "How much the model depends on a feature: at training time, or by permutation of labelled rows.",
        "feature_name",
        "source",
    ),
    PERFORMANCE.gauge(
        "model_drift_contribution",
        "Share of a feature in what drifted, weighted by its importance; sums to 1, or 0 without drift.",
        "feature_name",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_performance_drop_contribution",
        "What a segment adds to the drop of the whole, in the unit of the measure.",
        "measure",
        "segment",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_fairness_difference",
        "Largest less smallest value of the groups of a declared attribute.",
        "attribute",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_fairness_p_value",
        "Probability of such a difference by chance alone.",
        "attribute",
        "measure",
        "window",
    ),
    PERFORMANCE.gauge(
        "model_fairness_threshold", "Difference from which on a significant one counts.", "attribute"
    ),
)
