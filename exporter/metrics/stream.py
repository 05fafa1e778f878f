"""What comes from topics."""

from __future__ import annotations

from .family import Family, Layer

MESSAGE_RESULTS = ("observations", "outcomes", "dead_letter")

DEAD_LETTER_REASONS = ("unreadable", "columns", "types", "too_large", "empty")
"""Why a message is refused: neither JSON nor Arrow; columns missing or unknown; values of another type; more
bytes than allowed; no content."""

STREAM_FAILURES = ("broker", "commit", "store", "publish", "check")
"""What may fail for a while and is tried again."""

STREAM = Layer("stream")

STREAM_FAMILIES: tuple[Family, ...] = (
    STREAM.counter("driftgauge_stream_messages_total", "Messages dealt with, by what they held.", "result"),
    STREAM.counter("driftgauge_stream_dead_letters_total", "Messages refused, by reason.", "reason"),
    STREAM.counter(
        "driftgauge_stream_failures_total",
        "Failures of what a stream needs, each tried again.",
        "reason",
    ),
    STREAM.counter("driftgauge_stream_alerts_total", "Changes of state published to the topic of alerts."),
    STREAM.counter("driftgauge_stream_rebalances_total", "Times that partitions came or went."),
    STREAM.gauge(
        "driftgauge_stream_lag_messages",
        "Messages of a partition of this consumer that it has not dealt with.",
        "topic",
        "partition",
    ),
    STREAM.gauge(
        "driftgauge_stream_behind_seconds",
        "Age at most of the oldest of these messages; 0 where there are none.",
        "topic",
        "partition",
    ),
    STREAM.gauge("driftgauge_stream_partitions", "Partitions that this consumer holds.", "topic"),
    STREAM.gauge(
        "driftgauge_stream_last_poll_timestamp_seconds", "When this consumer last asked for messages."
    ),
)
