from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor, Reference, Window
from exporter.config import load_config

Value = Callable[..., float | None]
Make = Callable[..., InstrumentedPredictor]
HOUR = 3600.0


@pytest.fixture
def make(rng: np.random.Generator, clock: Any, tmp_path: Path) -> Make:
    """Starts a process anew: another registry and store, the same model, reference, clock and state file."""
    rows = rng.normal(size=(3000, 1))
    truth = (rows[:, 0] + rng.normal(0, 0.5, size=3000) > 0).astype(int)
    model = LogisticRegression().fit(rows, truth)

    def start(version: str = "1", path: Path | None = None) -> InstrumentedPredictor:
        reference = Reference.fit(
            rows, features=["a"], model_name="m", model_version=version,
            scores=model.predict_proba(rows)[:, 1], labels=truth,
        )  # fmt: skip
        return InstrumentedPredictor(
            model, name="m", version=version, reference=reference, registry=CollectorRegistry(), clock=clock,
            windows=(Window("1h", HOUR),), background=False, state_path=path or tmp_path / "state.json",
        )  # fmt: skip

    return start


def hour(predictor: InstrumentedPredictor, rng: np.random.Generator, clock: Any, wrong: float) -> None:
    """An hour's rows and their outcomes, so many of them against the model; then a check."""
    clock.advance(HOUR)
    rows = rng.normal(size=(400, 1))
    ids = [f"{clock()}-{i}" for i in range(400)]
    predicted = predictor.predict_proba(rows, ids=ids).argmax(axis=1)
    predictor.record_outcomes(ids, np.where(rng.random(400) < wrong, 1 - predicted, predicted))
    predictor.check_now()


def test_detectors_and_trends_outlast_a_restart(
    make: Make, rng: np.random.Generator, clock: Any, tmp_path: Path
) -> None:
    """The drift is still held, its count goes on at once, and eight hours over two processes are a trend."""
    first = make()
    for number in range(5):
        hour(first, rng, clock, 0.05 + 0.1 * number)
    before = dict(first.concepts)
    assert before["ddm"].drifts >= 1
    assert first.registry.get_sample_value(
        "model_concept_drifts_total", {"model_name": "m", "model_version": "1", "detector": "ddm"}
    )
    first.close()
    second = make()
    labels = {"model_name": "m", "model_version": "1", "detector": "ddm"}
    assert second.registry.get_sample_value("model_concept_drifts_total", labels) == before["ddm"].drifts
    assert second.registry.get_sample_value("model_concept_drift_state", labels) == 2
    assert second.concepts == before
    for number in range(5, 9):
        hour(second, rng, clock, 0.05 + 0.1 * number)
    assert second._monitor.trends["1h"]["accuracy"].direction == "declining"
    assert list(tmp_path.iterdir()) == [tmp_path / "state.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"format_version": 1', '"format_version": 9'),
        lambda text: text.replace('"seen": 400', '"seen": "many"', 1),
        lambda text: text.replace('"spacing_seconds": 3600.0', '"spacing_seconds": 1.0'),
        lambda text: "\x00" + text,
    ],
)
def test_a_broken_file_costs_no_more_than_itself(
    make: Make, rng: np.random.Generator, clock: Any, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    """It is counted and logged; the model is served and checked, and the file is written anew."""
    hour(make(), rng, clock, 0.1)
    path = tmp_path / "state.json"
    damaged = damage(path.read_text())
    assert damaged != path.read_text()
    path.write_text(damaged)
    second = make()
    labels = {"model_name": "m", "model_version": "1"}
    assert second.registry.get_sample_value("driftgauge_internal_errors_total", labels) == 1
    hour(second, rng, clock, 0.1)
    assert json.loads(path.read_text())["format_version"] == 1
    assert make().registry.get_sample_value("driftgauge_internal_errors_total", labels) == 0


def test_bytes_that_are_no_text_are_counted(make: Make, tmp_path: Path) -> None:
    """As any other damage."""
    (tmp_path / "state.json").write_bytes(b"\xff\xfe\x00")
    labels = {"model_name": "m", "model_version": "1"}
    assert make().registry.get_sample_value("driftgauge_internal_errors_total", labels) == 1


def test_another_version_begins_anew(make: Make, rng: np.random.Generator, clock: Any) -> None:
    """Its errors are those of another model; that is no fault."""
    hour(make(), rng, clock, 0.5)
    other = make(version="2")
    labels = {"model_name": "m", "model_version": "2"}
    assert other.registry.get_sample_value("driftgauge_internal_errors_total", labels) == 0
    assert not other.concepts


def test_a_folder_that_is_not_there_is_counted_and_no_more(
    make: Make, rng: np.random.Generator, clock: Any, tmp_path: Path
) -> None:
    """The check goes on without a file."""
    predictor = make(path=tmp_path / "nowhere" / "state.json")
    hour(predictor, rng, clock, 0.1)
    labels = {"model_name": "m", "model_version": "1"}
    assert predictor.registry.get_sample_value("driftgauge_internal_errors_total", labels) == 1
    assert predictor.reports["1h"].rows == 400


def test_the_file_is_named_beside_the_configuration(tmp_path: Path) -> None:
    """Relative to it, as all paths there."""
    path = tmp_path / "exporter.yaml"
    path.write_text(
        "checks: {state_file: state.json}\nassessment: {headline: mae, calibration_margin: 0.05}\n"
    )
    config = load_config(path, {})
    assert config.state_path == tmp_path / "state.json"
    assert (config.assessment.headline, config.assessment.calibration_margin) == ("mae", 0.05)
