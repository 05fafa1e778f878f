"""What the service exports: one table on a registry of its own, every child from the start.

`model_name` is bounded by the configuration; the other labels by closed lists. Gauges are read from the state
at each scrape, so replicas agree; counters are those of the process that decides.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ..errors import OutboxError
from ..metrics import Family, WithoutCreated
from .decision import REASONS
from .order import FAILURES
from .state import State

UNKNOWN_MODEL: Final = "unknown"
"""The label of causes whose model is not configured."""
OUTCOMES: Final = ("succeeded", "failed", "refused")
INTAKE: Final = ("taken", "repeated", "unauthorized", "unreadable", "unavailable")

FAMILIES: Final = (
    Family(
        name="retraining_requests_total",
        kind="counter",
        help="Requests by HTTP, by what became of them.",
        labels=("outcome",),
    ),
    Family(
        name="retraining_decisions_total",
        kind="counter",
        help="Decisions to run, to wait or to refuse, by the reason that counted.",
        labels=("model_name", "verdict", "reason"),
    ),
    Family(
        name="retraining_attempts_failed_total",
        kind="counter",
        help="Attempts to train that failed, by reason.",
        labels=("model_name", "reason"),
    ),
    Family(
        name="retraining_runs_total",
        kind="counter",
        help="Runs that ended: their candidate passed, no attempt worked, their candidate was refused.",
        labels=("model_name", "outcome"),
    ),
    Family(
        name="retraining_errors_total",
        kind="counter",
        help="Unexpected errors in the service; each is in the log.",
    ),
    Family(
        name="retraining_waiting",
        kind="gauge",
        help="Causes that wait for their run.",
        labels=("model_name",),
    ),
    Family(
        name="retraining_running",
        kind="gauge",
        help="1 while a run of the model is under way.",
        labels=("model_name",),
    ),
    Family(
        name="retraining_failures_in_a_row",
        kind="gauge",
        help="Newest runs of the model that began and gave no candidate, since the last that did.",
        labels=("model_name",),
    ),
    Family(
        name="retraining_last_success_timestamp_seconds",
        kind="gauge",
        help="When the newest candidate passed; absent before the first.",
        labels=("model_name",),
    ),
    Family(
        name="retraining_state_readable",
        kind="gauge",
        help="1 if the state could be read for this scrape.",
    ),
)


class RetrainingMetrics:
    """The families of the table.

    Parameters
    ----------
    state : State
    models : sequence of str
        Names from the configuration.
    """

    def __init__(self, state: State, models: Sequence[str]) -> None:
        self.registry = CollectorRegistry()
        self._models = frozenset(models)
        made = {
            family.name: Counter(family.name, family.help, family.labels, registry=self.registry)
            for family in FAMILIES
            if family.kind == "counter"
        }
        self._requests = made["retraining_requests_total"]
        self._decisions = made["retraining_decisions_total"]
        self._attempts = made["retraining_attempts_failed_total"]
        self._runs = made["retraining_runs_total"]
        self._errors = made["retraining_errors_total"]
        # A rate exists only for a series that was there before its first event.
        for outcome in INTAKE:
            self._requests.labels(outcome)
        for model in (*models, UNKNOWN_MODEL):
            for verdict, reasons in REASONS.items():
                for reason in reasons:
                    self._decisions.labels(model, verdict, reason)
            for reason in FAILURES:
                self._attempts.labels(model, reason)
            for outcome in OUTCOMES:
                self._runs.labels(model, outcome)
        self.registry.register(_StateCollector(state, tuple(models)))

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(WithoutCreated(self.registry))

    def request(self, outcome: str) -> None:
        """A request came."""
        self._requests.labels(outcome).inc()

    def decision(self, model: str, verdict: str, reason: str) -> None:
        """A decision was made that is not the last one again."""
        self._decisions.labels(self._label(model), verdict, reason).inc()

    def attempt_failed(self, model: str, reason: str) -> None:
        """An attempt to train failed."""
        self._attempts.labels(self._label(model), reason).inc()

    def ended(self, model: str, outcome: str) -> None:
        """A run that had begun ended."""
        self._runs.labels(self._label(model), outcome).inc()

    def error(self) -> None:
        """Something nobody expected."""
        self._errors.inc()

    def _label(self, model: str) -> str:
        return model if model in self._models else UNKNOWN_MODEL


class _StateCollector:
    """Gauges read from the state when asked."""

    def __init__(self, state: State, models: tuple[str, ...]) -> None:
        self._state, self._models = state, models

    def collect(self) -> Iterator[Metric]:
        """The gauges; of a state that cannot be read, only the news that it cannot."""
        gauges = _gauges()
        try:
            with self._state.read() as connection:
                for model in self._models:
                    for name, value in _read(connection, model):
                        gauges[name].add_metric((model,), value)
        except OutboxError:
            unreadable = _gauges()["retraining_state_readable"]
            unreadable.add_metric((), 0.0)
            yield unreadable
            return
        gauges["retraining_state_readable"].add_metric((), 1.0)
        yield from gauges.values()

    def describe(self) -> Iterator[Metric]:
        """The gauges without values, so that registering reads nothing."""
        yield from _gauges().values()


def _gauges() -> dict[str, GaugeMetricFamily]:
    return {
        family.name: GaugeMetricFamily(family.name, family.help, labels=family.labels)
        for family in FAMILIES
        if family.kind == "gauge"
    }


def _read(connection: sqlite3.Connection, model: str) -> Iterator[tuple[str, float]]:
    """The numbers of a model."""
    row = connection.execute(
        """
        SELECT COALESCE(SUM(state = 'requested'), 0) AS waiting,
               COALESCE(SUM(state IN ('running', 'evaluating')), 0) AS running,
               MAX(CASE WHEN state = 'succeeded' THEN ended_at END) AS succeeded_at,
               MAX(CASE WHEN state = 'succeeded' THEN started_at END) AS good_start
        FROM runs WHERE model_name = ?
        """,
        (model,),
    ).fetchone()
    failures = connection.execute(
        "SELECT COUNT(*) FROM runs WHERE model_name = ? AND state IN ('failed', 'refused')"
        " AND started_at > ?",
        (model, row["good_start"] or 0.0),
    ).fetchone()[0]
    yield "retraining_waiting", row["waiting"]
    yield "retraining_running", row["running"]
    yield "retraining_failures_in_a_row", failures
    if row["succeeded_at"] is not None:
        yield "retraining_last_success_timestamp_seconds", row["succeeded_at"]
