from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import ConfigError, InstrumentedPredictor, Reference, RolloutPolicy, Stage, StoreError
from exporter.rollout import Candidate, RolloutState, StateFile, Succession, decide_by_hand

from .conftest import Knowing, reference_of

POLICY = RolloutPolicy(
    stages=(
        Stage(kind="shadow", min_rows=200, min_seconds=60.0),
        Stage(kind="ab", share=0.5, min_rows=400, min_seconds=60.0),
    ),
    max_rows=10_000,
)


profile = functools.cache(reference_of)


@dataclass
class World:
    """A model's files, and workers that serve it; a model's file says which column it reads."""

    folder: Path
    clock: Any
    broken: set[str] = field(default_factory=set)
    workers: list[Succession] = field(default_factory=list)

    def offer(self, version: str, column: int = 2, **changes: Any) -> None:
        """Hand on a candidate as a retraining does: its files first."""
        if not (self.folder / f"{version}.json").exists():
            profile(version).save(self.folder / f"{version}.json")
        (self.folder / f"{version}.bin").write_text(str(column))
        document = {
            "format": "driftgauge-candidate", "format_version": 1, "model_name": "m",
            "model_version": version, "model_path": f"{version}.bin", "reference_path": f"{version}.json",
            "run_id": 7, **changes,
        }  # fmt: skip
        beside = self.folder / "candidate.tmp"
        beside.write_text(json.dumps(document), encoding="utf-8")
        beside.replace(self.folder / "candidate.json")

    def worker(self, configured: str = "1", policy: RolloutPolicy = POLICY) -> Succession:
        """A worker that starts now."""

        def build(candidate: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
            version = configured if candidate is None else candidate.version
            if version in self.broken:
                raise ConfigError(f"rollout.loader: no model file of {version}")
            if candidate is None:
                model, reference = Knowing(1), profile(version)
            else:
                model = Knowing(int(Path(candidate.model_path).read_text()))
                reference = Reference.load(candidate.reference_path)
            return InstrumentedPredictor(
                model, name="m", version=version, reference=reference, registry=registry,
                clock=self.clock, background=False,
            )  # fmt: skip

        worker = Succession(
            build, name="m", version=configured, state_path=self.folder / "r.json",
            candidate_path=self.folder / "candidate.json", policy=policy, clock=self.clock, background=False,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    @property
    def state(self) -> RolloutState:
        """What the file says."""
        found = StateFile(self.folder / "r.json").read()
        assert found is not None
        return found

    def decide(self, what: Any) -> None:
        decide_by_hand(StateFile(self.folder / "r.json"), what, note="ana", now=self.clock())


@pytest.fixture
def world(tmp_path: Path, clock: Any) -> Iterator[World]:
    made = World(tmp_path, clock)
    yield made
    for worker in made.workers:
        worker.close()


def serves(worker: Succession, version: str) -> bool:
    """Whether a version is champion with its own reference."""
    found = worker.reference
    return worker.version == version and found is not None and found.model_version == version


def counted(worker: Succession, name: str, version: str, **labels: str) -> float | None:
    return worker.registry.get_sample_value(name, {"model_name": "m", "model_version": version, **labels})


def test_without_a_candidate_the_configured_version_serves(world: World) -> None:
    """With its metrics from the start, and no state file."""
    worker = world.worker()
    worker.sync()
    assert serves(worker, "1")
    assert worker.challenger is None
    assert worker.status() == {"name": "m", "status": "none", "serving": "1", "refused": None}
    assert counted(worker, "model_rollout_refusals_total", "1", reason="no_model") == 0
    assert not (world.folder / "r.json").exists()
    assert worker.predict(np.array([[1.0, 0.0, 1.0]])).tolist() == [1]


def test_a_candidate_is_tried_and_becomes_champion(world: World, traffic: Any) -> None:
    """While the process runs: shadow, A/B, promotion, and its reference with it."""
    worker = world.worker()
    predict = worker.predict
    world.offer("2")
    worker.sync()
    assert serves(worker, "1")
    assert worker.challenger is not None
    assert worker.challenger.version == "2"
    assert (world.state.stages[0].kind, world.state.origins["2"]["run_id"]) == ("shadow", 7)
    for _ in range(10):
        traffic.send(worker, 400, wrong=(0.3, 0.1))
    assert world.state.status == "promoted"
    assert serves(worker, "2")
    # A caller that kept the method has followed too.
    assert predict(np.array([[1.0, 1.0, 0.0]])).tolist() == [1]


def test_one_champion_after_another(world: World) -> None:
    """The third version is tried against the second; what the first left in gauges is forgotten."""
    worker = world.worker()
    world.offer("2")
    worker.sync()
    world.decide("promoted")
    worker.sync()
    assert counted(worker, "model_traffic_ratio", "1", role="champion") == 0
    world.offer("3")
    worker.sync()
    assert (world.state.champion, world.state.challenger) == ("2", "3")
    assert serves(worker, "2")
    assert counted(worker, "model_traffic_ratio", "1", role="champion") is None
    assert counted(worker, "model_traffic_ratio", "2", role="champion") == 1
    assert counted(worker, "model_predictions_total", "1") == 0
    world.decide("promoted")
    worker.sync()
    assert serves(worker, "3")


def test_a_restarted_worker_goes_on_in_every_state(world: World) -> None:
    """From the state alone, also when the candidate's file names another one by then."""
    world.worker().sync()
    world.offer("2")
    world.worker().sync()
    world.offer("3")
    running = world.worker()
    assert serves(running, "1")
    assert running.challenger is not None
    assert running.challenger.version == "2"
    world.decide("promoted")
    assert serves(world.worker(), "2")
    world.decide("rolled_back")
    assert serves(world.worker(), "1")
    third = world.worker()
    third.sync()
    assert (world.state.champion, world.state.challenger) == ("1", "3")


def test_the_second_champion_is_loaded_from_where_it_lies(world: World) -> None:
    """The configuration still names the first, or by now the second; no other."""
    for version in ("2", "3"):
        world.offer(version)
        worker = world.worker()
        worker.sync()
        world.decide("promoted")
        worker.sync()
    assert serves(world.worker(), "3")
    assert serves(world.worker("3"), "3")
    assert serves(world.worker("2"), "3")
    with pytest.raises(ConfigError, match=r"r\.json: found version '3' as champion, need it and not '9'"):
        world.worker("9")


def test_with_other_stages_it_begins_anew_and_knows_where_versions_lie(world: World) -> None:
    """Also after the next restart."""
    world.offer("2")
    world.worker().sync()
    key = world.state.key
    other = replace(POLICY, stages=(Stage(kind="ab", share=0.3),))
    (world.folder / "candidate.json").unlink()
    world.worker(policy=other)
    assert world.state.key != key
    assert world.state.origins["2"]["model_version"] == "2"
    again = world.worker(policy=other)
    assert again.challenger is not None


def test_workers_agree(world: World) -> None:
    """One begins, the others follow with the same key; they are promoted together."""
    one, two = world.worker(), world.worker()
    world.offer("2")
    one.sync()
    two.sync()
    keys = {worker._now.state.key for worker in (one, two)}
    assert keys == {world.state.key}
    world.decide("promoted")
    for worker in (one, two):
        worker.sync()
    assert serves(one, "2")
    assert serves(two, "2")
    assert [event.what for event in world.state.events] == ["started", "promoted"]


def test_a_worker_that_cannot_load_the_challenger_takes_it_back_for_all(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Better no challenger than two champions; the reason is in the audit log, and counted once."""
    one, two = world.worker(), world.worker()
    world.offer("2")
    one.sync()
    world.decide("promoted")
    one.sync()
    world.broken.add("2")
    two.sync()
    one.sync()
    assert serves(one, "1")
    assert serves(two, "1")
    event = world.state.events[-1]
    assert (event.what, event.reason, event.note) == (
        "rolled_back", "unloadable", "rollout.loader: no model file of 2",
    )  # fmt: skip
    total = [counted(each, "model_rollbacks_total", "2", reason="unloadable") or 0.0 for each in (one, two)]
    assert sum(total) == 1
    assert "no model file of 2" in caplog.text
    one.sync()
    assert world.state.status == "rolled_back"


@pytest.mark.parametrize("status", ["running", "promoted"])
def test_a_restart_without_the_challengers_model_rolls_back(world: World, status: str) -> None:
    """Somebody removed it: the version before serves, with its reference."""
    world.offer("2")
    world.worker().sync()
    if status == "promoted":
        world.decide("promoted")
    (world.folder / "2.json").unlink()
    worker = world.worker()
    assert serves(worker, "1")
    assert world.state.events[-1].reason == "unloadable"
    worker.sync()
    assert serves(worker, "1")


def test_a_promoted_version_serves_without_the_one_before(world: World) -> None:
    """Only a rollback by hand would need it, and that is then a fault that is counted."""
    world.offer("2")
    world.worker().sync()
    world.decide("promoted")
    world.broken.add("1")
    worker = world.worker()
    assert serves(worker, "2")
    world.decide("rolled_back")
    worker.sync()
    assert serves(worker, "2")
    assert counted(worker, "model_rollout_faults_total", "2") == 1
    world.broken.clear()
    worker.sync()
    assert serves(worker, "1")


def test_without_any_model_it_does_not_start(world: World) -> None:
    """And the file stays as it is."""
    world.offer("2")
    world.worker().sync()
    before = (world.folder / "r.json").read_bytes()
    world.broken |= {"1", "2"}
    with pytest.raises(ConfigError, match="no model file of 1"):
        world.worker()
    assert (world.folder / "r.json").read_bytes() == before


@pytest.mark.parametrize(
    ("prepare", "reason", "words"),
    [
        (lambda world: world.offer("2", model_path="gone.bin"), "no_model", "FileNotFoundError"),
        (lambda world: world.offer("2", column=7) or world.broken.add("2"), "no_model", "no model file of 2"),
        (lambda world: world.offer("2", reference_path="gone.json"), "no_reference", "gone.json"),
        (lambda world: world.offer("2", model_name="other"), "other_model", "need 'm'"),
        (lambda world: world.offer("1"), None, ""),
        (lambda world: (world.folder / "candidate.json").write_text("{"), "unreadable", "need a candidate"),
    ],
)
def test_an_unsound_candidate_is_refused_once(
    world: World, caplog: pytest.LogCaptureFixture, prepare: Any, reason: str | None, words: str
) -> None:
    """Counted by reason, logged and on the page; the champion is untouched. The next one is tried."""
    worker = world.worker()
    prepare(world)
    for _ in range(3):
        worker.sync()
    assert serves(worker, "1")
    assert worker.challenger is None
    assert not (world.folder / "r.json").exists()
    refused = worker.status()["refused"]
    if reason is None:  # it serves already
        assert refused is None
    else:
        assert counted(worker, "model_rollout_refusals_total", "1", reason=reason) == 1
        assert (refused["reason"], words in refused["words"]) == (reason, True)
        assert len([record for record in caplog.records if "refused" in record.message]) == 1
    world.broken.clear()
    world.offer("3")
    worker.sync()
    assert worker.challenger is not None
    assert worker.status()["refused"] is None


def test_a_model_of_other_features_is_refused(world: World) -> None:
    """Whatever its reference says."""

    class Fitted(Knowing):
        n_features_in_ = 5

    worker = world.worker()
    build = worker._versions._build

    def of_others(candidate: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
        assert candidate is not None
        return InstrumentedPredictor(
            Fitted(2), name="m", version="2", reference=profile("2"), registry=registry
        )

    worker._versions._build = of_others
    world.offer("2")
    worker.sync()
    refused = worker.status()["refused"]
    assert (refused["reason"], "found 3, need 5" in refused["words"]) == ("other_features", True)
    worker._versions._build = build


def test_a_version_that_was_rolled_back_is_not_tried_again(world: World) -> None:
    """Until its version changes, or the state file is removed."""
    worker = world.worker()
    world.offer("2")
    worker.sync()
    world.decide("rolled_back")
    worker.sync()
    world.offer("2")
    worker.sync()
    assert world.state.status == "rolled_back"
    restarted = world.worker()
    restarted.sync()
    assert restarted.challenger is None
    (world.folder / "r.json").unlink()
    restarted.sync()
    assert restarted.challenger is not None


def test_a_candidate_waits_for_the_end_of_the_one_before(world: World) -> None:
    """One at a time; the newest is tried next."""
    worker = world.worker()
    world.offer("2")
    worker.sync()
    world.offer("3")
    world.offer("4")
    worker.sync()
    assert world.state.challenger == "2"
    world.decide("rolled_back")
    worker.sync()
    worker.sync()
    assert (world.state.champion, world.state.challenger) == ("1", "4")


def test_a_candidate_is_tried_against_a_promotion_that_is_known_here(world: World) -> None:
    """A promotion and the next candidate may come between two looks."""
    worker = world.worker()
    world.offer("2")
    worker.sync()
    world.decide("promoted")
    world.offer("3")
    for _ in range(2):
        worker.sync()
    assert (world.state.champion, world.state.challenger) == ("2", "3")
    assert serves(worker, "2")


def test_a_state_file_that_cannot_be_used_stops_nothing(world: World, caplog: Any) -> None:
    """Counted, logged once; a process that starts refuses it."""
    worker = world.worker()
    (world.folder / "r.json").write_text("{", encoding="utf-8")
    world.offer("2")
    for _ in range(2):
        worker.sync()
    assert serves(worker, "1")
    assert counted(worker, "model_rollout_faults_total", "1") == 2
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    with pytest.raises(ConfigError, match=r"r\.json: damaged"):
        world.worker()
    (world.folder / "r.json").unlink()
    (world.folder / "r.json").mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        world.worker()


def test_a_state_of_another_model_is_refused(world: World) -> None:
    """A file for each."""
    world.offer("2")
    world.worker().sync()
    text = (world.folder / "r.json").read_text("utf-8").replace('"name": "m"', '"name": "other"')
    (world.folder / "r.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="found the model 'other', need 'm'"):
        world.worker()


def test_coroutines_and_callables_are_asked_as_they_are(tmp_path: Path, clock: Any) -> None:
    """A served function stays a function, and a coroutine can be awaited."""

    class Answers:
        async def __call__(self, rows: Any) -> list[int]:
            return [int(row[0]) for row in rows]

        async def predict(self, rows: Any) -> list[int]:
            return [int(row[0]) for row in rows]

    def build(_: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
        return InstrumentedPredictor(Answers(), name="m", version="1", registry=registry, background=False)

    with Succession(
        build, name="m", version="1", state_path=tmp_path / "r.json", candidate_path=tmp_path / "c.json",
        clock=clock, background=False,
    ) as worker:  # fmt: skip
        assert asyncio.run(worker.predict([[3]])) == [3]
        assert not hasattr(worker, "predict_proba")
        assert not hasattr(worker, "_absent")
        with pytest.raises(AttributeError, match="no attribute '_now'"):
            _ = Succession.__new__(Succession)._now


def test_nobody_is_named_champion_while_files_change(world: World, clock: Any) -> None:
    """Whatever order workers, decisions, candidates and restarts come in, all name the file's champion."""
    rng = np.random.default_rng(1)
    workers = [world.worker(), world.worker()]
    versions: Iterator[int] = iter(range(2, 100))
    steps: list[Callable[[], None]] = [
        lambda: world.offer(str(next(versions))),
        lambda: _look(workers[0]),
        lambda: _look(workers[1]),
        lambda: workers.__setitem__(int(rng.integers(2)), world.worker()),
        lambda: _end(world, "promoted"),
        lambda: _end(world, "rolled_back"),
    ]
    for _ in range(60):
        steps[int(rng.integers(len(steps)))]()
        for worker in workers:
            reference = worker.reference
            assert reference is not None
            assert reference.model_version == worker.version
    for _ in range(3):
        for worker in workers:
            worker.sync()
    assert {worker.version for worker in workers} == {world.state.serving}
    clock.advance(1.0)


def _look(worker: Succession) -> None:
    worker.sync()


def _end(world: World, what: Any) -> None:
    if (world.folder / "r.json").exists() and world.state.status == "running":
        world.decide(what)
