"""A real exporter, Prometheus, Alertmanager, bridge, explorer and browser; data that drift within seconds."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from driftgauge.demo.parts import Setup, bridge_parts, component_parts, find_components, write_configuration
from driftgauge.demo.ports import ALERTMANAGER, BRIDGE, HOST, INBOX, MODEL, PROMETHEUS
from driftgauge.demo.processes import Part, Supervisor
from driftgauge.demo.status import answers
from exporter import AssessmentPolicy, InstrumentedPredictor, Reference, Window

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NASTY = 'wind "<b>speed</b>" \\ {x}'
"""A feature whose name would break a query or become HTML, if anybody let it."""

DRIFTING, SEGMENTED = "temp", "origin"
DRIFT_ALERT = "ModelDriftDetected"
"""Others may fire before it."""

MODEL_NAME, VERSION, OTHER_MODEL = "delay", "1.2.0", "price"
WINDOWS = (Window("1h", 3_600.0), Window("6h", 6 * 3_600.0))
ROWS = 400
STEP_SECONDS = 2.0
"""Between two simulated hours: Prometheus scrapes every second and sees counters grow.

Their checks share an interpreter with the tests, which more of them would slow down."""

WAIT_SECONDS = 60.0
"""For what takes seconds on an idle machine."""


class Late:
    """A classifier that knows one number."""

    classes_ = np.array([0, 1])

    def predict_proba(self, rows: Any) -> Any:
        """Probability of both classes."""
        late = 1.0 / (1.0 + np.exp(-np.asarray(rows[DRIFTING], dtype=float)))
        return np.column_stack([1.0 - late, late])


class World:
    """Two models on one page of metrics; of the first, one feature drifts."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(20130401)
        self._asked = 0
        self.now = 1_700_000_000.0
        self.registry = CollectorRegistry()
        table, truth = self._table(4_000, 0.0)
        reference = Reference.fit(
            table,
            model_name=MODEL_NAME,
            model_version=VERSION,
            scores=(scores := Late().predict_proba(table)[:, 1]),
            predictions=(scores >= 0.5).astype(int),  # as the wrapper reads the classes off
            labels=truth,
            importances={DRIFTING: 3.0, NASTY: 1.0, SEGMENTED: 0.5},
            segment_by=SEGMENTED,
        )
        self.predictor = self._instrumented(Late(), MODEL_NAME, VERSION, reference)
        numbers = Reference.fit({"size": table[NASTY]}, model_name=OTHER_MODEL, model_version="2")
        self.other = self._instrumented(lambda rows: rows["size"], OTHER_MODEL, "2", numbers)

    def _instrumented(
        self, model: Any, name: str, version: str, reference: Reference
    ) -> InstrumentedPredictor:
        return InstrumentedPredictor(
            model,
            name=name,
            version=version,
            reference=reference,
            registry=self.registry,
            windows=WINDOWS,
            clock=lambda: self.now,
            background=False,
            assessment=AssessmentPolicy(segment=SEGMENTED if name == MODEL_NAME else None),
        )

    def _table(self, rows: int, shift: float) -> tuple[dict[str, Any], Any]:
        table = {
            DRIFTING: self._rng.normal(loc=shift, size=rows),
            NASTY: self._rng.normal(size=rows),
            SEGMENTED: self._rng.choice(["JFK", "LGA", "<i>EWR"], size=rows),
        }
        odds = 1.0 / (1.0 + np.exp(-table[DRIFTING]))
        return table, (self._rng.random(rows) < odds).astype(int)

    def hour(self) -> None:
        """An hour of traffic that is warmer than the reference, its outcomes and its checks."""
        table, truth = self._table(ROWS, 1.5)
        ids = list(range(self._asked, self._asked + ROWS))
        self._asked += ROWS
        self.predictor.predict_proba(table, ids=ids)
        self.predictor.record_outcomes(ids, truth.tolist())
        self.other({"size": table[NASTY]})
        for predictor in (self.predictor, self.other):
            predictor.check_now()
        self.now += 3_600.0

    def run(self, over: threading.Event) -> None:
        """Hours until it is over."""
        while not over.wait(STEP_SECONDS):
            self.hour()


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, and where."""

    setup: Setup
    supervisor: Supervisor
    explorer: str
    lonely: str

    def query(self, expression: str) -> list[Any]:
        """Result of an instant query."""
        answer = requests.post(
            self.setup.url(PROMETHEUS, "/api/v1/query"), data={"query": expression}, timeout=30
        )
        content = answer.json()
        assert content["status"] == "success", content
        result: list[Any] = content["data"]["result"]
        return result

    def incidents(self) -> list[dict[str, Any]]:
        """Incidents of the bridge."""
        answer = requests.get(self.setup.url(BRIDGE, "/incidents?all=1"), timeout=30)
        found: list[dict[str, Any]] = answer.json()["incidents"]
        return found

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + WAIT_SECONDS
        while not condition():
            self.supervisor.check()
            assert time.monotonic() < ends, f"{what}: not within {WAIT_SECONDS:g} s"
            time.sleep(0.1)


@contextmanager
def _held_ports(count: int) -> Iterator[list[int]]:
    """Ports that nobody else is given: bound while they are held, and listened on by whom they are for."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((HOST, 0))
        yield [int(one.getsockname()[1]) for one in sockets]


def _explorer(name: str, log: Path, **urls: str) -> Part:
    """An explorer on a free port, which its log tells."""
    options = [word for option, url in urls.items() for word in (f"--{option}", url)]
    return Part(
        name=name,
        command=[sys.executable, "-m", "driftgauge", "explore", "--port", "0", *options],
        url=str(log),
        is_ready=lambda: bool(_printed(log)) and answers(f"{_printed(log)}/_dash-layout")(),
        ready_within_seconds=WAIT_SECONDS,
    )


def _printed(log: Path) -> str:
    """The address that an explorer has printed, as soon as the line is whole."""
    found = re.search(r"^explorer: (http://\S+)\n", log.read_text(), re.MULTILINE)
    return found[1] if found else ""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything started, with a drift that has become an incident; ended afterwards whatever happens."""
    folder = tmp_path_factory.mktemp("explorer")
    components = find_components()
    assert not components.missing, "Debian: prometheus, prometheus-alertmanager"
    listeners = (MODEL, BRIDGE, INBOX, PROMETHEUS, ALERTMANAGER)
    world = World()
    over = threading.Event()
    runner = threading.Thread(target=world.run, args=(over,))
    with (
        _held_ports(len(listeners) + 1) as (*ports, nowhere),
        Supervisor(folder / "logs") as supervisor,
        world.predictor,
        world.other,
    ):
        setup = Setup(
            directory=folder,
            ports=dict(zip(listeners, ports, strict=True)),
            components=components,
            speed=1.0,
            slack_channel="#model-alerts",
            environment={},
        )
        write_configuration(setup)
        world.hour()
        world.predictor.serve(port=setup.ports[MODEL])
        urls = {
            "prometheus": setup.url(PROMETHEUS),
            "alertmanager": setup.url(ALERTMANAGER),
            "bridge": setup.url(BRIDGE),
            "exporter": setup.url(MODEL),
        }
        away = dict.fromkeys(urls, f"http://{HOST}:{nowhere}")
        parts = [
            *bridge_parts(setup),
            *component_parts(setup),
            _explorer("explorer", supervisor.log_of("explorer"), **urls),
            _explorer("lonely", supervisor.log_of("lonely"), **away),
        ]
        for part in parts:
            supervisor.start(part)
        supervisor.wait_ready(*(part.name for part in parts))
        explorer, lonely = (_printed(supervisor.log_of(name)) for name in ("explorer", "lonely"))
        running = Stack(setup, supervisor, explorer, lonely)
        runner.start()
        try:
            counted = f'sum(increase(model_feature_bin_total{{feature_name="{DRIFTING}"}}[5m])) > 0'
            running.wait("growing counters", lambda: bool(running.query(counted)))
            running.wait(
                "an incident of the drift",
                lambda: any(one["firing"] and DRIFT_ALERT in one["title"] for one in running.incidents()),
            )
            yield running
        finally:
            over.set()
            runner.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window; on a machine without one the tests are skipped, but never in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "found no chromium on PATH, need it: scripts/debian.sh components --required"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()
