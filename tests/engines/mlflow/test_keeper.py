from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, RolloutPredictor
from exporter.errors import ConfigError
from exporter.rollout import StateFile, decide_by_hand

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")
from mlflow import sklearn as mlflow_sklearn

from exporter.mlflow import AliasKeeper, ModelRegistry, publish

PATIENCE_SECONDS = 300.0


@pytest.fixture
def pair(registry: ModelRegistry, publish_version: Any) -> tuple[InstrumentedPredictor, ...]:
    """Champion 1 and challenger 2, loaded from the registry."""
    publish_version("1", alias="champion")
    publish_version("2")
    champion = registry.load("champion", load=mlflow_sklearn.load_model).predictor(background=False)
    challenger = registry.load("challenger", load=mlflow_sklearn.load_model).predictor(
        background=False, registry=champion.registry
    )
    return champion, challenger


def begin(pair: tuple[InstrumentedPredictor, ...], path: Path, **options: Any) -> RolloutPredictor:
    return RolloutPredictor(*pair, state_path=path, background=False, **options)


def test_aliases_follow_a_promotion_and_its_rollback(
    registry: ModelRegistry, pair: tuple[InstrumentedPredictor, ...], tmp_path: Path
) -> None:
    """Each step is made once; asked again, nothing is moved."""
    path = tmp_path / "rollout.json"
    keeper = AliasKeeper(registry, path, background=False)
    assert keeper.reconcile() == ()
    with begin(pair, path, on_event=keeper) as rollout:
        rollout.sync()
        keeper.look()
        assert registry.aliases() == {"champion": "1", "challenger": "2"}
        decide_by_hand(StateFile(path), "promoted", note="test", now=1.0)
        rollout.sync()
        keeper.look()
        assert registry.aliases() == {"champion": "2"}
        assert rollout.champion.version == "2"
        assert AliasKeeper(registry, path, background=False).reconcile() == ()
        decide_by_hand(StateFile(path), "rolled_back", note="test", now=2.0)
        rollout.sync()
        keeper.look()
        assert registry.aliases() == {"champion": "1"}


def test_a_challenger_that_is_rolled_back_loses_its_alias(
    registry: ModelRegistry, pair: tuple[InstrumentedPredictor, ...], tmp_path: Path
) -> None:
    """The champion is not touched."""
    path = tmp_path / "rollout.json"
    with begin(pair, path):
        decide_by_hand(StateFile(path), "rolled_back", note="test", now=1.0)
        moved = AliasKeeper(registry, path, background=False).reconcile()
    assert [(move.alias, move.version) for move in moved] == [("challenger", None)]
    assert registry.aliases() == {"champion": "1"}


def test_what_a_killed_process_did_not_say_is_made_up_for(
    registry: ModelRegistry, pair: tuple[InstrumentedPredictor, ...], tmp_path: Path
) -> None:
    """A decision that is in the file and not in the registry is found at the next start."""
    path = tmp_path / "rollout.json"
    with begin(pair, path):
        pass
    decide = multiprocessing.get_context("spawn").Process(target=_promote_and_die, args=(path,))
    decide.start()
    decide.join(PATIENCE_SECONDS)
    assert decide.exitcode == -9
    assert registry.aliases() == {"champion": "1", "challenger": "2"}
    keeper = AliasKeeper(registry, path)
    until = time.monotonic() + PATIENCE_SECONDS
    while registry.aliases() != {"champion": "2"}:
        assert time.monotonic() < until, registry.aliases()
        threading.Event().wait(0.2)
    keeper.close()


def _promote_and_die(path: Path) -> None:
    decide_by_hand(StateFile(path), "promoted", note="test", now=1.0)
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_alias_that_somebody_moved_is_theirs(
    registry: ModelRegistry,
    pair: tuple[InstrumentedPredictor, ...],
    publish_version: Any,
    tmp_path: Path,
) -> None:
    """A rollout does not undo what a person has done in the registry."""
    path = tmp_path / "rollout.json"
    with begin(pair, path):
        decide_by_hand(StateFile(path), "promoted", note="test", now=1.0)
        registry.assign("champion", publish_version("3"))
        with pytest.raises(ConfigError, match="alias champion: found version '3', need '1' or '2'"):
            AliasKeeper(registry, path, background=False).reconcile()
    assert registry.aliases() == {"champion": "3", "challenger": "3"}


def test_a_newer_candidate_keeps_its_alias(
    registry: ModelRegistry,
    pair: tuple[InstrumentedPredictor, ...],
    publish_version: Any,
    tmp_path: Path,
) -> None:
    """A rollout that ends takes its own challenger away, not the next one."""
    path = tmp_path / "rollout.json"
    with begin(pair, path):
        publish_version("3")
        assert AliasKeeper(registry, path, background=False).reconcile() == ()
        decide_by_hand(StateFile(path), "rolled_back", note="test", now=1.0)
        assert AliasKeeper(registry, path, background=False).reconcile() == ()
    assert registry.aliases() == {"champion": "1", "challenger": "3"}


def test_a_registry_that_comes_back_is_told(
    own_server: Any, name: str, save: Any, reference_of: Any, tmp_path: Path, rows: Any, model: Any
) -> None:
    """Predictions go on without it, the champion it knew stays, and the aliases follow when it is there."""
    own_server.start()
    registry = ModelRegistry(name, tracking_uri=own_server.url)
    publish(registry, save, reference_of("1"), alias="champion")
    publish(registry, save, reference_of("2"))
    metrics = CollectorRegistry()
    pair = tuple(
        InstrumentedPredictor(
            model, name=name, version=version, reference=reference_of(version), registry=metrics,
            background=False,
        )
        for version in ("1", "2")
    )  # fmt: skip
    path, now = tmp_path / "rollout.json", [0.0]
    keeper = AliasKeeper(registry, path, clock=lambda: now[0], background=False)
    with begin(pair, path, on_event=keeper) as rollout:
        own_server.stop()
        decide_by_hand(StateFile(path), "promoted", note="test", now=1.0)
        rollout.sync()
        keeper.look()
        assert rollout.champion.version == "2"
        assert len(rollout.predict(rows)) == 300
        own_server.start()
        keeper.look()
        assert registry.aliases() == {"champion": "1", "challenger": "2"}
        now[0] += 61.0
        keeper.look()
    assert registry.aliases() == {"champion": "2"}
