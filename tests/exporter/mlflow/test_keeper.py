from __future__ import annotations

import gc
import logging
import threading
import weakref
from pathlib import Path

import pytest

from exporter.errors import RegistryError
from exporter.mlflow.aliases import Move, Standing
from exporter.mlflow.keeper import LOOK_SECONDS, RETRY_SECONDS, AliasKeeper
from exporter.rollout import Event, RolloutPolicy, StateFile, decide_by_hand
from exporter.rollout.state import begin


class Registry:
    """Remembers what it was told, and fails if it should."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.fault: Exception | None = None

    def follow(self, *, champion: str, challenger: str, standing: Standing) -> tuple[Move, ...]:
        self.told.append((champion, challenger, standing))
        if self.fault is not None:
            raise self.fault
        return (Move("champion", champion),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state file of a rollout of 2 against 1 that has just begun."""
    path = tmp_path / "rollout.json"
    state = begin("m", "1", "2", key="k", policy=RolloutPolicy(), centre=0.1, now=0.0)
    StateFile(path).write(state)
    return path


def test_the_registry_is_asked_only_when_something_changed(path: Path) -> None:
    """A look at a file that says the same costs no call; one without a file neither."""
    registry = Registry()
    keeper = AliasKeeper(registry, path, background=False)
    for _ in range(3):
        keeper.look()
    assert registry.told == [("1", "2", "running")]
    decide_by_hand(StateFile(path), "promoted", note="", now=1.0)
    for _ in range(3):
        keeper.look()
    assert registry.told == [("1", "2", "running"), ("1", "2", "promoted")]
    assert AliasKeeper(registry, path.with_name("none.json"), background=False).reconcile() == ()


def test_a_fault_is_logged_once_and_tried_again_after_a_pause(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An event of the rollout ends the pause."""
    registry, now = Registry(), [0.0]
    registry.fault = RegistryError("MLflow: away")
    keeper = AliasKeeper(registry, path, clock=lambda: now[0], background=False)
    with caplog.at_level(logging.WARNING):
        keeper.look()
        now[0] += RETRY_SECONDS / 2
        keeper.look()
        assert len(registry.told) == 1
        keeper(Event(at=0.0, what="started", stage=0, reason="shadow"))
        keeper.look()
        now[0] += RETRY_SECONDS
        keeper.look()
    assert len(registry.told) == 3
    assert [record.message for record in caplog.records] == [
        "aliases stay as they are, and are looked at again: MLflow: away"
    ]
    registry.fault = None
    now[0] += RETRY_SECONDS
    keeper.look()
    keeper.look()
    assert len(registry.told) == 4


def test_a_state_file_that_cannot_be_read_is_a_fault_like_others(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The registry is not asked."""
    path.write_text("{")
    registry = Registry()
    with caplog.at_level(logging.WARNING):
        AliasKeeper(registry, path, background=False).look()
    assert registry.told == []
    assert "damaged" in caplog.text


def test_a_keeper_that_nobody_holds_ends_its_thread(path: Path) -> None:
    """It keeps no process alive and no predictor in memory."""
    keeper = AliasKeeper(Registry(), path)
    threads = [thread for thread in threading.enumerate() if thread.name == "driftgauge-mlflow"]
    gone = weakref.ref(keeper)
    del keeper
    gc.collect()
    assert gone() is None
    for thread in threads:
        thread.join(LOOK_SECONDS + 60)
        assert not thread.is_alive()
