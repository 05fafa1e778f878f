"""The monitoring itself."""

from __future__ import annotations

from .family import Family, Layer

CHECK_DURATION_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds. From one small window to the longest a check may take at the default interval of five minutes."""

DROP_REASONS = ("buffer_full", "unreadable", "fault", "store")

CHECK_OUTCOMES = ("ok", "drift", "unknown", "failed")

FAILURE_REASONS = ("insufficient_data", "all_missing", "missing_column", "unreadable", "failed")

ITSELF = Layer("itself")

ITSELF_FAMILIES: tuple[Family, ...] = (
    ITSELF.counter("driftgauge_checks_total", "Checks run, by what they found.", "outcome"),
    ITSELF.histogram(
        "driftgauge_check_duration_seconds", "Time of one check.", buckets=CHECK_DURATION_BUCKETS
    ),
    ITSELF.counter(
        "driftgauge_checks_skipped_total", "Checks that were due while the one before had not ended."
    ),
    ITSELF.gauge("driftgauge_last_check_timestamp_seconds", "When the last check that worked ended."),
    ITSELF.gauge(
        "driftgauge_check_interval_seconds",
        "Time from one check to the next, as configured; absent where nothing is checked.",
    ),
    ITSELF.gauge("driftgauge_window_rows", "Rows in a window at the last check.", "window"),
    ITSELF.counter(
        "driftgauge_observations_dropped_total", "Rows predicted but not measured, by reason.", "reason"
    ),
    ITSELF.counter(
        "driftgauge_feature_failures_total",
        "Features of a check that could not be decided, by reason.",
        "reason",
    ),
    ITSELF.counter(
        "driftgauge_internal_errors_total", "Faults of the monitoring itself; none reaches a caller."
    ),
    ITSELF.gauge("driftgauge_store_rows", "Rows held for windows."),
    ITSELF.gauge(
        "driftgauge_store_waiting_rows",
        "Rows that wait in memory for a store that is away, at the last check; absent for a store in memory.",
    ),
    ITSELF.gauge("driftgauge_series", "Series exported for this model."),
)
