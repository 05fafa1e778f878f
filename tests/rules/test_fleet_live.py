"""The same through a running Prometheus, scraped counters and all."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from driftgauge.resources import rules_dir
from driftgauge.stack_config import local_rules
from exporter import InstrumentedPredictor, Reference
from exporter.statistics import Sample, cramers_v, jensen_shannon_divergence, ks_statistic, psi

pytestmark = [pytest.mark.stack, pytest.mark.slow]

HOST = "127.0.0.1"
REPLICAS = 5
READY_SECONDS = 60.0
TOLERANCE = 1e-6
ROWS = 400


class Model:
    """A model whose score is its first feature, squeezed between 0 and 1."""

    classes_ = np.array([0, 1])

    def predict_proba(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Probabilities of both classes."""
        p = 1 / (1 + np.exp(-rows[:, 0]))
        return np.column_stack([1 - p, p])


class Replicas:
    """Five replicas of one model version, each with an exposition of its own."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        model, table = Model(), rng.normal(size=(5_000, 2))
        scores = model.predict_proba(table)
        self.reference = Reference.fit(
            {"a": table[:, 0], "b": table[:, 1]}, model_name="m", model_version="1", scores=scores
        )
        self.servers, self._predictors, self._rng = [], [], rng
        self.shown: list[np.ndarray[Any, Any]] = []
        for _ in range(REPLICAS):
            registry = CollectorRegistry()
            self._predictors.append(
                InstrumentedPredictor(
                    model,
                    name="m",
                    version="1",
                    reference=self.reference,
                    registry=registry,
                    background=False,
                )
            )
            self.servers.append(_serve(registry))

    def predict(self) -> None:
        """Rows for every replica, which have drifted."""
        for i, predictor in enumerate(self._predictors):
            rows = self._rng.normal(loc=0.2 * i, size=(ROWS, 2))
            predictor.predict_proba(rows)
            self.shown.append(rows)


def _serve(registry: CollectorRegistry) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = generate_latest(registry)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Api:
    """Questions to a Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Result of an instant query."""
        asked = {"query": expression} | ({"time": repr(at)} if at is not None else {})
        with urllib.request.urlopen(f"{self._url}/api/v1/query?{urllib.parse.urlencode(asked)}") as response:
            result: list[dict[str, Any]] = json.load(response)["data"]["result"]
            return result

    def wait(self, expression: str) -> None:
        """Return when an expression has a result."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                if self.query(expression):
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.2)
        pytest.fail(f"{expression}: no result in {READY_SECONDS:.0f} s")


@pytest.fixture(scope="module")
def replicas() -> Iterator[Replicas]:
    """The fleet."""
    fleet = Replicas()
    yield fleet
    for server in fleet.servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def api(replicas: Replicas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Prometheus that scrapes the fleet every second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("prometheus is not installed; Debian has it in the package prometheus")
    folder = tmp_path_factory.mktemp("fleet")
    name = "fleet.rules.yaml"
    (folder / name).write_text(local_rules(rules_dir(), 1.0)[name], encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / name)],
        "scrape_configs": [
            {
                "job_name": "model",
                "static_configs": [{"targets": [f"{HOST}:{s.server_port}" for s in replicas.servers]}],
            }
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={HOST}:{port}",
            "--log.level=error",
        ]
    )
    asked = Api(f"http://{HOST}:{port}")
    asked.wait(f"count(model_info) == {REPLICAS}")
    replicas.predict()
    asked.wait('model_prediction:drift_psi:increase1h{output="score"}')
    time.sleep(3)  # every replica has been scraped again, and the rules have seen it
    yield asked
    process.send_signal(signal.SIGTERM)
    process.wait()


def _counts(api: Api, record: str, selector: str, at: float, names: list[str]) -> list[float]:
    found = {row["metric"]["bin"]: float(row["value"][1]) for row in api.query(f"{record}{{{selector}}}", at)}
    return [found.get(name, 0.0) for name in names]


@pytest.mark.parametrize(
    ("level", "counts", "selector"),
    [
        ("model_feature", "model_feature_bin:model_feature_bin:increase1h", 'feature_name="a"'),
        ("model_feature", "model_feature_bin:model_feature_bin:increase1h", 'feature_name="b"'),
        ("model_prediction", "model_prediction_bin:model_prediction:increase1h", 'output="score"'),
    ],
)
def test_what_prometheus_records_is_what_python_computes(
    api: Api, replicas: Replicas, level: str, counts: str, selector: str
) -> None:
    """On the counts of five scraped replicas every statistic agrees to one in a million."""
    at = float(api.query(f"timestamp({level}:drift_z:increase1h{{{selector}}})")[0]["value"][1])
    profile = (
        replicas.reference.prediction if "output" in selector else replicas.reference.features[selector[-2]]
    )
    assert profile is not None
    names = list(profile.bins[:-2])
    reference, current = profile.counts[:-2].astype(float), _counts(api, counts, selector, at, names)
    # Extrapolation makes counts fractional; KS takes weights as well, in thousandths of a row.
    sides = ((reference * 1000).round().astype(int), (np.array(current) * 1000).round().astype(int))
    ks = ks_statistic(*(Sample.of(np.repeat(np.arange(len(names)), side).astype(float)) for side in sides))
    expected = {
        "psi": (psi(reference, current), TOLERANCE),
        "jensen_shannon": (jensen_shannon_divergence(reference, current), TOLERANCE),
        "cramers_v": (cramers_v(reference, current), TOLERANCE),
        "ks": (ks, TOLERANCE),
    }
    for name, (value, tolerance) in expected.items():
        recorded = float(api.query(f"{level}:drift_{name}:increase1h{{{selector}}}", at)[0]["value"][1])
        assert recorded == pytest.approx(value, abs=tolerance), name


def test_the_fleet_s_shares_are_those_of_the_rows_that_were_predicted(api: Api, replicas: Replicas) -> None:
    """Counted by five replicas, scraped and summed, as against all rows in one place."""
    profile = replicas.reference.features["a"]
    true = profile.count_bins(np.concatenate(replicas.shown)[:, 0].copy()).counts[:-3]
    found = _counts(
        api,
        "model_feature_bin:current:ratio_increase1h",
        'feature_name="a"',
        time.time(),
        list(profile.bins[:-3]),
    )
    assert found == pytest.approx((true / true.sum()).tolist(), abs=0.02)
