"""The promises of docs/rollout.md, on fewer runs; `benchmarks/rollout.py` has them on a thousand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from exporter import RolloutPolicy
from exporter.rollout import Evidence, decide
from exporter.rollout.state import apply, begin

RUNS = 100


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The script that writes the table."""
    path = Path(__file__).resolve().parents[3] / "benchmarks/rollout.py"
    spec = importlib.util.spec_from_file_location("benchmarks_rollout", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_an_equal_challenger_is_hardly_ever_called_better(benchmark: ModuleType) -> None:
    """However often one looks: here after each of 10,000 rows."""
    case = benchmark.Case("equal", 0.15, 0.15)
    found = benchmark.simulate(case, RolloutPolicy(), RUNS, seed=1, rows=10_000)
    assert np.mean(found.called_better >= 0) <= 0.05


def test_three_points_more_are_promoted_and_three_less_rolled_back(benchmark: ModuleType) -> None:
    """Within 20,000 rows: 90 % of the better ones, 99 % of the worse, and never a worse one promoted."""
    better = benchmark.simulate(benchmark.Case("better", 0.15, 0.12), RolloutPolicy(), RUNS, seed=2)
    assert np.mean(better.promoted >= 0) >= 0.9
    worse = benchmark.simulate(benchmark.Case("worse", 0.15, 0.18), RolloutPolicy(), RUNS, seed=3)
    assert np.mean(worse.rolled_back >= 0) >= 0.99
    assert not (worse.promoted >= 0).any()


def test_the_simulation_is_what_decide_says(benchmark: ModuleType) -> None:
    """Row by row through the package's own state, a run ends at the row that the simulation names."""
    policy, case = RolloutPolicy(max_rows=50_000), benchmark.Case("far better", 0.3, 0.1)
    found = benchmark.simulate(case, policy, 1, seed=4, rows=7_000)
    rng = np.random.default_rng([4, *map(ord, case.name)])
    stages = benchmark.schedule(policy, 7_000)
    losses = benchmark.draw(case, 1, 7_000, rng)
    champion, challenger = (of_version[0] for of_version in losses)
    state, row = begin("m", "1", "2", key="k", policy=policy, centre=0.3, now=0.0), 0
    roles = benchmark.answered(policy, stages, 1, rng)
    differences = benchmark.differences(policy, stages, losses, roles)
    for row in range(7_000):
        evidence, one = Evidence(centre=0.3), slice(row, row + 1)
        if stages[row] == 0:
            evidence = evidence.with_pairs(champion[one], challenger[one])
        else:
            role = int(roles[0, row])
            share = policy.stages[stages[row]].share
            evidence = evidence.with_split(int(stages[row]), share, role, (champion, challenger)[role][one])
        state = state.with_evidence(evidence, state.guards)
        assert differences[0, row] == pytest.approx(state.outcomes.difference)
        step = decide(state, policy, now=1e5 * (state.stage + 1))
        if step is not None:
            state = apply(state, step, policy, now=1e5 * state.stage)
        if state.status != "running":
            break
    assert (state.status, row) == ("promoted", found.promoted[0])
