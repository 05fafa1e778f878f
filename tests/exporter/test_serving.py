from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from sklearn.linear_model import LinearRegression, LogisticRegression

from exporter.answers import MAX_BODY_BYTES
from exporter.config import ExporterConfig, ModelSettings
from exporter.errors import ConfigError, ReferenceDataError
from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference
from exporter.server import MetricsServer, ServerOptions
from exporter.serving import load_model, start

TABLE = pd.DataFrame({"a": np.linspace(-1, 1, 300), "b": np.tile([0.0, 1.0, 2.0], 100)})


def classifier() -> Any:
    return LogisticRegression().fit(TABLE, TABLE["a"] > 0)


def regressor() -> Any:
    return LinearRegression().fit(TABLE.to_numpy(), TABLE["a"].to_numpy())


def scorer() -> Any:
    return lambda rows: [float("nan") if row[0] is None else float(row[0]) for row in rows]


def broken() -> Any:
    raise RuntimeError("no model file")


@pytest.fixture(autouse=True)
def factories(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("served_models")
    for function in (classifier, regressor, scorer, broken):
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, "served_models", module)


def config(factory: str, reference: Path | None = None) -> ExporterConfig:
    model = ModelSettings(name="m", version="1", factory=f"served_models:{factory}", reference=reference)
    return ExporterConfig(model=model, server=ServerOptions(port=0))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "reference.json"
    Reference.fit(TABLE, model_name="m", model_version="1").save(path)
    return path


Running = tuple[InstrumentedPredictor, MetricsServer]


@pytest.fixture
def served(request: pytest.FixtureRequest, reference: Path) -> Iterator[Running]:
    predictor, server = start(config(request.param, reference))
    assert isinstance(predictor, InstrumentedPredictor)
    yield predictor, server
    predictor.close()


def post(server: MetricsServer, path: str, body: Any) -> tuple[int, Any]:
    answer = requests.post(
        f"{server.url}/{path}", data=body if isinstance(body, bytes) else json.dumps(body), timeout=5
    )
    return answer.status_code, answer.json() if answer.headers[
        "Content-Type"
    ] == "application/json" else answer.text


@pytest.mark.parametrize("served", ["classifier"], indirect=True)
def test_a_classifier_is_served_and_measured(served: Running) -> None:
    """Rows by name in any order give probabilities, outcomes join, and both are in the metrics."""
    _, server = served
    rows = [{"b": 0.0, "a": 1.0}, {"a": -1.0, "b": 0.0}]
    status, answer = post(server, "predict", {"rows": rows, "ids": ["x", "y"]})
    assert status == 200
    assert answer["classes"] == [False, True]
    assert np.argmax(answer["probabilities"], axis=1).tolist() == [1, 0]
    assert post(server, "outcomes", {"ids": ["x", "z"], "y_true": [True, True]}) == (
        200,
        {"joined": 1, "duplicate": 0, "conflicting": 0, "unknown_id": 1, "late": 0, "invalid": 0},
    )
    text = requests.get(f"{server.url}/metrics", timeout=5).text
    assert 'model_predictions_total{model_name="m",model_version="1"} 2.0' in text
    assert 'model_outcomes_total{model_name="m",model_version="1",outcome="joined"} 1.0' in text


@pytest.mark.parametrize("served", ["regressor", "scorer"], indirect=True)
def test_a_model_of_numbers_is_served(served: Running) -> None:
    """A regression, and a plain function, answer with predictions; rows may be lists."""
    _, server = served
    by_name = post(server, "predict", {"rows": [{"a": 0.5, "b": 1.0}]})
    by_order = post(server, "predict", {"rows": [[0.5, 1.0]]})
    assert by_name == by_order
    assert by_name[1]["predictions"] == [pytest.approx(0.5)]


@pytest.mark.parametrize("served", ["scorer"], indirect=True)
def test_answers_are_strict_json(served: Running) -> None:
    """A prediction that is not a number is null."""
    _, server = served
    assert post(server, "predict", {"rows": [{"b": 1.0}]}) == (200, {"predictions": [None]})


@pytest.mark.parametrize("served", ["classifier"], indirect=True)
@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("predict", {}, 400, "rows: found nothing, need a list that is not empty"),
        ("predict", {"rows": []}, 400, "rows: found list"),
        ("predict", [], 400, "rows: found nothing"),
        ("predict", {"rows": [{"a": 1, "b": 1}], "ids": ["x", "y"]}, 400, "ids: found 2, need 1, one a row"),
        ("predict", {"rows": [{"a": "text", "b": 1}]}, 500, "the model raised ValueError"),
        ("predict", b"{", 400, "need JSON"),
        ("predict", b"[" * 100_000, 400, "need JSON"),
        ("outcomes", {"ids": ["x"], "y_true": []}, 400, "y_true: found 0, need 1"),
        ("other", {}, 404, "not found; here are /outcomes, /business, /exposures, /predict"),
    ],
)
def test_bad_requests_are_told_apart(
    served: Running, path: str, body: Any, status: int, message: str
) -> None:
    """The client's mistakes are 400 with what is needed, the model's are 500, and nothing stops."""
    _, server = served
    found, answer = post(server, path, body)
    assert found == status
    assert message in (answer if isinstance(answer, str) else answer["error"])
    assert requests.get(f"{server.url}/healthz", timeout=5).status_code == 200


@pytest.mark.parametrize("served", ["classifier"], indirect=True)
def test_a_body_that_is_too_large_is_refused_unread(served: Running) -> None:
    """The limit is on what a request says it will send."""
    _, server = served
    with requests.Session() as session:
        request = requests.Request("POST", f"{server.url}/predict", data=b"{}").prepare()
        request.headers["Content-Length"] = str(MAX_BODY_BYTES + 1)
        answer = session.send(request, timeout=5)
    assert answer.status_code == 413
    assert "need at most 33,554,432" in answer.json()["error"]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("served_models:none", "has no attribute 'none', need an importable function"),
        ("no_such_package:f", "No module named 'no_such_package', need an importable function"),
        (
            "served_models:broken",
            "raised RuntimeError: no model file, need a function that returns the model",
        ),
    ],
)
def test_a_factory_that_fails_is_named(factory: str, message: str) -> None:
    """The error names the configured function."""
    with pytest.raises(ConfigError, match=message):
        load_model(ModelSettings(name="m", version="1", factory=factory))


def test_a_model_without_a_factory_cannot_be_served() -> None:
    """It is enough for `driftgauge monitor`."""
    with pytest.raises(ConfigError, match=r"model.factory: found nothing, need the function"):
        start(ExporterConfig(model=ModelSettings(name="m", version="1")))


def test_a_configuration_without_a_model_cannot_be_served() -> None:
    """There is nothing to serve then."""
    with pytest.raises(ConfigError, match="model: found nothing, need name, version and factory"):
        start(ExporterConfig())


def test_the_reference_must_be_the_models(reference: Path) -> None:
    """A reference of another version stops the start."""
    other = ModelSettings(name="m", version="2", factory="served_models:classifier", reference=reference)
    with pytest.raises(ReferenceDataError, match="version"):
        start(ExporterConfig(model=other, server=ServerOptions(port=0)))
