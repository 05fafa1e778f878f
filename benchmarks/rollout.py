"""How often a rollout decides rightly, and after how many rows: writes the tables of docs/rollout.md.

    python benchmarks/rollout.py [--runs 1000] [--out docs/rollout.md]

Every run is a seeded stream of rows with outcomes that goes through the stages of the default policy, and the
evidence is looked at after every single row. The log of a bet's wealth is a sum over rows, so all looks of
many runs are cumulative sums; a test holds them equal to what `decide` says of the same rows.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.rollout import RolloutPolicy
from exporter.rollout.evidence import LEVELS, STAKES, paired_payoffs, split_payoffs

Floats = NDArray[np.float64]

ROWS: Final = 20_000
CHUNK: Final = 20
"""Runs that are computed together; 20 runs of 20,000 rows and 10 stakes are 32 MB."""

LARGEST: Final = 700.0
"""Log of wealth beyond which exp overflows; a bet is won at 3."""

SEED: Final = 20130101


@dataclass(frozen=True, slots=True)
class Case:
    """Two models by how often each is wrong, and how often both are wrong together beyond chance."""

    name: str
    champion: float
    challenger: float
    together: float = 0.0


CASES: Final = (
    Case("equal, 15 % wrong", 0.15, 0.15),
    Case("equal, 30 % wrong", 0.30, 0.30),
    Case("equal, 2 % wrong", 0.02, 0.02),
    Case("equal, half of the errors the same", 0.15, 0.15, 0.5),
    Case("3 points better (85 to 88 %)", 0.15, 0.12),
    Case("3 points better (70 to 73 %)", 0.30, 0.27),
    Case("3 points better, half of the errors the same", 0.15, 0.12, 0.5),
    Case("1 point better (85 to 86 %)", 0.15, 0.14),
    Case("1 point worse (85 to 84 %)", 0.15, 0.16),
    Case("3 points worse (85 to 82 %)", 0.15, 0.18),
    Case("3 points worse (70 to 67 %)", 0.30, 0.33),
    Case("10 points worse (85 to 75 %)", 0.15, 0.25),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Row at which each run was first called better, was promoted or rolled back by evidence; -1 for never.

    The first is whatever the stage; a promotion has to wait for the last one.
    """

    called_better: NDArray[np.int64]
    promoted: NDArray[np.int64]
    rolled_back: NDArray[np.int64]


def schedule(policy: RolloutPolicy, rows: int) -> NDArray[np.int64]:
    """Stage of each row, when every row has its outcome and each stage takes as few as it may."""
    stages = np.repeat(np.arange(len(policy.stages)), [stage.min_rows for stage in policy.stages])
    return np.concatenate([stages, np.full(max(rows - len(stages), 0), len(policy.stages) - 1)])[:rows]


def draw(case: Case, runs: int, rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Losses of champion and challenger, shape (runs, rows)."""
    difficulty = rng.random((runs, rows))
    own = rng.random((runs, rows))
    same = rng.random((runs, rows)) < case.together
    champion = difficulty < case.champion
    challenger = np.where(same, difficulty, own) < case.challenger
    return champion.astype(float), challenger.astype(float)


def answered(
    policy: RolloutPolicy, stages: NDArray[np.int64], runs: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Who answers each row, shape (runs, rows): 0 the champion, 1 the challenger; 0 in shadow, as both do."""
    found = np.zeros((runs, len(stages)), dtype=np.int64)
    for number, stage in enumerate(policy.stages):
        here = stages == number
        if stage.kind != "shadow":
            found[:, here] = rng.random((runs, int(here.sum()))) < stage.share
    return found


def payoffs(
    policy: RolloutPolicy,
    stages: NDArray[np.int64],
    losses: tuple[Floats, Floats],
    roles: NDArray[np.int64],
    centre: float,
) -> Floats:
    """What a stake of 1 pays for each row that a rollout sees, by the package's own tables."""
    levels = np.rint(np.stack(losses) * LEVELS).astype(np.int64)
    found = np.empty(levels.shape[1:])
    for number, stage in enumerate(policy.stages):
        here = stages == number
        if stage.kind == "shadow":
            found[:, here] = paired_payoffs(0.0)[(levels[0] - levels[1])[:, here] + LEVELS]
            continue
        role = roles[:, here]
        seen = np.where(role == 1, levels[1][:, here], levels[0][:, here])
        found[:, here] = split_payoffs(stage.share, centre, 0.0)[role, seen]
    return found


def differences(
    policy: RolloutPolicy,
    stages: NDArray[np.int64],
    losses: tuple[Floats, Floats],
    roles: NDArray[np.int64],
) -> Floats:
    """Champion's mean loss less the challenger's after every row, as `Evidence.difference` weighs stages."""
    total, weights = np.zeros(roles.shape), np.zeros(roles.shape)
    for number, stage in enumerate(policy.stages):
        here = stages == number
        if stage.kind == "shadow":
            weight = np.broadcast_to(np.cumsum(here), roles.shape).astype(float)
            difference = np.cumsum(np.where(here, losses[0] - losses[1], 0.0), axis=1) / np.maximum(weight, 1)
        else:
            rows, means = [], []
            for role in (0, 1):
                chosen = here & (roles == role)
                rows.append(np.cumsum(chosen, axis=1))
                means.append(np.cumsum(np.where(chosen, losses[role], 0.0), axis=1) / np.maximum(rows[-1], 1))
            weight = rows[0] * rows[1] / np.maximum(rows[0] + rows[1], 1)
            difference = means[0] - means[1]
        total += weight * difference
        weights += weight
    return np.asarray(total / np.maximum(weights, np.finfo(float).tiny))


def log_wealth(policy: RolloutPolicy, stages: NDArray[np.int64], pays: Floats, sign: float) -> Floats:
    """Log wealth after every row: pairs and drawn rows are two bets whose money is multiplied."""
    shadow = np.array([stage.kind == "shadow" for stage in policy.stages])[stages]
    total = np.zeros_like(pays)
    for chosen in (shadow, ~shadow):
        mean = np.zeros_like(pays)
        for stake in STAKES:
            growth = np.log1p(np.where(chosen, pays, 0.0) * sign * stake)
            mean += np.exp(np.minimum(np.cumsum(growth, axis=1), LARGEST))
        total += np.log(mean / len(STAKES))
    return total


def simulate(case: Case, policy: RolloutPolicy, runs: int, seed: int, rows: int = ROWS) -> Outcome:
    """Runs of a rollout of which the evidence is looked at after every row."""
    rng = np.random.default_rng([seed, *map(ord, case.name)])
    stages = schedule(policy, rows)
    earliest = sum(stage.min_rows for stage in policy.stages)
    found: list[tuple[NDArray[np.int64], ...]] = []
    needed = -np.log(policy.alpha)
    for start in range(0, runs, CHUNK):
        losses = draw(case, min(CHUNK, runs - start), rows, rng)
        roles = answered(policy, stages, len(losses[0]), rng)
        pays = payoffs(policy, stages, losses, roles, case.champion)
        won = log_wealth(policy, stages, pays, 1.0) >= needed
        called_better = _first(won)
        won &= differences(policy, stages, losses, roles) > 0.0
        won[:, : earliest - 1] = False
        ahead, back = _first(won), _first(log_wealth(policy, stages, pays, -1.0) >= needed)
        wins = (ahead >= 0) & ((back < 0) | (ahead < back))
        found.append((called_better, np.where(wins, ahead, -1), np.where(wins, -1, back)))
    return Outcome(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _first(happened: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(happened.any(axis=1), happened.argmax(axis=1), -1)


def lines(policy: RolloutPolicy, runs: int) -> Iterator[str]:
    """The table."""
    yield f"{runs:,} seeded runs a line, looked at after each of {ROWS:,} rows; default policy."
    yield ""
    yield (
        "| challenger | ever called better | promoted | rolled back in all | by evidence "
        "| median rows to promotion | median rows to that |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for case in CASES:
        found = simulate(case, policy, runs, SEED)
        cells = [
            share(float(np.mean(found.called_better >= 0))),
            share(float(np.mean(found.promoted >= 0))),
            share(float(np.mean(found.promoted < 0))),  # by evidence, or since its rows are up
            share(float(np.mean(found.rolled_back >= 0))),
            median(found.promoted),
            median(found.rolled_back),
        ]
        yield f"| {case.name} | " + " | ".join(cells) + " |"


def share(value: float) -> str:
    """Per cent."""
    return f"{100.0 * value:.1f} %"


def median(rows: NDArray[np.int64]) -> str:
    """Of those that came so far, counted from 1."""
    known = rows[rows >= 0]
    return f"{int(np.median(known)) + 1:,}" if len(known) else "-"


def main() -> None:
    """Measure, and write the table between its two marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    table = "\n".join(lines(RolloutPolicy(), arguments.runs))
    print(table)
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.out is not None:
        marks = r"(<!-- rollout table -->\n).*(\n<!-- end -->)"
        text = arguments.out.read_text(encoding="utf-8")
        written = re.sub(marks, lambda found: found[1] + table + found[2], text, flags=re.DOTALL)
        arguments.out.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
