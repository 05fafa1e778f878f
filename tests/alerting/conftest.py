"""Clocks, payloads, state and a fake Slack for the tests of the bridge."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from alerting import episodes, outbox, payload
from alerting.database import Database
from alerting.delivery import DeliveryPolicy, Destination, Sender
from alerting.episodes import Recorded
from alerting.incidents import StatePolicy
from alerting.metrics import BridgeMetrics
from alerting.secret import Secret
from alerting.slack import BotClient, SlackPolicy, WebhookClient
from alerting.testing import FakeSlack
from alerting.testing.alertmanager import Alertmanager

ROOT = Path(__file__).resolve().parents[2]

STARTED = 1_767_225_600.0
"""2026-01-01 00:00 UTC: when the tests' clocks begin."""


@dataclass
class Clock:
    """A clock that goes only when told."""

    now: float = STARTED

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass
class State:
    """A real database with the clock of the test."""

    database: Database
    clock: Clock
    policy: StatePolicy = field(default_factory=StatePolicy)
    destinations: Sequence[str] = ("slack",)

    def record(self, raw: bytes, *, source: str = "default") -> Recorded:
        """Store a webhook body, as the intake does."""
        notification = payload.parse(raw)
        return self.database.write(
            lambda connection: episodes.record(
                connection,
                notification,
                source=source,
                destinations=self.destinations,
                now=self.clock(),
                policy=self.policy,
            )
        ).result()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What a query finds."""
        return self.database.write(
            lambda connection: [dict(row) for row in connection.execute(query, values)]
        ).result()

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents, oldest first."""
        return self.rows("SELECT * FROM incidents ORDER BY id")


@pytest.fixture
def clock() -> Clock:
    """A clock that goes only when told."""
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> Iterator[State]:
    """An empty state with one destination, `slack`, whose messages can be edited."""
    database = Database(tmp_path / "state", busy_seconds=0.1)
    database.write(
        lambda connection: outbox.register(connection, "slack", channel="#alerts", editable=True)
    ).result()
    yield State(database, clock)
    database.close()


@pytest.fixture
def slack(clock: Clock) -> Iterator[FakeSlack]:
    """A fake Slack on a free port, on the clock of the test."""
    with FakeSlack(clock=clock) as fake:
        yield fake


@dataclass
class Desk:
    """A sender, stepped by hand, with all it works on."""

    sender: Sender
    state: State
    slack: FakeSlack
    metrics: BridgeMetrics
    clock: Clock

    def settle(self, *, limit: int = 50, patience: float = 0.0) -> int:
        """Step for `patience` seconds and until nothing is due then; how many calls were made."""
        calls = 0
        waited = 0.0
        for _ in range(limit):
            pause = self.sender.step()
            if pause == 0:
                calls += 1
                continue
            if waited + pause > patience:
                self.clock.pass_(patience - waited)
                return calls
            waited += pause
            self.clock.pass_(pause)
        message = f"still not settled after {limit} steps"
        raise AssertionError(message)

    def metric(self, name: str, **labels: str) -> float:
        """A sample's value."""
        value = self.metrics.registry.get_sample_value(name, {"receiver": "slack", **labels})
        assert value is not None, (name, labels)
        return value


@pytest.fixture
def desk_of(state: State, slack: FakeSlack, clock: Clock) -> Callable[..., Desk]:
    """Make a sender for a bot (default) or a webhook; it does not run by itself."""

    def make(
        *, webhook: bool = False, policy: DeliveryPolicy | None = None, read_seconds: float = 5.0
    ) -> Desk:
        where = SlackPolicy(
            api_url=slack.api_url, connect_timeout_seconds=1.0, read_timeout_seconds=read_seconds
        )
        client: BotClient | WebhookClient = (
            WebhookClient(where, Secret(slack.webhook_url), clock)
            if webhook
            else BotClient(where, Secret("xoxb-test"), clock)
        )
        metrics = BridgeMetrics(["default"], ["slack"])
        numbers = iter(range(1_000_000))
        sender = Sender(
            destination=Destination(
                name="slack", channel="#alerts", receiver=client, call_seconds=where.timeouts.total
            ),
            database=state.database,
            metrics=metrics,
            policy=policy or DeliveryPolicy(post_burst=100, updates_per_minute=60_000),
            clock=clock,
            draw=lambda: 0.0,
            new_id=lambda: f"id-{next(numbers)}",
        )
        sender.database.write(sender.enroll).result()
        return Desk(sender, state, slack, metrics, clock)

    return make


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    """A sender with a bot token, stepped by hand."""
    return desk_of()


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


CONFIG = """
state: {directory: state, reopen_after_seconds: 360}
slack: {connect_timeout_seconds: 1, read_timeout_seconds: 1}
delivery: {posts_per_second: 1000, post_burst: 1000, updates_per_minute: 60000, reconcile_margin_seconds: 0.3}
storms: {backlog: 100000, missed: 100000}
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""
"""A complete configuration for tests: no pace, short limits, no digests."""


class BridgeProcess:
    """`python -m alerting bridge` as a process of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], config: str = CONFIG) -> None:
        self.folder = folder
        self.config = folder / "bridge.yaml"
        self.config.write_text(config)
        self.log = folder / "bridge.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            **environment,
        }
        self.url = ""
        self.program = ["-m", "alerting"]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> BridgeProcess:
        """Start it and wait until it takes notifications."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "bridge", "--config", str(self.config)],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.url = f"http://127.0.0.1:{self.environment['BRIDGE_LISTEN_PORT']}"
        deadline = time.monotonic() + 20
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        return self

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=1).ok
        except requests.ConnectionError:
            return False

    def post(self, raw: bytes, **options: Any) -> requests.Response:
        """Post a webhook body."""
        return requests.post(f"{self.url}/alertmanager", data=raw, timeout=15, **options)

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def bridge(tmp_path: Path, free_port: int) -> Iterator[Callable[..., BridgeProcess]]:
    """Make a bridge process that talks to a fake Slack; it is killed at the end."""
    made: list[BridgeProcess] = []

    def make(
        slack: FakeSlack, *, config: str = CONFIG, webhook: bool = False, **environment: str
    ) -> BridgeProcess:
        way = (
            {"SLACK_WEBHOOK_URL": slack.webhook_url}
            if webhook
            else {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_API_URL": slack.api_url}
        )
        process = BridgeProcess(
            tmp_path, {"BRIDGE_LISTEN_PORT": str(free_port), **way, **environment}, config
        )
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()


@pytest.fixture
def alertmanager_of(tmp_path: Path) -> Iterator[Callable[..., Alertmanager]]:
    """Make Alertmanagers, not yet started, that post to a bridge; they are killed at the end."""
    made: list[Alertmanager] = []

    def make(bridge_url: str, **options: Any) -> Alertmanager:
        made.append(Alertmanager(tmp_path / f"alertmanager-{len(made)}", bridge_url, **options))
        return made[-1]

    yield make
    for alertmanager in made:
        alertmanager.kill()


@pytest.fixture
def live_slack() -> Iterator[FakeSlack]:
    """A fake Slack on the real clock, for processes."""
    with FakeSlack() as fake:
        yield fake


def eventually(condition: Callable[[], Any], *, seconds: float = 15.0) -> Any:
    """What a condition gives once it is true; the last failure if it never is."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    """Wait for something that another process does."""
    return eventually


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless it is asked for (`-m stress`)."""
    if "stress" not in config.getoption("markexpr"):
        long = [item for item in items if item.get_closest_marker("stress")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured (`record_property`); `make stress` is run to see it."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    calls = [report for report in reports if getattr(report, "when", "") == "call"]
    lines = [line for report in calls for line in report.user_properties]
    if lines:
        terminalreporter.section("measured")
    for name, value in lines:
        terminalreporter.write_line(f"{name}: {value}")
