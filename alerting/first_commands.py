"""The first commands of each runbook, filled in with an alert's labels. Pure.

They are those of docs/runbooks.md, written by scripts/first_commands.py; the annotation
`first_commands` of an alert, one command a line, takes their place.
"""

# ruff: noqa: E501 - a query is compared with the runbook as one line

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SHOWN: Final = 3
"""Commands in a message: the runbook has the rest."""

# fmt: off
COMMANDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "ModelDriftDetected": (
        ("How far, by test", 'model_feature_test:drift_score_per_threshold:max{model_name="M", feature_name="F"}'),
        ("Which bins moved", 'model_feature_bin:current:ratio_increase1h{model_name="M", feature_name="F"}'),
        ("Does the whole fleet see it", 'model_feature:drift_psi:increase1h{model_name="M", feature_name="F"}'),
    ),
    "ModelManyFeaturesDrifted": (
        ("Which", 'topk(10, model_feature:drift_score_per_threshold:max{model_name="M"})'),
        ("Since when", 'model_drifted_features_ratio{model_name="M"}'),
        ("Is it the columns", 'model:model_schema_violations:rate5m{model_name="M"}'),
    ),
    "ModelPredictionDrift": (
        ("How far", 'model_prediction_drift_score{model_name="M"} / model_prediction_drift_threshold'),
        ("With which features", 'model_drift_detected{model_name="M"} == 1'),
        ("Were versions exchanged", 'model_info{model_name="M"}'),
    ),
    "ModelLabelDrift": (
        ("How far", 'model_label_drift_score{model_name="M"} / model_label_drift_threshold'),
        ("Are outcomes complete", 'sum by (outcome) (rate(model_outcomes_total{model_name="M"}[1h]))'),
    ),
    "ModelGradualDrift": (
        ("How fast, as a share of the threshold a day", 'model_drift_trend_slope{model_name="M", feature_name="F"}'),
        ("How far it is", 'model_feature_test:drift_score_per_threshold:max{model_name="M", feature_name="F"}'),
        ("How much the model depends on it", 'model_feature_importance{model_name="M", feature_name="F"}'),
    ),
    "SegmentDriftDetected": (
        ("Which segments, and how far", 'model_segment_drift_score{model_name="M"}'),
        ("How many of their features", 'model_segment_drifted_ratio{model_name="M"}'),
        ("Enough rows", 'model_segment_rows{model_name="M"}'),
    ),
    "ModelDriftUnknown": (
        ("Which", 'model_feature:model_drift_state:max{model_name="M"} == -1'),
        ("Why", 'increase(driftgauge_feature_failures_total{model_name="M"}[6h])'),
        ("Enough rows", 'driftgauge_window_rows{model_name="M"}'),
    ),
    "ModelSchemaViolations": (
        ("What", 'sum by (violation) (rate(model_schema_violations_total{model_name="M"}[5m]))'),
        ("Did a version change", 'model_info{model_name="M"}'),
    ),
    "ModelMissingValues": (
        ("Now", 'model_feature:missing_per_row:ratio_increase1h{model_name="M", feature_name="F"}'),
        ("In training", 'max(model_reference_bin_ratio{model_name="M", feature_name="F", bin="__missing__"})'),
        ("By replica", 'sum by (instance) (rate(model_feature_missing_total{model_name="M", feature_name="F"}[5m]))'),
    ),
    "ModelDataBroken": (
        ("Which damage, in units of its threshold", 'model_kind:quality_score_per_threshold:max{model_name="M"}'),
        ("Since when", 'model_quality_state{model_name="M"}'),
        ("Did a version change", 'model_info{model_name="M"}'),
    ),
    "ModelPerformanceDeclined": (
        ("How much, by measure and window", 'model_performance_drop_ratio{model_name="M"}'),
        ("On how many rows", 'model_performance_rows{model_name="M"}'),
        ("In which segments", 'topk(5, model_performance_drop_contribution{model_name="M"})'),
    ),
    "ModelPerformanceFell": (
        ("How much", 'model_measure:performance_fall1h:ratio{model_name="M"}'),
        ("Data sound", 'model_quality_state{model_name="M"}'),
        ("Did a version change", 'model_info{model_name="M"}'),
    ),
    "ModelEstimatedPerformanceLow": (
        ("How much", 'model_measure:estimated_drop_ratio:avg{model_name="M"}'),
        ("How good were estimates", 'model_estimate_gap{model_name="M"}'),
        ("Which inputs moved", 'topk(5, model_feature:drift_contribution:max{model_name="M"})'),
    ),
    "ModelEstimateUnreliable": (
        ("How far apart", 'model_estimate_gap{model_name="M"}'),
        ("Calibration", 'max by (window) (model_calibration_error{model_name="M", segment="all"})'),
        ("Concept drift", 'model_concept_drift_state{model_name="M"}'),
    ),
    "ModelPerformanceEroding": (
        ("How fast, a day", 'model_performance_slope{model_name="M"}'),
        ("How sure", 'model_performance_trend_p_value{model_name="M"}'),
        ("Which features rise too", 'max by (feature_name) (model_drift_trend{model_name="M"}) == 1'),
    ),
    "ModelConceptDrift": (
        ("Which detectors", 'max by (detector) (model_concept_drift_state{model_name="M"}) == 2'),
        ("How often lately", 'sum by (detector) (increase(model_concept_drifts_total{model_name="M"}[1d]))'),
        ("Do inputs drift too", 'model_drifted_features_ratio{model_name="M"}'),
    ),
    "ModelOutcomesMissing": (
        ("What came instead", 'sum by (outcome) (increase(model_outcomes_total{model_name="M"}[1d]))'),
        ("Are predictions made", 'model:model_predictions:rate5m{model_name="M"}'),
    ),
    "ModelOutcomeCoverageFell": (
        ("Coverage", 'model_outcome_coverage_ratio{model_name="M"}'),
        ("Rejected ones", 'sum by (outcome) (increase(model_outcomes_total{model_name="M"}[1h]))'),
        ("Later than before", 'model:model_outcome_lag_seconds:quantile_increase1d{model_name="M"}'),
    ),
    "ModelOutcomeLagGrew": (
        ("Median lag in seconds", 'model:model_outcome_lag_seconds:quantile_increase1d{model_name="M"}'),
        ("Lost to the retention", 'sum(increase(model_outcomes_total{model_name="M", outcome="late"}[1d]))'),
    ),
    "ModelOutcomesRejected": (
        ("Why", 'sum by (outcome) (rate(model_outcomes_total{model_name="M"}[1h]))'),
        ("Rows in the store", 'driftgauge_store_rows{model_name="M"}'),
    ),
    "ModelLabelsDependOnDecision": (
        ("State by window", 'model_label_independence_state{model_name="M"}'),
        ("Decisions", 'sum by (predicted_class) (increase(model_predicted_class_total{model_name="M"}[1d]))'),
        ("Coverage", 'model_outcome_coverage_ratio{model_name="M"}'),
    ),
    "ModelExposureNarrowed": (
        ("Beyond chance", 'model_window:exposure_excess:max{model_name="M"}'),
        ("Share of the catalogue shown", 'model_catalog_coverage_ratio{model_name="M"}'),
        ("Items outside the catalogue", 'sum by (outcome) (rate(model_exposures_total{model_name="M"}[1h]))'),
    ),
    "ModelCatalogCoverageFell": (
        ("Share shown", 'model_catalog_coverage_ratio{model_name="M"}'),
        ("By chance", 'model_catalog_coverage_ratio_even{model_name="M"}'),
        ("Concentration", 'model_exposure_gini{model_name="M"}'),
    ),
    "ModelBusinessValueFell": (
        ("Per row now", 'model_business:value_per_row:ratio_increase1d{model_name="M"}'),
        ("A week ago", 'model_business:value_per_row:ratio_increase1d{model_name="M"} offset 7d'),
        ("Versions since then", 'model_info{model_name="M"}'),
    ),
    "ModelBusinessFollowsModel": (
        ("How strongly, which way", 'model_business_correlation{model_name="M"}'),
        ("How sure", 'model_business_correlation_p_value{model_name="M"}'),
        ("How much later", 'model_business_correlation_lag_seconds{model_name="M"}'),
    ),
    "ModelFairnessDifference": (
        ("How large", 'model_fairness_difference{model_name="M"}'),
        ("How sure", 'model_fairness_p_value{model_name="M"}'),
        ("Did inputs drift", 'model_drifted_features_ratio{model_name="M"}'),
    ),
    "ModelAvailabilityBurn": (
        ("How fast", 'model_slo:burn_rate:increase1h{model_name="M", slo="availability"}'),
        ("What is left", 'model_slo:error_budget_remaining:ratio{model_name="M", slo="availability"}'),
        ("Which errors", 'sum by (error_type) (rate(model_errors_total{model_name="M"}[5m]))'),
    ),
    "ModelLatencyBurn": (
        ("How fast", 'model_slo:burn_rate:increase1h{model_name="M", slo="latency"}'),
        ("What is left", 'model_slo:error_budget_remaining:ratio{model_name="M", slo="latency"}'),
        ("Quantiles", 'model:model_inference_latency_seconds:quantile_rate5m{model_name="M"}'),
    ),
    "ModelFallbackAnswers": (
        ("By which step", 'sum by (strategy) (increase(model_fallbacks_total{model_name="M"}[15m]))'),
        ("What the model fails with", 'sum by (error_type) (increase(model_errors_total{model_name="M"}[15m]))'),
        ("Since which version", 'model:fallbacks_per_call:ratio_increase15m{model_name="M"}'),
    ),
    "ModelTargetDown": (
        ("Which", 'up{job="model"} == 0'),
        ("Is the model still served", 'sum by (model_name) (model_target:model_info:last * on (job, instance) group_left () up{job="model"})'),
        ("Was it slow before", 'scrape_duration_seconds{job="model"}'),
    ),
    "ModelDown": (
        ("Since when", 'max by (model_name, model_version) (model_target:model_info:last * on (job, instance) group_left () up{job="model"})'),
    ),
    "ModelTargetsMissing": (
        ("What is there", "count by (job) (up)"),
    ),
    "ModelChecksStopped": (
        ("Age", "time() - max by (model_name, model_version) (driftgauge_last_check_timestamp_seconds)"),
        ("Do checks fail", 'increase(driftgauge_checks_total{model_name="M", outcome="failed"}[1h])'),
        ("Do they take long", 'rate(driftgauge_check_duration_seconds_sum{model_name="M"}[1h]) / rate(driftgauge_check_duration_seconds_count{model_name="M"}[1h])'),
    ),
    "ModelRolledBack": (
        ("Why", 'sum by (model_version, reason) (increase(model_rollbacks_total{model_name="M"}[1d]))'),
        ("Gain and its bounds", 'model_rollout_difference_low{model_name="M"}'),
        ("Guardrails", 'model_rollout_guard_excess_low{model_name="M"}'),
    ),
    "ModelRolloutStuck": (
        ("Rows compared", 'model_rollout_rows{model_name="M"}'),
        ("Stage", 'model_rollout_stage{model_name="M"}'),
        ("Outcomes", 'sum by (model_version, outcome) (increase(model_outcomes_total{model_name="M"}[6h]))'),
    ),
    "ModelRolloutGuardExceeded": (
        ("By how much", 'model_rollout_guard_excess{model_name="M"}'),
        ("Tolerated", 'model_rollout_guard_tolerance{model_name="M"}'),
        ("Errors by version", 'sum by (model_version, error_type) (rate(model_errors_total{model_name="M"}[5m]))'),
    ),
    "ModelRolloutFaults": (
        ("How many", 'increase(model_rollout_faults_total{model_name="M"}[15m])'),
        ("Who answers", 'model_traffic_ratio{model_name="M"}'),
    ),
    "RolloutCandidateRefused": (
        ("Why", 'sum by (model_version, reason) (increase(model_rollout_refusals_total{model_name="M"}[1d]))'),
        ("Who answers", 'model_traffic_ratio{model_name="M"}'),
        ("Retrainings", 'sum by (outcome) (increase(retraining_runs_total{model_name="M"}[1d]))'),
    ),
    "ModelPromoted": (
        ("Who answers", 'model_traffic_ratio{model_name="M"}'),
        ("Gain", 'model_rollout_difference{model_name="M"}'),
    ),
    "ModelChecksFailing": (
        ("Checks by outcome", 'sum by (outcome) (increase(driftgauge_checks_total{model_name="M"}[1h]))'),
        ("Faults", 'increase(driftgauge_internal_errors_total{model_name="M"}[1h])'),
        ("Rows in the store", 'driftgauge_store_rows{model_name="M"}'),
    ),
    "ModelChecksSlow": (
        ("Seconds of a check", 'rate(driftgauge_check_duration_seconds_sum{model_name="M"}[1h]) / rate(driftgauge_check_duration_seconds_count{model_name="M"}[1h])'),
        ("Interval", 'driftgauge_check_interval_seconds{model_name="M"}'),
        ("Rows", 'driftgauge_window_rows{model_name="M"}'),
    ),
    "ModelObservationsDropped": (
        ("Why", 'sum by (reason) (rate(driftgauge_observations_dropped_total{model_name="M"}[5m]))'),
        ("Traffic", 'model:model_predictions:rate5m{model_name="M"}'),
    ),
    "ModelMonitoringFaults": (
        ("Since when", 'increase(driftgauge_internal_errors_total{model_name="M"}[15m])'),
    ),
    "ModelSeriesMany": (
        ("Series", 'driftgauge_series{model_name="M"}'),
        ("By program", 'sum by (instance) (driftgauge_series{model_name="M"})'),
    ),
    "ModelScrapeSlow": (
        ("How slow", 'scrape_duration_seconds{job="model"}'),
        ("How many series", "sum by (instance) (driftgauge_series)"),
        ("Rows dropped", "sum by (reason) (rate(driftgauge_observations_dropped_total[5m]))"),
    ),
    "ModelStreamBehind": (
        ("How far, in time", 'model_topic:driftgauge_stream_behind_seconds:max{model_name="M"}'),
        ("How far, in messages, by partition", 'driftgauge_stream_lag_messages{model_name="M"}'),
        ("Does something fail", 'sum by (reason) (increase(driftgauge_stream_failures_total{model_name="M"}[10m]))'),
    ),
    "ModelStreamUnassigned": (
        ("Partitions held", 'sum by (instance, topic) (driftgauge_stream_partitions{model_name="M"})'),
        ("Are the brokers there", 'sum by (reason) (increase(driftgauge_stream_failures_total{model_name="M"}[10m]))'),
        ("Does the group come to rest", 'sum by (instance) (increase(driftgauge_stream_rebalances_total{model_name="M"}[10m]))'),
    ),
    "ModelStreamStopped": (
        ("Since when", 'time() - driftgauge_stream_last_poll_timestamp_seconds{model_name="M"}'),
        ("What failed last", 'sum by (reason) (increase(driftgauge_stream_failures_total{model_name="M"}[15m]))'),
        ("How far it is behind", 'model_topic:driftgauge_stream_behind_seconds:max{model_name="M"}'),
    ),
    "ModelStreamFailing": (
        ("How often", 'sum by (reason) (increase(driftgauge_stream_failures_total{model_name="M"}[10m]))'),
        ("Is it behind", 'model_topic:driftgauge_stream_behind_seconds:max{model_name="M"}'),
        ("Are checks told", 'increase(driftgauge_stream_alerts_total{model_name="M"}[1h])'),
    ),
    "ModelStreamDeadLetters": (
        ("Why", 'sum by (reason) (increase(driftgauge_stream_dead_letters_total{model_name="M"}[15m]))'),
        ("Beside how many", 'sum by (result) (increase(driftgauge_stream_messages_total{model_name="M"}[15m]))'),
        ("Which version is expected", 'model_info{model_name="M"}'),
    ),
    "BatchDriftDetected": (
        ("Does the running model see it", 'model_drift_state{model_name="M"}'),
        ("How far, where it serves", 'topk(10, model_feature:drift_score_per_threshold:max{model_name="M"})'),
        ("Is it its data", 'model_quality_state{model_name="M"}'),
    ),
    "PrometheusRuleFailures": (
        ("Which", "increase(prometheus_rule_evaluation_failures_total[10m]) > 0"),
    ),
    "PrometheusNotificationsDropped": (
        ("How many", "increase(prometheus_notifications_dropped_total[15m])"),
        ("Is it there", 'up{job="alertmanager"}'),
    ),
    "AlertmanagerNotificationsFailing": (
        ("Which way", "sum by (integration) (increase(alertmanager_notifications_failed_total[15m]))"),
        ("Is the bridge there", 'up{job="bridge"}'),
        ("What the bridge refused", "sum by (source, reason) (increase(bridge_notifications_refused_total[15m]))"),
    ),
    "BridgeDown": (
        ("Since when", 'up{job="bridge"}'),
        ("What waits", "alertmanager_notifications_failed_total"),
    ),
    "BridgeOutboxStuck": (
        ("How old, for whom", "bridge_outbox_oldest_age_seconds"),
        ("What happens to tries", "sum by (receiver, outcome, reason) (rate(bridge_deliveries_total[5m]))"),
    ),
    "BridgeReceiverParked": (
        ("Which", "bridge_receiver_parked == 1"),
        ("Why", 'sum by (receiver, reason) (increase(bridge_deliveries_total{outcome="rejected"}[1h]))'),
    ),
    "BridgeNotificationsRefused": (
        ("Why", "sum by (source, reason) (increase(bridge_notifications_refused_total[15m]))"),
    ),
    "BridgeStateUnreadable": (
        ("Since when", "bridge_state_readable"),
    ),
    "BridgeHeartbeatMissing": (
        ("Since when", "bridge_heartbeat_age_seconds"),
        ("Whether Alertmanager fails", "sum by (integration, reason) (increase(alertmanager_notifications_failed_total[15m]))"),
    ),
    "RetrainingFailing": (
        ("Why attempts failed", 'sum by (reason) (increase(retraining_attempts_failed_total{model_name="M"}[1d]))'),
        ("How runs ended", 'sum by (outcome) (increase(retraining_runs_total{model_name="M"}[30d]))'),
        ("Seconds since the last candidate", 'time() - retraining_last_success_timestamp_seconds{model_name="M"}'),
    ),
    "RetrainingDown": (
        ("Since when", 'up{job="retraining"}'),
        ("What the bridge cannot deliver", 'sum by (receiver, reason) (increase(bridge_deliveries_total{outcome!="delivered"}[1h]))'),
    ),
}
# fmt: on

_PLACES: Final = {"M": "model_name", "V": "model_version", "F": "feature_name"}
_PLACE: Final = re.compile('"([MVF])"')


def first_commands(labels: Mapping[str, str], annotations: Mapping[str, str]) -> list[tuple[str, str]]:
    """What each command is for and the command, as far as the labels fill it in.

    Parameters
    ----------
    labels : mapping of str to str
        Of the group: a command that needs a label which its alerts do not share is left out.
    annotations : mapping of str to str

    Examples
    --------
    >>> first_commands({"alertname": "ModelPredictionDrift", "model_name": "a"}, {})[1]
    ('With which features', 'model_drift_detected{model_name="a"} == 1')
    """
    written = [line.strip() for line in annotations.get("first_commands", "").splitlines()]
    if any(written):
        return [("", line) for line in written if line][:SHOWN]
    return [
        (words, _PLACE.sub(lambda match: _quoted(labels[_PLACES[match[1]]]), command))
        for words, command in COMMANDS.get(labels.get("alertname", ""), ())
        if all(labels.get(_PLACES[place]) for place in _PLACE.findall(command))
    ][:SHOWN]


def _quoted(value: str) -> str:
    """A label's value as PromQL writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
