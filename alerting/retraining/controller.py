"""One look at everything that is due: timers, runs under way, causes that wait. Called again and again.

Each step of a run is written down before it is taken, and each look goes by what is written and what the
runner says. A process that is killed between any two of them leaves something that the next one goes on with:
a training that still runs is found again, one that was killed with the machine counts as a failed attempt.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import OutboxError, PayloadError, RegistryError
from . import candidate, hand_over, retention, runs, timers
from .decision import Decision, Facts, Quality, Reason, decide
from .metrics import RetrainingMetrics
from .order import Absent, Broken, Busy, Done, Order, Runner, write
from .policy import ModelPolicy
from .prometheus import Seen
from .runs import Run
from .state import Lead, State

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
"""Between two looks: short beside any training, and one small query when there is nothing to do."""
DECISIONS: Final = 10
"""In one look: while Prometheus is silent each takes its time limit, and runs under way have to go on."""
OVERTIME_SECONDS: Final = 60.0
"""A runner keeps its own limit; this long after it, what is left of the attempt is ended from here."""
TROUBLE_SECONDS: Final = 60.0
"""After something that nobody expected about one run, until it is looked at again."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A runner, and its attempts' folders as its trainings see them if they run elsewhere."""

    runner: Runner
    seen: str | None = None


@dataclass(kw_only=True)
class Controller:
    """Decides, starts, looks after and judges.

    Parameters
    ----------
    state : State
    lead : Lead
        Without it nothing is done: another process of this machine does it.
    models : mapping of str to ModelPolicy
    places : mapping of str to Place
        By the name of the runner.
    folder : Path
        For the attempts, absolute.
    see : callable
        What is known of a model, by its name and the seconds since the change.
    metrics : RetrainingMetrics
    clock : callable
        Seconds since 1970.
    trained_at : callable, optional
        When a registry says that a model was trained, by its name there; raises RegistryError.
    keep_attempts : int
        Runs of a model that gave no candidate whose folders stay.
    """

    state: State
    lead: Lead
    models: Mapping[str, ModelPolicy]
    places: Mapping[str, Place]
    folder: Path
    see: Callable[[str, float], Seen]
    metrics: RetrainingMetrics
    clock: Callable[[], float]
    trained_at: Callable[[str], float | None] | None = None
    keep_attempts: int = retention.KEPT_RUNS
    _aligned: bool = False

    def step(self) -> float:
        """Do what is due; seconds until there may be something again."""
        if not self.lead.held():
            return POLL_SECONDS
        now = self.clock()
        # Registries are asked before the state is locked: an answer may take seconds.
        made = {} if self._aligned else self._made()
        with self.state.read() as connection:
            aged = timers.aged(connection, self.models.values(), now)
        registered = {name: at for name in aged if (at := self._registered(name)) is not None}
        with self.state.write() as connection:
            if not self._aligned:
                timers.align(connection, self.models.values(), now, made)
            timers.fire(connection, self.models.values(), now, registered)
        self._aligned = True
        with self.state.read() as connection:
            due = runs.due(connection, now, decisions=DECISIONS)
        for run in due:
            self._attend(run)
        return POLL_SECONDS

    def _made(self) -> dict[str, float]:
        """Model to when its champion was trained, as far as references and registries say so."""
        found = {}
        for model in self.models.values():
            if (at := self._registered(model.name)) is not None:
                found[model.name] = at
            if model.reference_path is not None:
                try:
                    created_at = candidate.read_reference(Path(model.reference_path)).created_at
                except PayloadError as error:
                    logger.warning("%s: its age counts from now: %s", model.name, error)
                    continue
                if created_at is not None:
                    found[model.name] = max(created_at, found.get(model.name, created_at))
        return found

    def _registered(self, model_name: str) -> float | None:
        """When a registry says that a model was trained; None if it knows nothing or does not answer."""
        policy = self.models.get(model_name)
        if policy is None or policy.registered_model is None or self.trained_at is None:
            return None
        try:
            return self.trained_at(policy.registered_model)
        except RegistryError as error:
            logger.warning("%s: its age counts from what was known before: %s", model_name, error)
            return None

    def _attend(self, run: Run) -> None:
        """Take a run one step on. What goes wrong with one must not hold up the others."""
        try:
            if run.state == "requested":
                self._consider(run)
            elif run.state == "running":
                self._follow(run)
            else:
                self._judge(run)
        except OutboxError:
            raise
        except Exception:
            logger.exception("run %d: unexpected error", run.id)
            self.metrics.error()
            with self.state.write() as connection:
                connection.execute(
                    "UPDATE runs SET due_at = ? WHERE id = ?", (self.clock() + TROUBLE_SECONDS, run.id)
                )

    def _consider(self, run: Run) -> None:
        """Decide about a cause, and start its run if that is the decision."""
        policy, now = self.models.get(run.model_name), self.clock()
        # Asked before the state is locked: an answer may take seconds.
        seen = Seen() if policy is None else self.see(run.model_name, now - run.cause.since)
        with self.state.write() as connection:
            decision = decide(_facts(connection, run, policy, seen), policy, now)
            if decision.verdict != "run" or policy is None:
                changed = runs.decided(connection, run, decision, now=now)
            else:
                changed = _begin(connection, run, policy, decision, now)
            again = runs.get(connection, run.id)
        if not changed:
            return
        codes = [[reason.code for reason in reasons] for reasons in (run.reasons, decision.reasons)]
        if decision.verdict != "wait" or codes[0] != codes[1]:
            first = decision.reasons[0]
            self.metrics.decision(run.model_name, decision.verdict, first.code)
            logger.info("run %d of %s: %s: %s", run.id, run.model_name, decision.verdict, first.words)
        if decision.verdict == "run":
            self._start(again)

    def _start(self, run: Run) -> None:
        """Give the order of an attempt that is written down as running."""
        place = self._place(run)
        if place is None:
            self._fail(run, _gone(run))
            return
        problem = place.runner.start(self._order(run, place))
        if problem is not None:
            self._fail(run, problem)

    def _follow(self, run: Run) -> None:
        """See how a training stands."""
        place = self._place(run)
        if place is None:
            self._fail(run, _gone(run))
            return
        order, now = self._order(run, place), self.clock()
        look = place.runner.look(order)
        limit = (run.attempt_started_at or now) + place.runner.timeout + OVERTIME_SECONDS
        if isinstance(look, Done):
            with self.state.write() as connection:
                moved = runs.step(
                    connection,
                    run,
                    "evaluating",
                    now=now,
                    kind="trained",
                    result=None if look.result is None else json.dumps(look.result),
                )
                again = runs.get(connection, run.id)
            if moved:
                self._judge(again)
        elif isinstance(look, Broken):
            self._fail(run, look)
        elif now > limit:
            place.runner.stop(order)
            self._fail(
                run,
                Broken(reason="timeout", words=f"no end after {now - limit + place.runner.timeout:.0f} s"),
            )
        elif isinstance(look, Absent):
            self._start(run)
        else:
            assert look is None or isinstance(look, Busy)

    def _judge(self, run: Run) -> None:
        """Check a candidate; the champion stays whatever comes of it."""
        policy, now = self.models.get(run.model_name), self.clock()
        place = self._place(run)
        if policy is None or place is None:
            self._fail(run, _gone(run))
            return
        order = self._order(run, place)
        result = None if run.result is None else _here(run.result, order)
        problems = candidate.judge(result, policy, strategy=run.strategy or "full", folder=order.folder)
        outcome = "refused" if problems else "succeeded"
        detail = {} if result is None else {"metrics": result.get("metrics")}
        if result is not None and not problems and policy.hand_over is not None:
            # Before it is written down as succeeded: who is killed in between does it once more.
            hand_over.write(Path(policy.hand_over), hand_over.document(run, result, now))
            detail["handed_over"] = policy.hand_over
        with self.state.write() as connection:
            moved = runs.step(
                connection,
                run,
                outcome,
                now=now,
                kind=outcome,
                reasons=problems,
                detail=detail,
                ended_at=now,
                result=None if result is None else json.dumps(result),
            )
            if moved and not problems:
                timers.trained(connection, policy, now)
        if moved:
            self.metrics.ended(run.model_name, outcome)
            words = "; ".join(problem.words for problem in problems) or "its candidate passed"
            logger.log(
                logging.WARNING if problems else logging.INFO,
                "run %d of %s: %s: %s", run.id, run.model_name, outcome, words,
            )  # fmt: skip
            self._tidy(run)

    def _fail(self, run: Run, problem: Broken) -> None:
        """Note a failed attempt: another one after a pause, or the end."""
        policy, now = self.models.get(run.model_name), self.clock()
        reason = Reason(code=problem.reason, words=problem.words)
        last = policy is None or problem.lasting or run.attempt >= policy.retries.attempts
        with self.state.write() as connection:
            if last or policy is None:
                moved = runs.step(
                    connection, run, "failed", now=now, kind="failed", reasons=[reason], ended_at=now
                )
            else:
                pause = policy.retries.pause(run.attempt)
                moved = runs.step(
                    connection,
                    run,
                    "requested",
                    now=now,
                    kind="attempt_failed",
                    reasons=[reason],
                    detail={"attempt": run.attempt, "again_in_seconds": pause},
                    due_at=now + pause,
                )
        if not moved:
            return
        self.metrics.attempt_failed(run.model_name, problem.reason)
        if last:
            self.metrics.ended(run.model_name, "failed")
        end = "given up" if last else "tried again later"
        logger.warning(
            "run %d of %s: attempt %d failed, %s: %s", run.id, run.model_name, run.attempt, end, problem.words
        )
        if last:
            self._tidy(run)

    def _tidy(self, run: Run) -> None:
        """Make room once a run has ended."""
        removed = retention.tidy(self.state, run.model_name, self.folder, keep=self.keep_attempts)
        if removed:
            logger.info("%s: removed %d folders of attempts without a candidate", run.model_name, removed)

    def _place(self, run: Run) -> Place | None:
        return self.places.get(run.runner or "")

    def _order(self, run: Run, place: Place) -> Order:
        policy = self.models.get(run.model_name) or ModelPolicy(name=run.model_name, runner="")
        return write(run, policy, self.folder, seen=place.seen)


def _facts(connection: sqlite3.Connection, run: Run, policy: ModelPolicy | None, seen: Seen) -> Facts:
    """What is known, from the state, from Prometheus, and from the request where Prometheus says nothing."""
    return Facts(
        cause=run.cause,
        requested_at=run.requested_at,
        attempts=run.attempt,
        quality=_quality(run, policy, seen),
        labelled_rows=seen.labelled_rows,
        firing=seen.firing,
        busy=runs.busy(connection, run),
        starts=runs.starts(connection, run),
    )


def _quality(run: Run, policy: ModelPolicy | None, seen: Seen) -> Quality:
    """The worst that is known now; what the request said counts where nothing newer is known."""
    alarms = frozenset(() if policy is None else policy.brakes.quality_alerts)
    now_firing = alarms & (frozenset(run.cause.alert_names) if seen.firing is None else seen.firing)
    if seen.quality == "broken" or now_firing:
        return "broken"
    if seen.quality is not None:
        return seen.quality
    if run.cause.quality is None:
        return "unknown"
    return "ok" if run.cause.quality == "ok" else "broken"


def _begin(
    connection: sqlite3.Connection, run: Run, policy: ModelPolicy, decision: Decision, now: float
) -> bool:
    """Write down that an attempt runs, before it does."""
    return runs.step(
        connection,
        run,
        "running",
        now=now,
        kind="run",
        reasons=decision.reasons,
        detail={"attempt": run.attempt + 1, "trigger": decision.trigger_name, "strategy": decision.strategy},
        attempt=run.attempt + 1,
        trigger_name=decision.trigger_name,
        strategy=decision.strategy,
        runner=policy.runner,
        started_at=run.started_at or now,
        attempt_started_at=now,
        due_at=now,
    )


def _here(result: Mapping[str, object], order: Order) -> dict[str, object]:
    """A result whose paths are those of this machine, not those that the training saw."""
    seen = str(order.document["output_directory"])
    moved = dict(result)
    for key in ("model_path", "reference_path"):
        told = moved.get(key)
        if isinstance(told, str) and "://" not in told:
            inside = told.removeprefix(f"{seen}/") if told.startswith(f"{seen}/") else told
            moved[key] = str(order.folder / inside)
    return moved


def _gone(run: Run) -> Broken:
    words = f"the configuration no longer has {run.model_name} or the runner {run.runner}"
    return Broken(reason="rejected", words=words, lasting=True)
