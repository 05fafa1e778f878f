"""The model that a stream is about: counters, window and checks, as an `InstrumentedPredictor` has them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from ..assessment import AssessmentPolicy
from ..background import Periodic
from ..counters import ModelCounters
from ..errors import ExporterError
from ..families import families_for
from ..metrics import DEAD_LETTER_REASONS, MESSAGE_RESULTS, STREAM_FAILURES
from ..monitor import Monitor
from ..observation import Observations
from ..outcomes import as_classes, as_texts, as_values, classes_of
from ..parts import error_stream_of, newest_of, reference_version
from ..policy import Policy
from ..reference import Reference
from ..stores import Store
from ..windows import CHECK_INTERVAL_SECONDS, DEFAULT_WINDOWS, Window
from .alerts import memory_of
from .messages import Outcomes
from .publisher import Announcer

logger = logging.getLogger("driftgauge.stream")

TICK_SECONDS: Final = 1.0
"""How often it is asked whether a check is due."""

FIRST_CHECK_SECONDS: Final = 30.0
"""So long after the start the first check runs, as a predictor's."""


class Sink:
    """Takes rows and outcomes, and checks them.

    Parameters
    ----------
    reference : Reference
        Of the model, whose name and version it has.
    store : Store
        Where the rows of the windows are.
    registry : CollectorRegistry
        Where the metrics are.
    announcer : Announcer, optional
        Tells a topic what checks change.
    policy, windows, assessment, check_interval_seconds
        As those of a predictor.
    check_rows : int, optional
        A check also after so many rows.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        reference: Reference,
        store: Store,
        registry: CollectorRegistry,
        *,
        announcer: Announcer | None = None,
        policy: Policy | None = None,
        windows: Sequence[Window] = DEFAULT_WINDOWS,
        assessment: AssessmentPolicy | None = None,
        check_interval_seconds: float = CHECK_INTERVAL_SECONDS,
        check_rows: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.model = (reference.model_name, reference.model_version)
        self.reference = reference
        self.store = store
        self._families = families_for(registry)
        self._classes = classes_of(reference, None)
        self._counters = ModelCounters(self._families, *self.model, reference, self._classes)
        self._families.gauge("model_info", *self.model, reference_version(reference), "stream").set(1)
        self._errors = error_stream_of(reference, self._classes, windows)
        self._newest = newest_of(self._classes, assessment or AssessmentPolicy())
        self.monitor = Monitor(
            self._families,
            *self.model,
            reference,
            store,
            policy=policy,
            windows=windows,
            clock=clock,
            classes=self._classes,
            assessment=assessment,
            errors=self._errors,
            newest=self._newest,
            one_of_many=announcer is not None,
        )
        self._announcer = announcer
        self._begun = False
        self._clock = clock
        self._interval = check_interval_seconds
        self._check_rows = check_rows
        self._due = clock() + min(FIRST_CHECK_SECONDS, check_interval_seconds)
        self._rows = 0
        self._lock = threading.Lock()
        self._troubles: set[str] = set()
        self.leads = False
        for result in MESSAGE_RESULTS:
            self._families.counter("driftgauge_stream_messages_total", *self.model, result)
        for reason in DEAD_LETTER_REASONS:
            self._families.counter("driftgauge_stream_dead_letters_total", *self.model, reason)
        for reason in STREAM_FAILURES:
            self._families.counter("driftgauge_stream_failures_total", *self.model, reason)
        for family in ("driftgauge_stream_alerts_total", "driftgauge_stream_rebalances_total"):
            self._families.counter(family, *self.model)
        self._families.gauge("driftgauge_check_interval_seconds", *self.model).set(check_interval_seconds)

    def counted(self, observations: Observations) -> None:
        """Count rows that the store has; a fault is counted and costs nothing else."""
        self._families.counter("model_predictions_total", *self.model).inc(observations.n_rows)
        try:
            if observations.n_rows:
                self._counters.observed(observations)
        except Exception as error:  # noqa: BLE001 - the rows are in the window; a stream must go on
            self._counters.fault(observations.n_rows)
            self.trouble("fault", error)
        with self._lock:
            self._rows += observations.n_rows

    def join(self, outcomes: Outcomes) -> None:
        """Join outcomes to their rows, and count what became of each.

        Raises
        ------
        StoreError
            If the store is away.
        """
        found = self.store.outcomes(outcomes.ids, self._readable(outcomes.y_true), outcomes.at)
        self._counters.outcomes(found)
        if found.counts.joined:
            if self._errors is not None:
                self._errors.add(found)
            if self._newest is not None:
                self._newest.add(found)

    def count(self, result: str, messages: int) -> None:
        """Count messages that were dealt with."""
        self._families.counter("driftgauge_stream_messages_total", *self.model, result).inc(messages)

    def refused(self, reason: str) -> None:
        """Count a message that cannot be used."""
        self._families.counter("driftgauge_stream_dead_letters_total", *self.model, reason).inc()
        self.count("dead_letter", 1)

    def failed(self, what: str, error: object) -> None:
        """Count what failed and is tried again; told once until it works."""
        self._families.counter("driftgauge_stream_failures_total", *self.model, what).inc()
        self.trouble(what, error)

    def trouble(self, what: str, error: object) -> None:
        """Log the first of its kind."""
        if what not in self._troubles:
            self._troubles.add(what)
            logger.warning("%s: %s (logged once until it works again)", what, error)

    def works(self, what: str) -> None:
        """Say that something that failed works again."""
        if what in self._troubles:
            self._troubles.discard(what)
            logger.info("%s: works again", what)

    def rebalanced(self) -> None:
        """Count that partitions came or went."""
        self._families.counter("driftgauge_stream_rebalances_total", *self.model).inc()

    def polled(self) -> None:
        """Show that messages are still asked for."""
        self._families.gauge("driftgauge_stream_last_poll_timestamp_seconds", *self.model).set(self._clock())

    def held(self, topic: str, partitions: int) -> None:
        """Show how many partitions of a topic are ours."""
        self._families.gauge("driftgauge_stream_partitions", *self.model, topic).set(partitions)

    def lag(self, topic: str, partition: int, messages: int | None, seconds: float | None) -> None:
        """Show how far a partition is behind; None for what is not known, or no longer ours."""
        place = (*self.model, topic, str(partition))
        self._families.show("driftgauge_stream_lag_messages", messages, *place)
        self._families.show("driftgauge_stream_behind_seconds", seconds, *place)

    def lead(self, leads: bool) -> None:
        """Whether this member tells changes of state, for the whole group."""
        if self._announcer is not None and leads and not self.leads:
            self._announcer.forget()
        self.leads = leads

    def checks(self) -> Periodic:
        """A thread, not yet started, that checks when it is due."""
        return Periodic(self.check_if_due, min(TICK_SECONDS, self._interval), "driftgauge-stream-check")

    def check_if_due(self) -> None:
        """Check after the interval, or after enough rows."""
        with self._lock:
            enough = self._check_rows is not None and self._rows >= self._check_rows
            if not enough and self._clock() < self._due:
                return
            self._due, self._rows = self._clock() + self._interval, 0
        self.check_now()

    def check_now(self) -> None:
        """Check every window now, and tell what changed; what fails is counted, and due again."""
        if self._announcer is not None and not self._begun:
            self._begin(self._announcer)
        try:
            self.monitor.run()
        except ExporterError as error:
            self.failed("check", error)
            return
        self.works("check")
        if self._announcer is not None and self.leads:
            self._announce(self._announcer)

    def _begin(self, announcer: Announcer) -> None:
        """Go on from the states that the topic tells; where it cannot be read, all columns begin as ok."""
        self._begun = True
        try:
            self.monitor.begin(memory_of(announcer.known()))
        except ExporterError as error:
            self.failed("publish", error)

    def _announce(self, announcer: Announcer) -> None:
        try:
            told = announcer.announce(self.monitor.reports)
        except ExporterError as error:
            self.failed("publish", error)
            return
        self._families.counter("driftgauge_stream_alerts_total", *self.model).inc(told)
        self.works("publish")

    def _readable(self, y_true: Sequence[object]) -> Sequence[object]:
        if self._classes is not None:
            return as_classes(y_true, self._classes)
        return as_values(y_true) if self.reference.task == "regression" else as_texts(y_true)
