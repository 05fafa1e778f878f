"""Alerts and escalations: what fires, what fired, whom it reached, who took it on, and what is silenced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import SERVES, SEVERITY
from .lines import alert_line, own_threshold
from .page import Band, Section, events, page, query_variable
from .panels import bars_panel, stat_panel, timeseries_panel
from .queries import YELLOW, Query
from .states import states_panel
from .tables import Column, table_panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

OF_MODEL = 'alertname!="Watchdog", model_name=~"$model_name"'
FIRING = f'ALERTS{{alertstate="firing", {OF_MODEL}}}'
LABELS = "alertname, severity, model_name, model_version, feature_name"
BY_ALERT = f"by ({LABELS})"
ALERT = "{{alertname}} {{model_name}} {{model_version}} {{feature_name}}"
SEVERITIES = ("info", "warning", "critical")

WORST = " or ".join(
    f"{code} * max by (alertname, model_name, model_version, feature_name) "
    f'(ALERTS{{alertstate="firing", severity="{severity}", {OF_MODEL}}})'
    for code, severity in reversed(list(enumerate(SEVERITIES, start=1)))
)
"""Severity of every alert that fires, as a code; the worst where several rules of one alert do."""

STEP_SECONDS = 15
"""Of the subquery that adds up how long alerts fired: the evaluation interval of config/prometheus.yaml."""

MODEL_LINK = (
    "/d/driftgauge-model?${__url_time_range}&var-model_name=${__data.fields.Model}"
    "&var-model_version=${__data.fields.Version}"
)


def build() -> Dashboard:
    """The page of alerts; it follows one alert from its rule to a person."""
    return page(
        "driftgauge-alerts",
        "What fires and since when, what fired before, whom it reached, who took it on, and what is "
        "silenced?",
        [_at_a_glance(), _now(), _history(), _incidents(), _delivery()],
        variables=[
            # Alerts of the monitoring itself are of no model: all includes the empty name.
            query_variable(
                "model_name", "Model", "label_values(model_info, model_name)", with_all=True, all_value=".*"
            )
        ],
        annotations=events('model_name=~"$model_name"', retraining=True),
        since="now-24h",
    )


def _at_a_glance() -> Section:
    def firing(title: str, severity: str, color: str) -> tuple[int, Panel]:
        return 4, stat_panel(
            title,
            f"Alerts of severity {severity} that fire now.",
            "none",
            Query(f'count(ALERTS{{alertstate="firing", severity="{severity}", {OF_MODEL}}}) or vector(0)'),
            bad_from=1,
            bad_color=color,
        )

    numbers = [
        firing("Critical", "critical", "red"),
        firing("Warnings", "warning", YELLOW),
        (
            4,
            stat_panel(
                "Waiting",
                "Alerts whose condition holds, but not yet for as long as their rule asks for.",
                "none",
                Query(f'count(ALERTS{{alertstate="pending", {OF_MODEL}}}) or vector(0)'),
            ),
        ),
        (
            4,
            stat_panel(
                "Incidents open",
                "Incidents that the bridge knows of and that have not ended, of all models.",
                "none",
                Query("max(bridge_incidents_open)"),
                bad_from=1,
                bad_color=YELLOW,
            ),
        ),
        (
            4,
            stat_panel(
                "Acknowledged",
                "Open incidents that somebody has taken on; they do not escalate.",
                "none",
                Query("max(bridge_incidents_acknowledged)"),
            ),
        ),
        (
            4,
            stat_panel(
                "Silenced",
                "Alerts in Alertmanager that a silence or another alert holds back, of all models.",
                "none",
                Query('sum(alertmanager_alerts{state="suppressed"})'),
            ),
        ),
    ]
    return Section("At a glance", [Band(4, numbers)])


def _now() -> Section:
    table = table_panel(
        "Firing now",
        "What fires and for how long its condition has held; the runbook page says what to do about each.",
        {
            "alertname": "Alert",
            "severity": "Severity",
            "model_name": "Model",
            "model_version": "Version",
            "feature_name": "Feature",
        },
        [
            Column(
                title="For",
                unit="dtdurations",
                expr=(
                    f"(time() - max {BY_ALERT} (ALERTS_FOR_STATE)) "
                    f"and on ({LABELS}) max {BY_ALERT} ({FIRING})"
                ),
                decimals=0,
            )
        ],
        links={"Alert": "/d/driftgauge-runbooks", "Model": MODEL_LINK},
    )
    lasting = timeseries_panel(
        "Warnings on the way to critical",
        "How long each warning has lasted, as a multiple of the time after which its alert calls it "
        "critical.",
        "none",
        Query(
            "max by (alertname, model_name, feature_name) "
            f"((time() - driftgauge:warning_since_timestamp_seconds{{{OF_MODEL}}}) "
            "/ on (alertname, model_name) group_left () "
            'driftgauge:alert_threshold{threshold="warning_lasts_seconds"})',
            "{{alertname}} {{model_name}} {{feature_name}}",
        ),
        own_threshold(),
    )
    return Section("Now", [Band(9, [(14, table), (10, lasting)])])


def _history() -> Section:
    timeline = states_panel(
        "History",
        "When each alert fired, and how severe it was.",
        Query(WORST, ALERT),
        SEVERITY,
    )
    number = timeseries_panel(
        "Alerts that fire",
        "By severity; a rising floor is a warning that nobody takes on.",
        "none",
        Query(f"count by (severity) ({FIRING})", "{{severity}}"),
        stacked=True,
    )
    longest = bars_panel(
        "Fired longest in a day",
        "Time for which each alert fired within the last 24 hours, the fifteen longest.",
        "s",
        Query(
            f"topk(15, sum_over_time(max {BY_ALERT} ({FIRING})[1d:{STEP_SECONDS}s]) * {STEP_SECONDS})", ALERT
        ),
    )
    return Section("History", [Band(12, [(24, timeline)]), Band(9, [(12, number), (12, longest)])])


def _incidents() -> Section:
    incidents = timeseries_panel(
        "Incidents",
        "Open ones, and those that somebody has taken on: the space between the lines waits for a person.",
        "none",
        Query("max(bridge_incidents_open)", "open"),
        Query("max(bridge_incidents_acknowledged)", "acknowledged"),
    )
    escalations = timeseries_panel(
        "Escalations in a day",
        "Steps of escalation policies that told a receiver in the 24 hours before each point, by why.",
        "none",
        Query(
            "sum by (receiver, reason) (increase(bridge_escalations_total[1d]))", "{{receiver}}: {{reason}}"
        ),
    )
    actions = timeseries_panel(
        "Actions in a day",
        "What people did in the 24 hours before each point, from Slack, over HTTP or on the command line.",
        "none",
        Query(
            'sum by (action, entrance) (increase(bridge_actions_total{outcome="done"}[1d]))',
            "{{action}} by {{entrance}}",
        ),
    )
    silences = timeseries_panel(
        "Silenced alerts",
        "Alerts in Alertmanager by state: suppressed ones are held back by a silence or by another alert.",
        "none",
        Query("sum by (state) (alertmanager_alerts)", "alerts {{state}}"),
        Query('sum(alertmanager_silences{state="active"})', "silences"),
    )
    heartbeats = timeseries_panel(
        "Heartbeats",
        "How long the bridge has not heard the alert that always fires; past its line the bridge tells.",
        "s",
        Query("max by (heartbeat) (bridge_heartbeat_age_seconds)", "{{heartbeat}}"),
        Query("min(bridge_heartbeat_deadline_seconds)", "told from", threshold=True),
    )
    return Section(
        "Incidents and escalations",
        [
            Band(8, [(12, incidents), (12, escalations)]),
            Band(8, [(8, actions), (8, silences), (8, heartbeats)]),
        ],
    )


def _delivery() -> Section:
    received = timeseries_panel(
        "Notifications from Alertmanager",
        "What the bridge stored, by what it changed; a duplicate costs nothing.",
        "cps",
        Query(
            "sum by (outcome) (rate(bridge_notifications_received_total[$__rate_interval]))", "{{outcome}}"
        ),
        stacked=True,
    )
    deliveries = timeseries_panel(
        "Deliveries",
        "Calls to each receiver, by how they ended.",
        "cps",
        Query(
            "sum by (receiver, outcome) (rate(bridge_deliveries_total[$__rate_interval]))",
            "{{receiver}} {{outcome}}",
        ),
    )
    failed = timeseries_panel(
        "Deliveries that failed, in a day",
        "In the 24 hours before each point, by receiver and reason; a retry comes by itself, a rejection "
        "needs "
        "somebody.",
        "none",
        Query(
            "sum by (receiver, outcome, reason) "
            '(increase(bridge_deliveries_total{outcome!="delivered"}[1d])) > 0',
            "{{receiver}} {{outcome}}: {{reason}}",
        ),
    )
    waiting = timeseries_panel(
        "Outbox",
        "Incidents whose newest state a receiver has not been told.",
        "none",
        Query("max by (receiver) (bridge_outbox_pending)", "{{receiver}}"),
    )
    age = timeseries_panel(
        "Oldest message waiting",
        "How long the oldest undelivered message has waited.",
        "s",
        Query("max by (receiver) (bridge_outbox_oldest_age_seconds)", "{{receiver}}"),
        alert_line("outbox_age_seconds", of_model=False),
    )
    parked = states_panel(
        "Receivers that refuse everything",
        "Until somebody mends their token or channel.",
        Query("1 - max by (receiver) (bridge_receiver_parked)", "{{receiver}}"),
        SERVES,
    )
    doubles = timeseries_panel(
        "Messages of unknown fate, in a day",
        "Calls that broke off in the 24 hours before each point: found later, sent again, or perhaps twice.",
        "none",
        Query("sum by (outcome) (increase(bridge_messages_reconciled_total[1d]))", "{{outcome}}"),
        Query("sum(increase(bridge_doubles_suspected_total[1d]))", "perhaps twice"),
    )
    quick = timeseries_panel(
        "Time to take a notification",
        "From a parsed notification to its durable commit; half and 99 % were faster.",
        "s",
        *(
            Query(
                f"histogram_quantile({quantile}, sum by (le) "
                f"(rate(bridge_commit_duration_seconds_bucket[1h])))",
                f"p{round(100 * quantile)}",
            )
            for quantile in (0.5, 0.99)
        ),
    )
    return Section(
        "From alert to person",
        [
            Band(8, [(8, received), (8, deliveries), (8, failed)]),
            Band(7, [(6, waiting), (6, age), (6, parked), (6, doubles)]),
            Band(6, [(24, quick)]),
        ],
    )
