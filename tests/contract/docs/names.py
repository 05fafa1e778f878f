"""What the Python of each page takes for granted: a model, rows, ids. Everything else is in its blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from alerting.app import build_bridge
from alerting.config import load_config
from alerting.testing import FakeSlack
from exporter import InstrumentedPredictor, MemoryStore, Policy, Reference, check

from .requests import ask
from .yaml_files import ENVIRONMENT

N_ROWS: Final = 500
LONGEST_WAIT_SECONDS: Final = 60.0


def _credit() -> dict[str, Any]:
    """A scikit-learn model of three numbers, and rows for it."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(N_ROWS, 3)), columns=["income", "age", "debt"])
    truth = (table["income"] + 0.5 * rng.normal(size=N_ROWS) > 0).to_numpy()
    return {
        "X_train": table,
        "y_train": truth,
        "model": LogisticRegression().fit(table, truth),
        "X": table,
        "ids": list(range(N_ROWS)),
        "y_true": truth,
    }


def _credit_predictor() -> dict[str, Any]:
    """The same, measured."""
    names = _credit()
    predictor = InstrumentedPredictor(names["model"], name="credit", version="1.2.0", store=MemoryStore())
    predictor.predict(names["X"], ids=names["ids"])
    return {**names, "predictor": predictor, "times": [1_700_000_000.0] * N_ROWS}


def _credit_reference() -> dict[str, Any]:
    """The same, with its reference."""
    names = _credit()
    reference = Reference.fit(names["X"], model_name="flight_delay", model_version="1.2.0")
    return {**names, "reference": reference}


def _bridge() -> dict[str, Any]:
    """A way to a bridge, and a folder for the fake mail server's certificate."""
    return {"tmp_path": Path.cwd(), "post": _post_to_a_bridge}


NOON = 1_767_610_800.0
"""2026-01-05 11:00 UTC, a Monday: noon in Berlin."""


def _post_to_a_bridge(body: bytes, slack: FakeSlack) -> None:
    """Start a bridge with the page's configuration, post to it, and wait until all is told."""
    environment = {**ENVIRONMENT, "SLACK_API_URL": slack.api_url, "BRIDGE_STATE_DIRECTORY": "bridge"}
    config = load_config(Path("config/bridge.yaml"), environment)
    patience = replace(config.delivery, reconcile_margin_seconds=0.0)
    ahead = NOON - time.time()  # the page's quiet hours would keep it silent at night
    bridge = build_bridge(replace(config, delivery=patience), clock=lambda: time.time() + ahead)
    bridge.start()
    try:
        assert ask(bridge.application, "POST", "/alertmanager", {}, body).status_code == 200
        give_up = time.monotonic() + LONGEST_WAIT_SECONDS
        while any(place.pending for place in bridge.backlog().values()):
            assert time.monotonic() < give_up, bridge.backlog()
            time.sleep(0.05)
    finally:
        bridge.stop()


def _errors() -> dict[str, Any]:
    """Outcomes of a model that has become worse."""
    rng = np.random.default_rng(7)
    y_true = rng.random(2 * N_ROWS) < 0.5
    wrong = rng.random(2 * N_ROWS) < np.repeat([0.1, 0.4], N_ROWS)
    return {"y_true": y_true, "y_pred": y_true ^ wrong, "times": np.arange(2.0 * N_ROWS)}


def _feedback() -> dict[str, Any]:
    """A shop with a hundred items, decisions on credit, scores, and ninety days of revenue."""
    rng = np.random.default_rng(9)
    catalog = [f"item {number}" for number in range(100)]
    days = 1_700_000_000.0 + 86_400.0 * np.arange(90)
    approved = np.arange(400) < 200
    return {
        **_credit(),
        "catalog": catalog,
        "shown_items": list(rng.choice(catalog, size=1_000)),
        "approved": approved,
        "outcome_is_known": approved & (np.arange(400) % 4 > 0),
        "scores": rng.random((N_ROWS, 5)),
        "rng": rng,
        "probabilities": rng.dirichlet([1.0, 1.0], size=N_ROWS),
        "is_labelled": rng.random(N_ROWS) < 0.1,
        "first_day": days[0],
        "t1": days,
        "revenue": rng.normal(size=90),
        "t2": days,
        "drift_score": rng.normal(size=90),
        "simple_model": _credit()["model"],
    }


def _weather() -> dict[str, Any]:
    """A reference of flights: a number and a category."""
    rng = np.random.default_rng(11)
    table = pd.DataFrame({"temp": rng.normal(size=N_ROWS), "carrier": rng.choice(["UA", "DL"], size=N_ROWS)})
    predicted = rng.choice(["late", "in time"], size=N_ROWS)
    reference = Reference.fit(
        table,
        model_name="flight_delay",
        model_version="1.2.0",
        predictions=predicted,
        scores=rng.random(N_ROWS),
    )
    return {"reference": reference}


def _history() -> dict[str, Any]:
    """Ten days of rows of a model, enough in each hour to calibrate, and rows that came later."""
    rng = np.random.default_rng(13)
    n_rows = 10 * 24 * 120
    rows = pd.DataFrame({"distance": rng.normal(size=n_rows), "hour": rng.integers(0, 24, size=n_rows)})
    rows["carrier"] = rng.choice(["AA", "UA"], size=n_rows)
    return {
        "rows": rows,
        "scores": rng.random(n_rows),
        "labels": rng.random(n_rows) < 0.3,
        "times": 1_700_000_000.0 + 10 * 86_400.0 * np.arange(n_rows) / n_rows,
        "new_rows": rows,
    }


def _retraining() -> dict[str, Any]:
    """A report with drift, and where the service keeps its state."""
    names = _credit_reference()
    moved = names["X"].assign(income=names["X"]["income"] + 3.0)
    return {"report": check(names["reference"], moved, Policy()), "directory": Path.cwd() / "retraining"}


def _two_versions() -> dict[str, Any]:
    """The model that serves and the one that is tried, with their references, and scores of both."""
    names = _credit()
    old, new = names["model"], LogisticRegression(C=0.1).fit(names["X"], names["y_true"])
    references = {
        f"reference_{which}": Reference.fit(
            names["X"], model_name="flight_delay", model_version=version, labels=names["y_true"],
            scores=model.predict_proba(names["X"])[:, 1], predictions=model.predict(names["X"]),
        )
        for which, version, model in (("old", "1.2.0", old), ("new", "1.3.0", new))
    }  # fmt: skip
    scores = {
        f"scores_{which}": model.predict_proba(names["X"])[:, 1]
        for which, model in (("old", old), ("new", new))
    }
    return {**names, **references, **scores, "old": old, "new": new, "rng": np.random.default_rng(15)}


PREPARED: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "README.md": _credit,
    "docs/bridge.md": _bridge,
    "docs/concept-drift.md": _errors,
    "docs/decisions.md": _history,
    "docs/feedback.md": _feedback,
    "docs/performance.md": _credit_predictor,
    "docs/retraining.md": _retraining,
    "docs/rollout.md": _two_versions,
    "docs/serving.md": _credit,
    "docs/stores.md": _credit_reference,
    "docs/streams.md": _weather,
}
"""Page to what its first block finds, made in the page's folder. A page without an entry needs nothing."""
