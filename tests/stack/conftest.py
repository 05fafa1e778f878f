"""A whole stack on this machine: wrapped model, real Prometheus and Alertmanager, bridge, fake Slack."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
import yaml

from alerting.testing import FakeSlack
from driftgauge.demo.processes import Part, Supervisor
from driftgauge.demo.status import answers
from driftgauge.resources import rules_dir
from driftgauge.stack_config import alertmanager_config, local_rules, prometheus_config
from exporter import InstrumentedPredictor, Reference, Window

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
FEATURES = ("temp", "wind", "humidity", "pressure", "distance")
MODEL_NAME, MODEL_VERSION = "delay", "1.2.0"
TOKEN = "a-token-of-the-stack-test"
RULE_TIME_SCALE = 0.02
"""`for: 1m` becomes 1.2 s and ten minutes of keep_firing_for 12 s."""

READY_SECONDS = 60.0
"""A busy machine gets two hundred times what Prometheus needs on an idle one."""

WINDOW = Window("1h", 3600.0)


class Zero:
    """A model that always says 0."""

    def predict(self, rows: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One 0 for each row."""
        return np.zeros(len(rows))


class World:
    """The wrapped model and what is asked of it; its hours pass when a check has run."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(20130401)
        self.now = 1_700_000_000.0
        data = {name: self._rng.normal(size=5_000) for name in FEATURES}
        self.predictor = InstrumentedPredictor(
            Zero(),
            name=MODEL_NAME,
            version=MODEL_VERSION,
            reference=Reference.fit(data, model_name=MODEL_NAME, model_version=MODEL_VERSION),
            windows=[WINDOW],
            clock=lambda: self.now,
            background=False,
        )

    def hour(self, shift: float = 0.0, rows: int = 500) -> None:
        """An hour of traffic whose first feature is shifted by so many standard deviations, and its check."""
        table = self._rng.normal(size=(rows, len(FEATURES)))
        table[:, 0] += shift
        self.predictor.predict(table)
        self.predictor.check_now()
        self.now += WINDOW.seconds


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, and where."""

    world: World
    slack: FakeSlack
    supervisor: Supervisor
    prometheus: str
    alertmanager: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Result of an instant query."""
        answer = requests.post(f"{self.prometheus}/api/v1/query", data={"query": expression}, timeout=10)
        content = answer.json()
        assert content["status"] == "success", f"{expression}: {content}"
        result: list[dict[str, Any]] = content["data"]["result"]
        return result

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = READY_SECONDS) -> float:
        """Seconds until something is so; a failure if it never is, or a part dies."""
        began = time.monotonic()
        while not condition():
            self.supervisor.check()
            assert time.monotonic() - began < seconds, f"{what}: not within {seconds:g} s"
            time.sleep(0.1)
        return time.monotonic() - began


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, all different."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"{names[0]} is not installed; Debian: prometheus, prometheus-alertmanager")


def _part(name: str, command: list[str], url: str, ready: str, **environment: str) -> Part:
    return Part(
        name=name,
        command=command,
        url=url,
        is_ready=answers(f"{url}{ready}"),
        ready_within_seconds=READY_SECONDS,
        environment=environment,
    )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything started and scraped, and ended afterwards whatever happens."""
    folder = tmp_path_factory.mktemp("stack")
    model, bridge, alertmanager, prometheus = (f"{HOST}:{port}" for port in _free_ports(4))
    world = World()
    world.hour()
    _write_configuration(folder, model, bridge, alertmanager, prometheus)
    parts = [
        _part(
            "bridge",
            [sys.executable, "-m", "driftgauge", "bridge", "--config", str(folder / "bridge.yaml")],
            f"http://{bridge}",
            "/readyz",
            SLACK_BOT_TOKEN="xoxb-stack-test",
            BRIDGE_TOKENS=TOKEN,
        ),
        _part(
            "Alertmanager",
            [
                _program("prometheus-alertmanager", "alertmanager"),
                f"--config.file={folder / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            ],
            f"http://{alertmanager}",
            "/-/ready",
        ),
        _part(
            "Prometheus",
            [
                _program("prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={prometheus}",
            ],
            f"http://{prometheus}",
            "/-/ready",
        ),
    ]
    with FakeSlack() as slack, Supervisor(folder / "logs") as supervisor, world.predictor:
        world.predictor.serve(port=int(model.partition(":")[2]))
        parts[0] = _with_slack(parts[0], slack.api_url)
        for part in parts:
            supervisor.start(part)
        supervisor.wait_ready(*(part.name for part in parts))
        running = Stack(world, slack, supervisor, f"http://{prometheus}", f"http://{alertmanager}")
        running.wait("targets scraped", lambda: len(running.query('up{job=~"model|bridge"} == 1')) == 2)
        yield running


def _with_slack(part: Part, api_url: str) -> Part:
    environment = {**part.environment, "SLACK_API_URL": api_url}
    return _part(part.name, [*part.command], part.url, "/readyz", **environment)


def _write_configuration(folder: Path, model: str, bridge: str, alertmanager: str, prometheus: str) -> None:
    rules = folder / "rules"
    rules.mkdir()
    for name, text in local_rules(rules_dir(), RULE_TIME_SCALE).items():
        (rules / name).write_text(text, encoding="utf-8")
    token_file = folder / "token"
    token_file.write_text(TOKEN, encoding="utf-8")
    files = {
        "prometheus.yaml": prometheus_config(
            [model],
            bridge,
            alertmanager,
            rules,
            scrape_interval=1,
            evaluation_interval=1,
            prometheus_target=prometheus,
            token_file=token_file,
            grafana_url="http://grafana.example",
            docs_url="http://docs.example",
        ),
        "alertmanager.yaml": alertmanager_config(
            f"http://{bridge}/alertmanager", 1, 2, "1h", token_file=token_file
        ),
        "bridge.yaml": yaml.safe_dump(
            {
                "listen": {"port": int(bridge.partition(":")[2])},
                "state": {"directory": str(folder / "bridge")},
                "heartbeats": {"watchdog": {"match": ['alertname="Watchdog"'], "deadline": "5m"}},
                "destinations": {"team": {"channel": "#model-alerts"}},
                "sources": {"default": {"destinations": ["team"]}},
            }
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
