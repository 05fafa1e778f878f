"""The bridge's own metrics: one table, created on a registry of its own, with every child from the start.

Labels are bounded by configuration (`receiver` is a destination, `source` a sender) or by the closed lists
below. The backlog is read from the state at each scrape, so there is nothing to keep in step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from . import calls, escalation, payload
from .buttons import ACTIONS
from .census import Census
from .errors import OutboxError
from .outbox import Backlog

NOTIFICATION_OUTCOMES: Final = ("news", "update", "duplicate")

REFUSAL_REASONS: Final = (
    *payload.REFUSALS,
    "unauthorized",
    "unknown_source",
    "too_large",
    "encoding",
    "too_slow",
    "busy",
    "unavailable",
)
"""Why a request was not taken. The last three pass (503); Alertmanager does not repeat the others by
itself."""

UNKNOWN_SOURCE: Final = "unknown"
"""The label of requests to a source that the configuration does not name."""

DELIVERY_OUTCOMES: Final = ("delivered", "retry", "rejected", "uncertain")

RECONCILED: Final = ("found", "absent", "unknown")

UNKNOWN_ACTION: Final = "unknown"
"""The label of requests that are not believed: what they ask for is not read."""

ENTRANCES: Final = ("slack", "http", "cli")

ACTION_OUTCOMES: Final = ("done", "already", "refused")

ALERTMANAGER_CALLS: Final = ("silences", "alerts")
CALL_OUTCOMES: Final = ("ok", "failed")

ERRANDS: Final = (*ALERTMANAGER_CALLS, "answers", "usergroups")

COMMIT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, from one fsync on a fast disk to Alertmanager's shortest limit for a whole request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric family: name, kind, meaning, labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


FAMILIES: Final = (
    Family(
        name="bridge_notifications_received_total",
        kind="counter",
        help="Notifications from Alertmanager that were stored, by what they changed.",
        labels=("source", "outcome"),
    ),
    Family(
        name="bridge_notifications_refused_total",
        kind="counter",
        help="Requests that were not stored, by reason.",
        labels=("source", "reason"),
    ),
    Family(
        name="bridge_alerts_unreadable_total",
        kind="counter",
        help="Alerts set aside because they could not be read, in notifications that were stored.",
        labels=("source",),
    ),
    Family(
        name="bridge_stale_alerts_total",
        kind="counter",
        help="Firing alerts left alone because they had just ended: an old snapshot, sent again.",
        labels=("source",),
    ),
    Family(
        name="bridge_commit_duration_seconds",
        kind="histogram",
        help="Time from a parsed notification to its durable commit.",
    ),
    Family(
        name="bridge_deliveries_total",
        kind="counter",
        help="Calls to a receiver, by how they ended.",
        labels=("receiver", "outcome", "reason"),
    ),
    Family(
        name="bridge_messages_reconciled_total",
        kind="counter",
        help="Messages of unknown fate, by what was found: there, not there, or nobody can tell.",
        labels=("receiver", "outcome"),
    ),
    Family(
        name="bridge_doubles_suspected_total",
        kind="counter",
        help="Messages sent again although an earlier try may have arrived.",
        labels=("receiver",),
    ),
    Family(
        name="bridge_delivery_loop_errors_total",
        kind="counter",
        help="Unexpected errors in the delivery loop; each is in the log.",
        labels=("receiver",),
    ),
    Family(
        name="bridge_actions_total",
        kind="counter",
        help="Actions that people asked for, by entrance and by what became of them.",
        labels=("action", "entrance", "outcome"),
    ),
    Family(
        name="bridge_alertmanager_calls_total",
        kind="counter",
        help="Calls to Alertmanager's API: for silences, and to ask about alerts.",
        labels=("call", "outcome"),
    ),
    Family(
        name="bridge_errand_errors_total",
        kind="counter",
        help="Unexpected errors in the loops behind the actions; each is in the log.",
        labels=("errand",),
    ),
    Family(
        name="bridge_escalations_total",
        kind="counter",
        help="Steps of escalation policies that told a receiver, by why they were taken.",
        labels=("receiver", "reason"),
    ),
    Family(
        name="bridge_incidents_open",
        kind="gauge",
        help="Incidents of which something fires as far as we know.",
    ),
    Family(
        name="bridge_incidents_acknowledged",
        kind="gauge",
        help="Open incidents that somebody has taken on.",
    ),
    Family(
        name="bridge_heartbeat_age_seconds",
        kind="gauge",
        help="For how long the bridge has listened for a heartbeat and not heard it.",
        labels=("heartbeat",),
    ),
    Family(
        name="bridge_heartbeat_deadline_seconds",
        kind="gauge",
        help="For how long a heartbeat may be silent.",
        labels=("heartbeat",),
    ),
    Family(
        name="bridge_outbox_pending",
        kind="gauge",
        help="Incidents whose newest state a receiver has not been told.",
        labels=("receiver",),
    ),
    Family(
        name="bridge_outbox_oldest_age_seconds",
        kind="gauge",
        help="Age of the oldest state that a receiver has not been told; 0 when all is told.",
        labels=("receiver",),
    ),
    Family(
        name="bridge_receiver_parked",
        kind="gauge",
        help="1 while a receiver refuses everything until somebody mends its token or channel.",
        labels=("receiver",),
    ),
    Family(
        name="bridge_state_readable",
        kind="gauge",
        help="1 if the state could be read for this scrape.",
    ),
)


class BridgeMetrics:
    """The families of the table on a registry, with a child for every combination of labels.

    Parameters
    ----------
    sources, receivers : sequence of str
        Names from the configuration.
    registry : CollectorRegistry, optional
        Default: a new one.
    """

    def __init__(
        self,
        sources: Sequence[str],
        receivers: Sequence[str],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        self._receivers = tuple(receivers)
        made = {
            family.name: Counter(family.name, family.help, family.labels, registry=self.registry)
            for family in FAMILIES
            if family.kind == "counter"
        }
        self._received = made["bridge_notifications_received_total"]
        self._refused = made["bridge_notifications_refused_total"]
        self._unreadable = made["bridge_alerts_unreadable_total"]
        self._stale = made["bridge_stale_alerts_total"]
        self._deliveries = made["bridge_deliveries_total"]
        self._reconciled = made["bridge_messages_reconciled_total"]
        self._doubles = made["bridge_doubles_suspected_total"]
        self._loop_errors = made["bridge_delivery_loop_errors_total"]
        self._escalations = made["bridge_escalations_total"]
        self._actions = made["bridge_actions_total"]
        self._asked = made["bridge_alertmanager_calls_total"]
        self._errand_errors = made["bridge_errand_errors_total"]
        commit = next(family for family in FAMILIES if family.kind == "histogram")
        self._commit = Histogram(commit.name, commit.help, registry=self.registry, buckets=COMMIT_BUCKETS)
        # A rate exists only for a series that was there before its first event.
        self._create_action_children()
        for source in sources:
            self._unreadable.labels(source)
            self._stale.labels(source)
            for outcome in NOTIFICATION_OUTCOMES:
                self._received.labels(source, outcome)
        for source in (*sources, UNKNOWN_SOURCE):
            for reason in REFUSAL_REASONS:
                self._refused.labels(source, reason)
        for receiver in receivers:
            self._doubles.labels(receiver)
            self._loop_errors.labels(receiver)
            for reason in escalation.REASONS:
                self._escalations.labels(receiver, reason)
            for outcome in RECONCILED:
                self._reconciled.labels(receiver, outcome)
            self._deliveries.labels(receiver, "delivered", "ok")
            for outcome in DELIVERY_OUTCOMES[1:]:
                for reason in calls.REASONS[1:]:
                    self._deliveries.labels(receiver, outcome, reason)

    def _create_action_children(self) -> None:
        """Every combination of labels that an action can have."""
        self._actions.labels(UNKNOWN_ACTION, "slack", "unbelieved")
        for action in ACTIONS:
            for entrance in ENTRANCES:
                for outcome in ACTION_OUTCOMES:
                    self._actions.labels(action, entrance, outcome)
        for call in ALERTMANAGER_CALLS:
            for outcome in CALL_OUTCOMES:
                self._asked.labels(call, outcome)
        for errand in ERRANDS:
            self._errand_errors.labels(errand)

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format, without `_created` series, which would double them."""
        return generate_latest(WithoutCreated(self.registry))

    def watch(
        self,
        backlog: Callable[[], Mapping[str, Backlog]],
        clock: Callable[[], float],
        *,
        census: Callable[[], Census] = Census,
        deadlines: Mapping[str, float] | None = None,
    ) -> None:
        """Read the state at every scrape from now on; `deadlines` are those of the heartbeats."""
        self.registry.register(_StateCollector(backlog, clock, self._receivers, census, deadlines or {}))

    def received(self, source: str, outcome: str, *, stale: int, unreadable: int, seconds: float) -> None:
        """A notification was stored."""
        self._received.labels(source, outcome).inc()
        self._stale.labels(source).inc(stale)
        self._unreadable.labels(source).inc(unreadable)
        self._commit.observe(seconds)

    def refused(self, source: str, reason: str) -> None:
        """A request was not stored."""
        self._refused.labels(source, reason).inc()

    def delivery(self, receiver: str, outcome: str, reason: str) -> None:
        """A call ended."""
        self._deliveries.labels(receiver, outcome, reason).inc()

    def reconciled(self, receiver: str, outcome: str) -> None:
        """A message of unknown fate was looked for."""
        self._reconciled.labels(receiver, outcome).inc()

    def double_suspected(self, receiver: str) -> None:
        """A message was sent again that may have arrived before."""
        self._doubles.labels(receiver).inc()

    def action(self, action: str, entrance: str, outcome: str) -> None:
        """Somebody asked for an action."""
        self._actions.labels(action, entrance, outcome).inc()

    def asked(self, call: str, outcome: str) -> None:
        """Alertmanager was called."""
        self._asked.labels(call, outcome).inc()

    def errand_error(self, errand: str) -> None:
        """A loop behind the actions met something nobody expected."""
        self._errand_errors.labels(errand).inc()

    def escalated(self, receiver: str, reason: str) -> None:
        """A step of an escalation policy told a receiver."""
        self._escalations.labels(receiver, reason).inc()

    def loop_error(self, receiver: str) -> None:
        """The delivery loop met something nobody expected."""
        self._loop_errors.labels(receiver).inc()


class WithoutCreated:
    """A registry as the exposition sees it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """What the registry collects, thinned; families are made anew at each collection."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _StateCollector:
    """Gauges of what waits and what is open, read from the state when asked."""

    def __init__(
        self,
        backlog: Callable[[], Mapping[str, Backlog]],
        clock: Callable[[], float],
        receivers: tuple[str, ...],
        census: Callable[[], Census],
        deadlines: Mapping[str, float],
    ) -> None:
        self._backlog, self._clock, self._receivers = backlog, clock, receivers
        self._census, self._deadlines = census, deadlines

    def collect(self) -> Iterator[Metric]:
        """The gauges; of a state that cannot be read, only the news that it cannot."""
        gauges = {
            family.name: GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for family in FAMILIES
            if family.kind == "gauge"
        }
        try:
            waiting, census = self._backlog(), self._census()
        except OutboxError:
            gauges["bridge_state_readable"].add_metric((), 0.0)
            yield gauges["bridge_state_readable"]
            return
        now = self._clock()
        gauges["bridge_state_readable"].add_metric((), 1.0)
        for receiver in self._receivers:
            backlog = waiting[receiver]
            age = 0.0 if backlog.oldest_at is None else max(0.0, now - backlog.oldest_at)
            gauges["bridge_outbox_pending"].add_metric((receiver,), backlog.pending)
            gauges["bridge_outbox_oldest_age_seconds"].add_metric((receiver,), age)
            gauges["bridge_receiver_parked"].add_metric((receiver,), float(backlog.parked))
        gauges["bridge_incidents_open"].add_metric((), census.opened)
        gauges["bridge_incidents_acknowledged"].add_metric((), census.acknowledged)
        for name, deadline in self._deadlines.items():
            gauges["bridge_heartbeat_age_seconds"].add_metric((name,), census.silent.get(name, 0.0))
            gauges["bridge_heartbeat_deadline_seconds"].add_metric((name,), deadline)
        yield from gauges.values()

    def describe(self) -> Iterator[Metric]:
        """The gauges without values, so that registering reads nothing."""
        for family in FAMILIES:
            if family.kind == "gauge":
                yield GaugeMetricFamily(family.name, family.help, labels=family.labels)
