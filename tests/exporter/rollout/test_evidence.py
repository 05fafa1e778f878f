from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from exporter import ObservationError
from exporter.rollout import Evidence
from exporter.rollout.evidence import LEVELS, STAKES

ALPHA = 0.05


def pairs(rng: np.random.Generator, rows: int, wrong: tuple[float, float]) -> Evidence:
    """Evidence of rows that both answered."""
    champion, challenger = ((rng.random(rows) < share).astype(float) for share in wrong)
    return Evidence(centre=0.2).with_pairs(champion, challenger)


def split(
    rng: np.random.Generator, rows: int, wrong: tuple[float, float], share: float = 0.3, stage: int = 1
) -> Evidence:
    """Evidence of rows that one of the two answered."""
    drawn = rng.random(rows) < share
    evidence = Evidence(centre=0.2)
    for role in (0, 1):
        losses = (rng.random(int(np.sum(drawn == role))) < wrong[role]).astype(float)
        evidence = evidence.with_split(stage, share, role, losses)
    return evidence


def test_wealth_is_the_mean_over_stakes_of_what_each_row_paid(rng: np.random.Generator) -> None:
    """The table of counts gives what betting row by row gives."""
    champion = rng.integers(0, LEVELS + 1, 50) / LEVELS
    challenger = rng.integers(0, LEVELS + 1, 50) / LEVELS
    evidence = Evidence(centre=0.2).with_pairs(champion, challenger)
    wealth = [np.prod(1.0 + stake * (champion - challenger - 0.1)) for stake in STAKES]
    assert evidence.log_wealth(0.1, upwards=True) == pytest.approx(math.log(np.mean(wealth)))
    drawn = rng.random(50) < 0.3
    evidence = (
        Evidence(centre=0.4).with_split(1, 0.3, 0, champion[~drawn]).with_split(1, 0.3, 1, challenger[drawn])
    )
    losses = np.where(drawn, challenger, champion)
    bets = (drawn - 0.3) * (0.4 - losses) + 0.05 * 0.3 * 0.7
    wealth = [np.prod(1.0 - stake * bets) for stake in STAKES]
    assert evidence.log_wealth(-0.05, upwards=False) == pytest.approx(math.log(np.mean(wealth)))


def test_a_bet_is_fair_at_any_share_and_centre() -> None:
    """Where both lose alike a drawn row pays nothing in the mean, and the difference times p(1 - p) else."""
    for share in (0.01, 0.3, 0.9):
        for centre in (0.0, 0.2, 1.0):
            for champion, challenger in ((0.3, 0.3), (0.3, 0.1)):
                paid = share * (1 - share) * (centre - challenger) - (1 - share) * share * (centre - champion)
                assert paid == pytest.approx(share * (1 - share) * (champion - challenger))


def test_bounds_hold_the_difference_at_every_look(rng: np.random.Generator) -> None:
    """Over all looks at growing evidence the truth leaves its bounds in at most alpha of the runs."""
    missed = 0
    for _ in range(100):
        evidence = Evidence(centre=0.2)
        for _ in range(12):
            evidence = evidence.merge(pairs(rng, 60, (0.3, 0.2))).merge(split(rng, 60, (0.3, 0.2)))
            found = evidence.interval(ALPHA)
            if not found.low <= 0.1:
                missed += 1
                break
    assert missed <= 100 * ALPHA


def test_bounds_close_in_on_the_difference(rng: np.random.Generator) -> None:
    """With many rows a real difference is inside narrow bounds, whichever kind of row it is from."""
    for make in (pairs, split):
        found = make(rng, 20_000, (0.30, 0.25)).interval(ALPHA)
        assert found.rows == 20_000
        assert 0.0 < found.low < 0.05 < found.high < 0.1
        assert found.difference == pytest.approx(0.05, abs=0.03)


def test_of_two_stages_with_other_shares_the_harder_time_is_nobodys_fault(rng: np.random.Generator) -> None:
    """When errors rise as the share grows, pooling would blame the challenger; stages are compared apart."""
    evidence = split(rng, 6_000, (0.1, 0.1), share=0.05, stage=1).merge(
        split(rng, 6_000, (0.4, 0.4), share=0.5, stage=2)
    )
    found = evidence.interval(ALPHA)
    assert found.low < 0.0 < found.high
    assert found.difference == pytest.approx(0.0, abs=0.03)
    pooled = [sum(part.counts[role] for part in evidence.splits.values()) for role in (0, 1)]
    means = [counts @ np.arange(LEVELS + 1) / LEVELS / counts.sum() for counts in pooled]
    assert means[1] - means[0] > 0.1


def test_evidence_of_workers_adds_up_in_any_order(rng: np.random.Generator) -> None:
    """Merging is adding tables: the same for one worker and for three."""
    parts = [pairs(rng, 100, (0.3, 0.1)), split(rng, 200, (0.3, 0.1)), split(rng, 50, (0.3, 0.1), stage=2)]
    one = parts[0].merge(parts[1]).merge(parts[2])
    other = parts[2].merge(parts[0]).merge(parts[1])
    assert one.to_dict()["paired"] == other.to_dict()["paired"]
    assert one.to_dict()["splits"]["2"] == other.to_dict()["splits"]["2"]
    assert one.log_wealth(0.0, upwards=True) == pytest.approx(other.log_wealth(0.0, upwards=True))
    assert (one.rows, one.rows_of(0) + one.rows_of(1)) == (350, 350 + 100)


def test_evidence_survives_json(rng: np.random.Generator) -> None:
    """What comes back says the same."""
    evidence = pairs(rng, 100, (0.3, 0.1)).merge(split(rng, 200, (0.3, 0.1)))
    again = Evidence.from_dict(json.loads(json.dumps(evidence.to_dict())))
    assert again.interval(ALPHA) == evidence.interval(ALPHA)
    assert again.to_dict() == evidence.to_dict()


@pytest.mark.parametrize(
    "damage",
    [
        {"paired": [1, 2]},
        {"paired": [-1] * (2 * LEVELS + 1)},
        {"splits": {"x": {}}},
        {"splits": {"1": {"share": 0.1, "counts": [[0]]}}},
        {"centre": None},
    ],
)
def test_damaged_evidence_is_refused(damage: dict[str, object]) -> None:
    """Never half of it."""
    with pytest.raises(ObservationError, match=r"evidence: found .* need what Evidence.to_dict gives"):
        Evidence.from_dict({**Evidence(centre=0.2).to_dict(), **damage})


@pytest.mark.parametrize("losses", [[1.5], [-0.1], [float("nan")]])
def test_a_loss_outside_its_range_is_refused(losses: list[float]) -> None:
    """The bounds rest on losses between 0 and 1."""
    values: NDArray[np.float64] = np.array(losses)
    with pytest.raises(ObservationError, match="loss: found values"):
        Evidence(centre=0.2).with_pairs(values, values)


def test_nothing_is_known_of_no_rows() -> None:
    """No evidence is no difference, with the widest bounds."""
    found = Evidence(centre=0.2).interval(ALPHA)
    assert (found.difference, found.low, found.high, found.rows) == (None, -1.0, 1.0, 0)
    one_sided = Evidence(centre=0.2).with_split(1, 0.5, 0, np.zeros(10)).interval(ALPHA)
    assert one_sided.difference is None
