"""What runs in the demo: each part's command line, configuration and address."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alerting.config_secrets import VARIABLES

from ..resources import rules_dir
from ..stack_config import alertmanager_config, local_rules, prometheus_config
from .ports import ALERTMANAGER, BRIDGE, EXPLORER, HOST, INBOX, MODEL, PROMETHEUS, RETRAINING, Listener
from .processes import Part
from .retraining import (
    DESTINATION,
    bridge_destination,
    handed_over,
    retraining_files,
)
from .status import answers

RULE_TIME_SCALE = 0.05
"""`for: 1m` becomes three seconds: the replay is faster than life, and so is waiting."""

SCRAPE_SECONDS = 1.0
"""A simulated day at the default speed."""

GROUP_WAIT_SECONDS = 2.0
GROUP_INTERVAL_SECONDS = 5.0
REPEAT_INTERVAL_SECONDS = 3600.0
"""Alertmanager's waits: two seconds collect the features of one check into one message."""

MODEL_READY_SECONDS = 120.0
"""Loading and training take 6 s on two idle cores; a busy small machine gets twenty times that."""

ALERTMANAGER_POLL_SECONDS = 5.0
"""How soon a message shows that Alertmanager has silenced or inhibited its alerts."""

READY_SECONDS = 30.0
"""Measured for Prometheus and Alertmanager: 0.3 s."""

EXPLORER_READY_SECONDS = 120.0
"""Importing Dash takes a second on an idle core."""

SLACK_VARIABLES = ("SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL_FILE", "SLACK_BOT_TOKEN_FILE")

BRIDGE_VARIABLES = tuple(name + suffix for name in VARIABLES for suffix in ("", "_FILE"))
"""These would override the demo's own configuration of the bridge; empty is the same as absent."""

ON_CALL_AFTER = "1m"
"""When the demo's second step is taken: long enough to press the button first."""

GET_COMPONENTS = (
    "on Debian: apt-get install prometheus prometheus-alertmanager; elsewhere: prometheus.io/download"
)


@dataclass(frozen=True, slots=True)
class Components:
    """Programs that are not Python's: their paths, or None where not on PATH; and the explorer's package."""

    prometheus: str | None
    alertmanager: str | None
    dash: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of those that are not there."""
        found = {"Prometheus": self.prometheus, "Alertmanager": self.alertmanager}
        return tuple(name for name, path in found.items() if path is None)


def find_components(which: Callable[[str], str | None] = shutil.which) -> Components:
    """Prometheus and Alertmanager on PATH; Debian calls the second one prometheus-alertmanager."""
    return Components(
        which("prometheus"),
        which("prometheus-alertmanager") or which("alertmanager"),
        dash=importlib.util.find_spec("dash") is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything the parts are made from.

    Attributes
    ----------
    directory : Path
        State of all parts.
    ports : mapping of Listener to int
        Where they listen.
    components : Components
        Which programs there are.
    speed : float
        Simulated seconds per second.
    slack_channel : str
        Where a bot posts.
    data : Path or None
        Folder of the flights' tables; None for the installed package's.
    environment : mapping
        Where the Slack variables are looked for.
    signing_secret : str
        What the inbox signs presses of its buttons with.
    retrain : bool
        Whether drift retrains the model.
    """

    directory: Path
    ports: Mapping[Listener, int]
    components: Components
    speed: float
    slack_channel: str
    data: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    retrain: bool = False

    @property
    def uses_inbox(self) -> bool:
        """Whether the inbox stands for Slack, which is when no Slack address is given."""
        return not any(self.environment.get(name) for name in SLACK_VARIABLES)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Parts that will run."""
        wanted = {
            MODEL: True,
            BRIDGE: True,
            INBOX: self.uses_inbox,
            RETRAINING: self.retrain,
            PROMETHEUS: self.components.prometheus,
            # Without Prometheus nothing would ever reach it.
            ALERTMANAGER: self.components.prometheus and self.components.alertmanager,
            EXPLORER: self.components.prometheus and self.components.dash,
        }
        return tuple(listener for listener, runs in wanted.items() if runs)

    def address(self, listener: Listener) -> str:
        """Host and port of a part."""
        return f"{HOST}:{self.ports[listener]}"

    def url(self, listener: Listener, path: str = "") -> str:
        """URL of a part."""
        return f"http://{self.address(listener)}{path}"


def model_part(setup: Setup) -> Part:
    """The process that trains, serves and replays."""
    command = [
        sys.executable, "-m", "driftgauge.demo.service",
        "--port", str(setup.ports[MODEL]),
        "--directory", str(setup.directory / "model"),
        "--speed", str(setup.speed),
    ]  # fmt: skip
    if setup.data is not None:
        command += ["--data", str(setup.data.resolve())]
    if setup.retrain:
        command += ["--retraining", setup.url(RETRAINING), "--handed-over", str(handed_over(setup))]
    return Part(
        name=MODEL.name,
        command=command,
        url=setup.url(MODEL, "/metrics"),
        is_ready=answers(setup.url(MODEL, "/healthz")),
        ready_within_seconds=MODEL_READY_SECONDS,
    )


def bridge_parts(setup: Setup) -> list[Part]:
    """The bridge, and the inbox where that stands for Slack."""
    parts = []
    if setup.uses_inbox:
        parts.append(
            Part(
                name=INBOX.name,
                command=[
                    sys.executable,
                    "-m",
                    "alerting.testing.inbox",
                    "--port",
                    str(setup.ports[INBOX]),
                    "--bridge",
                    setup.url(BRIDGE),
                ],
                url=setup.url(INBOX),
                is_ready=answers(setup.url(INBOX)),
                ready_within_seconds=READY_SECONDS,
                environment={"SLACK_SIGNING_SECRET": setup.signing_secret},
            )
        )
    config = setup.directory / "bridge" / "bridge.yaml"
    parts.append(
        Part(
            name=BRIDGE.name,
            command=[sys.executable, "-m", "driftgauge", "bridge", "--config", str(config)],
            url=setup.url(BRIDGE, "/history"),
            is_ready=answers(setup.url(BRIDGE, "/readyz")),
            ready_within_seconds=READY_SECONDS,
            environment=_bridge_environment(setup),
        )
    )
    return parts


def component_parts(setup: Setup) -> list[Part]:
    """Prometheus and Alertmanager, as far as they are there."""
    parts = []
    if ALERTMANAGER in setup.listeners and setup.components.alertmanager:
        folder = setup.directory / "alertmanager"
        command = [
            setup.components.alertmanager,
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={setup.address(ALERTMANAGER)}",
            f"--web.external-url={setup.url(ALERTMANAGER)}",
            "--cluster.listen-address=",  # alone: no port for gossip
        ]
        parts.append(_component(ALERTMANAGER, command, setup, page="/"))
    if setup.components.prometheus:
        folder = setup.directory / "prometheus"
        command = [
            setup.components.prometheus,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={setup.address(PROMETHEUS)}",
            f"--web.external-url={setup.url(PROMETHEUS)}",
        ]
        parts.append(_component(PROMETHEUS, command, setup, page="/alerts"))
    return parts


def explorer_parts(setup: Setup) -> list[Part]:
    """The drift explorer, where its extra is installed."""
    if EXPLORER not in setup.listeners:
        return []
    command = [
        sys.executable, "-m", "driftgauge", "explore",
        "--port", str(setup.ports[EXPLORER]),
        "--prometheus", setup.url(PROMETHEUS),
        "--alertmanager", setup.url(ALERTMANAGER),
        "--bridge", setup.url(BRIDGE),
        "--exporter", setup.url(MODEL),
    ]  # fmt: skip
    return [
        Part(
            name=EXPLORER.name,
            command=command,
            url=setup.url(EXPLORER, "/?span=15m"),  # the replay takes five minutes
            is_ready=answers(setup.url(EXPLORER, "/_dash-layout")),
            ready_within_seconds=EXPLORER_READY_SECONDS,
        )
    ]


def write_configuration(setup: Setup) -> None:
    """Write what the parts read: the shipped configuration with this demo's addresses and times."""
    files = {
        "prometheus/prometheus.yaml": prometheus_config(
            [setup.address(MODEL)],
            setup.address(BRIDGE),
            setup.address(ALERTMANAGER),
            setup.directory / "prometheus" / "rules",
            scrape_interval=SCRAPE_SECONDS,
            evaluation_interval=SCRAPE_SECONDS,
            prometheus_target=setup.address(PROMETHEUS),
            retraining_target=setup.address(RETRAINING) if setup.retrain else None,
        ),
        "alertmanager/alertmanager.yaml": alertmanager_config(
            setup.url(BRIDGE, "/alertmanager"),
            GROUP_WAIT_SECONDS,
            GROUP_INTERVAL_SECONDS,
            REPEAT_INTERVAL_SECONDS,
        ),
        "bridge/bridge.yaml": yaml.safe_dump(_bridge_config(setup), sort_keys=False),
    }
    for name, content in local_rules(rules_dir(), RULE_TIME_SCALE).items():
        files[f"prometheus/rules/{name}"] = content
    if setup.retrain:
        files |= retraining_files(setup)
    for name, content in files.items():
        path = setup.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _component(listener: Listener, command: list[str], setup: Setup, *, page: str) -> Part:
    return Part(
        name=listener.name,
        command=command,
        url=setup.url(listener, page),
        is_ready=answers(setup.url(listener, "/-/ready")),
        ready_within_seconds=READY_SECONDS,
    )


def _bridge_config(setup: Setup) -> dict[str, Any]:
    config: dict[str, Any] = {
        "listen": {"address": HOST, "port": setup.ports[BRIDGE]},
        "state": {"directory": str(setup.directory / "bridge")},
        "heartbeats": {"watchdog": {"match": ['alertname="Watchdog"'], "deadline": "5m"}},
        "destinations": {"team": {"channel": setup.slack_channel}},
        "sources": {"default": {"destinations": ["team"]}},
    }
    if setup.retrain:
        config["destinations"][DESTINATION] = bridge_destination(setup.url(RETRAINING, "/retraining"))
        config["sources"]["default"]["destinations"].append(DESTINATION)
    if ALERTMANAGER in setup.listeners:
        config["alertmanager"] = {"url": setup.url(ALERTMANAGER), "poll_seconds": ALERTMANAGER_POLL_SECONDS}
        config["actions"] = {"silence": ["everyone"]}
    if setup.uses_inbox:
        # In somebody's Slack there may be no such channel.
        config["destinations"]["on-call"] = {"channel": "#on-call"}
        first = config["sources"]["default"]["destinations"]
        steps = [{"to": [*first]}, {"after": ON_CALL_AFTER, "to": ["on-call"]}]
        config["escalation"] = [{"name": "critical", "match": ['severity="critical"'], "steps": steps}]
    return config


def _bridge_environment(setup: Setup) -> dict[str, str]:
    """No other bridge's settings but Slack's, and the inbox's address and secret where there is no Slack."""
    environment = {name: "" for name in BRIDGE_VARIABLES if setup.uses_inbox or not name.startswith("SLACK_")}
    if setup.uses_inbox:
        environment |= {
            "SLACK_BOT_TOKEN": "xoxb-demo",
            "SLACK_API_URL": setup.url(INBOX, "/api/"),
            "SLACK_SIGNING_SECRET": setup.signing_secret,
        }
    return environment
