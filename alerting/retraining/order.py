"""What a training is told, and what its runner says of it; docs/retraining.md describes both.

The same order is JSON on standard input, the file DRIFTGAUGE_ORDER_FILE, the `conf` of a DAG run, and in
short form environment variables.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from .policy import ModelPolicy
from .runs import Run

VERSION: Final = 1
"""Of the order; keys may be added without a new one."""
ORDER_FILE: Final = "order.json"
RESULT_FILE: Final = "result.json"
MAX_RESULT_BYTES: Final = 256 << 10
"""Metrics and paths need a few kilobytes; a model belongs into a file of its own."""
MAX_SLUG: Final = 30
"""Of the model's name in a name of Kubernetes, which has 63 characters at most."""

FAILURES: Final = ("exit_code", "timeout", "interrupted", "unreachable", "rejected", "other")
"""Why an attempt failed, fit for a metric's label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt of one run.

    Attributes
    ----------
    name : str
        Of this attempt alone, the same wherever it is asked for: from the cause, the model and the number.
    folder : Path
        For everything that belongs to the attempt.
    document : mapping
        What the training is told.
    """

    name: str
    folder: Path
    document: Mapping[str, Any]

    @property
    def result_path(self) -> Path:
        """Where the training writes its result."""
        return self.folder / RESULT_FILE

    def environment(self) -> dict[str, str]:
        """The order in short form."""
        told = self.document
        return {
            "DRIFTGAUGE_RUN_ID": str(told["run_id"]),
            "DRIFTGAUGE_ATTEMPT": str(told["attempt"]),
            "DRIFTGAUGE_MODEL_NAME": told["model_name"],
            "DRIFTGAUGE_MODEL_VERSION": told["model_version"],
            "DRIFTGAUGE_STRATEGY": told["strategy"],
            "DRIFTGAUGE_TRIGGER": told["trigger"],
            "DRIFTGAUGE_SEVERITY": told["severity"],
            "DRIFTGAUGE_SINCE": told["since"],
            "DRIFTGAUGE_DRIFTED_FEATURES": json.dumps(told["drifted_features"], ensure_ascii=False),
            "DRIFTGAUGE_PARAMETERS": json.dumps(told["parameters"], ensure_ascii=False),
            "DRIFTGAUGE_ORDER_FILE": str(self.folder / ORDER_FILE),
            "DRIFTGAUGE_OUTPUT_DIRECTORY": told["output_directory"],
            "DRIFTGAUGE_RESULT_FILE": told["result_file"],
        }


@dataclass(frozen=True, slots=True)
class Absent:
    """The runner does not know the order: it may be given again."""


@dataclass(frozen=True, slots=True)
class Busy:
    """The training goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The training has ended well.

    Attributes
    ----------
    result : mapping or None
        What it said; None if it said nothing.
    """

    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The attempt has failed.

    Attributes
    ----------
    reason : str
        One of `FAILURES`.
    words : str
    lasting : bool
        It would fail in the same way again.
    """

    reason: Literal["exit_code", "timeout", "interrupted", "unreachable", "rejected", "other"]
    words: str
    lasting: bool = False


Look = Absent | Busy | Done | Broken


class Runner(Protocol):
    """Who trains. Nothing is remembered between calls: any process can go on where another was killed."""

    @property
    def timeout(self) -> float:
        """Seconds that an attempt may take."""

    def start(self, order: Order) -> Broken | None:
        """Begin; the same order again has no further effect."""

    def look(self, order: Order) -> Look | None:
        """How it stands; None if nobody can tell now."""

    def stop(self, order: Order) -> None:
        """End what may still run of it."""


def write(run: Run, policy: ModelPolicy, folder: Path, *, seen: str | None = None) -> Order:
    """The order for the present attempt of a run.

    Parameters
    ----------
    run : Run
        With its strategy and attempt.
    policy : ModelPolicy
    folder : Path
        Of the run's model, absolute.
    seen : str, optional
        The same folder as the training sees it, if it runs elsewhere.
    """
    digest = hashlib.sha256(f"{run.model_name}\n{run.cause.key}".encode()).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "-", run.model_name.lower()).strip("-")[:MAX_SLUG].strip("-") or "model"
    name = f"driftgauge-{slug}-{digest}-{run.attempt}"
    own = folder / name
    there = str(own) if seen is None else f"{seen.rstrip('/')}/{name}"
    return Order(
        name=name,
        folder=own,
        document={
            "version": VERSION,
            "run_id": run.id,
            "attempt": run.attempt,
            "cause_key": run.cause.key,
            "model_name": run.model_name,
            "model_version": run.cause.model_version,
            "strategy": run.strategy,
            "trigger": run.trigger_name,
            "severity": run.cause.severity,
            "by": run.cause.by,
            "reason": run.cause.words,
            "since": datetime.fromtimestamp(run.cause.since, UTC).isoformat(timespec="milliseconds"),
            "drifted_features": list(run.cause.features),
            "alert_names": list(run.cause.alert_names),
            "features": list(policy.features),
            "reference_path": policy.reference_path,
            "parameters": dict(policy.parameters),
            "output_directory": there,
            "result_file": f"{there}/{RESULT_FILE}",
        },
    )


def read_result(path: Path) -> Mapping[str, Any] | None:
    """The JSON object in a file that a training wrote, or None if there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_RESULT_BYTES + 1)
    except OSError:
        return None
    return parse_result(raw)


def parse_result(raw: bytes | str) -> Mapping[str, Any] | None:
    """The JSON object that a training wrote, or None if it is none or too large."""
    if len(raw) > MAX_RESULT_BYTES:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
