"""The retraining service of `driftgauge demo --retrain`: its configuration, and who asks it."""

from __future__ import annotations

import fcntl
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..errors import DemoError
from .ports import HOST, MODEL, PROMETHEUS, RETRAINING
from .processes import POLL_SECONDS, Part
from .status import answers

if TYPE_CHECKING:
    from .parts import Setup

DESTINATION = "retrain"

ALERT = "ModelDriftDetected"

MINIMUM_LABELLED_ROWS = 70_000
"""Flights since the spring whose outcome is known in the middle of July. With less this brake does its work:
most weeks that follow are hotter than all that a challenger of May or June has seen, and it is taken back."""

ROWS_QUERY = 'sum(model_outcomes_total{model_name="$model_name", outcome="joined"})'
"""All that the replay has told: it begins when the change does. The default, an increase in a range of time,
would stretch what it saw of the replay's first seconds."""

QUALITY_ALERTS = ["ModelDataBroken", "ModelSchemaViolations"]
"""Without ModelMissingValues: the stations leave out the pressure more often in summer, and the trees take
missing values as they come. Everywhere else a learner should wait for them."""

RECHECK = "1s"
"""A day of the replay, as a deployment's minute is a minute."""

TRAINING_TIMEOUT = "10m"
"""It takes 5 s on an idle core, and a minute on one that twelve others want."""

READY_SECONDS = 60.0
"""Its web server's imports take a second on an idle core."""

ENDING_SECONDS = 10.0
"""For a training that is told to end; it does within a second."""


def retraining_part(setup: Setup) -> Part:
    """The service."""
    from alerting.retraining.config import VARIABLES  # noqa: PLC0415 - a plain demo does without it

    config = _folder(setup) / "retraining.yaml"
    return Part(
        name=RETRAINING.name,
        command=[sys.executable, "-m", "driftgauge", "retrain", "serve", "--config", str(config)],
        url=setup.url(RETRAINING, "/retraining/history"),
        is_ready=answers(setup.url(RETRAINING, "/readyz")),
        ready_within_seconds=READY_SECONDS,
        environment=dict.fromkeys(VARIABLES, ""),
    )


def retraining_files(setup: Setup) -> dict[str, str]:
    """What the service and the bridge read."""
    secret = secrets.token_hex(32)
    return {
        "retraining/retraining.yaml": yaml.safe_dump(_config(setup), sort_keys=False),
        "retraining/webhook.secret": secret,
        f"bridge/{DESTINATION}.secret": secret,
    }


def bridge_destination(url: str) -> dict[str, Any]:
    """The bridge's way to ask the service."""
    return {
        "kind": "retraining",
        "url": url,
        "secret_file": f"{DESTINATION}.secret",
        "alert_names": [ALERT],
    }


def champion_path(directory: Path) -> Path:
    """Where the model process writes the model that it trains first."""
    return directory / "champion.joblib"


def handed_over(setup: Setup) -> Path:
    """Where the service names a candidate that passed."""
    return _folder(setup) / "candidate.json"


@contextmanager
def alive(setup: Setup) -> Iterator[None]:
    """Hold what trainings end with, and afterwards wait until none is left.

    Raises
    ------
    DemoError
        If the folder has the state of an earlier run: its causes and champions are not those of this one.
    """
    folder = _folder(setup)
    if folder.exists():
        raise DemoError(f"--directory {setup.directory}: found an earlier --retrain in it, need a new folder")
    folder.mkdir(parents=True)
    with _alive_file(setup).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    deadline = time.monotonic() + ENDING_SECONDS
    for lock in folder.glob("state/attempts/*/lock"):
        with lock.open("rb") as file:
            while not _free(file.fileno()) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)


def _config(setup: Setup) -> dict[str, Any]:
    from .train import MODEL_NAME  # noqa: PLC0415 - scikit-learn takes a second, which a plain demo saves

    model = setup.directory / "model"
    return {
        "listen": {"address": HOST, "port": setup.ports[RETRAINING]},
        "webhook": {"secret_files": ["webhook.secret"]},
        "state": {"directory": str(_folder(setup) / "state")},
        "prometheus": {"url": setup.url(PROMETHEUS), "rows_query": ROWS_QUERY},
        "runners": {
            "local": {
                "kind": "command",
                "command": [sys.executable, "-m", "driftgauge.demo.training"],
                "timeout": TRAINING_TIMEOUT,
            }
        },
        "models": {
            MODEL_NAME: {
                "runner": "local",
                "reference_path": str(model / "reference.json"),
                "parameters": {
                    "replay_url": setup.url(MODEL, "/replay"),
                    "data": None if setup.data is None else str(setup.data.resolve()),
                    "champion": str(champion_path(model)),
                    "alive": str(_alive_file(setup)),
                },
                "triggers": {"data_drift": {"kind": "data_drift"}},
                "brakes": {
                    "minimum_labelled_rows": MINIMUM_LABELLED_ROWS,
                    "quality_alerts": QUALITY_ALERTS,
                    "recheck": RECHECK,
                },
                "retries": {"attempts": 1},
                "require_comparison": True,
                "hand_over": str(handed_over(setup)),
            }
        },
    }


def _folder(setup: Setup) -> Path:
    return setup.directory / "retraining"


def _alive_file(setup: Setup) -> Path:
    return _folder(setup) / "alive"


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
