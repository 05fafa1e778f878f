from __future__ import annotations

import json
import math
from typing import Any

import pytest

from exporter import ConfigError
from exporter.mlflow.training import Training, documents_of, metrics_of, parameters_of, tags_of


def test_numbers_of_the_evaluation_are_metrics() -> None:
    """Words, gaps and truth values of it are not."""
    evaluation = {"verdict": "worse", "difference": -0.1, "low": None, "rows": 200, "sure": True}
    found = metrics_of(Training(metrics={"auc": 1}, evaluation=evaluation))
    assert found == {"auc": 1.0, "evaluation.difference": -0.1, "evaluation.rows": 200.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.8", None, True])
def test_a_metric_is_a_finite_number(value: Any) -> None:
    """Anything else is refused, with its name."""
    with pytest.raises(ConfigError, match=r"metrics\.auc: found .*, need a finite number"):
        metrics_of(Training(metrics={"auc": value}))


@pytest.mark.parametrize("name", ["", "a,b", "x" * 251, "new\nline"])
def test_a_name_is_one_that_mlflow_takes(name: str) -> None:
    """The error says whose name it is."""
    with pytest.raises(ConfigError, match="parameters: found the name"):
        parameters_of(Training(parameters={name: 1}))
    with pytest.raises(ConfigError, match="metrics: found the name"):
        metrics_of(Training(metrics={name: 1.0}))


def test_a_parameter_has_a_length_that_mlflow_takes() -> None:
    """6,000 characters, as MLflow 3 has it."""
    assert parameters_of(Training(parameters={"sql": "x" * 6_000, "C": 0.5}))["C"] == "0.5"
    with pytest.raises(ConfigError, match=r"parameters\.sql: found 6001 characters"):
        parameters_of(Training(parameters={"sql": "x" * 6_001}))


def test_tags_say_what_led_to_it() -> None:
    """What the order leaves empty is left out."""
    order = {"run_id": 3, "cause_key": "k", "by": "", "features": ["a"], "severity": "critical"}
    assert tags_of(Training(order=order, evaluation={"verdict": "better"})) == {
        "driftgauge.run_id": "3",
        "driftgauge.cause_key": "k",
        "driftgauge.severity": "critical",
        "driftgauge.verdict": "better",
    }
    assert tags_of(Training()) == {}


def test_documents_are_strict_json() -> None:
    """A report with a number that is not finite is refused rather than written as no JSON."""
    found = documents_of(Training(order={"run_id": 1}, report={"drift_detected": False}))
    assert {path: json.loads(text) for path, text in found.items()} == {
        "driftgauge/order.json": {"run_id": 1},
        "driftgauge/drift_report.json": {"drift_detected": False},
    }
    with pytest.raises(ConfigError, match=r"driftgauge/drift_report\.json: found no JSON"):
        documents_of(Training(report={"psi": math.nan}))
    with pytest.raises(ConfigError, match=r"driftgauge/evaluation\.json: found no JSON"):
        documents_of(Training(evaluation={"model": object()}))
