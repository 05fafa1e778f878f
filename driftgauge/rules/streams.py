"""The file `streams.rules.yaml`: whether what comes from topics is consumed, and can be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .drift import MODEL
from .rendering import Alert, Group, Record, block, render

BEHIND: Final = "model_topic:driftgauge_stream_behind_seconds:max"

BEHIND_SECONDS: Final = 300
"""A rebalance and a restart take less; of a window of an hour eleven twelfths are still of the present."""

PACE: Final = "15m"
CATCH_UP_SECONDS: Final = 21_600
"""Six hours: whoever makes up for a night in a morning needs nobody; longer, and a working day is gone."""

POLL_AGE_SECONDS: Final = 120
"""Four times the longest that a call of a store may take (`STATEMENT_SECONDS` of PostgreSQL), and less than
the five minutes (`max.poll.interval.ms`) after which the group gives the partitions to others."""

DEAD_LETTERS_RATIO: Final = 0.01
"""As errors and violations of the schema: one message in a hundred."""

NOT_SEEN_OTHERWISE: Final = ("commit", "publish", "store")
"""Brokers that are away take the partitions with them, and checks that fail have an alert of their own."""

COMMENT: Final = """Written by `driftgauge rules build`; do not edit. What comes from topics: whether it is
consumed as fast as it comes, by somebody, and whether it can be used. The thresholds are here as well."""


def stream_rules() -> str:
    """The rule file."""
    return render(
        COMMENT,
        [
            Group(name="driftgauge_stream_thresholds", rules=list(_thresholds())),
            Group(
                name="driftgauge_streams",
                rules=[
                    Record(
                        name=BEHIND,
                        expr=f"max by ({MODEL}, topic) (driftgauge_stream_behind_seconds)",
                        comment="Of the partition that is furthest behind, whichever member holds it.",
                    ),
                    _behind(),
                    _unassigned(),
                    _stopped(),
                    _failing(),
                    *_dead_letters(),
                ],
            ),
        ],
    )


def texts(name: str, summary: str, description: str) -> dict[str, str]:
    """What people read of an alert about the monitoring itself, with its runbook and its page."""
    return {
        "summary": summary,
        "description": description,
        "runbook_url": "{{ with $externalLabels.docs_url }}{{ . }}/{{ end }}docs/runbooks.md#" + name.lower(),
        "dashboard_url": "{{ with $externalLabels.grafana_url }}{{ . }}/d/driftgauge-itself{{ end }}",
    }


def limit_of(name: str, severity: str = "") -> str:
    """The right side of a comparison with a threshold of each model."""
    matchers = f'threshold="{name}"' + (f', severity="{severity}"' if severity else "")
    return f"on (model_name) group_left () driftgauge:alert_threshold{{{matchers}}}"


def _thresholds() -> Iterator[Record]:
    for name, value, comment in (
        (
            "stream_behind_seconds",
            BEHIND_SECONDS,
            "Age of the oldest message that waits: a rebalance and a restart take less.",
        ),
        (
            "stream_poll_age_seconds",
            POLL_AGE_SECONDS,
            "Since a consumer last asked for messages: a call of a store takes a quarter of it at most.",
        ),
        (
            "dead_letters_ratio",
            DEAD_LETTERS_RATIO,
            "Share of messages that cannot be used: as of errors.",
        ),
    ):
        yield Record(
            name="driftgauge:alert_threshold",
            expr=f"{value} * group by (model_name) (model_info)",
            labels={"threshold": name},
            comment=comment,
        )


def _behind() -> Alert:
    limit = limit_of("stream_behind_seconds")
    waiting = (
        '{{ with query (printf "sum(driftgauge_stream_lag_messages{model_name=%q,model_version=%q,topic=%q})"'
        " $labels.model_name $labels.model_version $labels.topic) }}"
        '{{ . | first | value | printf "%.0f" }} messages wait.{{ end }}'
    )
    return Alert(
        name="ModelStreamBehind",
        expr=block(f"""
            {BEHIND} > {limit}
              and predict_linear({BEHIND}[{PACE}], {CATCH_UP_SECONDS}) > {limit}"""),
        severity="warning",
        wait="5m",
        keep="10m",
        annotations=texts(
            "ModelStreamBehind",
            "{{ $labels.model_name }} {{ $labels.model_version }} is {{ $value | humanizeDuration }}"
            " behind on {{ $labels.topic }}",
            f"{waiting} At the pace of the last {PACE} it will not have caught up in six hours."
            " Drift and performance are judged on rows that are as old.",
        ),
        comment="Who catches up needs nobody: the line through the last quarter of an hour stays above, too.",
    )


def _unassigned() -> Alert:
    return Alert(
        name="ModelStreamUnassigned",
        expr=f"sum by ({MODEL}, topic) (driftgauge_stream_partitions) == 0",
        severity="warning",
        wait="5m",
        keep="5m",
        annotations=texts(
            "ModelStreamUnassigned",
            "Nobody consumes {{ $labels.topic }} for {{ $labels.model_name }} {{ $labels.model_version }}",
            "Its consumers run, and none of them holds a partition of this topic: the brokers are away,"
            " the topic does not exist, or the group does not come to rest. Nothing new is measured.",
        ),
    )


def _stopped() -> Alert:
    return Alert(
        name="ModelStreamStopped",
        expr=block(f"""
            max by (job, instance, {MODEL}) (time() - driftgauge_stream_last_poll_timestamp_seconds)
              > {limit_of("stream_poll_age_seconds")}"""),
        severity="warning",
        wait="1m",
        keep="5m",
        annotations=texts(
            "ModelStreamStopped",
            "The consumer {{ $labels.instance }} of {{ $labels.model_name }} {{ $labels.model_version }}"
            " has stopped consuming",
            "It last asked for messages {{ $value | humanizeDuration }} ago, and still answers Prometheus."
            " After five minutes its group gives its partitions to others, if there are any.",
        ),
    )


def _failing() -> Alert:
    reasons = "|".join(NOT_SEEN_OTHERWISE)
    counted = f'increase(driftgauge_stream_failures_total{{reason=~"{reasons}"}}[10m])'
    return Alert(
        name="ModelStreamFailing",
        expr=f"sum by ({MODEL}, reason) ({counted}) > 0",
        severity="warning",
        wait="15m",
        keep="10m",
        annotations=texts(
            "ModelStreamFailing",
            "The stream of {{ $labels.model_name }} {{ $labels.model_version }} fails again and again:"
            " {{ $labels.reason }}",
            '{{ $value | printf "%.0f" }} failures in the last 10 minutes, each tried again.'
            " The program's log has the first of them.",
        ),
        comment="One failure is gone from the increase before the alert has waited for it.",
    )


def _dead_letters() -> Iterator[Alert]:
    refused = f"sum by ({MODEL}) (increase(driftgauge_stream_dead_letters_total[15m]))"
    taken = f"sum by ({MODEL}) (increase(driftgauge_stream_messages_total[15m]))"
    reasons = (
        '{{ range $i, $one := query (printf "sort_desc(sum by (reason) ('
        'increase(driftgauge_stream_dead_letters_total{model_name=%q,model_version=%q}[15m])) > 0)"'
        " $labels.model_name $labels.model_version) }}"
        '{{ if $i }}, {{ end }}{{ $one.Value | printf "%.0f" }} {{ $one.Labels.reason }}{{ end }}'
    )
    told = (
        f"In the last 15 minutes: {reasons}. They are in the topic of dead letters, if there is one;"
        " their rows are not measured."
    )
    who = "{{ $labels.model_name }} {{ $labels.model_version }}"
    name = "ModelStreamDeadLetters"
    yield Alert(
        name=name,
        expr=f"{refused} > 0",
        severity="info",
        wait="1m",
        keep="15m",
        annotations=texts(
            name,
            f"Messages about {who} cannot be used",
            told,
        ),
    )
    yield Alert(
        name=name,
        expr=f"{refused} / ({taken} > 0)\n  >= {limit_of('dead_letters_ratio')}",
        severity="warning",
        wait="5m",
        keep="15m",
        annotations=texts(
            name,
            f"{{{{ $value | humanizePercentage }}}} of the messages about {who} cannot be used",
            told,
        ),
    )
