"""What silences what, decided by the real Alertmanager with the shipped rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from .conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

MODEL = {"model_name": "other", "model_version": "7"}

CASES: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "a model that is down silences its drift": (
        {"alertname": "ModelDown", "severity": "critical", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "a", **MODEL},
        True,
    ),
    "a model that is down silences its targets": (
        {"alertname": "ModelDown", "severity": "critical", **MODEL},
        {"alertname": "ModelTargetDown", "severity": "warning", "instance": "x", **MODEL},
        True,
    ),
    "it silences no other version": (
        {"alertname": "ModelDown", "severity": "critical", **MODEL},
        {"alertname": "ModelErrorRateHigh", "severity": "warning", **MODEL, "model_version": "8"},
        False,
    ),
    "it silences nothing that is about no model": (
        {"alertname": "ModelDown", "severity": "critical", **MODEL},
        {"alertname": "BridgeOutboxStuck", "severity": "critical", "receiver": "slack"},
        False,
    ),
    "critical silences the warning of the same feature": (
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "b", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "warning", "feature_name": "b", **MODEL},
        True,
    ),
    "critical leaves the warning of another feature": (
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "b", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "warning", "feature_name": "c", **MODEL},
        False,
    ),
    "missing values silence the drift of their feature": (
        {"alertname": "ModelMissingValues", "severity": "warning", "feature_name": "d", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "d", **MODEL},
        True,
    ),
    "missing values leave the drift of another feature": (
        {"alertname": "ModelMissingValues", "severity": "warning", "feature_name": "d", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "e", **MODEL},
        False,
    ),
    "calls without their columns silence all drift of the version": (
        {"alertname": "ModelSchemaViolations", "severity": "warning", "violation": "missing_column", **MODEL},
        {"alertname": "ModelManyFeaturesDrifted", "severity": "critical", **MODEL},
        True,
    ),
    "a column too many silences nothing": (
        {"alertname": "ModelSchemaViolations", "severity": "warning", "violation": "extra_column", **MODEL},
        {"alertname": "ModelPredictionDrift", "severity": "warning", **MODEL},
        False,
    ),
    "critical leaves the warning of another measure": (
        {"alertname": "ModelPerformanceDeclined", "severity": "critical", "measure": "auc", **MODEL},
        {"alertname": "ModelPerformanceDeclined", "severity": "warning", "measure": "f1", **MODEL},
        False,
    ),
    "a warning silences the information of the same alert": (
        {"alertname": "ModelConceptDrift", "severity": "warning", **MODEL},
        {"alertname": "ModelConceptDrift", "severity": "info", **MODEL},
        True,
    ),
    "repeated rows silence drift": (
        {"alertname": "ModelDataBroken", "severity": "warning", "kind": "duplicate_rows", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "critical", "feature_name": "a", **MODEL},
        True,
    ),
    "wrong types in one column leave the drift that names it": (
        {"alertname": "ModelDataBroken", "severity": "warning", "kind": "type_error", **MODEL},
        {"alertname": "ModelDriftDetected", "severity": "warning", "feature_name": "a", **MODEL},
        False,
    ),
    "broken data never silence what users suffer from": (
        {"alertname": "ModelDataBroken", "severity": "critical", "kind": "missing_column", **MODEL},
        {"alertname": "ModelPerformanceDeclined", "severity": "warning", "measure": "auc", **MODEL},
        False,
    ),
    "a real decline silences the estimate of its measure": (
        {"alertname": "ModelPerformanceDeclined", "severity": "warning", "measure": "auc", **MODEL},
        {"alertname": "ModelEstimatedPerformanceLow", "severity": "warning", "measure": "auc", **MODEL},
        True,
    ),
    "missing outcomes silence their coverage": (
        {"alertname": "ModelOutcomesMissing", "severity": "warning", **MODEL},
        {"alertname": "ModelOutcomeCoverageFell", "severity": "warning", "window": "1d", **MODEL},
        True,
    ),
    "stopped checks silence states that nobody knows": (
        {"alertname": "ModelChecksStopped", "severity": "warning", **MODEL},
        {"alertname": "ModelDriftUnknown", "severity": "warning", **MODEL},
        True,
    ),
    "a rollback silences what was wrong with its version": (
        {"alertname": "ModelRolledBack", "severity": "warning", "reason": "worse", **MODEL},
        {"alertname": "ModelPerformanceDeclined", "severity": "critical", "measure": "auc", **MODEL},
        True,
    ),
    "a rollback leaves the champion": (
        {"alertname": "ModelRolledBack", "severity": "warning", "reason": "worse", **MODEL},
        {"alertname": "ModelPerformanceDeclined", "severity": "warning", **MODEL, "model_version": "6"},
        False,
    ),
    "a bridge that is down silences the webhooks that fail": (
        {"alertname": "BridgeDown", "severity": "critical", "instance": "b"},
        {"alertname": "AlertmanagerNotificationsFailing", "severity": "critical", "integration": "webhook"},
        True,
    ),
}
"""Name to source, target, and whether the source silences the target."""


@pytest.mark.parametrize("name", CASES)
def test_inhibition(stack: Stack, name: str) -> None:
    """Each case alone, under a model of its own, so that none silences another's target."""
    source, target, silenced = CASES[name]
    own = f"case{list(CASES).index(name)}"
    alerts = [
        labels | ({"model_name": own} if "model_name" in labels else {"case": own})
        for labels in (source, target)
    ]
    posted = requests.post(
        f"{stack.alertmanager}/api/v2/alerts", json=[{"labels": labels} for labels in alerts], timeout=10
    )
    assert posted.status_code == 200, posted.text
    stack.wait("both alerts", lambda: all(_state(stack, labels) for labels in alerts))
    assert (_state(stack, alerts[1]) == "suppressed") is silenced
    assert _state(stack, alerts[0]) == "active"


def _state(stack: Stack, labels: dict[str, str]) -> str:
    """State of an alert: active or suppressed; empty while Alertmanager has not decided."""
    params: Any = [("filter", f'{name}="{value}"') for name, value in labels.items()]
    found = requests.get(f"{stack.alertmanager}/api/v2/alerts", params=params, timeout=10).json()
    state = found[0]["status"]["state"] if found else ""
    return "" if state == "unprocessed" else str(state)
