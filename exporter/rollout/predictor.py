"""Two versions of a model as one: the champion that answers, and the challenger that may become it."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Self, cast

from prometheus_client import CollectorRegistry

from ..actions import actions_of
from ..answers import Action, Page
from ..background import Periodic
from ..errors import ExporterError, ObservationError
from ..families import families_for
from ..observation import OutcomeCounts
from ..outcomes import as_times
from ..predictor import STOP_TIMEOUT_SECONDS, InstrumentedPredictor
from ..reference import Reference
from ..rollout_policy import RolloutPolicy
from ..server import DEFAULT_PORT, MetricsServer, ServerOptions
from .calls import CallTally
from .forks import looker, survive_forks
from .joining import join
from .losses import usual_error, usual_loss
from .pair import methods_of, require_pair
from .publish import RolloutPublisher
from .router import Route, Router, RouterCounters
from .shadow import Shadow
from .shared import SharedRollout
from .state import Event, RolloutState, begin, describe
from .state_file import StateFile

logger = logging.getLogger("driftgauge.rollout")

KEY_BYTES: Final = 16
"""Of the key that hashes ids; more than anybody could guess."""


class RolloutPredictor:
    """A model that answers as its champion does while a challenger is tried beside it.

    It has the champion's methods, called as before. Which version answers follows from the state file, which
    survives restarts and is shared by the workers of a service.

    Parameters
    ----------
    champion, challenger : InstrumentedPredictor
        Two versions of one model on one registry, each with its reference.
    state_path : path
        Of the state file, on a disk that all workers of this rollout share.
    policy : RolloutPolicy, optional
        Stages, and what decides.
    clock : callable
        Seconds since 1970.
    background : bool
        Whether threads run the shadow and look at the state; without them call `sync`.
    on_event : callable, optional
        Told of each `Event` in one worker, once it is in the file: to move a registry's alias, for example.

    Raises
    ------
    ConfigError
        If the two cannot be compared, or the state file says that another version is champion.
    StoreError
        If the state file cannot be read or written.
    """

    predict: Callable[..., Any]
    predict_proba: Callable[..., Any]
    decision_function: Callable[..., Any]

    def __init__(
        self,
        champion: InstrumentedPredictor,
        challenger: InstrumentedPredictor,
        *,
        state_path: str | os.PathLike[str],
        policy: RolloutPolicy | None = None,
        clock: Callable[[], float] = time.time,
        background: bool = True,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        references = require_pair(champion, challenger)
        self._pair = (champion, challenger)
        self._policy = policy or RolloutPolicy()
        self._clock = clock
        self._on_event = on_event
        self._background = background
        self.turn = threading.RLock()
        self._scale = usual_error(references[0])
        start = begin(
            champion.name,
            champion.version,
            challenger.version,
            key=secrets.token_hex(KEY_BYTES),
            policy=self._policy,
            centre=usual_loss(references[0]),
            now=clock(),
        )
        self._shared = SharedRollout(StateFile(state_path), self._policy, start, clock)
        versions = (champion.name, champion.version, challenger.version)
        self._publisher = RolloutPublisher(families_for(champion.registry), *versions, self._policy)
        self._tally = CallTally(self._policy.slow_seconds)
        self._shadow = Shadow(self._policy.max_waiting_calls, f"driftgauge-shadow-{champion.name}")
        count = self._publisher.count
        counters = RouterCounters(
            shadowed=partial(count, "model_rollout_shadow_calls_total"),
            dropped=partial(count, "model_rollout_shadow_dropped_total"),
            rescued=partial(count, "model_rollout_rescues_total"),
        )
        self._router = Router(self._route(), self._tally, self._shadow, counters, clock)
        for method, function in methods_of(champion).items():
            setattr(self, "_call" if method == "call" else method, self._router.routed(method, function))
        self._logged: set[type[BaseException]] = set()
        self._ended: str | None = None
        self._publisher.publish(self._shared.state)
        self._periodic = Periodic(
            looker(self), self._policy.sync_seconds, f"driftgauge-rollout-{champion.name}"
        )
        if background:
            self._start()

    def _start(self) -> None:
        self._shadow.start()
        self._periodic.start()
        weakref.finalize(self, self._periodic.stop, 0)
        weakref.finalize(self, self._shadow.stop, 0)
        survive_forks(self)

    @property
    def champion(self) -> InstrumentedPredictor:
        """The version that is champion now, with its reference."""
        return self._router.route.champion

    @property
    def challenger(self) -> InstrumentedPredictor | None:
        """The version that is tried; None when the rollout has ended."""
        return self._router.route.challenger

    @property
    def versions(self) -> tuple[str, str]:
        """Of the two that are loaded: the champion of the start, and its challenger."""
        return self._pair[0].version, self._pair[1].version

    @property
    def reference(self) -> Reference | None:
        """Of the champion now."""
        return self.champion.reference

    @property
    def registry(self) -> CollectorRegistry:
        """Where the metrics of both are."""
        return self._pair[0].registry

    @property
    def state(self) -> RolloutState:
        """Where the rollout stood at the last look."""
        return self._shared.state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the model's
        """Call the model, which must be callable."""
        if "_call" not in self.__dict__:
            raise TypeError(f"{type(self).__name__!r} of models that are not callable")
        return self.__dict__["_call"](*args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the champion's
        """Everything that is not ours is the champion's."""
        router = self.__dict__.get("_router")  # not there yet in a copy that is being made
        if router is None or (name.startswith("_") and not name.startswith("__sklearn")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(router.route.champion, name)

    def __repr__(self) -> str:
        state = self._shared.state
        return f"RolloutPredictor({state.champion!r}, {state.challenger!r}, {state.status})"

    def record_outcomes(
        self, ids: Iterable[Any], y_true: Iterable[Any], at: float | Iterable[float] | None = None
    ) -> OutcomeCounts:
        """Join the truth to the rows of whichever version answered them; say what became of each.

        Raises
        ------
        ObservationError
            As `InstrumentedPredictor.record_outcomes`.
        """
        ids, y_true = list(ids), list(y_true)
        if len(ids) != len(y_true):
            raise ObservationError(f"outcomes: found {len(y_true)} for {len(ids)} ids, need one for each id")
        times = as_times(at, len(ids), self._clock())
        if not self._background:
            self._shadow.drain()
        counts, evidence = join(
            self._shared.state,
            self._pair,
            ids,
            y_true,
            times,
            scale=self._scale,
            settle_seconds=self._policy.settle_seconds,
        )
        self._shared.add(evidence)
        return counts

    def sync(self) -> None:
        """Exchange what is known with the other workers, decide, and follow what was decided.

        A state file that cannot be used is counted and logged; predictions go on as they are.
        """
        if not self._background:
            self._shadow.drain()
        with self.turn:
            try:
                events = self._shared.sync(self._tally.take(self._shared.state))
            except (ExporterError, OSError) as fault:
                self._fault(fault)
                return
            self._router.route = self._route()
            self._publisher.announce(events)
            self._publisher.publish(self._shared.state)
        self._retire()
        for event in events:
            logger.info("rollout of %s: %s (%s)", self._shared.state.challenger, event.what, event.reason)
            if self._on_event is not None:
                try:
                    self._on_event(event)
                except Exception as fault:  # noqa: BLE001 - what was decided stands, whoever could not be told
                    self._fault(fault)

    def _retire(self) -> None:
        """Once it has ended, show the version that does not serve no more: its drift would stay as it is.

        A person may still take a promotion back.
        """
        status = self._shared.state.status
        if status in ("running", self._ended):
            return
        self._ended = status
        champion, challenger = self._pair
        serving, other = (challenger, champion) if status == "promoted" else (champion, challenger)
        other.retire()
        serving.resume()

    def _fault(self, fault: Exception) -> None:
        self._publisher.count("model_rollout_faults_total")
        if type(fault) not in self._logged:
            self._logged.add(type(fault))
            logger.error("rollout: %r; predictions go on as they are (logged once a kind)", fault)

    def _route(self) -> Route:
        state = self._shared.state
        champion, challenger = self._pair
        if state.status != "running":
            return Route(champion=challenger if state.status == "promoted" else champion)
        begun = state.stages[-1]
        return Route(
            champion=champion,
            challenger=challenger,
            kind=begun.kind,
            stage=state.stage,
            share=begun.share,
            key=state.key,
        )

    def status(self, _path: str = "") -> Mapping[str, Any]:
        """The state as plain values, with the difference and its bounds: the page /rollout."""
        return describe(self._shared.state, self._policy.alpha)

    def flush(self) -> None:
        """Fold what waits into the metrics and windows of both versions."""
        for predictor in self._pair:
            predictor.flush()

    def serve(self, port: int = DEFAULT_PORT, addr: str = "127.0.0.1") -> MetricsServer:
        """Serve /metrics, /healthz, /rollout and the champion's pages; `serve_with` has tokens and TLS."""
        return self.serve_with(ServerOptions(port=port, addr=addr))

    def serve_with(
        self, options: ServerOptions, actions: Mapping[str, Action] | None = None
    ) -> MetricsServer:
        """As `InstrumentedPredictor.serve_with`, with /rollout; outcomes posted reach both versions."""
        return self._pair[0].serve_with(
            options, {**self.actions, **(actions or {})}, {"rollout": self.status}
        )

    @property
    def pages(self) -> Mapping[str, Page]:
        """What answers a GET: the champion's pages of the start, and /rollout."""
        return {**self._pair[0].pages, "rollout": self.status}

    @property
    def actions(self) -> Mapping[str, Action]:
        """What answers a POST of JSON; outcomes reach both versions."""
        return actions_of(cast("InstrumentedPredictor", self))

    def leave(self) -> None:
        """Look no more and end the shadow; both versions stay, and whoever is champion answers on."""
        self._periodic.stop(STOP_TIMEOUT_SECONDS)
        self._shadow.stop(STOP_TIMEOUT_SECONDS)

    def close(self) -> None:
        """Write what waits and stop threads, server and both versions. The champion goes on to answer."""
        self.leave()
        self.sync()
        for predictor in self._pair:
            predictor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no thread of its parent's."""
        self.turn = threading.RLock()
        self._shared.after_fork()
        self._shadow.start()
        self._periodic.start()
