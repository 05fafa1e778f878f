"""The wrapped model: as before, now measured.

What a caller pays for stands in `measured.py`. Everything else happens in `recorder.py` on a background
thread, and statistics in `monitor.py` on another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from prometheus_client import CollectorRegistry

from .actions import actions_of
from .answers import Action, Page
from .arrivals import Arrivals
from .assessment import Assessment, AssessmentPolicy
from .background import Background, Periodic
from .buffer import MAX_PENDING_ROWS
from .business import BusinessMeasure
from .checking import Checking
from .counters import ModelCounters
from .effects import Effects
from .error_stream import ConceptReport
from .errors import ConfigError, ObservationError
from .exposure import ExposureCounts, Exposures
from .fallback import Fallback
from .families import families_for
from .lifetime import live_with
from .measured import measure_calls
from .model import framework_of, layout_of, methods_of, require_match, rescore
from .monitor import Monitor
from .observation import JoinedOutcomes, OutcomeCounts
from .outcomes import as_times, classes_of, readable
from .pages import pages_of
from .parts import (
    error_stream_of,
    newest_of,
    own_registry,
    reference_version,
    require_arguments,
    require_parts,
    warn_of_own_windows,
)
from .policy import Policy
from .recorder import Recorder
from .reference import Reference
from .schedule import Schedule
from .server import DEFAULT_PORT, MetricsServer, ServerOptions
from .stores import MemoryStore, Store
from .stores.buffering import BufferingStore
from .windows import CHECK_INTERVAL_SECONDS, DEFAULT_WINDOWS, Window, checked_windows

FLUSH_INTERVAL_SECONDS = 0.5
"""`MAX_PENDING_ROWS` is then ten times what arrives in between at the highest rate that we measure."""

STOP_TIMEOUT_SECONDS = 5.0
"""How long `close` waits for a check that is under way."""


class InstrumentedPredictor:
    """A model that answers as before and is measured.

    `predict`, `predict_proba`, `decision_function` and calling it are there if the model has them, also
    where they are coroutines; every other attribute is the model's own. Each takes the model's arguments and
    besides `ids=` (prediction ids of the rows, by which outcomes find them) and `at=` (when the rows were
    observed, seconds since 1970, for replays).

    Parameters
    ----------
    model : object
        With one of the methods above, or a callable. It is never changed.
    name, version : str
        Of the model: the labels `model_name` and `model_version` of every metric.
    reference : Reference, optional
        What the model was trained on. Without it only the service is measured.
    registry : CollectorRegistry, optional
        Where the metrics are; several predictors may share one. By default one of its own.
    policy : Policy, optional
        How checks decide.
    windows : sequence of Window
        Stretches of time that each check looks at, side by side.
    store : Store, optional
        Where the rows of the windows wait; by default in memory.
    check_interval_seconds : float
        From one check to the next, on `clock`.
    max_pending_rows : int
        Rows that may wait for the background; more are dropped and counted.
    clock : callable
        Seconds since 1970.
    background : bool
        Whether threads fold and check; without them call `flush` and `check_now`.
    assessment : AssessmentPolicy, optional
        How the model itself is judged, once outcomes come.
    fallback : Fallback, optional
        What is answered when the model raises; without it the exception is the caller's, as it was.
    business : mapping of str to BusinessMeasure, optional
        Business metrics by name, which `record_business` takes.
    catalog : iterable, optional
        All items that a recommender could show, which `record_exposures` takes; compared as text.
    state_path : path, optional
        JSON file, of this process or of the workers of one server alone, in which the detectors of concept
        drift and the histories of performance, drift scores and business values outlast a restart. Written
        with each check.
    schedule : Schedule, optional
        When checks run, in place of `check_interval_seconds`.

    Raises
    ------
    ConfigError
        If the model cannot be measured (not fitted, no method), or an argument cannot be used.
    ReferenceDataError
        If the reference is of another model, version or set of features.
    """

    predict: Callable[..., Any]
    predict_proba: Callable[..., Any]
    decision_function: Callable[..., Any]

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - any model
        *,
        name: str,
        version: str,
        reference: Reference | None = None,
        registry: CollectorRegistry | None = None,
        policy: Policy | None = None,
        windows: Sequence[Window] = DEFAULT_WINDOWS,
        store: Store | None = None,
        check_interval_seconds: float = CHECK_INTERVAL_SECONDS,
        max_pending_rows: int = MAX_PENDING_ROWS,
        clock: Callable[[], float] = time.time,
        background: bool = True,
        assessment: AssessmentPolicy | None = None,
        fallback: Fallback | None = None,
        business: Mapping[str, BusinessMeasure] | None = None,
        catalog: Iterable[Any] | None = None,
        state_path: str | os.PathLike[str] | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        require_arguments(name, version, reference, check_interval_seconds, max_pending_rows)
        require_parts(
            store,
            windows,
            policy=policy,
            assessment=assessment,
            fallback=fallback,
            business=business,
            schedule=schedule,
            registry=registry,
            clock=clock,
            state_path=state_path,
        )
        self._model = model
        self.name, self.version, self.reference = name, version, reference
        methods = methods_of(model)
        if reference is not None:
            require_match(model, name, version, reference)
        self.registry = own_registry() if registry is None else registry
        families = families_for(self.registry)
        layout = layout_of(model, reference)
        self._layout, self._classes = layout, classes_of(reference, layout.classes)
        counters = ModelCounters(families, name, version, reference, layout.classes)
        families.gauge("model_info", name, version, reference_version(reference), framework_of(model)).set(1)
        self._counters = counters
        self._effects = Effects(
            families,
            name,
            version,
            business=business or {},
            exposures=None if catalog is None else Exposures(catalog),
            windows=checked_windows(windows),
            clock=clock,
        )
        self._clock = clock
        self._store: Store = MemoryStore() if store is None else store
        if isinstance(self._store, BufferingStore):
            self._store.on_drop(partial(counters.dropped, "store"))
        workers = families.workers is not None
        if workers:
            warn_of_own_windows(name, self._store)
        self._recorder = Recorder(
            counters,
            layout,
            self._store,
            max_pending_rows=max_pending_rows,
            clock=clock,
            fallback=fallback,
        )
        self._errors = error_stream_of(reference, self._classes, windows)
        self._newest = newest_of(self._classes, assessment or AssessmentPolicy())
        # Outcomes on a shared store are joined by whichever worker is told of them.
        self._arrivals = Arrivals() if workers and not isinstance(self._store, MemoryStore) else None
        self._monitor = Monitor(
            families,
            name,
            version,
            reference,
            self._store,
            policy=policy,
            windows=windows,
            clock=clock,
            classes=self._classes,
            assessment=assessment,
            errors=self._errors,
            newest=self._newest,
            effects=self._effects,
            schema=counters.schema,
            state_path=state_path,
            rescore=partial(
                rescore, model, methods, None if reference is None else tuple(reference.features)
            ),
            one_of_many=workers,
            arrivals=self._arrivals,
        )
        self._checking = Checking(
            self._monitor,
            self._effects,
            families,
            schedule or Schedule(interval_seconds=check_interval_seconds),
            clock=clock,
            before=self._recorder.flush,
            serves=partial(_has_predicted, counters),
        )
        families.call_before_collect(self._recorder.flush)
        for method, function in methods.items():
            measured = measure_calls(self._recorder, method, function)
            setattr(self, "_call" if method == "call" else method, measured)
        self._server: MetricsServer | None = None
        self._workers = workers
        self._threads: list[Background] = []
        if background:
            flush = Periodic(self._recorder.flush, FLUSH_INTERVAL_SECONDS, f"driftgauge-flush-{name}")
            self._threads = [flush, self._checking]
            live_with(self, self._threads, self._recorder.flush, self._forked)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the model's
        """Call the model, which must be callable."""
        if "_call" not in self.__dict__:
            raise TypeError(f"{type(self._model).__name__!r} object is not callable")
        return self._call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the model's
        """Everything that is not ours is the model's."""
        if name.startswith("_") and not name.startswith("__sklearn"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._model, name)

    def __repr__(self) -> str:
        return f"InstrumentedPredictor({self._model!r}, name={self.name!r}, version={self.version!r})"

    def record_outcomes(
        self,
        ids: Iterable[Any],
        y_true: Iterable[Any],
        at: float | Iterable[float] | None = None,
    ) -> OutcomeCounts:
        """Join the truth to the rows that were predicted with these ids; say what became of each.

        Parameters
        ----------
        ids : iterable
            As they were passed to the prediction.
        y_true : iterable
            Classes of the model, or numbers where it predicts numbers.
        at : float or iterable of float, optional
            When each became known, seconds since 1970; now, unless it is given.

        Raises
        ------
        ObservationError
            If there are not as many outcomes as ids, or `at` is no time.
        """
        return self.join_outcomes(ids, y_true, at).counts

    def join_outcomes(
        self,
        ids: Iterable[Any],
        y_true: Iterable[Any],
        at: float | Iterable[float] | None = None,
    ) -> JoinedOutcomes:
        """As `record_outcomes`, with the rows that now have their truth."""
        ids, y_true = list(ids), list(y_true)
        if len(ids) != len(y_true):
            raise ObservationError(f"outcomes: found {len(y_true)} for {len(ids)} ids, need one for each id")
        times = as_times(at, len(ids), self._clock())
        self._recorder.flush()  # the predictions may still be waiting in the buffer
        read = readable(y_true, self._classes, self.reference, texts=self._layout.predicts_classes)
        joined = self._store.outcomes(ids, read, times)
        self._counters.outcomes(joined)
        if joined.counts.joined and self._arrivals is None:
            for follower in (self._errors, self._newest):
                if follower is not None:
                    follower.add(joined)
        return joined

    def record_business(self, measure: str, value: float) -> None:
        """Add to a business counter, or show the new value of a business gauge.

        Raises
        ------
        ObservationError
            If the value is no finite number, or below zero for a counter, or there is no such measure.
        """
        self._effects.record_business(measure, value)

    def record_exposures(self, items: Iterable[Any]) -> ExposureCounts:
        """Count items of the catalogue that were shown; say how many it does not have.

        Raises
        ------
        ConfigError
            If the predictor was given no catalogue.
        ObservationError
            If the items are one text.
        """
        return self._effects.record_exposures(items)

    def flush(self) -> None:
        """Fold what waits into the metrics and the windows now, as every scrape does."""
        self._recorder.flush()

    def check_now(self) -> Mapping[str, Any]:
        """Run a check of every window now and publish it; its reports by window, as `reports`."""
        self._recorder.flush()
        return self._monitor.run()

    def retire(self) -> None:
        """Check no more and show no gauges: another version has taken over.

        The model goes on to answer whoever still asks; its calls, rows and outcomes are counted.
        """
        self._monitor.retire()

    def resume(self) -> None:
        """Check again and show all gauges, after `retire`."""
        self._monitor.resume()

    @property
    def reports(self) -> Mapping[str, Any]:
        """Report of the latest check by window name; empty before the first."""
        return self._monitor.reports

    @property
    def assessments(self) -> Mapping[str, Assessment]:
        """What the latest check found out about the model itself, by window name; empty before the first."""
        return self._monitor.assessments

    @property
    def concepts(self) -> Mapping[str, ConceptReport]:
        """What each detector of concept drift said at the latest check; empty before the first."""
        return self._monitor.concepts

    @property
    def quality_state(self) -> str:
        """Whether the data of the latest check were sound: ok, broken or unknown."""
        return self._monitor.quality_state

    def serve(
        self,
        port: int = DEFAULT_PORT,
        addr: str = "127.0.0.1",
        *,
        token: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
    ) -> MetricsServer:
        """Serve /metrics, /healthz, /drift, /performance and /effects from a thread of this process.

        POST of JSON to /outcomes, /business and /exposures does what the `record_` methods do.

        Parameters
        ----------
        port : int
            0 takes a free one, which the returned server tells.
        addr : str
            Loopback unless told otherwise.
        token : str, optional
            Bearer token that every path but /healthz then asks for.
        certfile, keyfile : str, optional
            PEM files for TLS.

        Raises
        ------
        PortTakenError
            If something else listens there.
        ConfigError
            If this predictor serves already, or the port, address or certificate cannot be used.
        """
        return self.serve_with(
            ServerOptions(port=port, addr=addr, token=token, certfile=certfile, keyfile=keyfile)
        )

    def serve_with(
        self,
        options: ServerOptions,
        actions: Mapping[str, Action] | None = None,
        pages: Mapping[str, Page] | None = None,
    ) -> MetricsServer:
        """As `serve`, with further paths that answer a POST, or a GET, with JSON."""
        if self._server is not None:
            found = self._server.url
            raise ConfigError(f"serve: found this predictor serving at {found}, need it closed first")
        self._server = MetricsServer(
            self.registry,
            options,
            {**self.pages, **(pages or {})},
            {**self.actions, **(actions or {})},
            reuse_port=self._workers,
        )
        return self._server

    @property
    def pages(self) -> Mapping[str, Page]:
        """What answers a GET, by the first part of its path: for a server of one's own."""
        return pages_of(self._monitor, self._effects, self._checking)

    @property
    def actions(self) -> Mapping[str, Action]:
        """What answers a POST of JSON, by its path."""
        return actions_of(self)

    def close(self) -> None:
        """Fold what waits and stop server and threads. The model goes on to answer, no longer checked."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for thread in self._threads:
            thread.stop(STOP_TIMEOUT_SECONDS)
        self._threads = []
        self._recorder.flush()
        if not self._workers:  # the one that checks keeps it with each check, and may be another one by now
            self._monitor.keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _forked(self, child: bool) -> None:
        if child:
            self._recorder.after_fork()
        self._checking.forked(child=child)
        for thread in self._threads if child else ():
            thread.start()


def _has_predicted(counters: ModelCounters) -> bool:
    return counters.schema.calls > 0
