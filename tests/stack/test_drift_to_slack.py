"""From a drifting feature to a person, through everything that is between them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DRIFTING, WELL = "temp", "wind"

SHIFT = 2.0
"""Standard deviations: far beyond every threshold, so that the alert is critical as well."""


def test_a_drift_becomes_one_message_that_is_updated_when_it_ends(stack: Stack) -> None:
    """Predictions in, drift, the rule fires, a message arrives with its numbers and later says resolved."""
    world, workspace = stack.world, stack.slack.workspace
    world.hour()
    assert stack.query('ALERTS{alertname="ModelDriftDetected"}') == []
    assert workspace.roots() == []

    for _ in range(2):  # hysteresis: a drift is one that two checks see
        world.hour(shift=SHIFT)
    stack.wait("message in Slack", lambda: bool(workspace.roots()))
    stack.wait("the alert that fires", lambda: bool(_firing(stack)))
    (root,) = workspace.roots()
    said = json.dumps(root.body, ensure_ascii=False)
    for part in ("ModelDriftDetected", "delay", "1.2.0", DRIFTING, "psi", "threshold"):
        assert part in said, said
    assert "http://docs.example/docs/runbooks.md#modeldriftdetected" in said
    assert "http://grafana.example/d/driftgauge-drift?var-model_name=delay" in said
    assert {alert["metric"]["feature_name"] for alert in _firing(stack)} == {DRIFTING}

    for _ in range(3):  # and one that is over after three checks without it
        world.hour()
    stack.wait("resolved in Slack", lambda: "Resolved" in json.dumps(workspace.roots()[0].body))
    assert _firing(stack) == []
    assert [message.ts for message in workspace.roots()] == [root.ts], "one message, updated in place"
    assert workspace.counters().doubled == 0


def test_the_fleet_s_drift_is_the_exporter_s(stack: Stack) -> None:
    """Prometheus, from counters alone, sees the shift of the feature that drifts and none in the others."""
    psi = 'model_feature:drift_psi:increase1h{feature_name="%s"}'
    stack.wait("fleet PSI", lambda: bool(stack.query(psi % WELL)))
    (drifting,), (well,) = stack.query(psi % DRIFTING), stack.query(psi % WELL)
    assert float(drifting["value"][1]) > 0.2 > float(well["value"][1])


def test_no_rule_of_ours_fails(stack: Stack) -> None:
    """Every group was evaluated by the real engine, on series of the real exporter and bridge."""
    groups = stack.query("prometheus_rule_group_iterations_total")
    assert len({series["metric"]["rule_group"] for series in groups}) >= 7
    assert stack.query("sum(prometheus_rule_evaluation_failures_total) > 0") == []


def _firing(stack: Stack) -> list[dict[str, dict[str, str]]]:
    return stack.query('ALERTS{alertname="ModelDriftDetected", alertstate="firing", severity="warning"}')
