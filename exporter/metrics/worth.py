"""What the model's decisions do: layers feedback and business."""

from __future__ import annotations

from .family import Family, Layer

EXPOSURE_RESULTS = ("counted", "not_in_catalog")
"""What becomes of an item that was shown: labels know the catalogue's size, never its items."""

CORRELATED_WITH = ("drift", "performance")
"""Series that a business metric is compared with."""

FEEDBACK, BUSINESS = Layer("feedback"), Layer("business")

WORTH_FAMILIES: tuple[Family, ...] = (
    FEEDBACK.gauge(
        "model_label_independence_state",
        "0 outcomes come for both decisions alike, 1 hardly for one of them, -1 unknown.",
        "window",
    ),
    FEEDBACK.counter("model_exposures_total", "Items shown, by whether the catalogue has them.", "outcome"),
    FEEDBACK.gauge(
        "model_exposure_gini",
        "Gini coefficient of how often each item was shown: 0 all alike, near 1 few; absent while unknown.",
        "window",
    ),
    FEEDBACK.gauge(
        "model_exposure_gini_even",
        "What chance alone gives for as many items shown, without any preference.",
        "window",
    ),
    FEEDBACK.gauge(
        "model_catalog_coverage_ratio",
        "Share of the catalogue that was shown at least once, 0 to 1; absent while unknown.",
        "window",
    ),
    FEEDBACK.gauge(
        "model_catalog_coverage_ratio_even",
        "Share that chance alone covers with as many items shown.",
        "window",
    ),
    FEEDBACK.gauge(
        "model_window_exposures", "Items of the catalogue shown in a window; 0 where none was.", "window"
    ),
    BUSINESS.counter("model_business_value_total", "Business counters, by name.", "measure"),
    BUSINESS.gauge("model_business_value", "Business gauges, by name.", "measure", lasts=True),
    BUSINESS.gauge(
        "model_business_correlation",
        "Rank correlation with drift or performance some time before; absent while unknown.",
        "measure",
        "with",
    ),
    BUSINESS.gauge(
        "model_business_correlation_p_value",
        "Probability of such a correlation by chance, over all lags and points that depend on each other.",
        "measure",
        "with",
    ),
    BUSINESS.gauge(
        "model_business_correlation_lag_seconds",
        "How much later the business metric comes.",
        "measure",
        "with",
    ),
)
