from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from exporter.adapters.wsgi import blueprint, monitoring_app
from exporter.answers import MAX_BODY_BYTES
from exporter.predictor import InstrumentedPredictor


def flask_with(predictor: InstrumentedPredictor, way: str, token: str | None = None) -> FlaskClient:
    app = Flask(__name__)
    app.add_url_rule("/hello", view_func=lambda: "hello", endpoint="hello")
    if way == "blueprint":
        app.register_blueprint(blueprint(predictor, token), url_prefix="/monitoring")
    else:
        app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, {"/monitoring": monitoring_app(predictor, token)}
        )
    return app.test_client()


@pytest.mark.parametrize("way", ["blueprint", "mount"])
def test_every_path_is_answered(predictor: InstrumentedPredictor, table: pd.DataFrame, way: str) -> None:
    """Metrics, outcomes, and the page of a feature whose name has a slash."""
    client = flask_with(predictor, way)
    predictor.predict(table.head(3), ids=["x", "y", "z"])
    predictor.check_now()
    text = client.get("/monitoring/metrics").text
    assert 'model_predictions_total{model_name="m",model_version="1"} 3.0' in text
    assert client.get("/monitoring/healthz").text == "ok\n"
    joined = client.post("/monitoring/outcomes", json={"ids": ["x"], "y_true": [True]})
    assert joined.get_json()["joined"] == 1
    assert client.get("/monitoring/drift/b%2Fc").get_json()["feature"] == "b/c"
    assert client.get("/monitoring/drift/none").status_code == 404
    assert "found 'UA'" in client.get("/monitoring/drift?segment=UA").get_json()["error"]
    assert client.get("/monitoring/none").status_code == 404
    assert client.get("/hello").text == "hello"
    head = client.head("/monitoring/metrics")
    assert (head.status_code, head.text) == (200, "")


@pytest.mark.parametrize("way", ["blueprint", "mount"])
def test_a_token_guards_all_but_the_health(predictor: InstrumentedPredictor, way: str) -> None:
    """As on a port of its own."""
    client = flask_with(predictor, way, "secret")
    assert client.get("/monitoring/healthz").status_code == 200
    refused = client.get("/monitoring/metrics")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/monitoring/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": b"{"}, 400),
        ({"data": b"{}"}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)}}, 413),
        ({"environ_overrides": {"CONTENT_LENGTH": "many"}}, 411),
    ],
)
def test_bad_bodies_are_refused(
    predictor: InstrumentedPredictor, options: dict[str, Any], status: int
) -> None:
    """Before anything of them is read, where their length says enough."""
    client = flask_with(predictor, "mount")
    assert client.post("/monitoring/outcomes", **options).status_code == status


def test_other_methods_are_refused(predictor: InstrumentedPredictor) -> None:
    """Nothing here can be put or deleted."""
    assert flask_with(predictor, "mount").delete("/monitoring/metrics").status_code == 405
    assert flask_with(predictor, "blueprint").delete("/monitoring/metrics").status_code == 405
