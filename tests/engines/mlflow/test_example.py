"""docs/mlflow.md from end to end: a first champion, a retraining by the service, a promotion."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from alerting.retraining import runs
from alerting.retraining.runs import Run
from alerting.retraining.state import State

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from exporter.mlflow import ModelRegistry

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "mlflow"
PATIENCE_SECONDS = 300.0

SERVE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from serve import serve
from exporter.rollout import StateFile, decide_by_hand
answering = serve(sys.argv[2], 0)
print("serving", answering.champion.version, answering.challenger.version, flush=True)
decide_by_hand(StateFile(sys.argv[2]), "promoted", note="the test", now=time.time())
answering.sync()
print("serving", answering.champion.version, flush=True)
sys.stdin.read()
"""
"""The example's predictor, and a person who promotes its challenger."""


def loans(seed: int, sign: float) -> pd.DataFrame:
    """Loans whose fate depends on the income, one way or the other."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"income": rng.normal(size=2_000), "age": rng.normal(size=2_000)})
    return rows.assign(paid=(sign * rows["income"] + rng.normal(size=2_000) > 0).astype(int))


@pytest.fixture
def environment(server: Any) -> dict[str, str]:
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": server.url,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """config/retraining.yaml with the example as its training."""
    loans(2, -1.0).to_csv(tmp_path / "new.csv", index=False)
    document = {
        "listen": {"port": 0},
        "state": {"directory": str(tmp_path / "state")},
        "runners": {
            "example": {
                "kind": "command",
                "command": [sys.executable, str(EXAMPLES / "train.py")],
                "environment": ["MLFLOW_TRACKING_URI", "PYTHONWARNINGS"],
            }
        },
        "models": {
            "loans": {
                "runner": "example",
                "features": ["income", "age"],
                "triggers": {"by_hand": {"kind": "manual"}},
                "brakes": {"minimum_labelled_rows": 0, "unknown_quality": "run"},
                "accept": ["better"],
                "parameters": {"data": str(tmp_path / "new.csv")},
                "registered_model": "loans",
            }
        },
    }
    path = tmp_path / "retraining.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def service(config: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """`driftgauge retrain serve`."""
    command = [sys.executable, "-m", "driftgauge", "retrain", "serve", "--config", str(config)]
    with (tmp_path / "service.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    yield
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def run(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.usefixtures("service")
def test_a_retraining_is_published_recorded_and_rolled_out(
    server: Any, config: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """The candidate is challenger with all that led to it, is served beside the champion, and follows it."""
    loans(1, 1.0).to_csv(tmp_path / "old.csv", index=False)
    assert "champion 1.0.0" in run(environment, tmp_path, str(EXAMPLES / "train.py"), "first", "old.csv")
    retrain = ["-m", "driftgauge", "retrain"]
    run(environment, tmp_path, *retrain, "trigger", "loans", "--reason", "test", "--config", str(config))
    assert recorded(tmp_path).state == "succeeded", (tmp_path / "service.log").read_text()[-3000:]

    registry = ModelRegistry("loans", tracking_uri=server.url)
    assert registry.aliases() == {"champion": "1.0.0", "challenger": "1.1.0"}
    challenger = registry.at("challenger")
    assert challenger is not None
    training = registry.client.get_run(challenger.run_id)
    assert training.data.tags["driftgauge.retraining"] == "succeeded"
    assert training.data.tags["driftgauge.verdict"] == "better"
    assert training.data.metrics["auc"] > 0.7
    artifacts = {each.path for each in registry.client.list_artifacts(challenger.run_id, "driftgauge")}
    assert artifacts == {
        f"driftgauge/{name}.json" for name in ("order", "drift_report", "evaluation", "retraining")
    }

    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(EXAMPLES), str(tmp_path / "rollout.json")],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as serving:  # fmt: skip
        assert serving.stdout is not None
        assert serving.stdout.readline() == "serving 1.0.0 1.1.0\n"
        assert serving.stdout.readline() == "serving 1.1.0\n"
        until = time.monotonic() + PATIENCE_SECONDS
        while registry.aliases() != {"champion": "1.1.0"}:
            assert time.monotonic() < until, registry.aliases()
            threading.Event().wait(0.2)
        serving.kill()


def recorded(folder: Path) -> Run:
    """The run, once MLflow has been told of its end."""
    state, until = State(folder / "state"), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with state.read() as connection:
            events = [event["kind"] for event in runs.events(connection, 1)]
            if "recorded" in events:
                return runs.get(connection, 1)
        threading.Event().wait(0.2)
    raise AssertionError((folder / "service.log").read_text()[-3000:])
