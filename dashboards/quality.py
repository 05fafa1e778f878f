"""Data quality of one model version: thirteen kinds of damage, each against its threshold, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.assessment.policy import QUALITY_KINDS

from .codes import QUALITY
from .lines import FEATURE, ONE_VERSION, WINDOW, alert_line, own_threshold
from .page import Band, Section, events, model_variables, page, query_variable
from .panels import bars_panel, stat_panel, timeseries_panel
from .queries import Query
from .states import grid_panel, states_panel
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

PER_THRESHOLD = f"max by (kind) (model_kind:quality_score_per_threshold:max{{{ONE_VERSION}}})"

KINDS = {
    "schema_mismatch": ("Columns that do not fit", "Share of calls whose columns are too few or unreadable."),
    "schema_surplus": ("Columns too many", "Share of calls with columns too many, or in another order."),
    "missing_column": ("Missing columns", "Columns that are missing altogether."),
    "missing": ("Missing values", "Share of rows beyond the reference's own, of the worst feature."),
    "out_of_range": ("Out of range", "Share of rows outside the reference's smallest and largest."),
    "unseen_category": ("Unseen categories", "Share of rows with a category that the reference never saw."),
    "type_error": ("Wrong type", "Share of rows with a value of another type than the reference's."),
    "duplicate_ids": ("Repeated ids", "Share of rows whose prediction id came before."),
    "duplicate_rows": ("Repeated rows", "Share of rows that are equal in every feature to another one."),
    "outliers": (
        "Outliers of one feature",
        "Share of rows beyond the reference's own, of the worst feature.",
    ),
    "joint_outliers": (
        "Outliers as a whole",
        "Share of rows that are odd as a whole, beyond the reference's.",
    ),
    "correlation": ("Correlations that changed", "Largest significant change of a rank correlation."),
    "stale": ("Age of the newest row", "Seconds since the newest row was observed."),
}
"""Title and meaning of each kind of damage, in the exporter's order."""

UNITS = {"missing_column": "none", "correlation": "none", "stale": "s"}
"""Of the kinds that are no share of rows or calls."""


def build() -> Dashboard:
    """The page that alerts on damaged data link to."""
    return page(
        "driftgauge-quality",
        "Is what one version is fed sound: columns, types, missing and odd values, repeats, correlations, "
        "age?",
        [_at_a_glance(), _kinds(), _each_kind(), _values(), _one_feature()],
        variables=[
            *model_variables(all_versions=False),
            query_variable(
                "feature_name",
                "Feature",
                f"label_values(model_reference_samples{{{ONE_VERSION}}}, feature_name)",
            ),
            query_variable("window", "Window", f"label_values(model_quality_score{{{ONE_VERSION}}}, window)"),
        ],
        annotations=events(ONE_VERSION),
        since="now-24h",
    )


def _at_a_glance() -> Section:
    numbers = [
        stat_panel(
            "Data",
            "State of all windows together; data that are broken also explain drift and lost performance.",
            "none",
            Query(f"max(model_quality_state{{{ONE_VERSION}}})"),
            codes=QUALITY,
        ),
        stat_panel(
            "Kinds of damage",
            "Kinds whose value is at or above its threshold in some window.",
            "none",
            Query(f"count({PER_THRESHOLD} >= 1) or vector(0)"),
            bad_from=1,
        ),
        stat_panel(
            "Worst value / threshold",
            "Of the worst kind, as a multiple of its threshold; four times and more is critical.",
            "none",
            Query(f"max({PER_THRESHOLD})"),
            bad_from=1,
        ),
        stat_panel(
            "Largest share of outliers",
            "Of the chosen window, in one feature or of rows as a whole.",
            "percentunit",
            Query(f"max(model_outlier_ratio{{{ONE_VERSION}, {WINDOW}}})"),
        ),
        stat_panel(
            "Largest change of a correlation",
            "Of two features in the chosen window, where it is significant.",
            "none",
            Query(f"max(model_correlation_change{{{ONE_VERSION}, {WINDOW}}})"),
        ),
        stat_panel(
            "Calls with other columns",
            "Calls of the last hour whose columns were not the reference's.",
            "short",
            Query(f"sum(increase(model_schema_violations_total{{{ONE_VERSION}}}[1h]))"),
            bad_from=1,
        ),
    ]
    return Section("$model_name $model_version", [Band(4, [(4, number) for number in numbers])])


def _kinds() -> Section:
    grid = grid_panel(
        "Damage over time",
        "Value of each kind as a multiple of its threshold, the worst window; coloured cells need a look.",
        Query(PER_THRESHOLD, "{{kind}}"),
    )
    ranking = bars_panel(
        "Damage now",
        "Value of each kind as a multiple of its threshold, the worst window.",
        "none",
        Query(f"sort_desc({PER_THRESHOLD})", "{{kind}}"),
        bad_from=1,
    )
    state = states_panel(
        "State of the data",
        "All windows together: broken while any kind is at or above its threshold.",
        Query(f"max(model_quality_state{{{ONE_VERSION}}})", "data"),
        QUALITY,
    )
    table = table_panel(
        "Values and thresholds",
        "Each kind in the chosen window; shares of rows or calls, columns, a correlation, or seconds.",
        {"kind": "Kind"},
        [
            Column(
                title="Value",
                unit="none",
                expr=f"max by (kind) (model_quality_score{{{ONE_VERSION}, {WINDOW}}})",
                decimals=4,
            ),
            Column(
                title="Threshold",
                unit="none",
                expr=f"max by (kind) (model_quality_threshold{{{ONE_VERSION}}})",
                decimals=4,
            ),
            Column(title="Worst / threshold", unit="none", expr=PER_THRESHOLD, decimals=2, bad_from=1),
        ],
        sort_by="Worst / threshold",
    )
    return Section(
        "Thirteen kinds of damage",
        [Band(10, [(14, grid), (10, ranking)]), Band(9, [(8, state), (16, table)])],
    )


def _each_kind() -> Section:
    panels = [(6, _kind(kind)) for kind in QUALITY_KINDS]
    return Section("Each kind", [Band(7, panels[start : start + 4]) for start in range(0, len(panels), 4)])


def _kind(kind: str) -> Panel:
    title, meaning = KINDS[kind]
    return timeseries_panel(
        title,
        f"{meaning} In every window; the line is from where on it counts as broken.",
        UNITS.get(kind, "percentunit"),
        Query(f'max by (window) (model_quality_score{{{ONE_VERSION}, kind="{kind}"}})', "{{window}}"),
        Query(f'max(model_quality_threshold{{{ONE_VERSION}, kind="{kind}"}})', "broken from", threshold=True),
    )


def _values() -> Section:
    outliers = timeseries_panel(
        "Outliers",
        "Share of each window's rows that are outliers, by method: robust z of one feature, isolation "
        "forest.",
        "percentunit",
        Query(f"max by (method, window) (model_outlier_ratio{{{ONE_VERSION}}})", "{{method}} {{window}}"),
    )
    correlation = timeseries_panel(
        "Change of correlations",
        "Largest significant change of a rank correlation of two features; 0 where none is.",
        "none",
        Query(f"max by (window) (model_correlation_change{{{ONE_VERSION}}})", "{{window}}"),
        Query(
            f'max(model_quality_threshold{{{ONE_VERSION}, kind="correlation"}})',
            "broken from",
            threshold=True,
        ),
    )
    missing = timeseries_panel(
        "Features with missing values",
        "Ten features of the fleet with the largest share of missing values in an hour.",
        "percentunit",
        Query(
            f"topk(10, model_feature:missing_per_row:ratio_increase1h{{{ONE_VERSION}}})", "{{feature_name}}"
        ),
    )
    out_of_range = timeseries_panel(
        "Features out of range",
        "Ten features of the fleet with the largest share of values outside the reference's range in an "
        "hour.",
        "percentunit",
        Query(
            f"topk(10, model_feature:out_of_range_per_row:ratio_increase1h{{{ONE_VERSION}}})",
            "{{feature_name}}",
        ),
    )
    unseen = timeseries_panel(
        "Features with unseen categories",
        "Ten features of the fleet with the largest share of categories that the reference never saw in an "
        "hour.",
        "percentunit",
        Query(
            f"topk(10, model_feature:unseen_category_per_row:ratio_increase1h{{{ONE_VERSION}}})",
            "{{feature_name}}",
        ),
    )
    schema = timeseries_panel(
        "Calls with other columns, by what is wrong",
        "Share of calls whose columns are not the reference's.",
        "percentunit",
        Query(
            f"sum by (violation) (model:model_schema_violations:rate5m{{{ONE_VERSION}}}) "
            f"/ on () group_left () (sum(model:model_prediction_calls:rate5m{{{ONE_VERSION}}}) > 0)",
            "{{violation}}",
        ),
        alert_line("schema_violation_ratio", "warning"),
        alert_line("schema_violation_ratio", "critical"),
    )
    return Section(
        "Where",
        [
            Band(8, [(8, outliers), (8, correlation), (8, schema)]),
            Band(8, [(8, missing), (8, out_of_range), (8, unseen)]),
        ],
    )


def _one_feature() -> Section:
    missing = timeseries_panel(
        "Missing values of $feature_name",
        "Share of the fleet's values of an hour that are missing, beside the reference's own share; the "
        "lines "
        "are as far above it as alerts allow.",
        "percentunit",
        Query(f"max(model_feature:missing_per_row:ratio_increase1h{{{FEATURE}}})", "last hour"),
        Query(f'max(model_reference_bin_ratio{{{FEATURE}, bin="__missing__"}})', "reference"),
        *(
            Query(
                f'max(model_reference_bin_ratio{{{FEATURE}, bin="__missing__"}}) + '
                f"max(driftgauge:alert_threshold"
                f'{{model_name="$model_name", threshold="missing_ratio_increase", severity="{severity}"}})',
                f"{severity} from",
                threshold=True,
            )
            for severity in ("warning", "critical")
        ),
    )
    damaged = timeseries_panel(
        "Odd values of $feature_name",
        "Values outside the range, categories never seen, and values of another type, of all replicas.",
        "cps",
        *(
            Query(f"sum(rate(model_feature_{name}_total{{{FEATURE}}}[$__rate_interval]))", legend)
            for name, legend in (
                ("out_of_range", "out of range"),
                ("unseen_category", "unseen category"),
                ("type_error", "wrong type"),
            )
        ),
    )
    worst = timeseries_panel(
        "Drift of $feature_name beside it",
        "Its largest score as a multiple of the threshold of its test: damaged data look like drift.",
        "none",
        Query(f"max(model_feature:drift_score_per_threshold:max{{{FEATURE}}})", "score / threshold"),
        own_threshold(),
    )
    return Section("$feature_name", [Band(8, [(8, missing), (8, damaged), (8, worst)])])
