"""The training that `driftgauge demo --retrain` has its retraining service start.

`python -m driftgauge.demo.training`, with the order on standard input as docs/retraining.md describes it. It
learns from the flights since the change whose outcome is known by now, in the replayed world.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from exporter import compare_models

from ..errors import DemoError
from .data import FEATURES, Flights, find_data, load_flights
from .replay import DAY_SECONDS, WINDOW
from .status import fetch_text
from .train import DECISION_SCORE, make_model, train

VERSION = "1.1.0"

HOLDOUT_SECONDS = 14 * DAY_SECONDS
"""The newest two weeks, with each weekday twice: how a model does on what comes next is what counts, and rows
drawn at random would share the thunderstorms of their day with those of the training."""

MODEL_FILE, REFERENCE_FILE = "model.joblib", "reference.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What the configuration hands to the training.

    Attributes
    ----------
    replay_url : str
        Of the replay's clock.
    data : str or None
        Folder of the flights' tables.
    champion : str
        File of the model that serves.
    alive : str
        A file that the demo holds locked while it runs.
    """

    replay_url: str
    data: str | None
    champion: str
    alive: str


def main() -> int:
    """Train as ordered, and write the result."""
    order = json.load(sys.stdin)
    parameters = Parameters(**order["parameters"])
    end_with_demo(Path(parameters.alive))
    since = datetime.fromisoformat(order["since"]).timestamp()
    clock = _replayed(f"{parameters.replay_url}/{since}")
    folder = Path(order["output_directory"])
    flights = load_flights(find_data() if parameters.data is None else Path(parameters.data))
    # An alert speaks of the window before it: the change is in there.
    known = known_by(flights, clock["at"] - WINDOW.seconds, clock["now"])
    with threadpool_limits(limits=1):  # train.py has the measurement
        result = retrain(known, joblib.load(parameters.champion), clock["now"], folder)
    Path(order["result_file"]).write_text(json.dumps(result), encoding="utf-8")
    return 0


def known_by(flights: Flights, start: float, now: float) -> Flights:
    """Flights scheduled from a time on whose outcome is known now."""
    part = flights.between(start, now).with_outcome()
    landed = part.landed <= now
    return Flights(part.features[landed], part.scheduled[landed], part.landed[landed], part.late[landed])


def retrain(known: Flights, champion: Any, now: float, folder: Path) -> Mapping[str, Any]:  # noqa: ANN401  # scikit-learn ships no types
    """The result: how the recipe does on the newest flights, and the model of all of them with its reference.

    Parameters
    ----------
    known : Flights
        With outcomes.
    champion : object
        Compared on the same flights.
    now : float
        Seconds since 1970.
    folder : Path
        Where model and reference are written.
    """
    held_out = known.scheduled >= now - HOLDOUT_SECONDS
    rows, late = known.features[list(FEATURES)], known.late.astype(np.int64)
    earlier = make_model().fit(rows[~held_out], late[~held_out])
    truth = late[held_out]
    scores = [model.predict_proba(rows[held_out])[:, 1] for model in (champion, earlier)]
    found = compare_models(truth, *scores, measure="auc", rng=np.random.default_rng(0))
    model, reference = train(known, VERSION)
    joblib.dump(model, folder / MODEL_FILE)
    reference.save(folder / REFERENCE_FILE)
    errors = [float(np.mean((score >= DECISION_SCORE) != truth)) for score in scores]
    return {
        "model_path": MODEL_FILE,
        "reference_path": REFERENCE_FILE,
        "model_version": VERSION,
        "metrics": {
            "auc": found.challenger,
            "champion_auc": found.champion,
            "accuracy": 1.0 - errors[1],
            "champion_accuracy": 1.0 - errors[0],
            "training_rows": len(known),
            "holdout_rows": int(held_out.sum()),
        },
        "comparison": {
            "verdict": found.verdict,
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
        },
    }


def end_with_demo(path: Path) -> None:
    """End this process when nobody holds the file locked any more.

    A training and its keeper outlive whoever ordered it, on purpose; those of a demo must not.
    """

    def wait() -> None:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
        os._exit(1)

    threading.Thread(target=wait, name="demo-alive", daemon=True).start()


def _replayed(url: str) -> Mapping[str, float]:
    """The replay's clock."""
    text = fetch_text(url)
    if text is None:
        raise DemoError(f"{url}: found no answer, need the demo's model")
    clock: Mapping[str, float] = json.loads(text)
    return clock


if __name__ == "__main__":
    sys.exit(main())
