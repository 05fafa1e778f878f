"""A Flask application with the exporter's paths as a blueprint below /monitoring.

gunicorn --chdir examples/serving flask_app:app
PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) gunicorn --chdir examples/serving -c gunicorn.conf.py -w 4 flask_app:app
"""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, request
from model import measured_model, rows_of

from exporter.adapters.wsgi import blueprint

predictor = measured_model()
app = Flask(__name__)
app.register_blueprint(blueprint(predictor), url_prefix="/monitoring")


@app.post("/predict")
def predict() -> dict[str, Any]:
    """Probability that each loan is paid back."""
    table, ids = rows_of(request.get_json())
    return {"paid_back": predictor.predict_proba(table, ids=ids)[:, 1].tolist(), "worker": os.getpid()}
