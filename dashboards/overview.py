"""All models: whether anything is wrong, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import STATES
from .page import Band, Section, events, page
from .panels import stat_panel, timeseries_panel
from .queries import YELLOW, Query
from .states import states_panel
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

BY_VERSION = "by (model_name, model_version)"

VERSION = "{{model_name}} {{model_version}}"

UP = 'model_target:model_info:last * on (job, instance) group_left () up{job="model"}'

STATE = f"2 * (max {BY_VERSION} (model_drift_detected) == 1) or max {BY_VERSION} (model_drift_state)"
"""Worst drift state of a version: without a drift that lasts, no feature's code is above 1 (warning)."""

LATENCY = "model:model_inference_latency_seconds:quantile_rate5m"

ALERT_LABELS = "alertname, severity, model_name, model_version, feature_name, instance"

MODEL_LINK = (
    "/d/driftgauge-model?var-model_name=${__data.fields.Model}&var-model_version=${__data.fields.Version}"
)
DRIFT_LINK = (
    "/d/driftgauge-drift?var-model_name=${__data.fields.Model}&var-model_version=${__data.fields.Version}"
)


def build() -> Dashboard:
    """The page that is opened first."""
    return page(
        "driftgauge-overview",
        "Is anything wrong with any model, and where? One row for each model version.",
        [_at_a_glance(), _models(), _trends()],
        annotations=events("", retraining=True),
    )


def _at_a_glance() -> Section:
    numbers = [
        stat_panel(
            "Models watched",
            "Models that Prometheus has seen, those that are down included.",
            "none",
            Query("count(group by (model_name) (model_target:model_info:last)) or vector(0)"),
        ),
        stat_panel(
            "Versions down",
            "Model versions none of whose replicas answers.",
            "none",
            Query(f"count((max {BY_VERSION} ({UP})) == 0) or vector(0)"),
            bad_from=1,
        ),
        stat_panel(
            "Versions drifting",
            "Model versions with at least one feature in drift, or recovering from it.",
            "none",
            Query(f"count((max {BY_VERSION} (model_drift_detected)) == 1) or vector(0)"),
            bad_from=1,
            link="/d/driftgauge-drift",
        ),
        stat_panel(
            "Versions nobody can judge",
            "Model versions whose every feature is in the state unknown: too few rows, or no check yet.",
            "none",
            Query(f"count((max {BY_VERSION} (model_drift_state)) == -1) or vector(0)"),
            bad_from=1,
            bad_color=YELLOW,
        ),
        stat_panel(
            "Critical alerts",
            "Alerts that fire now and should wake somebody.",
            "none",
            Query('count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)'),
            bad_from=1,
        ),
        stat_panel(
            "Warnings",
            "Alerts that fire now and can wait for working hours.",
            "none",
            Query('count(ALERTS{alertstate="firing", severity="warning"}) or vector(0)'),
            bad_from=1,
            bad_color=YELLOW,
        ),
    ]
    return Section("At a glance", [Band(4, [(4, number) for number in numbers])])


def _models() -> Section:
    models = table_panel(
        "Model versions",
        "One row for each version. Red cells need a look; a click opens the version's page.",
        {"model_name": "Model", "model_version": "Version"},
        [
            Column(title="Drift", unit="none", expr=STATE, codes=STATES),
            Column(
                title="Alerts",
                unit="none",
                expr=f'count {BY_VERSION} (ALERTS{{alertstate="firing", model_name!=""}})',
                bad_from=1,
            ),
            Column(title="Replicas up", unit="none", expr=f"sum {BY_VERSION} ({UP})"),
            Column(title="Replicas down", unit="none", expr=f"count {BY_VERSION} ({UP} == 0)", bad_from=1),
            Column(
                title="Rows",
                unit="rowsps",
                expr=f"sum {BY_VERSION} (model:model_predictions:rate5m)",
                decimals=1,
            ),
            Column(
                title="Errors",
                unit="percentunit",
                expr=f"max {BY_VERSION} (model:errors_per_call:ratio_rate5m)",
                decimals=2,
            ),
            Column(
                title="Latency p99",
                unit="s",
                expr=f'max {BY_VERSION} ({LATENCY}{{quantile="0.99"}})',
            ),
            Column(
                title="Features drifted",
                unit="percentunit",
                expr=f"max {BY_VERSION} (model_drifted_features_ratio)",
                decimals=0,
            ),
            Column(
                title="Worst score / threshold",
                unit="none",
                expr=f"max {BY_VERSION} (model_feature:drift_score_per_threshold:max)",
                decimals=2,
            ),
            Column(
                title="Last check",
                unit="s",
                expr=f"time() - max {BY_VERSION} (driftgauge_last_check_timestamp_seconds)",
                decimals=0,
            ),
        ],
        links={"Model": MODEL_LINK, "Version": MODEL_LINK, "Drift": DRIFT_LINK},
        sort_by="Alerts",
    )
    alerts = table_panel(
        "Alerts that fire",
        "What fires now and for how long its condition has held. The runbook page says what to do about "
        "each.",
        {
            "alertname": "Alert",
            "severity": "Severity",
            "model_name": "Model",
            "model_version": "Version",
            "feature_name": "Feature",
            "instance": "Instance",
        },
        [
            Column(
                title="For",
                unit="dtdurations",
                expr=(
                    f"(time() - max by ({ALERT_LABELS}) (ALERTS_FOR_STATE)) and on ({ALERT_LABELS}) "
                    f'max by ({ALERT_LABELS}) (ALERTS{{alertstate="firing", alertname!="Watchdog"}})'
                ),
                decimals=0,
            ),
        ],
        links={"Model": MODEL_LINK, "Alert": "/d/driftgauge-runbooks"},
    )
    return Section("Models and alerts", [Band(8, [(24, models)]), Band(8, [(24, alerts)])])


def _trends() -> Section:
    rows = timeseries_panel(
        "Rows predicted",
        "Traffic of each version, over all replicas. A rolling update shows as one line taking over from "
        "another.",
        "rowsps",
        Query(f"sum {BY_VERSION} (rate(model_predictions_total[$__rate_interval]))", VERSION),
    )
    errors = timeseries_panel(
        "Calls that fail",
        "Share of calls that end in an exception of the model; the dashed lines are the lowest warning "
        "levels.",
        "percentunit",
        Query("model:errors_per_call:ratio_rate5m", VERSION),
        Query(
            'min(driftgauge:alert_threshold{threshold="error_ratio", severity="warning"})',
            "warning from",
            threshold=True,
        ),
    )
    states = states_panel(
        "Drift",
        "Worst state of any feature of each version.",
        Query(STATE, VERSION),
    )
    worst = timeseries_panel(
        "Worst drift",
        "Largest score of any feature and test, as a multiple of its own threshold. Above 1 it is large; "
        "it is a drift when it is also significant.",
        "none",
        Query(f"max {BY_VERSION} (model_feature:drift_score_per_threshold:max)", VERSION),
        Query("vector(1)", "threshold", threshold=True),
    )
    return Section("Last hours", [Band(8, [(12, states), (12, worst)]), Band(8, [(12, rows), (12, errors)])])
