from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from exporter import Report
from exporter.rendering.advice import next_steps

from .conftest import N_ROWS, checked


@pytest.fixture
def runbooks(request: pytest.FixtureRequest) -> set[str]:
    """Headings of the runbooks."""
    text = (Path(str(request.config.rootpath)) / "docs" / "runbooks.md").read_text(encoding="utf-8")
    return set(re.findall(r"^## (\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["hostile", "many", "extreme"])
def test_every_step_has_a_runbook_that_exists(
    name: str, runbooks: set[str], request: pytest.FixtureRequest
) -> None:
    """Under the name that its alert has."""
    steps = next_steps(request.getfixturevalue(name))
    assert steps
    assert {step.runbook for step in steps if step.runbook} <= runbooks


def test_data_comes_before_drift(extreme: Report) -> None:
    """Faults of the data look like drift and are mended first."""
    found = [step.runbook for step in next_steps(extreme)]
    assert found[:2] == ["ModelSchemaViolations", "ModelDataBroken"]
    assert found.index("ModelDriftDetected") > 1
    assert "ModelDriftUnknown" in found


def test_many_features_have_one_cause(many: Report) -> None:
    """From the share on at which the alert of many features warns."""
    found = [step.runbook for step in next_steps(many)]
    assert many.drifted_ratio >= 0.3
    assert found[:2] == ["ModelManyFeaturesDrifted", "ModelDriftDetected"]


def test_nothing_to_do_is_said() -> None:
    """And what that does not mean."""
    values = np.arange(float(N_ROWS))
    (step,) = next_steps(checked({"x": values}, {"x": values}))
    assert step.what == "Nothing needs to be done."


def test_values_out_of_range_are_no_fault_of_the_data() -> None:
    """The world may have moved there."""
    values = np.arange(float(N_ROWS))
    steps = next_steps(checked({"x": values}, {"x": values + 2 * N_ROWS}))
    assert "ModelDataBroken" not in {step.runbook for step in steps}
