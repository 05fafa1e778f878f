from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from exporter import InstrumentedPredictor
from exporter.rollout import StateFile, decide_by_hand

if TYPE_CHECKING:
    from .conftest import Knowing, Make

GAUGES = ("model_info", "model_drift_state", "model_reference_samples", "model_performance_overall_state")


def shown(registry: CollectorRegistry, version: str) -> set[str]:
    """Which of some gauges a scrape shows of a version."""
    text = generate_latest(registry).decode()
    lines = [line for line in text.splitlines() if f'model_version="{version}"' in line]
    return {name for name in GAUGES if any(line.startswith(f"{name}{{") for line in lines)}


def test_the_version_that_does_not_serve_shows_no_states(
    roll: Make, traffic: Any, registry: CollectorRegistry, tmp_path: Path, clock: Any
) -> None:
    """After a promotion the old version, after its withdrawal the new one; what is counted stays."""
    rollout, file = roll(), StateFile(tmp_path / "r.json")
    traffic.send(rollout, 400, wrong=(0.1, 0.1))
    champion, challenger = rollout.champion, rollout.challenger
    assert challenger is not None
    for predictor in (champion, challenger):
        predictor.check_now()
    assert shown(registry, "1") == shown(registry, "2") == set(GAUGES)

    def checks(version: str) -> float | None:
        labels = {"model_name": "m", "model_version": version, "status": "ok"}
        return registry.get_sample_value("driftgauge_checks_total", labels)

    X, ids = traffic.rows(400, wrong=(0.1, 0.1))
    rollout.predict(X, ids=ids)
    ends: tuple[tuple[Literal["promoted", "rolled_back"], Any, Any], ...] = (
        ("promoted", champion, challenger),
        ("rolled_back", challenger, champion),
    )
    for what, loser, winner in ends:
        decide_by_hand(file, what, note="", now=clock())
        rollout.sync()
        rollout.sync()
        assert rollout.champion is winner
        before = checks(loser.version)
        assert loser.check_now() == {}
        assert checks(loser.version) == before
        assert winner.check_now() != {}
        assert shown(registry, winner.version) == set(GAUGES)
        assert shown(registry, loser.version) == set()
        labels = {"model_name": "m", "model_version": loser.version}
        assert registry.get_sample_value("model_predictions_total", labels)
        assert registry.get_sample_value("model_traffic_ratio", {**labels, "role": "champion"}) == 0.0
    state = {"model_name": "m", "model_version": "2"}
    assert registry.get_sample_value("model_rollout_state", state) == 5
    assert champion.record_outcomes(ids, X[:, 0].astype(int)).joined > 0
    assert shown(registry, "2") == set()


def test_a_new_predictor_of_a_retired_version_is_shown(
    models: tuple[Knowing, Knowing], references: Any, registry: CollectorRegistry
) -> None:
    """A candidate that was taken back may be tried again."""
    options: dict[str, Any] = {"name": "m", "version": "1", "reference": references[0], "background": False}
    first = InstrumentedPredictor(models[0], registry=registry, **options)
    first.predict(np.zeros((10, 3)))
    first.retire()
    assert shown(registry, "1") == set()
    again = InstrumentedPredictor(models[0], registry=registry, **options)
    assert shown(registry, "1") == set(GAUGES)
    again.close()


def test_a_worker_that_starts_after_the_end_retires_at_once(
    roll: Make, tmp_path: Path, clock: Any, registry: CollectorRegistry
) -> None:
    """With its first look."""
    roll(predictors={"registry": CollectorRegistry()}).sync()
    decide_by_hand(StateFile(tmp_path / "r.json"), "promoted", note="", now=clock())
    rollout = roll()
    rollout.sync()
    assert rollout.version == "2"
    assert (shown(registry, "1"), shown(registry, "2")) == (set(), set(GAUGES))
