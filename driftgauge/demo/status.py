"""What the demo knows about its parts: asked over HTTP, as anybody could."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import requests
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS = 2.0
"""For one answer of a part on this machine; a slower one counts as none, this time."""

CLOCK_METRIC = "demo_simulated_timestamp_seconds"
PROGRESS_METRIC = "demo_replay_progress_ratio"

STATE_DRIFT, STATE_UNKNOWN = 2.0, -1.0
"""As exporter.metrics codes `model_drift_state`."""

WATCHDOG = "Watchdog"

_DRIFT_ALERT = re.compile(r"Drift(?!Unknown)")

Fetch = Callable[[str], str | None]
"""The body at a URL, or None when there is no good answer."""

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that fires.

    Attributes
    ----------
    name : str
        The rule's.
    subject : str
        The feature it is about, or the instance, or nothing.
    severity : str
    """

    name: str
    subject: str
    severity: str

    @property
    def is_drift(self) -> bool:
        """Whether it says that something drifts."""
        return _DRIFT_ALERT.search(self.name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of the demo at one moment; NaN or None stands for what nobody could tell.

    Attributes
    ----------
    simulated_at : float
        Seconds since 1970 in the replayed world.
    progress : float
        Share of the replay that is done, 0 to 1.
    rows, outcomes : int
        Predicted rows, and outcomes joined to them.
    features : int
        Features whose state is known; none before the first check.
    drifted : tuple of str
        Features whose state is drift.
    firing : frozenset of Alert or None
        Alerts that fire now, without the Watchdog; None without Prometheus.
    delivered : int
        Messages delivered: those the inbox shows; with Slack, the bridge's calls that succeeded.
    updated : int
        Messages of the inbox that were brought up to date in place.
    """

    simulated_at: float = math.nan
    progress: float = math.nan
    rows: int = 0
    outcomes: int = 0
    features: int = 0
    drifted: tuple[str, ...] = ()
    firing: frozenset[Alert] | None = None
    delivered: int = 0
    updated: int = 0


@dataclass(slots=True)
class Tally:
    """What the whole run saw, for its summary.

    Attributes
    ----------
    drift_alerts : dict of (str, str)
        Name and subject of every drift alert that fired, in that order. One that is a warning first and
        critical later, or that comes back, counts once.
    drifted : dict of str
        Features that drifted, in that order.
    last : Status
        The newest status.
    first_message_seconds : float or None
        When the first delivered message was seen, since the start.
    """

    drift_alerts: dict[tuple[str, str], None] = field(default_factory=dict)
    drifted: dict[str, None] = field(default_factory=dict)
    last: Status = field(default_factory=Status)
    first_message_seconds: float | None = None

    def add(self, status: Status, seconds: float) -> None:
        """Count a status, seen so many seconds after the start."""
        if status.delivered and self.first_message_seconds is None:
            self.first_message_seconds = seconds
        drifting = sorted((alert.name, alert.subject) for alert in status.firing or () if alert.is_drift)
        self.drift_alerts.update(dict.fromkeys(drifting))
        self.drifted.update(dict.fromkeys(status.drifted))
        self.last = status


class Watcher:
    """Asks the parts and puts their answers together.

    A part that does not answer leaves its numbers as they were.

    Parameters
    ----------
    model_url, bridge_url : str
        Of their /metrics.
    prometheus_url, inbox_url : str or None
        Base addresses; None where there is no such part.
    fetch : callable
        Replaced in tests.
    """

    def __init__(
        self,
        *,
        model_url: str,
        bridge_url: str,
        prometheus_url: str | None = None,
        inbox_url: str | None = None,
        fetch: Fetch | None = None,
    ) -> None:
        self._model_url = model_url
        self._bridge_url = bridge_url
        self._prometheus_url = prometheus_url
        self._inbox_url = inbox_url
        self._fetch = fetch or fetch_text
        self._status = Status()

    def look(self) -> Status:
        """The status now."""
        self._status = self._firing(self._messages(self._model(self._status)))
        return self._status

    def _model(self, status: Status) -> Status:
        text = self._fetch(self._model_url)
        if text is None:
            return status
        samples = read_samples(text)
        states = [(labels["feature_name"], value) for labels, value in samples.get("model_drift_state", [])]
        return replace(
            status,
            simulated_at=_total(samples, CLOCK_METRIC, math.nan),
            progress=_total(samples, PROGRESS_METRIC, math.nan),
            rows=int(_total(samples, "model_predictions_total")),
            outcomes=int(_total(samples, "model_outcomes_total", outcome="joined")),
            features=sum(state != STATE_UNKNOWN for _, state in states),
            drifted=tuple(sorted(name for name, state in states if state == STATE_DRIFT)),
        )

    def _messages(self, status: Status) -> Status:
        inbox = self._inbox_url is not None
        text = self._fetch(f"{self._inbox_url}/api/messages" if inbox else self._bridge_url)
        if text is None:
            return status
        if inbox:
            counters = json.loads(text)["counters"]
            told = counters["posted"] + counters["replied"]
            return replace(status, delivered=told, updated=counters["updated"])
        delivered = _total(read_samples(text), "bridge_deliveries_total", outcome="delivered")
        return replace(status, delivered=int(delivered))

    def _firing(self, status: Status) -> Status:
        if self._prometheus_url is None:
            return status
        text = self._fetch(f"{self._prometheus_url}/api/v1/alerts")
        return status if text is None else replace(status, firing=read_alerts(text))


def fetch_text(url: str) -> str | None:
    """Body of a good answer, or None."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy knows nothing of this machine's loopback
        try:
            answer = session.get(url, timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            return None
        return answer.text if answer.ok else None


def answers(url: str) -> Callable[[], bool]:
    """A check whether there is a good answer at a URL."""
    return lambda: fetch_text(url) is not None


def read_samples(text: str) -> Samples:
    """Samples of Prometheus's text format by name."""
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, float(sample.value)))
    return samples


def read_alerts(text: str) -> frozenset[Alert]:
    """Firing alerts in an answer of Prometheus's /api/v1/alerts, without the Watchdog, which always fires."""
    alerts = json.loads(text)["data"]["alerts"]
    return frozenset(
        Alert(
            name=labels["alertname"],
            subject=labels.get("feature_name") or labels.get("instance") or "",
            severity=labels.get("severity", ""),
        )
        for labels in (alert["labels"] for alert in alerts if alert["state"] == "firing")
        if labels["alertname"] != WATCHDOG
    )


def _total(samples: Samples, name: str, default: float = 0.0, **labels: str) -> float:
    """Sum of a metric's samples with these labels; the default where there is none."""
    values = [
        value
        for found, value in samples.get(name, [])
        if all(found.get(label) == wanted for label, wanted in labels.items())
    ]
    return sum(values) if values else default
