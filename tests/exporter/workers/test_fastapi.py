from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from .conftest import Serve

UVICORN = ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning")


def test_the_example_measures_what_fastapi_let_through(serve: Serve) -> None:
    """Paths of both stand side by side; a request of the wrong shape reaches neither model nor metrics."""
    server = serve("fastapi", *UVICORN, "fastapi_app:app")
    assert server.predict([30_000.0, 400_000.0], ["a", "b"]) > 0
    refused = requests.post(f"{server.url}/predict", json={"rows": [{"income": -1}]}, timeout=60)
    assert refused.status_code == 422
    assert "income" in refused.text
    assert server.post("outcomes", {"ids": ["a"], "y_true": [True]})["joined"] == 1
    labels = frozenset({"model_name": "loans", "model_version": "1"}.items())
    assert server.metrics("metrics")["model_predictions_total", labels] == 2
    assert server.get("drift/income").json()["feature"] == "income"
    assert "/predict" in server.get("openapi.json").json()["paths"]
