"""A real Alertmanager as a process, for tests with a bridge; its program has to be on PATH."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from ..errors import AlertingError

READY_SECONDS: Final = 15.0
"""Measured: 0.3 s on an idle machine."""


class Alertmanager:
    """A process that can be killed, started again and given another route.

    Parameters
    ----------
    folder : Path
        Made for its configuration, state and log.
    bridge_url : str
        Where a bridge listens.
    token : str
        What it shows to the bridge; empty: nothing.
    **route
        Settings of its one route; what is not given has short waits.
    """

    def __init__(self, folder: Path, bridge_url: str, *, token: str = "", **route: object) -> None:
        self.folder = folder
        folder.mkdir()
        self.receiver: dict[str, Any] = {"url": f"{bridge_url}/alertmanager", "send_resolved": True}
        if token:
            (folder / "token").write_text(token)
            credentials = {"credentials_file": str(folder / "token")}
            self.receiver["http_config"] = {"authorization": credentials}
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.cluster = f"127.0.0.1:{_free_port()}"
        self.process: subprocess.Popen[bytes] | None = None
        self.route(**route)

    def route(self, **route: object) -> None:
        """Write the configuration; what is not given has short waits."""
        names = ["alertname", "model_name", "model_version"]
        waits = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
        config = {
            "route": {"receiver": "bridge", "group_by": names, **waits, **route},
            "receivers": [{"name": "bridge", "webhook_configs": [self.receiver]}],
        }
        (self.folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        if self.process is not None:
            requests.post(f"{self.url}/-/reload", timeout=5).raise_for_status()

    def start(self, *peers: str) -> Alertmanager:
        """Start it, alone or as one of a pair, and wait until it takes alerts."""
        binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if binary is None:
            raise AlertingError("Alertmanager: not found, need it (Debian: prometheus-alertmanager)")
        with (self.folder / "alertmanager.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - a program of the administrator, our own arguments
                [
                    binary,
                    f"--config.file={self.folder / 'alertmanager.yaml'}",
                    f"--storage.path={self.folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                    f"--cluster.listen-address={self.cluster if peers else ''}",
                    *(f"--cluster.peer={peer}" for peer in peers),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.ready():
            if time.monotonic() > deadline:
                raise AlertingError(f"Alertmanager: found no answer, see {self.folder}")
            time.sleep(0.02)
        return self

    def ready(self) -> bool:
        """Whether it takes alerts."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.ConnectionError:
            return False

    def alert(
        self, *features: str, starts: float = -30, ends: float = 300, severity: str = "warning"
    ) -> None:
        """Fire alerts, or end them with `ends` in the past; times in seconds from now."""
        now = dt.datetime.now(dt.UTC)
        labels = {"alertname": "ModelDriftDetected", "model_name": "flight_delay", "model_version": "1.2.0"}
        entries = [
            {
                "labels": {**labels, "severity": severity, "feature_name": feature},
                "annotations": {
                    "summary": f"{feature} has drifted",
                    "runbook_url": "https://docs.example/r",
                },
                "startsAt": (now + dt.timedelta(seconds=starts)).isoformat(),
                "endsAt": (now + dt.timedelta(seconds=ends)).isoformat(),
            }
            for feature in features
        ]
        requests.post(f"{self.url}/api/v2/alerts", json=entries, timeout=30).raise_for_status()

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
