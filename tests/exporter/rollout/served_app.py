"""A team's own server with several workers, around what a configuration of ours says."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request

from exporter.adapters.wsgi import blueprint
from exporter.config import load_config
from exporter.serving import predict, predictor_of

predictor = predictor_of(load_config(os.environ["SERVED_CONFIG"]))
app = Flask(__name__)
app.register_blueprint(blueprint(predictor))  # type: ignore[arg-type]  # it takes all of them


@app.post("/predict")
def answer() -> dict[str, Any]:
    """As `driftgauge serve`."""
    return predict(predictor, request.get_json())


@app.get("/who")
def who() -> dict[str, Any]:
    """Which worker this is, and what it takes for champion."""
    champion = predictor.champion
    profile = champion.reference
    version = None if profile is None else profile.model_version
    return {"worker": os.getpid(), "version": champion.version, "reference": version}
