from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter import ConfigError, RolloutPolicy, Stage, StoreError
from exporter.rollout import Evidence, RolloutState, SharedRollout, StateFile, decide
from exporter.rollout.evidence import LEVELS
from exporter.rollout.state import Step, apply, begin, decode, encode, fresh_guards

POLICY = RolloutPolicy()
START = 1_700_000_000.0


def state(**changes: Any) -> RolloutState:
    """A rollout that has just begun."""
    made = begin("m", "1", "2", key="k" * 32, policy=POLICY, centre=0.2, now=START)
    return replace(made, **changes)


def pairs(rows: int, gain: float) -> Evidence:
    """Evidence in which the challenger is right where the champion is wrong, for a share of the rows."""
    losses = np.zeros((2, rows))
    losses[0 if gain > 0 else 1, : round(abs(gain) * rows)] = 1.0
    return Evidence(centre=0.2).with_pairs(*losses)


def at_last_stage(outcomes: Evidence, rows: int = 0) -> RolloutState:
    """A rollout in its last stage, which has brought so many rows without a difference."""
    found = state(outcomes=outcomes)
    for _ in POLICY.stages[1:]:
        found = apply(found, Step("advanced", "canary"), POLICY, START)
    if rows:
        equal = np.repeat([0.0, 1.0], [rows * 4 // 5, rows // 5])
        for role in (0, 1):
            outcomes = outcomes.with_split(3, 0.5, role, equal)
    return replace(found, outcomes=outcomes)


HOUR = 3_600.0


@pytest.mark.parametrize(
    ("found", "seconds", "step"),
    [
        (state(), 0.0, None),
        (state(outcomes=pairs(999, 0.05)), HOUR, None),
        (state(outcomes=pairs(1_000, 0.05)), HOUR - 1, None),
        (state(outcomes=pairs(1_000, 0.05)), HOUR, Step("advanced", "canary")),
        (state(outcomes=pairs(100, -0.3)), 0.0, Step("rolled_back", "worse")),
        (state(outcomes=pairs(1_000, 0.05)), -HOUR, None),
        (at_last_stage(pairs(1_000, 0.05)), HOUR, None),
        (at_last_stage(pairs(1_000, 0.05), rows=2_000), HOUR, Step("promoted", "better")),
        (at_last_stage(pairs(1_000, 0.0), rows=2_000), HOUR, None),
        (at_last_stage(pairs(1_000, 0.0), rows=9_500), HOUR, Step("rolled_back", "undecided")),
        (state(), 14 * 24 * HOUR, Step("rolled_back", "undecided")),
        (state(status="promoted", outcomes=pairs(1_000, -0.5)), HOUR, None),
    ],
)
def test_decisions(found: RolloutState, seconds: float, step: Step | None) -> None:
    """Rows and time of a stage, evidence for and against, and what happens when both are up."""
    assert decide(found, POLICY, START + seconds) == step


def test_a_bet_won_in_a_week_that_is_over_promotes_nobody() -> None:
    """Ten points better in the shadow, four worse on traffic: one bound is above zero, the mean below."""
    outcomes = pairs(300, 0.1)
    for role, wrong in ((0, 400), (1, 480)):
        outcomes = outcomes.with_split(3, 0.5, role, np.repeat([0.0, 1.0], [2_000 - wrong, wrong]))
    found = outcomes.interval(POLICY.alpha)
    assert found.low > 0.0
    assert found.difference is not None
    assert found.difference < 0.0
    assert decide(at_last_stage(outcomes), POLICY, START + HOUR) is None


def test_not_worse_is_enough_where_the_policy_says_so() -> None:
    """A cheaper model need not be better."""
    found = at_last_stage(pairs(1_000, 0.0), rows=4_000)
    assert decide(found, POLICY, START + HOUR) is None
    cheaper = replace(POLICY, promote_on="not_worse", margin=0.05)
    assert decide(found, cheaper, START + HOUR) == Step("promoted", "not_worse")


@pytest.mark.parametrize("guard", ["error_ratio", "slow_ratio", "fallback_ratio"])
def test_a_guardrail_ends_a_rollout_whatever_the_outcomes_say(guard: str) -> None:
    """A better model of which every other call fails is no better."""
    drawn = Evidence(centre=0.0).with_split(1, 0.05, 0, np.zeros(950))
    failing = drawn.with_split(1, 0.05, 1, np.repeat([0.0, 1.0], [30, 30]))
    found = at_last_stage(pairs(1_000, 0.3), rows=2_000)
    found = replace(found, guards={**fresh_guards(), guard: failing})
    assert decide(found, POLICY, START + HOUR) == Step("rolled_back", guard)
    within = drawn.with_split(1, 0.05, 1, np.zeros(50))
    found = replace(found, guards={**fresh_guards(), guard: within})
    assert decide(found, POLICY, START + HOUR) == Step("promoted", "better")


def test_which_version_serves_follows_from_the_status_alone() -> None:
    """There is no state with two champions or with none."""
    assert [state(status=status).serving for status in ("running", "promoted", "rolled_back")] == [
        "1",
        "2",
        "1",
    ]


def test_a_state_survives_json() -> None:
    """Encoding and decoding lose nothing."""
    found = at_last_stage(pairs(1_000, 0.1), rows=100)
    again = decode(json.loads(json.dumps(encode(found))))
    assert encode(again) == encode(found)


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "done"}, {"stages": []}, {"stages": [{"kind": "x", "share": 0, "started_at": 0}]},
        {"stages": [{"kind": "shadow"}]}, {"guards": {}}, {"events": [1]}, {"outcomes": {"paired": []}},
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(damage: dict[str, Any], tmp_path: Path) -> None:
    """A file that says something else is never half believed."""
    file = StateFile(tmp_path / "r.json")
    file.write(state())
    document = {**json.loads(file.path.read_text("utf-8")), **damage}
    file.path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"r\.json: damaged"):
        file.read()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """No JSON, another format, a folder that is not there."""
    file = StateFile(tmp_path / "r.json")
    assert file.read() is None
    for text, message in (
        ("{", "no JSON"),
        ("[]", "found None"),
        ('{"format": "x"}', "need driftgauge-rollout"),
    ):
        file.path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            file.read()
    absent = StateFile(tmp_path / "absent" / "r.json")
    with pytest.raises(StoreError, match="cannot be locked"), absent.locked():
        pass
    with pytest.raises(StoreError, match="cannot be written"):
        absent.write(state())
    with pytest.raises(StoreError, match="cannot be read"):
        StateFile(tmp_path).read()


def share(tmp_path: Path, start: RolloutState | None = None, **policy: Any) -> SharedRollout:
    """A worker on the one state file."""
    begun = state() if start is None else start
    return SharedRollout(
        StateFile(tmp_path / "r.json"), replace(POLICY, **policy), begun, lambda: START + HOUR
    )


def test_evidence_of_all_workers_is_decided_on_once(tmp_path: Path) -> None:
    """What no worker could decide alone is decided by the one that looks last, and the others follow."""
    workers = [share(tmp_path) for _ in range(3)]
    for worker in workers:
        worker.add(pairs(400, 0.05))
    news = [[event.what for event in worker.sync(fresh_guards())] for worker in workers]
    assert news == [["started"], [], ["advanced"]]
    assert [worker.sync(fresh_guards()) for worker in workers] == [(), (), ()]
    assert {worker.state.stage for worker in workers} == {1}
    assert {worker.state.outcomes.rows for worker in workers} == {1_200}


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    """A service without traffic does not wear out its disk."""
    worker = share(tmp_path)
    worker.sync(fresh_guards())
    before = (tmp_path / "r.json").stat().st_ino
    worker.sync(fresh_guards())
    assert (tmp_path / "r.json").stat().st_ino == before
    worker.add(pairs(10, 0.0))
    worker.sync(fresh_guards())
    assert (tmp_path / "r.json").stat().st_ino != before


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """The same two versions find their rollout, also when it has ended."""
    worker = share(tmp_path)
    worker.add(pairs(1_200, 0.05))
    worker.sync(fresh_guards())
    again = share(tmp_path)
    assert encode(again.state) == encode(worker.state)
    again.add(pairs(300, -0.9))
    assert [event.reason for event in again.sync(fresh_guards())] == ["worse"]
    assert share(tmp_path).state.status == "rolled_back"


def test_other_stages_begin_anew(tmp_path: Path) -> None:
    """Evidence at one share does not belong to a stage with another."""
    worker = share(tmp_path)
    worker.add(pairs(1_200, 0.05))
    worker.sync(fresh_guards())
    stages = (POLICY.stages[0], Stage(kind="canary", share=0.1))
    fresh = share(tmp_path, replace(state(), key="other"), stages=stages)
    assert (fresh.state.stage, fresh.state.outcomes.rows) == (0, 0)
    worker.add(pairs(10, 0.0))
    worker.sync(fresh_guards())
    assert (worker.state.key, worker.state.outcomes.rows) == ("other", 0)


def test_the_next_rollout_begins_with_the_new_champion(tmp_path: Path) -> None:
    """After a promotion only the promoted version can be champion; after a rollback the old one stays."""
    file = StateFile(tmp_path / "r.json")
    file.write(state(status="promoted"))
    with pytest.raises(ConfigError, match="found version '2' as champion, need it and not '1' as champion"):
        share(tmp_path, replace(state(), challenger="3"))
    following = share(tmp_path, replace(state(), champion="2", challenger="3", key="new"))
    assert (following.state.status, following.state.serving) == ("running", "2")
    with pytest.raises(ConfigError, match="found the model 'm', need 'n'"):
        share(tmp_path, replace(state(), name="n"))


def test_a_worker_of_the_deployment_before_serves_the_champion_of_the_next(tmp_path: Path) -> None:
    """In a rolling update it stops sending anything to its challenger, and leaves the file alone."""
    old = share(tmp_path)
    file = StateFile(tmp_path / "r.json")
    for champion, serving in (("1", "1"), ("2", "2"), ("7", "1")):
        file.write(replace(state(), champion=champion, challenger="9", key="next"))
        before = file.path.read_bytes()
        old.add(pairs(10, 0.0))
        assert old.sync(fresh_guards()) == ()
        assert (old.state.serving, old.state.status == "running") == (serving, False)
        assert file.path.read_bytes() == before


def test_workers_of_two_configurations_decide_nothing_that_one_does_not_know(tmp_path: Path) -> None:
    """Who does not have the stages that have begun adds what it sees and follows."""
    short = share(tmp_path, stages=POLICY.stages[:1])
    worker = share(tmp_path)
    worker.add(pairs(1_200, 0.05))
    worker.sync(fresh_guards())
    short.add(pairs(300, -0.9))
    assert short.sync(fresh_guards()) == ()
    assert (short.state.status, short.state.stage) == ("running", 1)
    assert worker.sync(fresh_guards())[0].reason == "worse"


def test_counts_have_the_size_that_the_file_says() -> None:
    """A rollout's file stays small whatever the traffic."""
    found = at_last_stage(pairs(1_000, 0.1), rows=10_000_000)
    assert len(json.dumps(encode(found))) < 4_000
    assert len(found.outcomes.paired) == 2 * LEVELS + 1
