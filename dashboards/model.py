"""One model in five layers: system, data, prediction, model, business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import PERFORMANCE, QUALITY
from .lines import BY_VERSION, MODEL, alert_line, judged_drop, own_threshold
from .page import Band, Section, events, model_variables, page
from .panels import timeseries_panel
from .queries import Query
from .states import heatmap_panel, states_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard


def build() -> Dashboard:
    """The page of one model; several versions are separate lines."""
    return page(
        "driftgauge-model",
        "One model from the machine to the business: is it up and fast, fed well, predicting as before, "
        "still right?",
        [_system(), _data(), _prediction(), _model(), _business()],
        variables=model_variables(all_versions=True),
        annotations=events(MODEL),
    )


def _system() -> Section:
    up = timeseries_panel(
        "Replicas",
        "Targets that serve each version: those that answer and those that do not.",
        "none",
        Query(
            f"sum {BY_VERSION} (model_target:model_info:last{{{MODEL}}} "
            '* on (job, instance) group_left () up{job="model"})',
            "{{model_version}} up",
        ),
        Query(
            f"sum {BY_VERSION} (model_target:model_info:last{{{MODEL}}} "
            '* on (job, instance) group_left () (1 - up{job="model"}))',
            "{{model_version}} down",
        ),
    )
    calls = timeseries_panel(
        "Calls and rows",
        "Calls of the model, and rows in them: their ratio is the batch size.",
        "reqps",
        Query(
            f"sum {BY_VERSION} (rate(model_prediction_calls_total{{{MODEL}}}[$__rate_interval]))",
            "{{model_version}} calls",
        ),
        Query(
            f"sum {BY_VERSION} (rate(model_predictions_total{{{MODEL}}}[$__rate_interval]))",
            "{{model_version}} rows",
        ),
    )
    latency = timeseries_panel(
        "Latency",
        "Time of one call as its caller sees it: half, 95 % and 99 % of the calls are faster.",
        "s",
        Query(
            f"model:model_inference_latency_seconds:quantile_rate5m{{{MODEL}}}",
            "{{model_version}} p{{quantile}}",
        ),
        alert_line("latency_seconds"),
    )
    errors = timeseries_panel(
        "Calls that fail",
        "Share of calls that end in an exception of the model.",
        "percentunit",
        Query(f"model:errors_per_call:ratio_rate5m{{{MODEL}}}", "{{model_version}}"),
        alert_line("error_ratio", "warning"),
        alert_line("error_ratio", "critical"),
    )
    kinds = timeseries_panel(
        "Failures by kind",
        "Exceptions of the model by class; a class that is not listed counts as its nearest listed "
        "ancestor or other.",
        "cps",
        Query(
            f"sum by (error_type) (rate(model_errors_total{{{MODEL}}}[$__rate_interval]))", "{{error_type}}"
        ),
        stacked=True,
    )
    budget = timeseries_panel(
        "Error budget left",
        "Share of the budget of 30 days that is left for each objective; below 0 the objective is missed.",
        "percentunit",
        Query(f"model_slo:error_budget_remaining:ratio{{{MODEL}}}", "{{slo}} {{model_version}}"),
    )
    burn = timeseries_panel(
        "Burn of the error budget",
        "How many times faster than the objective allows, over one hour; on the line the budget of 30 days "
        "is "
        "gone in two.",
        "none",
        Query(f"model_slo:burn_rate:increase1h{{{MODEL}}}", "{{slo}} {{model_version}}"),
        Query(
            'max(driftgauge:alert_threshold{model_name="$model_name", threshold="burn_rate", window="1h"})',
            "alert from",
            threshold=True,
        ),
    )
    return Section(
        "System",
        [
            Band(7, [(8, up), (16, calls)]),
            Band(8, [(8, latency), (8, errors), (8, kinds)]),
            Band(7, [(12, budget), (12, burn)]),
        ],
    )


def _data() -> Section:
    violations = timeseries_panel(
        "Calls with other columns",
        "Share of calls whose columns are not the reference's, by what is wrong with them.",
        "percentunit",
        Query(
            f"sum by (violation) (model:model_schema_violations:rate5m{{{MODEL}}}) "
            f"/ on () group_left () (sum(model:model_prediction_calls:rate5m{{{MODEL}}}) > 0)",
            "{{violation}}",
        ),
        alert_line("schema_violation_ratio", "warning"),
        alert_line("schema_violation_ratio", "critical"),
    )
    missing = timeseries_panel(
        "Missing values",
        "Ten features with the largest share of missing values in the last hour, beyond the reference's "
        "own share.",
        "percentunit",
        Query(
            f"topk(10, model_feature:missing_per_row:ratio_increase1h{{{MODEL}}} "
            "- max by (model_name, model_version, feature_name) "
            f'(model_reference_bin_ratio{{{MODEL}, bin="__missing__"}}))',
            "{{feature_name}} {{model_version}}",
        ),
        alert_line("missing_ratio_increase", "warning"),
        alert_line("missing_ratio_increase", "critical"),
    )
    values = [
        timeseries_panel(
            title,
            description,
            "cps",
            Query(
                f"topk(10, sum by (feature_name) (rate({metric}{{{MODEL}}}[$__rate_interval])))",
                "{{feature_name}}",
            ),
        )
        for title, metric, description in (
            (
                "Out of range",
                "model_feature_out_of_range_total",
                "Numbers outside the reference's smallest and largest, for the ten worst features.",
            ),
            (
                "Unseen categories",
                "model_feature_unseen_category_total",
                "Values that the reference never saw as a category, for the ten features with most of them.",
            ),
            (
                "Wrong type",
                "model_feature_type_error_total",
                "Values of another type than the reference's, such as text in a number.",
            ),
        )
    ]
    quality = states_panel(
        "State of the data",
        "Whether any kind of damage is at or above its threshold; the page of data quality says which.",
        Query(f"max {BY_VERSION} (model_quality_state{{{MODEL}}})", "{{model_version}}"),
        QUALITY,
    )
    damage = timeseries_panel(
        "Damage",
        "Value of each kind as a multiple of its threshold, the worst window and version.",
        "none",
        Query(f"max by (kind) (model_kind:quality_score_per_threshold:max{{{MODEL}}})", "{{kind}}"),
        own_threshold(),
    )
    return Section(
        "Data",
        [
            Band(7, [(8, quality), (16, damage)]),
            Band(8, [(12, violations), (12, missing)]),
            Band(7, [(8, panel) for panel in values]),
        ],
    )


def _prediction() -> Section:
    scores = heatmap_panel(
        "Scores",
        "How scores or predicted values are distributed, on the reference's own quantile edges: without "
        "drift the rows are equally dark.",
        "none",
        Query(
            f"sum by (le) (increase(model_prediction_score_bucket{{{MODEL}}}[$__rate_interval]))", "{{le}}"
        ),
    )
    classes = timeseries_panel(
        "Predicted classes",
        "Share of each predicted class.",
        "percentunit",
        Query(
            f"sum by (predicted_class) (rate(model_predicted_class_total{{{MODEL}}}[$__rate_interval])) "
            "/ on () group_left () "
            f"(sum(rate(model_predicted_class_total{{{MODEL}}}[$__rate_interval])) > 0)",
            "{{predicted_class}}",
        ),
        stacked=True,
    )
    drift = timeseries_panel(
        "Prediction drift",
        "Each test's score on predictions, as a multiple of its threshold.",
        "none",
        Query(
            f"max by (model_version, test_type, window) (model_prediction_drift_score{{{MODEL}}} "
            "/ model_prediction_drift_threshold)",
            "{{test_type}} {{window}} {{model_version}}",
        ),
        own_threshold(),
    )
    state = states_panel(
        "State of the predictions",
        "Whether scores and predicted classes drift.",
        Query(f"max {BY_VERSION} (model_prediction_drift_state{{{MODEL}}})", "{{model_version}}"),
    )
    fleet = timeseries_panel(
        "Prediction drift of the fleet",
        "PSI of an hour of all replicas, of scores and of predicted classes, beside the exporter's "
        "threshold.",
        "none",
        Query(f"model_prediction:drift_psi:increase1h{{{MODEL}}}", "{{output}} {{model_version}}"),
        Query(
            f'max(model_prediction_drift_threshold{{{MODEL}, test_type="psi"}})', "threshold", threshold=True
        ),
    )
    return Section(
        "Prediction",
        [Band(8, [(12, scores), (12, classes)]), Band(7, [(8, drift), (8, fleet), (8, state)])],
    )


def _model() -> Section:
    features = states_panel(
        "Features in drift or on the way",
        "State of every feature that is not ok; the drift page has the scores behind it.",
        Query(
            f"max by (model_version, feature_name) (model_drift_state{{{MODEL}}}) != 0",
            "{{feature_name}} {{model_version}}",
        ),
    )
    ratio = timeseries_panel(
        "Features drifted",
        "Share of features in drift.",
        "percentunit",
        Query(f"max {BY_VERSION} (model_drifted_features_ratio{{{MODEL}}})", "{{model_version}}"),
        alert_line("drifted_features_ratio", "warning"),
        alert_line("drifted_features_ratio", "critical"),
    )
    labels = timeseries_panel(
        "Label drift",
        "Each test's score on the outcomes, as a multiple of its threshold.",
        "none",
        Query(
            f"max by (model_version, test_type, window) (model_label_drift_score{{{MODEL}}} "
            "/ model_label_drift_threshold)",
            "{{test_type}} {{window}} {{model_version}}",
        ),
        own_threshold(),
    )
    outcomes = timeseries_panel(
        "Outcomes",
        "Truths that arrived, by what became of them: joined to their prediction, or why not.",
        "cps",
        Query(f"sum by (outcome) (rate(model_outcomes_total{{{MODEL}}}[$__rate_interval]))", "{{outcome}}"),
    )
    performance = states_panel(
        "Performance",
        "State of the measure that decides, in each window, by outcomes; the page of performance has the "
        "rest.",
        Query(
            f"max by (model_version, window) (model_performance_overall_state{{{MODEL}}})",
            "{{window}} {{model_version}}",
        ),
        PERFORMANCE,
    )
    drop = timeseries_panel(
        "Drop from the training time",
        "Largest drop of each measure in any window with enough rows to judge it, as a share of the "
        "reference; the line is the smallest drop that counts.",
        "percentunit",
        Query(f"max by (measure) {judged_drop(MODEL)}", "{{measure}}"),
        Query(f"min(model_performance_drop_threshold{{{MODEL}}})", "alert from", threshold=True),
    )
    concept = states_panel(
        "Concept drift",
        "State of each detector on the stream of errors.",
        Query(f"max by (detector) (model_concept_drift_state{{{MODEL}}})", "{{detector}}"),
    )
    return Section(
        "Model",
        [
            Band(8, [(8, performance), (8, drop), (8, concept)]),
            Band(8, [(14, features), (10, ratio)]),
            Band(8, [(12, labels), (12, outcomes)]),
        ],
    )


def _business() -> Section:
    decisions = timeseries_panel(
        "Decisions in a day",
        "Rows predicted in the 24 hours before each point, by class: the volume that the business sees.",
        "short",
        Query(
            f"sum by (predicted_class) (increase(model_predicted_class_total{{{MODEL}}}[1d]))",
            "{{predicted_class}}",
        ),
        stacked=True,
    )
    lost = timeseries_panel(
        "Calls without an answer in a day",
        "Calls that ended in an exception in the 24 hours before each point.",
        "short",
        Query(f"sum {BY_VERSION} (increase(model_errors_total{{{MODEL}}}[1d]))", "{{model_version}}"),
    )
    value = timeseries_panel(
        "Value per predicted row",
        "Of each business counter over a day, all versions together.",
        "none",
        Query('model_business:value_per_row:ratio_increase1d{model_name="$model_name"}', "{{measure}}"),
    )
    correlation = timeseries_panel(
        "Business and model",
        "Rank correlation of each measure with drift or performance some time before: a hint, never a cause.",
        "none",
        Query(
            f"max by (model_version, measure, with) (model_business_correlation{{{MODEL}}})",
            "{{measure}}, {{with}} {{model_version}}",
        ),
    )
    return Section(
        "Business", [Band(8, [(16, decisions), (8, lost)]), Band(8, [(12, value), (12, correlation)])]
    )
