"""The example DAG, parsed and run by a real Airflow on a SQLite database of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter import Reference

pytest.importorskip("airflow", reason="the extra `airflow` has an environment of its own: make test-airflow")

DAGS = Path(__file__).parents[3] / "examples" / "airflow"

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
run = bag.dags["monitor_model"].test(run_conf=json.loads(sys.argv[2]))
states = {task.task_id: str(task.state) for task in run.get_task_instances()}
print("RESULT", json.dumps({"state": str(run.state), "tasks": states}))
"""
"""Run by a process of its own: Airflow reads its settings when it is imported."""

CHAIN = ("load", "features", "predictions", "report", "branch")


@pytest.fixture
def alertmanager() -> Iterator[tuple[str, list[Any]]]:
    """A server that takes alerts, and those that it took."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    thread.join()
    server.server_close()


def _table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, Any]:
    return {
        "age": rng.normal(40 + shift, 10, size=rows),
        "carrier": rng.choice(["AA", "UA"], size=rows),
        "score": rng.uniform(size=rows),
        "prediction": rng.choice(["no", "yes"], size=rows),
    }


def _run(environment: dict[str, str], folder: Path, shift: float, url: str) -> dict[str, Any]:
    """One run of the DAG on rows that are moved by so much."""
    rng = np.random.default_rng(3)
    training = _table(rng, 20_000)
    Reference.fit(
        {name: training[name] for name in ("age", "carrier")},
        model_name="m",
        model_version="1",
        predictions=training["prediction"],
        scores=training["score"],
    ).save(folder / "reference.json")
    pq.write_table(pa.table(_table(rng, 5000, shift)), folder / "rows.parquet")
    conf = {
        "data": str(folder / "rows.parquet"),
        "reference": str(folder / "reference.json"),
        "folder": str(folder),
        "alertmanager": url,
    }
    command = [sys.executable, "-c", RUN, str(DAGS), json.dumps(conf)]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, (result.stdout + result.stderr)[-5000:]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return found


def test_drift_takes_the_branch_of_the_alert(
    environment: dict[str, str], tmp_path: Path, alertmanager: tuple[str, list[Any]]
) -> None:
    """Every task succeeds, Alertmanager is told, the report is there, and the other branch is skipped."""
    url, taken = alertmanager
    found = _run(environment, tmp_path, 8.0, url)
    assert found["state"] == "success"
    assert found["tasks"] == {**dict.fromkeys((*CHAIN, "alert"), "success"), "log": "skipped"}
    (alert,) = taken
    assert alert["labels"]["alertname"] == "BatchDriftDetected"
    assert "'age'" in alert["annotations"]["description"]
    (report,) = tmp_path.glob("*-report.json")
    document = json.loads(report.read_text())
    assert document["drifted_features"] == ["age"]
    assert document["prediction"]["score"]["state"] == "ok"


def test_a_calm_window_takes_the_branch_of_the_log(
    environment: dict[str, str], tmp_path: Path, alertmanager: tuple[str, list[Any]]
) -> None:
    """Nobody is told of nothing."""
    url, taken = alertmanager
    found = _run(environment, tmp_path, 0.0, url)
    assert found["state"] == "success"
    assert found["tasks"] == {**dict.fromkeys((*CHAIN, "log"), "success"), "alert": "skipped"}
    assert taken == []


def test_the_two_checks_run_side_by_side(environment: dict[str, str]) -> None:
    """Neither waits for the other; the report waits for both, and is the only way to the branches."""
    code = (
        "import json, sys; from airflow.dag_processing.dagbag import DagBag\n"
        "dag = DagBag(sys.argv[1]).dags['monitor_model']\n"
        "print('RESULT', json.dumps({t.task_id: sorted(t.upstream_task_ids) for t in dag.tasks}))"
    )
    command = [sys.executable, "-c", code, str(DAGS)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, result.stderr[-3000:]
    upstream = json.loads(lines[-1].removeprefix("RESULT "))
    assert upstream["features"] == upstream["predictions"] == ["load"]
    assert upstream["report"] == ["features", "predictions"]
    assert set(upstream["alert"]) == set(upstream["log"]) == {"branch", "report"}
