from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from driftgauge.cli import main
from exporter.config import ExporterConfig, ModelSettings, load_config
from exporter.errors import ConfigError
from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference
from exporter.schedule import Schedule
from exporter.server import ServerOptions
from exporter.store_monitor import StoreMonitor
from exporter.stores.settings import StoreSettings, open_store
from exporter.windows import Window

ROWS = 400


class Linear:
    """Says yes to what is above 0."""

    classes_ = np.array(["no", "yes"])

    def predict_proba(self, X: Any) -> Any:
        p = 1 / (1 + np.exp(-np.asarray(X)[:, 0]))
        return np.column_stack([1 - p, p])


@pytest.fixture
def config(tmp_path: Path, rng: np.random.Generator) -> ExporterConfig:
    X = rng.normal(size=(2000, 2))
    scores = Linear().predict_proba(X)
    Reference.fit(
        X,
        model_name="m",
        model_version="1",
        features=["a", "b"],
        scores=scores,
        predictions=np.where(X[:, 0] > 0, "yes", "no"),
        labels=np.where(X[:, 0] > 0, "yes", "no"),
    ).save(tmp_path / "reference.json")
    return ExporterConfig(
        model=ModelSettings(name="m", version="1", reference=tmp_path / "reference.json"),
        server=ServerOptions(port=0),
        windows=(Window("1h", 3600.0),),
        store=StoreSettings(type="sqlite", path=tmp_path / "window.sqlite3"),
        schedule=Schedule(enabled=False),
    )


def replica(config: ExporterConfig, clock: Callable[[], float]) -> InstrumentedPredictor:
    assert config.model is not None
    assert config.model.reference is not None
    return InstrumentedPredictor(
        Linear(),
        name="m",
        version="1",
        reference=Reference.load(config.model.reference),
        store=open_store(config.store, name="m", version="1"),
        schedule=config.schedule,
        windows=config.windows,
        clock=clock,
        background=False,
    )


def test_rows_of_all_replicas_are_checked_without_the_model(
    config: ExporterConfig, clock: Callable[[], float], rng: np.random.Generator
) -> None:
    """Drift, performance and concept drift of what two replicas predicted, once for each outcome."""
    replicas = [replica(config, clock) for _ in range(2)]
    for number, one in enumerate(replicas):
        X = rng.normal([0.0, 3.0], size=(ROWS, 2))
        ids = [f"{number}-{row}" for row in range(ROWS)]
        one.predict_proba(X, ids=ids)
        one.flush()
        assert one.record_outcomes(ids, np.where(X[:, 0] > 0, "yes", "no")).joined == ROWS
    with StoreMonitor(config, clock=clock, background=False) as monitor:
        monitor.check_now()
        report = monitor.check_now()["1h"]
        assert report.rows == 2 * ROWS
        assert list(report.drifted_features) == ["b"]
        value = monitor.registry.get_sample_value
        model = {"model_name": "m", "model_version": "1"}
        assert value("model_accuracy", {**model, "segment": "all", "window": "1h"}) == 1.0
        assert value("model_concept_drift_state", {**model, "detector": "adwin"}) == 0
        newest = value("model_performance_rows", {**model, "window": "last_10000"})
        assert newest == 2 * ROWS
        assert value("model_predictions_total", model) is None
        server = monitor.serve()
        assert requests.get(f"{server.url}/drift/b", timeout=5).json()["state"] == "drift"
    for one in replicas:
        one.close()


def test_replicas_that_do_not_check_say_so(config: ExporterConfig, clock: Callable[[], float]) -> None:
    """Their page is not an empty report, and their gauges of drift are not there."""
    one = replica(config, clock)
    server = one.serve(port=0)
    answer = requests.get(f"{server.url}/drift", timeout=5)
    assert answer.status_code == 404
    assert "checks.enabled: false" in answer.json()["error"]
    one.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"store": StoreSettings()}, "store.type: found memory, need one that the replicas share"),
        ({"model": None}, "model: found no reference, need name, version and reference"),
        ({"model": ModelSettings(name="m", version="1", factory="a:b")}, "model: found no reference"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    config: ExporterConfig, change: dict[str, Any], message: str
) -> None:
    """A monitor without reference or shared store would find nothing, for ever."""
    with pytest.raises(ConfigError, match=message):
        StoreMonitor(replace(config, **change), background=False)


def test_the_command_runs_until_it_is_told_to_end(config: ExporterConfig, tmp_path: Path) -> None:
    """`driftgauge monitor` needs no factory, says where it serves, and ends with 0."""
    path = tmp_path / "exporter.yaml"
    path.write_text(
        'model: {name: m, version: "1", reference: reference.json}\n'
        "server: {port: 0}\nstore: {type: sqlite, path: window.sqlite3}\n",
        encoding="utf-8",
    )
    assert load_config(path, {}).model is not None
    process = subprocess.Popen(
        # Among tests that fill the processors an idle one might wait for minutes.
        [sys.executable, "-m", "driftgauge", "monitor", "--config", str(path), "--priority", "normal"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving at ")
        url = line.split()[-1]
        assert requests.get(f"{url}/healthz", timeout=10).ok
        if sys.platform == "linux":
            assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        if process.stderr is not None:
            process.stderr.close()


@pytest.mark.parametrize(("options", "steps"), [([], ["back"]), (["--priority", "normal"], [])])
def test_the_command_lets_others_go_first_unless_told_not_to(
    config: ExporterConfig, monkeypatch: pytest.MonkeyPatch, options: list[str], steps: list[str]
) -> None:
    """What stepping back does is tested with it."""
    taken: list[str] = []

    class NoMonitor:
        def __init__(self, given: ExporterConfig) -> None:
            assert given is config
            raise ConfigError("it ends here")

    monkeypatch.setattr("exporter.giving_way.step_back", lambda: taken.append("back"))
    monkeypatch.setattr("exporter.config.load_config", lambda path: config)
    monkeypatch.setattr("exporter.store_monitor.StoreMonitor", NoMonitor)
    assert main(["monitor", *options]) == 2
    assert taken == steps
