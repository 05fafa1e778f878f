from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter import RolloutPolicy, RolloutPredictor, Stage
from exporter.rollout import StateFile

Make = Callable[..., RolloutPredictor]

WORKER = """
import sys
from dataclasses import replace
import numpy as np
from exporter import RolloutPolicy, Stage
from exporter.rollout import Evidence, SharedRollout, StateFile
from exporter.rollout.state import Step, apply, begin, fresh_guards

path, wanted = sys.argv[1:]
stages = (
    Stage(kind="shadow", min_rows=200, min_seconds=0.0),
    Stage(kind="canary", share=0.2, min_rows=500, min_seconds=0.0),
    Stage(kind="ab", share=0.5, min_rows=500, min_seconds=0.0),
)
names = [stage.kind for stage in stages]
last = names.index(wanted) if wanted in names else len(names)
stages = tuple(
    replace(stage, min_rows=10**9) if number == last else stage for number, stage in enumerate(stages)
)
policy = RolloutPolicy(stages=stages, max_rows=10**10)
clock = lambda: 1_700_000_000.0
start = begin("m", "1", "2", key="k" * 32, policy=policy, centre=0.2, now=clock())
rollout = SharedRollout(StateFile(path), policy, start, clock)
right, wrong = np.zeros(100), np.ones(100)
told = False
while True:
    state = rollout.state
    there = state.stages[-1].kind if state.status == "running" else state.status
    better = state.status == "running" and not there == wanted and wanted != "rolled_back"
    losses = (wrong, right) if better else (right, right)
    evidence = Evidence(centre=0.2)
    if wanted == "rolled_back":
        losses = (right, wrong)
    if there == "shadow":
        rollout.add(evidence.with_pairs(*losses))
    elif state.status == "running":
        for role in (0, 1):
            evidence = evidence.with_split(state.stage, stages[state.stage].share, role, losses[role])
        rollout.add(evidence)
    rollout.sync(fresh_guards())
    if there == wanted and not told:
        told = True
        print("there", flush=True)
"""
"""A worker that brings a rollout to a stage or an end, says so, and goes on writing as fast as it can."""

QUICK = RolloutPolicy(
    stages=(
        Stage(kind="shadow", min_rows=200, min_seconds=60.0),
        Stage(kind="canary", share=0.2, min_rows=500, min_seconds=60.0),
        Stage(kind="ab", share=0.5, min_rows=500, min_seconds=60.0),
    ),
    max_rows=10**9,
)


@contextmanager
def worker(path: Path, wanted: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that has come to where it should."""
    arguments = [sys.executable, "-c", WORKER, str(path), wanted]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("wanted", ["shadow", "canary", "ab", "promoted", "rolled_back"])
def test_a_rollout_survives_kill_9(roll: Make, traffic: Any, tmp_path: Path, wanted: str) -> None:
    """In every stage and after both ends it goes on where it was: one champion, with its own reference."""
    path = tmp_path / "r.json"
    with worker(path, wanted) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    saved = StateFile(path).read()
    assert saved is not None
    assert (saved.stages[-1].kind if saved.status == "running" else saved.status) == wanted
    rollout = roll(policy=QUICK)
    assert rollout.state.key == saved.key
    assert rollout.version == ("2" if wanted == "promoted" else "1")
    assert rollout.reference is not None
    assert rollout.reference.model_version == rollout.version
    assert (rollout.challenger is None) == (wanted in {"promoted", "rolled_back"})
    for _ in range(40):
        traffic.send(rollout, 400, wrong=(0.3, 0.1))
        if rollout.state.status != "running":
            break
    assert rollout.state.status == ("rolled_back" if wanted == "rolled_back" else "promoted")
    assert rollout.champion.version == rollout.version
    assert rollout.reference is rollout.champion.reference


def test_the_others_go_on_when_a_worker_is_killed(roll: Make, traffic: Any, tmp_path: Path) -> None:
    """Its lock goes with it, and what it has written stays."""
    path = tmp_path / "r.json"
    with worker(path, "shadow") as process:
        rollout = roll(policy=QUICK)
        rollout.sync()
        rows = rollout.state.outcomes.rows
        process.send_signal(signal.SIGKILL)
        process.wait()
        traffic.send(rollout, 400, wrong=(0.3, 0.1))
    assert rollout.state.outcomes.rows >= rows + 400
