"""driftgauge itself: targets that are scraped, checks that run, rules, and messages that arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lines import alert_line
from .page import Band, Section, events, page
from .panels import stat_panel, timeseries_panel
from .queries import YELLOW, Query

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

BY_VERSION = "by (model_name, model_version)"
VERSION = "{{model_name}} {{model_version}}"
OUR_GROUPS = 'rule_group=~".+driftgauge_.+"'


def build() -> Dashboard:
    """The page of the monitoring's own health."""
    return page(
        "driftgauge-itself",
        "Does the monitoring itself work: targets, checks, rules, and the way of alerts to people?",
        [_at_a_glance(), _exporter(), _streams(), _prometheus(), _delivery()],
        annotations=events(""),
    )


def _at_a_glance() -> Section:
    numbers = [
        stat_panel(
            "Targets down",
            "Programs that Prometheus cannot scrape: models, bridge, retraining, Alertmanager, Prometheus "
            "itself.",
            "none",
            Query('count(up{job=~"model|bridge|retraining|alertmanager|prometheus"} == 0) or vector(0)'),
            bad_from=1,
        ),
        stat_panel(
            "Oldest check",
            "Time since the last check that worked, of the version whose check is the oldest.",
            "s",
            Query(f"max(time() - max {BY_VERSION} (driftgauge_last_check_timestamp_seconds))"),
        ),
        stat_panel(
            "Rows not measured",
            "Rows that were predicted but not measured, in the last hour.",
            "short",
            Query("sum(increase(driftgauge_observations_dropped_total[1h])) or vector(0)"),
            bad_from=1,
            bad_color=YELLOW,
        ),
        stat_panel(
            "Faults of the monitoring",
            "Faults inside driftgauge in the last day; none reached a prediction.",
            "none",
            Query("sum(increase(driftgauge_internal_errors_total[1d])) or vector(0)"),
            bad_from=1,
            bad_color=YELLOW,
        ),
        stat_panel(
            "Messages waiting",
            "Messages that the bridge has taken and not yet delivered.",
            "none",
            Query("sum(bridge_outbox_pending) or vector(0)"),
        ),
        stat_panel(
            "Rule evaluations failed",
            "Evaluations of driftgauge's rules that failed in the last hour.",
            "none",
            Query(
                f"sum(increase(prometheus_rule_evaluation_failures_total{{{OUR_GROUPS}}}[1h])) or vector(0)"
            ),
            bad_from=1,
        ),
    ]
    return Section("At a glance", [Band(4, [(4, number) for number in numbers])])


def _exporter() -> Section:
    checks = timeseries_panel(
        "Checks by outcome",
        "Checks in the hour before each point, by what they found.",
        "none",
        Query("sum by (outcome) (increase(driftgauge_checks_total[1h]))", "{{outcome}}"),
        stacked=True,
    )
    duration = timeseries_panel(
        "Time of a check",
        "95 % of the checks took less; far below the interval between checks is well.",
        "s",
        Query(
            "histogram_quantile(0.95, sum by (model_name, model_version, le) "
            "(rate(driftgauge_check_duration_seconds_bucket[1h])))",
            VERSION,
        ),
    )
    age = timeseries_panel(
        "Age of the last check",
        "A saw that rises to the interval between checks and falls again.",
        "s",
        Query(f"time() - max {BY_VERSION} (driftgauge_last_check_timestamp_seconds)", VERSION),
        alert_line("check_age_seconds", of_model=False),
    )
    dropped = timeseries_panel(
        "Share of rows not measured",
        "Share of the predicted rows that monitoring did not see.",
        "percentunit",
        Query(
            "model:driftgauge_observations_dropped:rate5m / (model:model_predictions:rate5m > 0)",
            VERSION,
        ),
        alert_line("dropped_ratio", of_model=False),
    )
    failures = timeseries_panel(
        "Features that could not be decided",
        "In the hour before each point, by reason.",
        "none",
        Query("sum by (reason) (increase(driftgauge_feature_failures_total[1h]))", "{{reason}}"),
        stacked=True,
    )
    rows = timeseries_panel(
        "Rows held for windows",
        "Rows in the store of each version, and in its windows at the last check.",
        "short",
        Query(f"max {BY_VERSION} (driftgauge_store_rows)", f"{VERSION} store"),
        Query(
            "max by (model_name, model_version, window) (driftgauge_window_rows)", f"{VERSION} {{{{window}}}}"
        ),
    )
    series = timeseries_panel(
        "Series exported",
        "Series of each version on one target: bounded by the reference, never by traffic.",
        "short",
        Query(f"max {BY_VERSION} (driftgauge_series)", VERSION),
        alert_line("series", of_model=False),
    )
    scrapes = timeseries_panel(
        "Time of a scrape",
        "Prometheus gives up after the scrape timeout (10 s); a scrape never computes a statistic.",
        "s",
        Query('scrape_duration_seconds{job="model"}', "{{instance}}"),
        alert_line("scrape_seconds", of_model=False),
    )
    memory = timeseries_panel(
        "Memory",
        "Resident memory of each program that exports it.",
        "bytes",
        Query(
            'process_resident_memory_bytes{job=~"model|bridge|retraining|alertmanager|prometheus"}',
            "{{job}} {{instance}}",
        ),
    )
    fallbacks = timeseries_panel(
        "Calls answered by a fallback",
        "Share of the calls of the 15 minutes before each point that another step answered.",
        "percentunit",
        Query("model:fallbacks_per_call:ratio_increase15m", VERSION),
        alert_line("fallback_ratio", "warning", of_model=False),
        alert_line("fallback_ratio", "critical", of_model=False),
    )
    return Section(
        "Exporter",
        [
            Band(8, [(8, checks), (8, duration), (8, age)]),
            Band(8, [(8, dropped), (8, failures), (8, rows)]),
            Band(7, [(6, series), (6, scrapes), (6, memory), (6, fallbacks)]),
        ],
    )


def _streams() -> Section:
    behind = timeseries_panel(
        "Time behind",
        "Age at most of the oldest message of a topic that waits, of its partition that is furthest behind.",
        "s",
        Query("model_topic:driftgauge_stream_behind_seconds:max", f"{VERSION} {{{{topic}}}}"),
        alert_line("stream_behind_seconds", of_model=False),
    )
    lag = timeseries_panel(
        "Messages waiting in topics",
        "Messages that the consumers of a topic have not dealt with, in all of its partitions.",
        "short",
        Query(
            "sum by (model_name, model_version, topic) (driftgauge_stream_lag_messages)",
            f"{VERSION} {{{{topic}}}}",
        ),
    )
    messages = timeseries_panel(
        "Messages from topics",
        "Messages dealt with, by what they held; dead letters could not be used.",
        "cps",
        Query(
            "sum by (result) (rate(driftgauge_stream_messages_total[$__rate_interval]))",
            "{{result}}",
        ),
        stacked=True,
    )
    letters = timeseries_panel(
        "Share of dead letters",
        "Share of the messages of the hour before each point that could not be used, by reason.",
        "percentunit",
        Query(
            "sum by (model_name, model_version, reason) (increase(driftgauge_stream_dead_letters_total[1h])) "
            "/ on (model_name, model_version) group_left () "
            f"(sum {BY_VERSION} (increase(driftgauge_stream_messages_total[1h])) > 0)",
            f"{VERSION} {{{{reason}}}}",
        ),
        alert_line("dead_letters_ratio", of_model=False),
    )
    held = timeseries_panel(
        "Partitions held",
        "Partitions of each topic that any consumer of it holds: from none nothing is measured.",
        "none",
        Query(
            "sum by (model_name, model_version, topic) (driftgauge_stream_partitions)",
            f"{VERSION} {{{{topic}}}}",
        ),
    )
    polled = timeseries_panel(
        "Since consumers last asked",
        "How long ago each consumer asked for messages: a second or so, unless it hangs.",
        "s",
        Query("time() - driftgauge_stream_last_poll_timestamp_seconds", f"{VERSION} {{{{instance}}}}"),
        alert_line("stream_poll_age_seconds", of_model=False),
    )
    failures = timeseries_panel(
        "Failures of streams",
        "In the hour before each point, by what failed; each is tried again.",
        "none",
        Query(
            "sum by (model_name, model_version, reason) (increase(driftgauge_stream_failures_total[1h]))",
            f"{VERSION} {{{{reason}}}}",
        ),
    )
    changes = timeseries_panel(
        "Rebalances and changes told",
        "In the hour before each point: partitions that came or went, and changes of state told to a topic.",
        "none",
        Query(
            f"sum {BY_VERSION} (increase(driftgauge_stream_rebalances_total[1h]))", f"{VERSION} rebalances"
        ),
        Query(f"sum {BY_VERSION} (increase(driftgauge_stream_alerts_total[1h]))", f"{VERSION} changes told"),
    )
    return Section(
        "Streams",
        [
            Band(8, [(8, behind), (8, lag), (8, messages)]),
            Band(8, [(8, letters), (8, held), (8, polled)]),
            Band(7, [(12, failures), (12, changes)]),
        ],
    )


def _prometheus() -> Section:
    rules = timeseries_panel(
        "Time to evaluate the rules",
        "Of each group; a group that takes as long as its interval falls behind.",
        "s",
        Query(f"prometheus_rule_group_last_duration_seconds{{{OUR_GROUPS}}}", "{{rule_group}}"),
    )
    head = timeseries_panel(
        "Series in Prometheus",
        "Active series: what memory goes by.",
        "short",
        Query("prometheus_tsdb_head_series", "{{instance}}"),
    )
    return Section("Prometheus", [Band(7, [(12, rules), (12, head)])])


def _delivery() -> Section:
    dropped = timeseries_panel(
        "Alerts lost on the way",
        "Alerts that Prometheus could not hand to Alertmanager, and notifications that Alertmanager "
        "failed to deliver.",
        "cps",
        Query(
            "sum(rate(prometheus_notifications_dropped_total[$__rate_interval]))",
            "Prometheus to Alertmanager",
        ),
        Query(
            "sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
            "Alertmanager to {{integration}}",
        ),
    )
    received = timeseries_panel(
        "Notifications",
        "What the bridge stored, and what became of its calls to receivers.",
        "cps",
        Query("sum(rate(bridge_notifications_received_total[$__rate_interval]))", "received"),
        Query("sum by (outcome) (rate(bridge_deliveries_total[$__rate_interval]))", "delivery {{outcome}}"),
    )
    age = timeseries_panel(
        "Oldest message waiting",
        "How long the oldest undelivered message has waited in the bridge.",
        "s",
        Query("max by (receiver) (bridge_outbox_oldest_age_seconds)", "{{receiver}}"),
        alert_line("outbox_age_seconds", of_model=False),
    )
    refused = timeseries_panel(
        "Refused and rejected",
        "Requests that the bridge did not take, and deliveries that a receiver did not take, by reason.",
        "cps",
        Query(
            "sum by (reason) (rate(bridge_notifications_refused_total[$__rate_interval])) > 0",
            "request {{reason}}",
        ),
        Query(
            'sum by (reason) (rate(bridge_deliveries_total{outcome!="delivered"}[$__rate_interval])) > 0',
            "delivery {{reason}}",
        ),
    )
    return Section(
        "From alert to person",
        [Band(8, [(12, received), (12, age)]), Band(8, [(12, refused), (12, dropped)])],
    )
