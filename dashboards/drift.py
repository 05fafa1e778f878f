"""Drift of one model version: which features, how far, since when, and in which part of their range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import RISING, STATES
from .lines import BY_FEATURE, FEATURE, ONE_VERSION, WINDOW, own_threshold
from .page import Band, Section, events, model_variables, page, query_variable
from .panels import bars_panel, categories_panel, stat_panel, timeseries_panel
from .queries import YELLOW, Query
from .segments import segments
from .states import grid_panel, states_panel
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

VALUES = 'bin!~"__missing__|__inf__"'


def build() -> Dashboard:
    """The page that drift alerts link to."""
    return page(
        "driftgauge-drift",
        "Which features of one version drift, how far beyond their thresholds, since when, and where.",
        [_version(), _features(), _one_feature(), _certainty(), _together(), segments()],
        variables=[
            *model_variables(all_versions=False),
            query_variable(
                "feature_name",
                "Feature",
                f"label_values(model_reference_samples{{{ONE_VERSION}}}, feature_name)",
            ),
            query_variable(
                "window", "Window", f"label_values(driftgauge_window_rows{{{ONE_VERSION}}}, window)"
            ),
        ],
        annotations=events(ONE_VERSION),
        since="now-24h",
    )


def _version() -> Section:
    numbers = [
        stat_panel(
            "Features in drift",
            "Features whose drift has begun and is not over.",
            "none",
            Query(f"count(max {BY_FEATURE} (model_drift_detected{{{ONE_VERSION}}}) == 1) or vector(0)"),
            bad_from=1,
        ),
        stat_panel(
            "Features nobody can judge",
            "Features in the state unknown: too few rows, all missing, or not computable.",
            "none",
            Query(f"count(max {BY_FEATURE} (model_drift_state{{{ONE_VERSION}}}) == -1) or vector(0)"),
            bad_from=1,
            bad_color=YELLOW,
        ),
        stat_panel(
            "Worst score / threshold",
            "Largest score of any feature and test as a multiple of its threshold.",
            "none",
            Query(f"max(model_feature:drift_score_per_threshold:max{{{ONE_VERSION}}})"),
            bad_from=1,
        ),
        stat_panel(
            "Rows in the window",
            "Rows of the chosen window at the last check: what the exact scores rest on.",
            "short",
            Query(f"max(driftgauge_window_rows{{{ONE_VERSION}, {WINDOW}}})"),
        ),
        stat_panel(
            "Values of the fleet, one hour",
            "Values of the chosen feature counted by all replicas in the last hour: what the fleet's PSI "
            "rests on.",
            "short",
            Query(f"model_feature:model_feature_bin:increase1h{{{FEATURE}}}"),
        ),
        stat_panel(
            "Last check",
            "Time since the last check that worked; everything exact on this page is as old.",
            "s",
            Query(f"time() - max(driftgauge_last_check_timestamp_seconds{{{ONE_VERSION}}})"),
        ),
    ]
    return Section("$model_name $model_version", [Band(4, [(4, number) for number in numbers])])


def _features() -> Section:
    states = states_panel(
        "State of every feature",
        "Drift begins when a change is significant and large, and ends after checks without it (recovering).",
        Query(f"max {BY_FEATURE} (model_drift_state{{{ONE_VERSION}}})", "{{feature_name}}"),
    )
    ranking = bars_panel(
        "Furthest from the reference",
        "The twenty features with the largest score, as a multiple of the threshold of the test that "
        "found it.",
        "none",
        Query(
            f"topk(20, model_feature:drift_score_per_threshold:max{{{ONE_VERSION}}})",
            "{{feature_name}}",
        ),
        bad_from=1,
    )
    table = table_panel(
        "Features",
        "Exact scores of the chosen window beside the fleet's PSI of the last hour and the share of "
        "missing values.",
        {"feature_name": "Feature"},
        [
            Column(
                title="Score / threshold",
                unit="none",
                expr=f"max {BY_FEATURE} (model_feature:drift_score_per_threshold:max{{{ONE_VERSION}}})",
                decimals=2,
            ),
            Column(
                title="State",
                unit="none",
                expr=f"max {BY_FEATURE} (model_drift_state{{{ONE_VERSION}}})",
                codes=STATES,
            ),
            Column(title="PSI", unit="none", expr=_score("psi"), decimals=3),
            Column(title="KS", unit="none", expr=_score("ks"), decimals=3),
            Column(title="Jensen-Shannon", unit="none", expr=_score("jensen_shannon"), decimals=3),
            Column(
                title="Fleet PSI, 1 h",
                unit="none",
                expr=f"max {BY_FEATURE} (model_feature:drift_psi:increase1h{{{ONE_VERSION}}})",
                decimals=3,
            ),
            Column(
                title="Missing, 1 h",
                unit="percentunit",
                expr=f"max {BY_FEATURE} (model_feature:missing_per_row:ratio_increase1h{{{ONE_VERSION}}})",
                decimals=1,
            ),
        ],
        links={
            "Feature": "/d/driftgauge-drift?${__url_time_range}&${model_name:queryparam}"
            "&${model_version:queryparam}&${window:queryparam}&var-feature_name=${__data.fields.Feature}"
        },
        sort_by="Score / threshold",
    )
    grid = grid_panel(
        "Scores over time",
        "Largest score of every feature as a multiple of its threshold, coloured by severity: below 1 "
        "none, then "
        "low, medium, high, critical.",
        Query(
            f"max {BY_FEATURE} (model_feature:drift_score_per_threshold:max{{{ONE_VERSION}}})",
            "{{feature_name}}",
        ),
    )
    contribution = bars_panel(
        "What carries the drift",
        "Share of each feature in what drifted, weighted by its importance, in the chosen window.",
        "percentunit",
        Query(
            f"topk(20, max {BY_FEATURE} (model_drift_contribution{{{ONE_VERSION}, {WINDOW}}}) > 0)",
            "{{feature_name}}",
        ),
    )
    return Section(
        "Features",
        [
            Band(10, [(14, states), (10, ranking)]),
            Band(10, [(16, grid), (8, contribution)]),
            Band(9, [(24, table)]),
        ],
    )


def _score(test: str) -> str:
    return f'max {BY_FEATURE} (model_drift_score{{{ONE_VERSION}, {WINDOW}, test_type="{test}"}})'


def _one_feature() -> Section:
    scores = timeseries_panel(
        "Scores of $feature_name",
        "Each test's effect size over the chosen window. Scores of different tests have different scales; "
        "the panel beside it divides each by its threshold.",
        "none",
        Query(f"max by (test_type) (model_drift_score{{{FEATURE}, {WINDOW}}})", "{{test_type}}"),
    )
    factors = timeseries_panel(
        "Scores of $feature_name against their thresholds",
        "From 1 on a change is large. Scores that chance alone explains (below the noise floor) are left "
        "out.",
        "none",
        Query(
            f"max by (test_type) (model_feature_test:drift_score_per_threshold:max{{{FEATURE}, {WINDOW}}})",
            "{{test_type}}",
        ),
        own_threshold(),
    )
    shares = categories_panel(
        "Distribution of $feature_name",
        "Share of the fleet's values of the last hour in each bin of the reference, beside the "
        "reference's own. Numeric bins are numbered from the smallest values to the largest.",
        "percentunit",
        "bin",
        "Bin",
        [
            Query(f"sum by (bin) (model_feature_bin:current:ratio_increase1h{{{FEATURE}}})", "last hour"),
            Query(
                f"sum by (bin) (model_feature_bin:model_reference_bin_ratio:max{{{FEATURE}, {VALUES}}})",
                "reference",
            ),
        ],
    )
    contributions = categories_panel(
        "Where the PSI of $feature_name comes from",
        "What each bin adds to the fleet's PSI of the last hour. A bin that is empty on one side has no bar; "
        "PSI counts half an observation there.",
        "none",
        "bin",
        "Bin",
        [
            Query(
                f"sum by (bin) ((model_feature_bin:current:ratio_increase1h{{{FEATURE}}} "
                f"- model_feature_bin:model_reference_bin_ratio:max{{{FEATURE}}}) "
                f"* ln((model_feature_bin:current:ratio_increase1h{{{FEATURE}}} > 0) "
                f"/ (model_feature_bin:model_reference_bin_ratio:max{{{FEATURE}}} > 0)))",
                "contribution",
            ),
        ],
    )
    psi = timeseries_panel(
        "PSI of $feature_name: exact and fleet",
        "The exporter's PSI over the chosen window, and Prometheus's from the counters of all replicas "
        "over one hour. They agree for a window of 1h; a gap means that replicas see different traffic.",
        "none",
        Query(f'max(model_drift_score{{{FEATURE}, {WINDOW}, test_type="psi"}})', "exact"),
        Query(f"model_feature:drift_psi:increase1h{{{FEATURE}}}", "fleet, one hour"),
        Query(
            f'max(model_drift_threshold{{{FEATURE}, {WINDOW}, test_type="psi"}})', "threshold", threshold=True
        ),
    )
    return Section(
        "$feature_name",
        [Band(8, [(12, factors), (12, scores)]), Band(8, [(8, shares), (8, contributions), (8, psi)])],
    )


def _certainty() -> Section:
    p_values = timeseries_panel(
        "p-values of $feature_name",
        "How surprising each score is without drift, before correction for many tests. Logarithmic.",
        "none",
        Query(f"max by (test_type) (model_drift_p_value{{{FEATURE}, {WINDOW}}})", "{{test_type}}"),
        logarithmic=True,
    )
    noise = timeseries_panel(
        "What $feature_name could hide",
        "Smallest effect that the window's rows would show four times out of five, by test, and the "
        "effect that sampling alone reaches. With more rows both sink.",
        "none",
        Query(
            f"max by (test_type) (model_drift_minimum_detectable{{{FEATURE}, {WINDOW}}})",
            "detectable: {{test_type}}",
        ),
        Query(f"max by (test_type) (model_drift_noise_floor{{{FEATURE}, {WINDOW}}})", "noise: {{test_type}}"),
    )
    rising = states_panel(
        "Tests of $feature_name that rise",
        "Whether a score rises towards its threshold from window to window; known from eight windows on.",
        Query(f"max by (test_type) (model_drift_trend{{{FEATURE}, {WINDOW}}})", "{{test_type}}"),
        RISING,
    )
    slope = timeseries_panel(
        "Trend of $feature_name",
        "Change of each score a day, as a share of its threshold, over windows that do not overlap.",
        "percentunit",
        Query(f"max by (test_type) (model_drift_trend_slope{{{FEATURE}, {WINDOW}}})", "{{test_type}}"),
    )
    return Section(
        "How certain, and where it goes",
        [Band(8, [(12, p_values), (12, noise)]), Band(7, [(12, rising), (12, slope)])],
    )


def _together() -> Section:
    joint = timeseries_panel(
        "All features together",
        "Effect sizes of the tests that look at all features at once, in the chosen window.",
        "none",
        Query(
            f"max by (test_type) (model_multivariate_drift_score{{{ONE_VERSION}, {WINDOW}}})", "{{test_type}}"
        ),
    )
    prediction = timeseries_panel(
        "Predictions",
        "Each test's score on predictions in the chosen window, as a multiple of its threshold.",
        "none",
        Query(
            f"max by (test_type) (model_prediction_drift_score{{{ONE_VERSION}, {WINDOW}}} "
            "/ model_prediction_drift_threshold)",
            "{{test_type}}",
        ),
        own_threshold(),
    )
    shares = categories_panel(
        "Distribution of the predictions",
        "Share of the fleet's scores or classes of the last hour in each bin, beside the reference's own.",
        "percentunit",
        "bin",
        "Bin",
        [
            Query(
                f"sum by (bin) (model_prediction_bin:current:ratio_increase1h{{{ONE_VERSION}}})", "last hour"
            ),
            Query(
                f"sum by (bin) (model_prediction_bin:model_reference_prediction_ratio:max{{{ONE_VERSION}}})",
                "reference",
            ),
        ],
    )
    return Section("Beyond single features", [Band(8, [(8, joint), (8, prediction), (8, shares)])])
