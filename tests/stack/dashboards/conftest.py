"""The demo with everything it can export, replayed in this process and scraped by the real Prometheus.

A fast part brings five weeks of flights before anything is scraped; then half days pass while Prometheus,
Alertmanager and the bridge run as the demo starts them: counters move, alerts fire and messages arrive.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from alerting.retraining.decision import REASONS
from alerting.retraining.metrics import RetrainingMetrics
from alerting.retraining.state import State
from driftgauge.demo.data import find_data, load_flights
from driftgauge.demo.parts import Setup, bridge_parts, component_parts, find_components, write_configuration
from driftgauge.demo.ports import ALERTMANAGER, BRIDGE, HOST, INBOX, MODEL, PROMETHEUS
from driftgauge.demo.processes import Supervisor
from driftgauge.demo.replay import DAY_SECONDS, HOUR_SECONDS, WINDOW, SimulatedClock, replay
from driftgauge.demo.service import REPLAY_START, RETENTION_HOURS, YEAR_START
from driftgauge.demo.train import MODEL_NAME, MODEL_VERSION, train
from exporter import (
    AssessmentPolicy,
    BusinessMeasure,
    InstrumentedPredictor,
    MemoryStore,
    Policy,
    Reference,
    RolloutPolicy,
    RolloutPredictor,
    Stage,
    Window,
)
from exporter.config import load_config
from exporter.rollout import StateFile, decide_by_hand
from exporter.streams.consumer import StreamConsumer
from exporter.streams.publisher import Announcer, Publisher
from exporter.streams.sink import Sink

ROOT = Path(__file__).resolve().parents[3]

MODELS = 3

CHALLENGER_VERSION = "1.1.0"
CHALLENGER_TRAINED_FROM = REPLAY_START - 21 * DAY_SECONDS

DAY = Window("1d", DAY_SECONDS)
"""Short enough for eight windows beside each other, from which on there is a trend."""

FAST_DAYS = 38
"""The demo's window of two weeks, and twenty days of checks, from which on business can be correlated."""

STEP_HOURS = 12
"""Of the replay: the flights of half a day are asked for at once, ten times as fast as hour by hour."""

LIVE_STEP_SECONDS = 1.0
"""Between steps while Prometheus scrapes every second: a check every two seconds."""

PROMOTED_AFTER_STEPS = 8
"""Live steps until the challenger becomes champion: Prometheus has seen the counter's zero by then."""

TAKEN_BACK_AFTER_STEPS = 14
"""Live steps until it is taken back: only who serves shows its states, and the first version has them all."""

DELIVERIES_CHECKED_EVERY = 5
"""Steps: all models share one interpreter, which also has to answer a scrape within a second."""

IMPORTANCE_ROWS = 300
"""Of the second model, which answers at once; the flights' takes a second for each check."""

POLICY = RolloutPolicy(
    stages=(Stage(kind="shadow", min_rows=500), Stage(kind="ab", share=0.5, min_rows=200_000)),
    max_rows=1_000_000,
    max_seconds=365 * DAY_SECONDS,
    slow_seconds=HOUR_SECONDS,
    alpha=1e-12,
    guard_alpha=1e-12,
)
"""A rollout that stays in its last stage until it is decided by hand, however slow the machine is and
however the flights are drawn: no evidence of a minute is that strong."""

BUSINESS = {
    "rebookings": BusinessMeasure("rebookings", "counter"),
    "waiting_minutes": BusinessMeasure("waiting_minutes", "gauge"),
}


class Delays:
    """A model of numbers beside the demo's classes: minutes of delay from two of its three features."""

    def predict(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Minutes."""
        return np.asarray(10.0 * rows[:, 0] + 5.0 * rows[:, 1])


class Numbers:
    """The second model, whose truth is the prediction and some noise."""

    def __init__(self, registry: CollectorRegistry, clock: SimulatedClock) -> None:
        self._rng = np.random.default_rng(7)
        self._asked = 0
        table, truth = self._rows(3_000)
        model = Delays()
        reference = Reference.fit(
            {"wind": table[:, 0], "traffic": table[:, 1], "runway": table[:, 2]},
            model_name="delay_minutes",
            model_version="2.0.0",
            predictions=model.predict(table),
            labels=truth,
            importances={"wind": 100.0, "traffic": 25.0},
            joint_rows=500,
            kinds={"runway": "categorical"},
            segment_by="runway",
        )
        self.predictor = InstrumentedPredictor(
            model,
            name="delay_minutes",
            version="2.0.0",
            reference=reference,
            registry=registry,
            windows=[DAY, WINDOW],
            store=MemoryStore(retention_hours=RETENTION_HOURS),
            clock=clock,
            background=False,
            assessment=AssessmentPolicy(importance_rows=IMPORTANCE_ROWS),
            policy=Policy(multivariate=("isolation_forest",)),
        )

    def _rows(self, n_rows: int) -> tuple[Any, Any]:
        table = np.column_stack([self._rng.normal(size=(n_rows, 2)), self._rng.integers(1, 3, size=n_rows)])
        return table, Delays().predict(table) + self._rng.normal(size=n_rows)

    def step(self) -> None:
        """A hundred rows and their truth."""
        table, truth = self._rows(100)
        ids = list(range(self._asked, self._asked + len(truth)))
        self._asked += len(truth)
        self.predictor.predict(table, ids=ids)
        self.predictor.record_outcomes(ids, truth)


class World:
    """What the demo's replay drives: the flights' model in a rollout, and beside it the other model."""

    def __init__(self, folder: Path) -> None:
        flights = load_flights(find_data())
        self.year = flights.between(REPLAY_START, REPLAY_START + 120 * DAY_SECONDS)
        self.clock = SimulatedClock(REPLAY_START)
        self.registry = CollectorRegistry()
        self.state = StateFile(folder / "rollout.json")
        pair = []
        for version, start in ((MODEL_VERSION, YEAR_START), (CHALLENGER_VERSION, CHALLENGER_TRAINED_FROM)):
            model, reference = train(flights.between(start, REPLAY_START))
            pair.append(self._instrumented(model, replace(reference, model_version=version), version))
        self.rollout = RolloutPredictor(
            *pair, state_path=self.state.path, policy=POLICY, clock=self.clock, background=False
        )
        self.numbers = Numbers(self.registry, self.clock)
        self.retraining = RetrainingMetrics(State(folder / "retraining"), [MODEL_NAME])
        self.registry.register(self.retraining.registry)  # of a service of its own in a deployment
        self._pair = pair
        self._rng = np.random.default_rng(11)
        self.live = threading.Event()
        self.ready = threading.Event()
        self.over = threading.Event()

    def _instrumented(self, model: Any, reference: Reference, version: str) -> InstrumentedPredictor:
        challenger = version == CHALLENGER_VERSION
        return InstrumentedPredictor(
            model,
            name=MODEL_NAME,
            version=version,
            reference=reference,
            registry=self.registry,
            store=MemoryStore(retention_hours=RETENTION_HOURS),
            windows=[DAY] if challenger else [DAY, WINDOW],
            clock=self.clock,
            background=False,
            assessment=AssessmentPolicy(segment="origin", protected=("origin",)),
            business=None if challenger else BUSINESS,
            catalog=None if challenger else sorted(set(self.year.features["destination"])),
        )

    def predict_proba(self, rows: Any, *, ids: Any) -> Any:
        """Answer the flights of some hours; each shows its destination and may have to be rebooked."""
        self.rollout.predict_proba(rows, ids=ids)
        champion = self._pair[0]
        champion.record_exposures(rows["destination"])
        champion.record_business("rebookings", float(self._rng.poisson(len(rows))))
        champion.record_business("waiting_minutes", float(self._rng.normal(20.0, 3.0)))
        self.numbers.step()
        self.rollout.sync()

    def record_outcomes(self, ids: Sequence[int], y_true: Sequence[int], at: Sequence[float]) -> None:
        """Pass on what became of the flights."""
        self.rollout.record_outcomes(ids, y_true, at)

    def check_now(self) -> None:
        """A check of every version of both models; while the replay is fast, of those with a history."""
        champion, challenger = self._pair
        champion.check_now()
        self.numbers.predictor.check_now()
        if self.live.is_set():
            challenger.check_now()

    def run(self) -> None:
        """Replay: fast at first, then in step with Prometheus until it is over."""
        with threadpool_limits(limits=1):
            replay(self, self.year, self.clock, self._steps())

    def _steps(self) -> Iterator[float]:
        now = REPLAY_START
        for _ in range(FAST_DAYS * 24 // STEP_HOURS):
            yield now
            now += STEP_HOURS * HOUR_SECONDS
        self.ready.set()
        self.live.wait()
        steps = 0
        while not self.over.wait(LIVE_STEP_SECONDS):
            if (steps := steps + 1) == PROMOTED_AFTER_STEPS:
                decide_by_hand(self.state, "promoted", note="the test", now=now)
                verdict, reasons = next(iter(REASONS.items()))
                self.retraining.decision(MODEL_NAME, verdict, next(iter(reasons)))
                self.retraining.ended(MODEL_NAME, "succeeded")
            if steps == TAKEN_BACK_AFTER_STEPS:
                decide_by_hand(self.state, "rolled_back", note="the test", now=now)
            yield now
            now += STEP_HOURS * HOUR_SECONDS


class Deliveries:
    """A third model, whose predictions come from a mock broker: the stream of examples/streaming."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._broker = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/exporter/streams/broker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._broker.stdout is not None
        address = self._broker.stdout.readline().strip()
        self._rng = np.random.default_rng(5)
        config = load_config(ROOT / "examples/streaming/exporter.yaml", {"STREAM_BOOTSTRAP_SERVERS": address})
        assert config.stream is not None
        self._settings = config.stream
        self._producer = Producer({"bootstrap.servers": address})
        self._publisher = Publisher(config.stream)
        self._sink = Sink(
            Reference.fit(
                {name: [row[name] for row in self._rows(1_000)] for name in ("distance", "express")},
                model_name="delivery_time",
                model_version="1",
            ),
            MemoryStore(),
            registry,
            announcer=Announcer(config.stream, self._publisher, ("delivery_time", "1")),
            windows=[Window("1d", DAY_SECONDS)],
        )

    def _rows(self, n_rows: int, scale: float = 4.0) -> list[dict[str, Any]]:
        distances = self._rng.exponential(scale, n_rows).tolist()
        return [{"distance": distance, "express": distance < 1.0} for distance in distances]

    def run(self, over: threading.Event) -> None:
        """Produce, consume and check until it is over; a message of each second is none."""
        consumer = StreamConsumer(self._settings, self._sink, self._publisher)
        consumer.begin()
        steps = 0
        while not over.wait(LIVE_STEP_SECONDS):
            for content in (json.dumps(self._rows(100, scale=8.0)), "no JSON"):
                self._producer.produce(self._settings.observations[0], content)
            self._producer.flush(LIVE_STEP_SECONDS)
            consumer.step()
            if (steps := steps + 1) % DELIVERIES_CHECKED_EVERY == 0:
                self._sink.check_now()
        consumer.close()

    def close(self) -> None:
        """End the broker."""
        for pipe in (self._broker.stdin, self._broker.stdout):
            assert pipe is not None
            pipe.close()
        self._broker.wait()


@dataclass(frozen=True, slots=True)
class Recording:
    """A Prometheus that watches the replay."""

    url: str
    supervisor: Supervisor
    replays: tuple[Future[None], ...]
    began: float

    def get(self, path: str, **parameters: Any) -> Any:
        """Data of an answer of the HTTP API; a failure names what was asked."""
        self.supervisor.check()
        for running in self.replays:
            if running.done():
                running.result()
        answer = requests.post(f"{self.url}/api/v1/{path}", data=parameters, timeout=30)
        content = answer.json()
        assert content["status"] == "success", f"{parameters}: {content}"
        return content["data"]

    @property
    def age(self) -> float:
        """Seconds since everything runs."""
        return time.monotonic() - self.began

    def values(self, label: str, selector: str) -> list[str]:
        """Values of a label in the series of a selector, sorted."""
        series = self.get("series", **{"match[]": selector})
        return sorted({found[label] for found in series if label in found})


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Everything started and scraped, and ended afterwards whatever happens."""
    folder = tmp_path_factory.mktemp("dashboards")
    components = find_components()
    assert not components.missing, "Debian: prometheus, prometheus-alertmanager"
    listeners = (MODEL, BRIDGE, INBOX, PROMETHEUS, ALERTMANAGER)
    setup = Setup(
        directory=folder,
        ports=dict(zip(listeners, _free_ports(len(listeners)), strict=True)),
        components=components,
        speed=1.0,
        slack_channel="#model-alerts",
        environment={},
    )
    write_configuration(setup)
    world = World(folder)
    deliveries = Deliveries(world.registry)
    with (
        closing(deliveries),
        Supervisor(folder / "logs") as supervisor,
        ThreadPoolExecutor(2) as pool,
        world.rollout,
    ):
        replayed = pool.submit(world.run)
        try:
            while not world.ready.wait(0.1):
                if replayed.done():
                    replayed.result()
            world.rollout.serve(port=setup.ports[MODEL])
            for parts in (bridge_parts(setup), component_parts(setup)):
                for part in parts:
                    supervisor.start(part)
                supervisor.wait_ready(*(part.name for part in parts))
            world.live.set()
            streamed = pool.submit(deliveries.run, world.over)
            recording = Recording(setup.url(PROMETHEUS), supervisor, (replayed, streamed), time.monotonic())
            while len(recording.values("model_name", "model_info")) < MODELS:
                time.sleep(0.1)
            yield recording
        finally:
            world.over.set()
            world.live.set()
        replayed.result()
        streamed.result()
