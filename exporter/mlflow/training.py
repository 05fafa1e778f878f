"""What is recorded of a training: values in, values out that MLflow takes. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import ConfigError

PREFIX: Final = "driftgauge."
"""Of every tag of ours."""

ORDER_TAGS: Final = ("run_id", "attempt", "cause_key", "trigger", "strategy", "severity", "by", "since")
"""Keys of a retraining's order that become tags, so that runs can be searched by them."""

ORDER_FILE: Final = "driftgauge/order.json"
REPORT_FILE: Final = "driftgauge/drift_report.json"
EVALUATION_FILE: Final = "driftgauge/evaluation.json"

MAX_NAME: Final = 250
"""Characters of a key, `mlflow.utils.validation.MAX_ENTITY_KEY_LENGTH`."""
MAX_PARAMETER: Final = 6_000
"""Characters of a parameter, `mlflow.utils.validation.MAX_PARAM_VAL_LENGTH`."""
MAX_TAG: Final = 5_000
"""Characters of a tag, below `mlflow.utils.validation.MAX_TAG_VAL_LENGTH`."""
_NAME: Final = re.compile(r"[/\w.\- :]+")
"""Characters that MLflow takes in a key, on every system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """All that is known of a training when its model is published.

    Attributes
    ----------
    parameters : mapping of str to object
        Of the training; recorded as text.
    metrics : mapping of str to float
    order : mapping, optional
        What a retraining was told (docs/retraining.md): cause, trigger, strategy and the rest.
    report : mapping, optional
        Of the check that led to it, as `driftgauge check --json` writes it.
    evaluation : mapping, optional
        Candidate against champion: the fields of a `Comparison`.
    """

    parameters: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    order: Mapping[str, Any] | None = None
    report: Mapping[str, Any] | None = None
    evaluation: Mapping[str, Any] | None = None


def parameters_of(training: Training) -> dict[str, str]:
    """Parameters as MLflow takes them.

    Raises
    ------
    ConfigError
        If one cannot be recorded.
    """
    found = {name: str(value) for name, value in training.parameters.items()}
    for name, text in found.items():
        _require_name(name, "parameters")
        if len(text) > MAX_PARAMETER:
            raise ConfigError(
                f"parameters.{name}: found {len(text)} characters, need at most {MAX_PARAMETER}"
            )
    return found


def metrics_of(training: Training) -> dict[str, float]:
    """Metrics as MLflow takes them, with the numbers of the evaluation as `evaluation.difference` and so on.

    Raises
    ------
    ConfigError
        If one has no name that MLflow takes, or is no finite number.
    """
    found: dict[str, float] = {}
    for name, value in training.metrics.items():
        _require_name(name, "metrics")
        if not _is_number(value):
            raise ConfigError(f"metrics.{name}: found {str(value)[:40]!r}, need a finite number")
        found[name] = float(value)
    for name, value in (training.evaluation or {}).items():
        if _is_number(value):
            found[f"evaluation.{name}"] = float(value)
    return found


def tags_of(training: Training) -> dict[str, str]:
    """What runs are found by: keys of the order, and the verdict."""
    order, evaluation = training.order or {}, training.evaluation or {}
    tags = {f"{PREFIX}{key}": str(order[key])[:MAX_TAG] for key in ORDER_TAGS if order.get(key)}
    if evaluation.get("verdict"):
        tags[f"{PREFIX}verdict"] = str(evaluation["verdict"])[:MAX_TAG]
    return tags


def documents_of(training: Training) -> dict[str, str]:
    """Artifacts as JSON, by their path in the run.

    Raises
    ------
    ConfigError
        If one is no JSON.
    """
    documents = {
        ORDER_FILE: training.order,
        REPORT_FILE: training.report,
        EVALUATION_FILE: training.evaluation,
    }
    written = {}
    for path, document in documents.items():
        if document is not None:
            try:
                written[path] = json.dumps(dict(document), ensure_ascii=False, indent=1, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise ConfigError(f"{path}: found no JSON ({error}), need plain finite values") from error
    return written


def _require_name(name: object, where: str) -> None:
    if not isinstance(name, str) or len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"{where}: found the name {str(name)[:40]!r}, need letters, digits, _ - . / : or spaces, "
            f"at most {MAX_NAME}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
