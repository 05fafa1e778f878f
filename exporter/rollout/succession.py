"""A model whose challengers come while it serves: one version after the other, without a restart.

The state file says which versions serve and where each is loaded from; every worker follows it, at its start
and at each look. Whoever sees a new candidate loads it, checks it, and begins its rollout in the file if no
other worker was first. A worker that cannot load a challenger takes its rollout back for all of them: one
champion everywhere, and never without its reference.
"""

from __future__ import annotations

import inspect
import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self, cast

from ..actions import actions_of
from ..answers import Action, Page
from ..background import Periodic
from ..errors import ConfigError, ExporterError
from ..families import families_for
from ..metrics import CANDIDATE_REFUSALS
from ..observation import OutcomeCounts
from ..parts import own_registry
from ..predictor import STOP_TIMEOUT_SECONDS, InstrumentedPredictor
from ..reference import Reference
from ..rollout_policy import RolloutPolicy
from ..server import DEFAULT_PORT, MetricsServer, ServerOptions
from .candidate import Candidate, Refusal, read_candidate, signature
from .forks import looker, survive_forks
from .losses import usual_loss
from .pair import methods_of, require_pair
from .predictor import KEY_BYTES, RolloutPredictor
from .shared import begin_after, take_back
from .state import RolloutState, begin, describe
from .state_file import StateFile
from .versions import Build, Versions

logger = logging.getLogger("driftgauge.rollout")

UNLOADABLE: Final = "unloadable"
MAX_NOTE: Final = 500
"""Characters of an error that are kept in the audit log."""


class Succession:
    """A model that answers as its champion does, and tries candidates as they come.

    It has the champion's methods, called as before.

    Parameters
    ----------
    build : callable
        Makes the predictor of a `Candidate`, or of the configured version for None, on a registry.
    name, version : str
        Of the model, and the configured version: the first champion.
    state_path : path
        Of the state file, on a disk that all workers share.
    candidate_path : path
        Of the file that names the newest candidate.
    policy : RolloutPolicy, optional
        Stages, the first of which is shadow, and what decides.
    clock : callable
        Seconds since 1970.
    background : bool
        Whether threads look at the files; without them call `sync`.

    Raises
    ------
    ConfigError
        If the champion cannot be loaded, or the state file is not of the configured version and its
        successors.
    ReferenceDataError
        If the champion's reference is not its own.
    StoreError
        If the state file cannot be used.
    """

    predict: Callable[..., Any]
    predict_proba: Callable[..., Any]
    decision_function: Callable[..., Any]

    def __init__(
        self,
        build: Build,
        *,
        name: str,
        version: str,
        state_path: str | os.PathLike[str],
        candidate_path: str | os.PathLike[str],
        policy: RolloutPolicy | None = None,
        clock: Callable[[], float] = time.time,
        background: bool = True,
    ) -> None:
        self.registry = own_registry()
        self.turn = threading.RLock()
        self._name, self._configured = name, version
        self._file, self._candidate_path = StateFile(state_path), Path(candidate_path)
        self._policy = policy or RolloutPolicy()
        self._clock = clock
        self._background = background
        self._versions = Versions(build, name, version, self.registry)
        self._seen: tuple[int, ...] | None = None
        self._refused: Mapping[str, Any] | None = None
        self._logged: set[type[BaseException]] = set()
        self._server: MetricsServer | None = None
        self._state = self._file.read()
        self._now = self._versions.get(version) if self._state is None else self._of(self._state)
        self._show_champion()
        for method, function in methods_of(self.champion).items():
            setattr(self, "_call" if method == "call" else method, _delegate(self, method, function))
        self._periodic = Periodic(looker(self), self._policy.sync_seconds, f"driftgauge-succession-{name}")
        if background:
            self._periodic.start()
            weakref.finalize(self, self._periodic.stop, 0)
            survive_forks(self)

    @property
    def champion(self) -> InstrumentedPredictor:
        """The version that is champion now, with its reference."""
        now = self._now
        return now.champion if isinstance(now, RolloutPredictor) else now

    @property
    def challenger(self) -> InstrumentedPredictor | None:
        """The version that is tried; None while there is none."""
        now = self._now
        return now.challenger if isinstance(now, RolloutPredictor) else None

    @property
    def reference(self) -> Reference | None:
        """Of the champion now."""
        return self.champion.reference

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the model's
        """Call the model, which must be callable."""
        if "_call" not in self.__dict__:
            raise TypeError(f"{type(self).__name__!r} of models that are not callable")
        return self.__dict__["_call"](*args, **kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the champion's
        """Everything that is not ours is the champion's."""
        now = self.__dict__.get("_now")  # not there yet in a copy that is being made
        if now is None or (name.startswith("_") and not name.startswith("__sklearn")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(now, name)

    def __repr__(self) -> str:
        return f"Succession({self._now!r})"

    def record_outcomes(
        self, ids: Iterable[Any], y_true: Iterable[Any], at: float | Iterable[float] | None = None
    ) -> OutcomeCounts:
        """Join the truth to the rows of the versions that are here now; say what became of each.

        Raises
        ------
        ObservationError
            As `InstrumentedPredictor.record_outcomes`.
        """
        return self._now.record_outcomes(ids, y_true, at)

    def sync(self) -> None:
        """Follow the state file, and begin the rollout of a new candidate where none runs.

        What goes wrong is counted and logged; the champion goes on.
        """
        with self.turn:
            if isinstance(self._now, RolloutPredictor) and not self._background:
                self._now.sync()
            try:
                state = self._file.read()
                self._follow(state)
                # Where a promotion is known here already, so that the next one is tried against it.
                if state is None or (state.status != "running" and state.serving == self.champion.version):
                    self._consider(state)
            except (ExporterError, OSError) as fault:
                self._fault(fault)

    def _follow(self, state: RolloutState | None) -> None:
        if state is None and self._state is not None:
            self._seen = None  # somebody took the file away, so that its candidate is tried again
        if state is not None and self._is_news(state):
            self._switch(self._of(state))
        self._state = state

    def _fault(self, fault: Exception) -> None:
        families_for(self.registry).counter("model_rollout_faults_total", *self._labels()).inc()
        if type(fault) not in self._logged:
            self._logged.add(type(fault))
            logger.error("rollout: %r; the champion goes on (logged once a kind)", fault)

    def _is_news(self, state: RolloutState) -> bool:
        """Whether a state needs other predictors than those that are here."""
        if self._state is None or state.key != self._state.key:
            return True
        return not isinstance(self._now, RolloutPredictor) and state.serving != self._now.version

    def _of(self, state: RolloutState) -> InstrumentedPredictor | RolloutPredictor:
        """Predictor for a state. A rollout whose challenger cannot be loaded is taken back."""
        self._require_ours(state)
        self._versions.learn(state.origins)
        if state.status == "rolled_back":
            return self._versions.get(state.champion)
        try:
            challenger = self._versions.get(state.challenger)
        except ExporterError as fault:
            return self._without(state, fault)
        try:
            champion = self._versions.get(state.champion)
        except ExporterError as fault:
            if state.status == "running":
                raise
            logger.warning("rollout: %s; it could not be rolled back to", fault)
            return challenger
        try:
            require_pair(champion, challenger)
        except ConfigError as fault:
            return self._without(state, fault)
        return RolloutPredictor(
            champion,
            challenger,
            state_path=self._file.path,
            policy=self._policy,
            clock=self._clock,
            background=self._background,
        )

    def _without(self, state: RolloutState, fault: Exception) -> InstrumentedPredictor:
        """The champion of a rollout that is taken back, since its challenger is not to be had here."""
        champion = self._versions.get(state.champion)  # if that fails too, the file stays as it is
        words = str(fault)[:MAX_NOTE]
        self._state = take_back(self._file, state.key, UNLOADABLE, note=words, now=self._clock())
        labels = (self._name, state.challenger, UNLOADABLE)
        families_for(self.registry).counter("model_rollbacks_total", *labels).inc()
        logger.error("rollout of %s: rolled back (%s): %s", state.challenger, UNLOADABLE, words)
        return champion

    def _require_ours(self, state: RolloutState) -> None:
        if state.name != self._name:
            raise ConfigError(
                f"{self._file.path}: found the model {state.name!r}, need {self._name!r}: a file for each"
            )
        if self._configured not in {state.champion, state.challenger, *state.origins}:
            raise ConfigError(
                f"{self._file.path}: found version {state.serving!r} as champion, need it and not"
                f" {self._configured!r} as the configured one, or another file"
            )

    def _consider(self, state: RolloutState | None) -> None:
        """Begin with the candidate that the file names, if it is a new one."""
        mark = signature(self._candidate_path)
        if mark is None or mark == self._seen:
            return
        found, champion = read_candidate(self._candidate_path), self.champion
        if isinstance(found, Candidate):
            known = {champion.version} if state is None else {state.champion, state.challenger}
            if found.version not in known:
                tried = self._versions.try_(found, champion)
                if not isinstance(tried, Refusal):
                    self._begin(found, champion, state)
                    return
                found = tried
        self._seen = mark
        if isinstance(found, Refusal):
            self._refused = {"at": self._clock(), "reason": found.reason, "words": found.words}
            counter = "model_rollout_refusals_total"
            families_for(self.registry).counter(counter, *self._labels(), found.reason).inc()
            logger.warning("candidate refused (%s): %s", found.reason, found.words)

    def _begin(
        self, candidate: Candidate, champion: InstrumentedPredictor, state: RolloutState | None
    ) -> None:
        """Write down that the candidate's rollout begins; if another worker was first, follow it later."""
        assert champion.reference is not None
        start = begin(
            self._name,
            champion.version,
            candidate.version,
            key=secrets.token_hex(KEY_BYTES),
            policy=self._policy,
            centre=usual_loss(champion.reference),
            now=self._clock(),
            origins=self._versions.origins(champion.version, candidate),
        )
        if begin_after(self._file, state, start):
            self._refused = None
            self._switch(self._of(start))
            self._state = start

    def _switch(self, now: InstrumentedPredictor | RolloutPredictor) -> None:
        """Let other predictors answer: one assignment, so that each call sees those before or those after."""
        before, self._now = self._now, now
        if isinstance(before, RolloutPredictor):
            before.leave()
        self._versions.keep(now.versions if isinstance(now, RolloutPredictor) else (now.version,))
        self._show_champion()

    def _show_champion(self) -> None:
        """Let the counters of this champion begin with their zero, and say that it serves."""
        families = families_for(self.registry)
        if not isinstance(self._now, RolloutPredictor):
            families.gauge("model_traffic_ratio", *self._labels(), "champion").set(1.0)
        families.counter("model_rollout_faults_total", *self._labels())
        for reason in CANDIDATE_REFUSALS:
            families.counter("model_rollout_refusals_total", *self._labels(), reason)

    def _labels(self) -> tuple[str, str]:
        return self._name, self.champion.version

    def status(self, _path: str = "") -> Mapping[str, Any]:
        """The state as plain values, and why the last candidate was refused: the page /rollout."""
        now, state = self._now, self._state
        if isinstance(now, RolloutPredictor):
            found = now.status()
        elif state is not None:
            found = describe(state, self._policy.alpha)
        else:
            found = {"name": self._name, "status": "none", "serving": now.version}
        return {**found, "refused": self._refused}

    def flush(self) -> None:
        """Fold what waits into the metrics and windows of all versions."""
        self._now.flush()

    def serve(self, port: int = DEFAULT_PORT, addr: str = "127.0.0.1") -> MetricsServer:
        """Serve /metrics, /healthz, /rollout and the champion's pages; `serve_with` has tokens and TLS."""
        return self.serve_with(ServerOptions(port=port, addr=addr))

    def serve_with(
        self, options: ServerOptions, actions: Mapping[str, Action] | None = None
    ) -> MetricsServer:
        """As `InstrumentedPredictor.serve_with`, with /rollout."""
        if self._server is not None:
            raise ConfigError(f"serve: found this model serving at {self._server.url}, need it closed first")
        several = families_for(self.registry).workers is not None
        self._server = MetricsServer(
            self.registry, options, self.pages, {**self.actions, **(actions or {})}, reuse_port=several
        )
        return self._server

    @property
    def pages(self) -> Mapping[str, Page]:
        """What answers a GET: the pages of whichever version is champion then, and /rollout."""

        def champions(name: str) -> Page:
            def page(rest: str) -> Mapping[str, Any] | None:
                return self.champion.pages[name](rest)

            return page

        return {**{name: champions(name) for name in self.champion.pages}, "rollout": self.status}

    @property
    def actions(self) -> Mapping[str, Action]:
        """What answers a POST of JSON; outcomes reach all versions."""
        return actions_of(cast("InstrumentedPredictor", self))

    def close(self) -> None:
        """Write what waits and stop threads, server and all versions. The champion goes on to answer."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._periodic.stop(STOP_TIMEOUT_SECONDS)
        if isinstance(self._now, RolloutPredictor):
            self._now.leave()
            self._now.sync()
        self._versions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child, which has no thread of its parent's."""
        self.turn = threading.RLock()
        self._periodic.start()


def _delegate(owner: Succession, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of whichever versions are here when it is called."""
    key = "_call" if method == "call" else method
    if inspect.iscoroutinefunction(function):

        async def asked_coroutine(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the model's
            return await vars(owner._now)[key](*args, **kwargs)  # noqa: SLF001 - its own module

        return asked_coroutine

    def asked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the model's
        return vars(owner._now)[key](*args, **kwargs)  # noqa: SLF001 - its own module

    return asked
