"""The work of the tasks, file by file; no Airflow is needed for it."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import EngineError, ObservationError, Reference
from exporter.airflow import steps

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ROLES = {"prediction": "predicted", "score": "score"}


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Rows with what the model said about them."""
    return pd.DataFrame(
        {
            "age": rng.normal(40 + shift, 10, size=rows),
            "carrier": rng.choice(["AA", "UA"], size=rows),
            "weekend": rng.random(rows) < 0.3,
            "score": rng.uniform(size=rows),
            "predicted": rng.choice(["no", "yes"], size=rows),
        }
    )


@pytest.fixture
def reference(tmp_path: Path, rng: np.random.Generator) -> str:
    """The path of one."""
    frame = table(rng, 20_000)
    path = tmp_path / "reference.json"
    Reference.fit(
        frame[["age", "carrier", "weekend"]],
        model_name="m",
        model_version="1",
        predictions=frame["predicted"],
        scores=frame["score"],
    ).save(path)
    return str(path)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Data of a calm and of a drifted day."""
    table(rng, 5000).to_csv(tmp_path / "calm.csv", index=False)
    drifted = table(rng, 5000, shift=8.0)
    drifted["score"] **= 3
    drifted.to_parquet(tmp_path / "drifted.parquet")
    return tmp_path


def run(folder: Path, reference: str, data: str) -> steps.Summary:
    """All steps up to the report."""
    window = steps.load_window(str(folder / data), reference, str(folder / "w.parquet"), roles=ROLES)
    features = steps.check_features(window, reference, str(folder / "f.json"))
    predictions = steps.check_predictions(window, reference, str(folder / "p.json"), roles=ROLES)
    return steps.write_report(features, predictions, str(folder / "report.json"))


def test_a_calm_day_has_a_report_without_drift(folder: Path, reference: str) -> None:
    """Categories, booleans and outputs are read back from the window as they were."""
    summary = run(folder, reference, "calm.csv")
    assert summary["rows"] == 5000
    assert not summary["drift_detected"]
    document = json.loads((folder / "report.json").read_text())
    assert {c["state"] for c in document["features"].values()} == {"ok"}
    assert {c["state"] for c in document["prediction"].values()} == {"ok"}
    assert steps.describe(summary).startswith("m 1: no drift among 5,000 rows; ")


def test_drift_of_features_and_predictions_is_in_one_report(folder: Path, reference: str) -> None:
    """Both parts decide, and the report has the form of the command line's."""
    summary = run(folder, reference, "drifted.parquet")
    assert summary["drifted"] == ["age", "__score__"]
    document = json.loads((folder / "report.json").read_text())
    assert document["drift_detected"]
    assert document["features"]["age"]["state"] == "drift"
    assert document["prediction"]["score"]["state"] == "drift"
    assert document["prediction"]["class"]["state"] == "ok"
    assert steps.describe(summary).startswith("m 1: drift in 'age', '__score__' among 5,000 rows")


def test_a_large_window_is_sampled_and_says_so(folder: Path, reference: str) -> None:
    """As the command line does."""
    window = steps.load_window(
        str(folder / "calm.csv"), reference, str(folder / "w.parquet"), roles={}, max_rows=1000
    )
    assert (window["rows"], window["total"]) == (1000, 5000)
    steps.check_features(window, reference, str(folder / "f.json"))
    assert json.loads((folder / "f.json").read_text())["window"]["sampled_from"] == 5000


def test_bad_input_is_refused_and_nothing_is_written(folder: Path, reference: str) -> None:
    """The message says where, what was found and what is needed."""
    pd.DataFrame({"x": [1.0]}).to_csv(folder / "other.csv", index=False)
    pd.DataFrame({"age": [], "carrier": []}).to_csv(folder / "empty.csv", index=False)
    before = set(folder.iterdir())
    out = str(folder / "w.parquet")
    for data, roles, message in (
        ("other.csv", {}, "found columns 'x', need features of the reference: 'age'"),
        ("calm.csv", {"score": "probability"}, "found no column 'probability' for score, need one of 'age'"),
        ("calm.csv", {"height": "age"}, "roles: found 'height', need 'prediction'"),
        ("nowhere.csv", {}, "nowhere.csv"),
        ("empty.csv", {}, "empty.csv"),
    ):
        with pytest.raises(ObservationError, match=message):
            steps.load_window(str(folder / data), reference, out, roles=roles)
    with pytest.raises(ObservationError, match="found no folder"):
        steps.load_window(str(folder / "calm.csv"), reference, str(folder / "no" / "w.parquet"), roles={})
    window = steps.load_window(str(folder / "calm.csv"), reference, out, roles={})
    with pytest.raises(ObservationError, match="found no prediction, score or target"):
        steps.check_predictions(window, reference, str(folder / "p.json"), roles={})
    assert set(folder.iterdir()) == {*before, Path(out)}


@pytest.fixture
def alertmanager() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server that takes alerts, and what it took."""
    taken: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, json.loads(body)))
            self.send_response(200 if self.path == "/api/v2/alerts" else 404)
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


def test_an_alert_says_what_drifted(
    folder: Path, reference: str, alertmanager: tuple[str, list[tuple[str, Any]]]
) -> None:
    """With the labels that routes and silences go by, and an end of its own."""
    url, taken = alertmanager
    summary = run(folder, reference, "drifted.parquet")
    steps.send_alert(summary, f"{url}/", severity="warning", hours=25.0, now=NOW)
    ((path, (alert,)),) = taken
    assert path == "/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "BatchDriftDetected",
        "severity": "warning",
        "model_name": "m",
        "model_version": "1",
    }
    assert "'age', '__score__'" in alert["annotations"]["description"]
    assert alert["startsAt"] == "2026-03-01T00:00:00+00:00"
    assert alert["endsAt"] == "2026-03-02T01:00:00+00:00"


def test_an_alert_that_is_not_taken_fails_the_task(
    folder: Path, reference: str, alertmanager: tuple[str, list[tuple[str, Any]]]
) -> None:
    """Nobody was told, so Airflow has to try again."""
    url, _ = alertmanager
    summary = run(folder, reference, "drifted.parquet")
    for address, message in (
        (f"{url}/prefix", "404"),
        ("http://127.0.0.1:9", "need one at http://127.0.0.1:9"),
        ("file:///etc/passwd", "need an address that begins with http"),
    ):
        with pytest.raises(EngineError, match=message):
            steps.send_alert(summary, address, severity="warning", hours=1.0, now=NOW)
