from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from exporter.errors import RegistryError

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from mlflow import environment_variables as limits

from exporter.mlflow import ModelRegistry
from exporter.mlflow.connection import RETRIES, TIMEOUT_SECONDS, connect

NAMES = ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES")


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_limits_of_ours_hold_where_nobody_has_set_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's own would wait for minutes."""
    for name in NAMES:
        monkeypatch.delenv(name)
    connect("http://127.0.0.1:1")
    found = (limits.MLFLOW_HTTP_REQUEST_TIMEOUT.get(), limits.MLFLOW_HTTP_REQUEST_MAX_RETRIES.get())
    assert found == (TIMEOUT_SECONDS, RETRIES)
    monkeypatch.setenv(NAMES[0], "77")
    connect("http://127.0.0.1:1")
    assert limits.MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 77


def test_a_server_that_hangs_is_one_that_does_not_answer(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends at its limit, with an error of ours."""
    monkeypatch.setenv(NAMES[0], "1")
    monkeypatch.setenv(NAMES[1], "0")
    with pytest.raises(RegistryError, match="reading aliases"):
        ModelRegistry("loans", tracking_uri=silent).load("champion")
