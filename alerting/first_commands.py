"""The first commands of each runbook, filled in with an alert's labels. Pure.

They are those of docs/runbooks.md, under "Look first" (a test holds both equal); the annotation
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
    "ModelErrorRateHigh": (
        ("Which errors", 'sum by (error_type) (rate(model_errors_total{model_name="M"}[5m]))'),
        ("Which replicas", 'sum by (instance) (rate(model_errors_total{model_name="M"}[5m]))'),
        ("Since a version", 'model:errors_per_call:ratio_rate5m{model_name="M"}'),
    ),
    "ModelLatencyHigh": (
        ("Quantiles", 'model:model_inference_latency_seconds:quantile_rate5m{model_name="M"}'),
        ("Batch size", 'model:model_predictions:rate5m{model_name="M"} / model:model_prediction_calls:rate5m{model_name="M"}'),
        ("By method", 'histogram_quantile(0.99, sum by (method, le) (rate(model_inference_latency_seconds_bucket{model_name="M"}[5m])))'),
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
    "ModelObservationsDropped": (
        ("Why", 'sum by (reason) (rate(driftgauge_observations_dropped_total{model_name="M"}[5m]))'),
        ("Traffic", 'model:model_predictions:rate5m{model_name="M"}'),
    ),
    "ModelMonitoringFaults": (
        ("Since when", 'increase(driftgauge_internal_errors_total{model_name="M"}[15m])'),
    ),
    "PrometheusRuleFailures": (
        ("Which", "increase(prometheus_rule_evaluation_failures_total[10m]) > 0"),
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
