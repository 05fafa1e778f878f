"""What the model is fed: schema, values, damage."""

from __future__ import annotations

from .family import Family, Layer

SCHEMA_VIOLATIONS = ("missing_column", "extra_column", "reordered_columns", "column_count", "unreadable")

DATA = Layer("data")

DATA_FAMILIES: tuple[Family, ...] = (
    DATA.gauge(
        "model_feature_info", "Always 1; whether a feature is numeric or categorical.", "feature_name", "kind"
    ),
    DATA.counter("model_feature_bin_total", "Values seen per bin of the reference.", "feature_name", "bin"),
    DATA.gauge(
        "model_reference_bin_ratio", "Share of the reference's values per bin, 0 to 1.", "feature_name", "bin"
    ),
    DATA.gauge("model_reference_samples", "Values behind the reference's ratios.", "feature_name"),
    DATA.counter("model_feature_missing_total", "Values that were missing (None, NaN, NaT).", "feature_name"),
    DATA.counter(
        "model_feature_out_of_range_total",
        "Values outside the reference's smallest and largest.",
        "feature_name",
    ),
    DATA.counter(
        "model_feature_unseen_category_total",
        "Values that the reference never saw as a category.",
        "feature_name",
    ),
    DATA.counter(
        "model_feature_type_error_total",
        "Values of another type than the reference's (text in a number).",
        "feature_name",
    ),
    DATA.counter(
        "model_schema_violations_total", "Calls whose columns were not the reference's.", "violation"
    ),
    DATA.gauge(
        "model_outlier_ratio",
        "Share of a window's rows that are outliers, in one feature or as a whole, 0 to 1.",
        "method",
        "window",
    ),
    DATA.gauge(
        "model_correlation_change",
        "Largest significant change of a rank correlation of two features; 0 where none is.",
        "window",
    ),
    DATA.gauge(
        "model_quality_score",
        "Worst value of one kind of damage in a window; absent while unknown.",
        "kind",
        "window",
    ),
    DATA.gauge(
        "model_quality_broken",
        "1 where a kind of damage is beyond its threshold and beyond chance, else 0; absent while unknown.",
        "kind",
        "window",
    ),
    DATA.gauge("model_quality_threshold", "Value from which on it counts as broken.", "kind"),
    DATA.gauge("model_quality_state", "Data of all windows: 0 ok, 2 broken, -1 unknown."),
)
