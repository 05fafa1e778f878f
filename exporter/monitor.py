"""Checks of one model version, one after the other: store -> windows -> check -> gauges.

The composition of parts that know nothing of each other. Reads the clock; runs on a thread of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .arrivals import Arrivals
from .assessment import Assessment, AssessmentPolicy, Assessor
from .assessment.cause import Rescore
from .assessment.history import PerformanceHistory, PerformanceTrend
from .assessment.kept import Keepable, KeptState
from .assessment.newest import NewestOutcomes
from .assessment.quality import QualityState
from .check import check
from .effects import Effects
from .error_stream import ConceptReport, ErrorStream
from .errors import ObservationError
from .families import MetricFamilies
from .giving_way import Patience, giving_way
from .gradual import ScoreHistory, ScoreTrend
from .hysteresis import State
from .observation import Observations
from .pauses import pausing
from .policy import Policy
from .publish import Publisher
from .publish_model import ModelPublisher
from .publish_segments import SegmentPublisher
from .reference import Reference
from .report import CheckState, Report
from .schema import SchemaCounts, SchemaHistory
from .stores import Store
from .stores.buffering import BufferingStore
from .windows import Window, checked_windows

logger = logging.getLogger("driftgauge.monitor")

MAX_WINDOW_ROWS = 100_000
"""Rows of a window that a check reads at most, the newest; a KS effect of 0.01 is found with that many."""


class Monitor:
    """Runs and publishes checks of a model version against its reference.

    Parameters
    ----------
    families : MetricFamilies
        Of the registry to publish on.
    name, version : str
        Of the model.
    reference : Reference or None
        Without one there is nothing to check.
    store : Store
        Where the rows are.
    policy : Policy, optional
        How a check decides.
    windows : sequence of Window
        What each check looks at, side by side.
    clock : callable
        Seconds since 1970.
    max_window_rows : int
        Rows of a window that are read at most, the newest.
    classes : tuple of str or None
        Of a classifier; None for a regression.
    assessment : AssessmentPolicy, optional
        How a check judges the model itself.
    errors : ErrorStream, optional
        Detectors of concept drift, which see new outcomes with each check.
    rescore : callable, optional
        Asks the model itself, for importances.
    newest : NewestOutcomes, optional
        A window by rows.
    effects : Effects, optional
        What the model's decisions do, shown with each check.
    schema : SchemaCounts, optional
        How many calls had other columns, from their start.
    state_path : path, optional
        JSON file in which detectors and all histories outlast a restart.
    one_of_many : bool
        Whether several processes have such a monitor, of which one checks: nothing is shown before `begin`.
    arrivals : Arrivals, optional
        Tells which outcomes are new in a store that other processes write to; without it they are told of
        by the predictor.
    """

    def __init__(
        self,
        families: MetricFamilies,
        name: str,
        version: str,
        reference: Reference | None,
        store: Store,
        *,
        policy: Policy | None,
        windows: Sequence[Window],
        clock: Callable[[], float],
        max_window_rows: int = MAX_WINDOW_ROWS,
        classes: tuple[str, ...] | None = None,
        assessment: AssessmentPolicy | None = None,
        errors: ErrorStream | None = None,
        rescore: Rescore | None = None,
        newest: NewestOutcomes | None = None,
        effects: Effects | None = None,
        schema: SchemaCounts | None = None,
        state_path: str | os.PathLike[str] | None = None,
        one_of_many: bool = False,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._families = families
        self._model = (name, version)
        self.model = {"model_name": name, "model_version": version}
        self.profiles = {} if reference is None else dict(reference.features)
        self._policy = policy or Policy()
        self.by_segment = {} if reference is None or not self._policy.segments else reference.by_segment
        self._reference = reference
        self._effects = effects
        self._schema = None if schema is None else SchemaHistory(schema)
        self._store = store
        self._windows = checked_windows(windows)
        self._clock = clock
        self._max_window_rows = max_window_rows
        self._lock = threading.Lock()
        self._memory: dict[str, CheckState] = {}
        self._classes = classes
        self._judging = assessment or AssessmentPolicy()
        self._assessor = (
            None
            if reference is None
            else Assessor(reference, classes, self._judging, rescore, len(self._windows))
        )
        self._publisher: Publisher | None = None
        self._segment_publisher: SegmentPublisher | None = None
        self._model_publisher: ModelPublisher | None = None
        self._one_of_many = one_of_many
        self._begun = self._retired = False
        self._arrivals = arrivals
        self._errors = errors
        self._newest = newest
        self._scores = {window.name: ScoreHistory(spacing_seconds=window.seconds) for window in self._windows}
        self._histories = {window.name: PerformanceHistory(window.seconds) for window in self._windows}
        self.trends: Mapping[str, Mapping[str, PerformanceTrend]] = {}
        self.drift_trends: Mapping[str, Sequence[ScoreTrend]] = {}
        self.concepts: Mapping[str, ConceptReport] = {}
        self.assessments: Mapping[str, Assessment] = {}
        self._faults: set[str] = set()
        self.reports: Mapping[str, Report] = {}
        self.states: Mapping[str, State] = {}
        self._kept = (
            None
            if state_path is None or reference is None
            else KeptState(state_path, name, version, errors, self._remembered())
        )
        families.reveal(name, version)  # an earlier predictor of this version may have retired
        if not one_of_many:
            self.begin()

    def begin(self, memory: Mapping[str, CheckState] | None = None) -> None:
        """Show what is known before the first check, and go on where a state file says; does so once.

        Parameters
        ----------
        memory : mapping of str to CheckState, optional
            What another process's last check of each window remembered.
        """
        if self._begun or self._reference is None:
            return
        self._begun = True
        self._memory = dict(memory or {})
        name, version = self._model
        self._publisher = Publisher(self._families, name, version, self._reference, self._windows)
        self._segment_publisher = SegmentPublisher(
            self._families, name, version, tuple(self.by_segment), self._windows
        )
        self._model_publisher = ModelPublisher(
            self._families,
            name,
            version,
            self._reference,
            self._classes,
            [window.name for window in self._windows],
            self._judging,
        )
        if self._errors is not None:
            self._model_publisher.begin_concepts(self._errors.names)
        self._go_on()

    @property
    def memory(self) -> Mapping[str, CheckState]:
        """What the last check of each window remembers of its columns."""
        return self._memory

    def _remembered(self) -> dict[str, Keepable]:
        """Histories by the names that they have in the state file; those of performance are the windows'."""
        known: dict[str, Keepable] = dict(self._histories)
        known |= {f"drift scores of {window}": history for window, history in self._scores.items()}
        if self._effects is not None:
            known["business"] = self._effects.history
        return known

    def _go_on(self) -> None:
        """Take up what was known before a restart; a file that cannot be read costs no more than that."""
        if self._kept is None:
            return
        try:
            known = self._kept.load()
        except (ObservationError, OSError) as error:
            self._fault(error)
            known = True  # a part of it may have been read
        if known and self._errors is not None and self._model_publisher is not None:
            # Before the first scrape: a counter that began at zero would count its old drifts as new.
            self.concepts = self._errors.run(self._clock())
            self._model_publisher.concepts(self.concepts, counted=self._one_of_many)
        if known and self._arrivals is not None:
            self._arrivals.skip_known()

    def keep(self) -> None:
        """Write what should outlast a restart, where a file was given; every check does it too."""
        if self._kept is None:
            return
        try:
            self._kept.save()
        except (OSError, ValueError) as error:
            self._fault(error)

    def run(self) -> Mapping[str, Report]:
        """Check every window now, publish what was found and return it by window; nothing while retired."""
        with self._lock, giving_way(), pausing(Patience()):
            if self._retired:
                return {}
            self.begin()
            if self._reference is None or self._publisher is None:
                self._affect(self._clock())
                return {}
            started = time.perf_counter()
            try:
                reports, memory = self._check(self._reference)
                states = self._publisher.publish(list(reports.values()))
                if self._segment_publisher is not None:
                    self._segment_publisher.publish(list(reports.values()), states)
            except Exception:
                self._families.counter("driftgauge_checks_total", *self._model, "failed").inc()
                raise
            finally:
                if isinstance(self._store, BufferingStore):
                    waiting = self._families.gauge("driftgauge_store_waiting_rows", *self._model)
                    waiting.set(self._store.waiting_rows)
            self._memory, self.reports, self.states = memory, reports, states
            self._follow(self._publisher)
            self._affect(self._clock())
            self.keep()
            self._count(states, time.perf_counter() - started)
        return reports

    def retire(self) -> None:
        """Check no more, and show no gauges, for they would stay as they are; what was counted stays."""
        with self._lock:
            self._retired = True
            self._families.hide(*self._model)

    def resume(self) -> None:
        """Check again, and show what was known."""
        with self._lock:
            self._retired = False
            self._families.reveal(*self._model)

    @property
    def needed(self) -> bool:
        """Whether there is anything to check: columns, or items shown."""
        return self._reference is not None or (self._effects is not None and self._effects.watches_exposures)

    @property
    def quality_state(self) -> QualityState:
        """State of the data over all windows: broken in one is broken; unknown only where all are."""
        states = {found.quality.state for found in self.assessments.values()}
        return "broken" if "broken" in states else "ok" if "ok" in states else "unknown"

    def _check(self, reference: Reference) -> tuple[dict[str, Report], dict[str, CheckState]]:
        now = self._clock()
        self._store.prune(now)
        if self._schema is not None:
            self._schema.look(now)
        reports: dict[str, Report] = {}
        memory: dict[str, CheckState] = {}
        for window in self._windows:
            limit = min(self._max_window_rows, window.rows or self._max_window_rows)
            rows = self._store.window(now - window.seconds, now, limit=limit)
            state = self._memory.get(window.name, CheckState())
            report = _checked(reference, rows, self._policy, window, state, now)
            reports[window.name], memory[window.name] = report, report.next_state
            self._assess(window, rows, report, now)
        self._detect(now, rows)  # of the longest window, the last one
        return reports, memory

    def _follow(self, publisher: Publisher) -> None:
        """Look for scores that rise from window to window, once a window has none of the last one's rows."""
        for window, report in self.reports.items():
            history = self._scores[window]
            try:
                # After a restart the trends of before hold until there is a new score.
                if history.add(report) or window not in self.drift_trends:
                    found = history.trends(self._policy)
                    self.drift_trends = {**self.drift_trends, window: found}
                    publisher.trends(window, found)
            except Exception as error:  # noqa: BLE001 - the check itself stands
                self._fault(error)

    def _assess(self, window: Window, rows: Observations, report: Report, now: float) -> None:
        """Assess the model over a window; a fault is counted and costs the check nothing."""
        if self._assessor is None or self._model_publisher is None:
            return
        try:
            self._model_publisher.coverage(window, rows)
            schema = None if self._schema is None else self._schema.shares(now - window.seconds)
            assessment = self._assessor.assess(rows, report, now, schema)
            self._model_publisher.publish(assessment)
            self.assessments = {**self.assessments, window.name: assessment}
            self._model_publisher.quality_state(self.quality_state)
            history = self._histories[window.name]
            history.add(assessment.performance.verdicts, now)
            self.trends = {**self.trends, window.name: history.trends(self._judging.alpha)}
            self._model_publisher.trends(window.name, self.trends[window.name])
        except Exception as error:  # noqa: BLE001 - drift is checked all the same
            self._fault(error)

    def _detect(self, now: float, rows: Observations) -> None:
        """Let the detectors of concept drift see what has come; a fault costs the check nothing."""
        if self._errors is None or self._model_publisher is None:
            return
        try:
            if self._arrivals is not None:
                joined = self._arrivals.new(rows)
                self._errors.add(joined)
                if self._newest is not None:
                    self._newest.add(joined)
            self.concepts = self._errors.run(now)
            self._model_publisher.concepts(self.concepts)
            if self._newest is not None:
                self._model_publisher.newest(self._newest.window, self._newest.measures())
        except Exception as error:  # noqa: BLE001 - as above
            self._fault(error)

    def _affect(self, now: float) -> None:
        """Show what the model's decisions do; a fault costs the check nothing."""
        if self._effects is None:
            return
        try:
            self._effects.publish(now, self.reports, self.assessments)
        except Exception as error:  # noqa: BLE001 - as above
            self._fault(error)

    def _fault(self, error: Exception) -> None:
        self._families.counter("driftgauge_internal_errors_total", *self._model).inc()
        if repr(error) not in self._faults:
            self._faults.add(repr(error))
            logger.error("assessment of %s %s failed (logged once)", *self._model, exc_info=error)

    def _count(self, states: Mapping[str, State], seconds: float) -> None:
        found = set(states.values())
        outcome = "drift" if "drift" in found else "unknown" if found <= {"unknown"} else "ok"
        self._families.counter("driftgauge_checks_total", *self._model, outcome).inc()
        self._families.histogram("driftgauge_check_duration_seconds", *self._model).observe(seconds)
        self._families.gauge("driftgauge_last_check_timestamp_seconds", *self._model).set(time.time())
        self._families.gauge("driftgauge_store_rows", *self._model).set(self._store.size())
        self._families.gauge("driftgauge_series", *self._model).set(self._families.count_series(*self._model))


def _checked(
    reference: Reference,
    rows: Observations,
    policy: Policy,
    window: Window,
    state: CheckState,
    now: float,
) -> Report:
    # A window without rows has no columns either; it is unknown for want of data, not of columns.
    features = rows.features or dict.fromkeys(reference.features, np.empty(0))
    return check(
        reference,
        features,
        policy,
        window=window,
        timestamps=rows.times,
        ids=rows.ids,
        scores=rows.scores,
        predictions=rows.classes,
        labels=rows.labels,
        state=state,
        clock=lambda: now,
    )
