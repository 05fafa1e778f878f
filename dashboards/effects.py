"""What a model is worth, whether it treats groups alike, and what its decisions do to its own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import INDEPENDENCE
from .lines import MODEL
from .page import Band, Section, events, model_variables, page
from .panels import timeseries_panel
from .queries import Query
from .states import states_panel
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

THRESHOLD = 'max(driftgauge:alert_threshold{model_name="$model_name", threshold='
PAIR = "by (model_version, measure, with)"
GROUPS = "by (model_version, attribute, measure)"
BY_WINDOW = "by (model_version, window)"


def build() -> Dashboard:
    """The page of effects; several versions are separate lines."""
    return page(
        "driftgauge-effects",
        "What is one model worth, does that go with drift or performance, are groups treated alike, and do "
        "its "
        "decisions narrow its own data?",
        [_business(), _fairness(), _feedback()],
        variables=model_variables(all_versions=True),
        annotations=events(MODEL),
        since="now-7d",
    )


def _business() -> Section:
    per_row = timeseries_panel(
        "Value per predicted row",
        "Of each business counter over a day, all versions together; the lines are where a week ago had "
        "less.",
        "none",
        Query('model_business:value_per_row:ratio_increase1d{model_name="$model_name"}', "{{measure}}"),
        Query(
            'model_business:value_per_row:ratio_increase1d{model_name="$model_name"} offset 7d '
            f'* on () group_left () {THRESHOLD}"business_value_kept_ratio"}})',
            "alert below: {{measure}}",
            threshold=True,
        ),
    )
    counters = timeseries_panel(
        "Business counters in a day",
        "What was recorded in the 24 hours before each point.",
        "short",
        Query(
            f"sum by (model_version, measure) (increase(model_business_value_total{{{MODEL}}}[1d]))",
            "{{measure}} {{model_version}}",
        ),
    )
    gauges = timeseries_panel(
        "Business gauges",
        "The latest values.",
        "short",
        Query(
            f"max by (model_version, measure) (model_business_value{{{MODEL}}})",
            "{{measure}} {{model_version}}",
        ),
    )
    correlation = timeseries_panel(
        "Correlation with drift and performance",
        "Rank correlation of each measure with drift or performance some time before: a hint where to look, "
        "never a cause.",
        "none",
        Query(
            f"max {PAIR} (model_business_correlation{{{MODEL}}})", "{{measure}}, {{with}} {{model_version}}"
        ),
    )
    chance = timeseries_panel(
        "Correlation by chance",
        "Probability of such a correlation without any relation; below the line it is reported. Logarithmic.",
        "none",
        Query(
            f"min {PAIR} (model_business_correlation_p_value{{{MODEL}}})",
            "{{measure}}, {{with}} {{model_version}}",
        ),
        Query(f'{THRESHOLD}"business_alpha"}})', "reported below", threshold=True),
        logarithmic=True,
    )
    table = table_panel(
        "Business and model",
        "How strongly each measure goes with drift or performance, how sure that is, and how much later it "
        "comes.",
        {"model_version": "Version", "measure": "Measure", "with": "With"},
        [
            Column(
                title="Correlation",
                unit="none",
                expr=f"max {PAIR} (model_business_correlation{{{MODEL}}})",
                decimals=2,
            ),
            Column(
                title="p-value",
                unit="none",
                expr=f"min {PAIR} (model_business_correlation_p_value{{{MODEL}}})",
                decimals=4,
            ),
            Column(
                title="Later by",
                unit="s",
                expr=f"max {PAIR} (model_business_correlation_lag_seconds{{{MODEL}}})",
                decimals=0,
            ),
        ],
        sort_by="Correlation",
    )
    return Section(
        "Business",
        [
            Band(8, [(8, per_row), (8, counters), (8, gauges)]),
            Band(8, [(8, correlation), (8, chance), (8, table)]),
        ],
    )


def _fairness() -> Section:
    difference = timeseries_panel(
        "Difference between groups",
        "Largest less smallest value of the groups of each protected attribute, in the worst window.",
        "percentunit",
        Query(
            f"max {GROUPS} (model_fairness_difference{{{MODEL}}})",
            "{{attribute}}: {{measure}} {{model_version}}",
        ),
        Query(f"min(model_fairness_threshold{{{MODEL}}})", "alert from, if significant", threshold=True),
    )
    chance = timeseries_panel(
        "Difference by chance",
        "Probability of such a difference without any; below the line it is significant. Logarithmic.",
        "none",
        Query(
            f"min {GROUPS} (model_fairness_p_value{{{MODEL}}})",
            "{{attribute}}: {{measure}} {{model_version}}",
        ),
        Query(f'{THRESHOLD}"fairness_alpha"}})', "significant below", threshold=True),
        logarithmic=True,
    )
    table = table_panel(
        "Groups",
        "Each measure of each protected attribute: a difference counts when it is large and significant.",
        {"model_version": "Version", "attribute": "Attribute", "measure": "Measure"},
        [
            Column(
                title="Difference",
                unit="percentunit",
                expr=f"max {GROUPS} (model_fairness_difference{{{MODEL}}})",
                decimals=1,
            ),
            Column(
                title="p-value",
                unit="none",
                expr=f"min {GROUPS} (model_fairness_p_value{{{MODEL}}})",
                decimals=4,
            ),
        ],
        sort_by="Difference",
    )
    return Section("Fairness", [Band(8, [(8, difference), (8, chance), (8, table)])])


def _feedback() -> Section:
    independence = states_panel(
        "Do outcomes depend on decisions",
        "Whether outcomes come for both decisions alike; where they hardly come for one, performance "
        "speaks of "
        "the other alone.",
        Query(f"max {BY_WINDOW} (model_label_independence_state{{{MODEL}}})", "{{window}} {{model_version}}"),
        INDEPENDENCE,
    )
    gini = timeseries_panel(
        "Concentration of what is shown",
        "Gini coefficient of how often each item was shown, beside what chance alone gives.",
        "none",
        Query(f"max {BY_WINDOW} (model_exposure_gini{{{MODEL}}})", "{{window}} {{model_version}}"),
        Query(
            f"max {BY_WINDOW} (model_exposure_gini_even{{{MODEL}}})",
            "by chance: {{window}} {{model_version}}",
        ),
    )
    excess = timeseries_panel(
        "Concentration beyond chance",
        "Mean of a day, 0 by chance to 1 for a single item; the lines are as far above a week ago as the "
        "alert "
        "allows.",
        "none",
        Query(
            'max by (window) (avg_over_time(model_window:exposure_excess:max{model_name="$model_name"}[1d]))',
            "{{window}}",
        ),
        Query(
            'max by (window) (avg_over_time(model_window:exposure_excess:max{model_name="$model_name"}[1d] '
            f'offset 7d)) + on () group_left () {THRESHOLD}"exposure_excess_increase"}})',
            "alert from: {{window}}",
            threshold=True,
        ),
    )
    coverage = timeseries_panel(
        "Share of the catalogue shown",
        "Items that were shown at least once, beside the share that chance alone covers.",
        "percentunit",
        Query(f"min {BY_WINDOW} (model_catalog_coverage_ratio{{{MODEL}}})", "{{window}} {{model_version}}"),
        Query(
            f"max {BY_WINDOW} (model_catalog_coverage_ratio_even{{{MODEL}}})",
            "by chance: {{window}} {{model_version}}",
        ),
    )
    shown = timeseries_panel(
        "Items shown",
        "By whether the catalogue has them.",
        "cps",
        Query(f"sum by (outcome) (rate(model_exposures_total{{{MODEL}}}[$__rate_interval]))", "{{outcome}}"),
    )
    rows = timeseries_panel(
        "Items in the window",
        "Items of the catalogue shown in each window: what concentration and coverage rest on.",
        "short",
        Query(f"max {BY_WINDOW} (model_window_exposures{{{MODEL}}})", "{{window}} {{model_version}}"),
    )
    return Section(
        "Feedback",
        [
            Band(8, [(8, independence), (8, gini), (8, excess)]),
            Band(8, [(8, coverage), (8, shown), (8, rows)]),
        ],
    )
