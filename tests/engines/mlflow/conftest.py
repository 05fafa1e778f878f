"""Real MLflow servers on this machine; elsewhere than in `make test-mlflow` these tests are skipped."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from sklearn.linear_model import LogisticRegression

from exporter import Reference
from exporter.mlflow import ModelRegistry, RegisteredVersion, Training, publish

if importlib.util.find_spec("mlflow") is not None:
    with warnings.catch_warnings():  # it warns about itself when it is imported
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        import mlflow.sklearn

PATIENCE_SECONDS = 300.0
"""For a server to answer; it takes some ten seconds on an idle machine."""

Publish = Callable[..., RegisteredVersion]


class Server:
    """An MLflow server with its database and its artifacts in a folder, which outlast its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
            "--serve-artifacts", "--artifacts-destination", str(self._folder / "artifacts"),
        ]  # fmt: skip
        quiet = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PYTHONWARNINGS": "ignore",
        }
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env={**os.environ, **quiet}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "server.log").read_text()[-3000:]
            assert time.monotonic() < until, (self._folder / "server.log").read_text()[-3000:]
            threading.Event().wait(0.1)

    def stop(self) -> None:
        """Kill it with all of its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False


def free_port() -> int:
    """One that nobody listens on, below those that the system gives away while a server is down."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("found no free port below the system's own")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests, each of which has a registered model of its own."""
    found = Server(tmp_path_factory.mktemp("mlflow"))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill; not started yet."""
    found = Server(tmp_path)
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there is asked once more and not again."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


@pytest.fixture
def name() -> str:
    """Of a registered model that no other test has."""
    return f"loans-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def registry(server: Server, name: str) -> ModelRegistry:
    """The registered model of this test; nothing is in it yet."""
    return ModelRegistry(name, tracking_uri=server.url)


@pytest.fixture(scope="session")
def rows() -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(size=(300, 2))


@pytest.fixture(scope="session")
def model(rows: np.ndarray[Any, Any]) -> LogisticRegression:
    return LogisticRegression().fit(rows, rows[:, 0] > 0)


@pytest.fixture
def reference_of(rows: np.ndarray[Any, Any], name: str) -> Callable[..., Reference]:
    """A reference of a version of this test's model."""

    def fit(version: str, *, model_name: str | None = None, made: float = 1_000.0) -> Reference:
        return Reference.fit(
            {"income": rows[:, 0], "age": rows[:, 1]},
            model_name=model_name or name, model_version=version, clock=lambda: made,
        )  # fmt: skip

    return fit


@pytest.fixture
def save(model: LogisticRegression) -> Callable[[str], Any]:
    """Writes the model as MLflow has it, without looking for its requirements."""
    return partial(mlflow.sklearn.save_model, model, pip_requirements=["scikit-learn"])


@pytest.fixture
def publish_version(
    registry: ModelRegistry, save: Callable[[str], Any], reference_of: Callable[..., Reference]
) -> Publish:
    """Publish a version of this test's model."""

    def go(version: str, training: Training | None = None, **options: Any) -> RegisteredVersion:
        made = options.pop("made", 1_000.0)
        return publish(registry, save, reference_of(version, made=made), training, **options)

    return go
