"""Causes, policies, trainings and a controller that is stepped by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alerting.retraining import runs
from alerting.retraining.cause import AlertCause, Cause
from alerting.retraining.controller import Controller, Place
from alerting.retraining.metrics import RetrainingMetrics
from alerting.retraining.order import Absent, Broken, Busy, Done, Look, Order
from alerting.retraining.policy import Brakes, ModelPolicy, Retries, Trigger
from alerting.retraining.prometheus import Seen
from alerting.retraining.runs import Run
from alerting.retraining.state import Lead, State

STARTED = 1_767_225_600.0
"""2026-01-01 00:00 UTC: when the tests' clocks begin."""
FEATURES = ("dep_hour", "distance")
SOUND = Seen(quality="ok", labelled_rows=5_000.0, firing=frozenset({"ModelDriftDetected"}))


@dataclass
class Clock:
    """A clock that goes only when told."""

    now: float = STARTED

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def cause(key: str = "incident-1", **changes: Any) -> Cause:
    """Drift of one feature, told by the bridge."""
    alert = AlertCause(
        name="ModelDriftDetected",
        labels={"alertname": "ModelDriftDetected", "model_name": "delay", "feature_name": "dep_hour"},
    )
    values: dict[str, Any] = {
        "key": key,
        "model_name": "delay",
        "model_version": "1",
        "origin": "alert",
        "since": STARTED - 3_600,
        "severity": "warning",
        "alerts": (alert,),
        **changes,
    }
    return Cause(**values)


def policy(**changes: Any) -> ModelPolicy:
    """One model with a trigger of every kind that is no timer."""
    values: dict[str, Any] = {
        "name": "delay",
        "runner": "fake",
        "features": FEATURES,
        "triggers": (
            Trigger(name="drift", kind="data_drift", alert_names=("ModelDriftDetected",)),
            Trigger(name="hand", kind="manual", cooldown=0.0),
        ),
        "brakes": Brakes(),
        "retries": Retries(attempts=3, backoff=60.0),
        **changes,
    }
    return ModelPolicy(**values)


def reference_document(**changes: Any) -> dict[str, Any]:
    """What is read of a reference, with a checksum that fits."""
    document: dict[str, Any] = {
        "format": "driftgauge-reference",
        "format_version": 1,
        "model_name": "delay",
        "model_version": "2",
        "features": {name: {"kind": "numeric"} for name in FEATURES},
        **changes,
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["checksum"] = "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()
    return document


def train(folder: Path, **changes: Any) -> dict[str, Any]:
    """A model and its reference in a folder, and the result that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "reference.json").write_text(json.dumps(reference_document()))
    return {
        "model_path": "model.bin",
        "reference_path": "reference.json",
        "model_version": "2",
        "metrics": {"auc": 0.8},
        **changes,
    }


@dataclass
class FakeRunner:
    """Trainings that end as they are told; counts how often each order was begun."""

    timeout: float = 3_600.0
    begun: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    looks: dict[str, Look | None] = field(default_factory=dict)
    refuses: Broken | None = None
    end: Callable[[Order], Look] = lambda order: Done(result=train(order.folder))

    def start(self, order: Order) -> Broken | None:
        if self.refuses is not None:
            return self.refuses
        if order.name not in self.begun:
            self.begun.append(order.name)
            self.looks[order.name] = Busy()
        return None

    def look(self, order: Order) -> Look | None:
        return self.looks.get(order.name, Absent())

    def stop(self, order: Order) -> None:
        self.stopped.append(order.name)

    def finish(self, bench: Bench) -> None:
        """Let what runs end."""
        for run in bench.all():
            if run.state == "running":
                order = bench.controller._order(run, bench.controller.places["fake"])
                self.looks[order.name] = self.end(order)


@dataclass
class Bench:
    """A controller with all it works on."""

    controller: Controller
    runner: FakeRunner
    clock: Clock
    seen: list[Seen]

    @property
    def state(self) -> State:
        """The state."""
        return self.controller.state

    def ask(self, *causes: Cause) -> list[tuple[int, bool]]:
        """Take causes down."""
        with self.state.write() as connection:
            return [runs.request(connection, found, self.clock()) for found in causes or (cause(),)]

    def step(self, *, seconds: float = 0.0) -> None:
        """Let time pass and look once."""
        self.clock.pass_(seconds)
        self.controller.step()

    def all(self) -> list[Run]:
        """All runs, oldest first."""
        with self.state.read() as connection:
            return runs.listed(connection)[::-1]

    def run(self, run_id: int = 1) -> Run:
        """A run."""
        with self.state.read() as connection:
            return runs.get(connection, run_id)

    def events(self, run_id: int = 1) -> list[str]:
        """Kinds of what happened to a run."""
        with self.state.read() as connection:
            return [event["kind"] for event in runs.events(connection, run_id)]

    def codes(self, run_id: int = 1) -> list[str]:
        """Codes of a run's reasons."""
        return [reason.code for reason in self.run(run_id).reasons]

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample's value."""
        return self.controller.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def clock() -> Clock:
    """A clock that goes only when told."""
    return Clock()


@pytest.fixture
def bench_of(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Bench]]:
    """Make a controller on one state; several take turns, as processes do."""
    made: list[Controller] = []

    def make(
        own: ModelPolicy | None = None,
        *,
        runner: FakeRunner | None = None,
        places: Mapping[str, Place] | None = None,
    ) -> Bench:
        for before in made:
            before.lead.release()
        state = State(tmp_path / "state")
        trainer = runner or FakeRunner()
        seen = [SOUND]
        models = {"delay": own or policy()}
        controller = Controller(
            state=state,
            lead=Lead(state.directory),
            models=models,
            places=places or {"fake": Place(runner=trainer)},
            folder=tmp_path / "attempts",
            see=lambda *_: seen[0],
            metrics=RetrainingMetrics(state, tuple(models)),
            clock=clock,
        )
        made.append(controller)
        return Bench(controller, trainer, clock, seen)

    yield make
    for controller in made:
        controller.lead.release()


@pytest.fixture
def bench(bench_of: Callable[..., Bench]) -> Bench:
    """A controller with a fake runner."""
    return bench_of()
