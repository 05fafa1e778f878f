from __future__ import annotations

import copy
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter import (
    ConfigError,
    InstrumentedPredictor,
    ObservationError,
    RolloutPolicy,
    RolloutPredictor,
    Stage,
)
from exporter.answers import Answers
from exporter.rollout import Event, StateFile, decide_by_hand

Make = Callable[..., RolloutPredictor]
Metric = Callable[..., float | None]

CANARY = RolloutPolicy(
    stages=(Stage(kind="canary", share=0.3, min_rows=500, min_seconds=60.0),), max_rows=5_000
)
"""No shadow: both versions answer from the first row on."""


@pytest.fixture
def metric(registry: CollectorRegistry) -> Metric:
    """Value of a sample of version 2, or of another."""

    def read(name: str, version: str = "2", **labels: str) -> float | None:
        return registry.get_sample_value(name, {"model_name": "m", "model_version": version, **labels})

    return read


def decisions(rollout: RolloutPredictor) -> list[str]:
    """What was decided, in order."""
    return [event.what for event in rollout.state.events]


def test_a_better_challenger_becomes_champion_with_its_reference(
    roll: Make, traffic: Any, metric: Metric
) -> None:
    """It passes shadow, canary and A/B, and model and reference switch together."""
    rollout = roll()
    assert (rollout.version, rollout.reference) == ("1", rollout.champion.reference)
    assert [metric("model_rollout_state"), metric("model_rollout_stage")] == [1, 1]
    kinds = []
    while rollout.state.status == "running":
        kinds.append(rollout.state.stages[-1].kind)
        traffic.send(rollout, 400, wrong=(0.3, 0.1))
        assert len(kinds) < 20
    assert list(dict.fromkeys(kinds)) == ["shadow", "canary", "ab"]
    assert decisions(rollout) == ["started", "advanced", "advanced", "promoted"]
    assert rollout.version == "2"
    assert rollout.reference is rollout.champion.reference
    assert rollout.reference is not None
    assert rollout.reference.model_version == "2"
    assert rollout.challenger is None
    assert [metric("model_rollout_state"), metric("model_rollout_stage")] == [4, 0]
    assert metric("model_promotions_total") == 1
    assert metric("model_traffic_ratio", role="champion") == 1.0
    assert metric("model_traffic_ratio", version="1", role="champion") == 0.0
    low = metric("model_rollout_difference_low")
    assert low is not None
    assert low > 0.0


def test_a_worse_challenger_is_rolled_back(roll: Make, traffic: Any, metric: Metric) -> None:
    """Already in shadow, where nobody has seen its answers; the champion was never out of its place."""
    rollout = roll()
    while rollout.state.status == "running":
        traffic.send(rollout, 400, wrong=(0.1, 0.3))
    assert decisions(rollout) == ["started", "rolled_back"]
    assert rollout.version == "1"
    assert metric("model_rollbacks_total", reason="worse") == 1
    assert metric("model_rollout_state") == 5
    assert metric("model_traffic_ratio", version="1", role="champion") == 1.0


def test_an_equal_challenger_is_taken_back_when_its_rows_are_up(roll: Make, traffic: Any) -> None:
    """Undecided after all rows of the policy means the champion stays."""
    rollout = roll(policy=CANARY)
    for _ in range(13):
        traffic.send(rollout, 400, wrong=(0.1, 0.1))
    assert (rollout.state.status, rollout.state.events[-1].reason) == ("rolled_back", "undecided")


def test_every_series_is_there_from_the_start(roll: Make, metric: Metric) -> None:
    """Counters begin with their zero, and gauges show the first stage."""
    roll(policy=CANARY)
    for reason in ("worse", "error_ratio", "slow_ratio", "fallback_ratio", "undecided", "manual"):
        assert metric("model_rollbacks_total", reason=reason) == 0
    for name in ("shadow_calls_total", "shadow_dropped_total", "rescues_total", "faults_total", "margin"):
        assert metric(f"model_rollout_{name}") == (0.01 if name == "margin" else 0)
    assert metric("model_promotions_total") == 0
    ratios = [
        metric("model_traffic_ratio", version=version, role=role)
        for version in "12"
        for role in ("champion", "challenger")
    ]
    assert ratios == [0.7, 0.0, 0.0, 0.3]
    assert [metric("model_rollout_rows", role=role) for role in ("champion", "challenger")] == [0, 0]
    assert metric("model_rollout_guard_tolerance", guard="error_ratio") == 0.01
    assert metric("model_rollout_difference") is None


def test_rows_of_one_call_are_answered_by_both_and_put_together(
    roll: Make, models: Any, traffic: Any
) -> None:
    """Each row has the answer of the version that its id belongs to, in the order of the rows."""
    rollout = roll(policy=CANARY)
    X, ids = traffic.rows(2_000, wrong=(0.0, 1.0))
    answers = rollout.predict(X, ids=ids)
    by_challenger = answers != X[:, 0]
    assert 0.25 < by_challenger.mean() < 0.35
    assert (models[0].rows, models[1].rows) == (np.sum(~by_challenger), np.sum(by_challenger))
    again = rollout.predict(X[::-1], ids=ids[::-1])
    np.testing.assert_array_equal(again, answers[::-1])
    rollout.predict(X[:1], ids=ids[:1])
    assert (models[1].rows > 2 * np.sum(by_challenger)) == bool(by_challenger[0])


def test_calls_without_ids_go_one_way_as_a_whole(roll: Make, models: Any, traffic: Any) -> None:
    """The share then holds over calls."""
    rollout = roll(policy=CANARY)
    for _ in range(400):
        X, _ = traffic.rows(5, wrong=(0.0, 1.0))
        wrong = np.sum(rollout.predict(X) != X[:, 0])
        assert wrong in (0, 5)
    assert 0.2 < models[1].rows / 2_000 < 0.4


def test_outcomes_reach_the_version_that_answered(
    roll: Make, traffic: Any, metric: Metric, clock: Any
) -> None:
    """In a canary each outcome is joined once; in shadow both versions learn it."""
    rollout = roll(policy=CANARY)
    clock.advance(10.0)
    X, ids = traffic.rows(1_000, wrong=(0.2, 0.2))
    rollout.predict(X, ids=ids)
    counts = rollout.record_outcomes([*ids, "never"], [*X[:, 0].astype(int), 1], at=clock())
    assert (counts.joined, counts.unknown_id) == (1_000, 1)
    joined = [metric("model_outcomes_total", version=version, outcome="joined") or 0.0 for version in "12"]
    assert sum(joined) == 1_000
    assert 200 < joined[1] < 400
    again = rollout.record_outcomes(ids, X[:, 0].astype(int))
    assert (again.joined, again.duplicate) == (0, 1_000)
    rollout.sync()
    assert rollout.state.outcomes.rows == 1_000
    with pytest.raises(ObservationError, match="outcomes: found 1 for 2 ids"):
        rollout.record_outcomes(["a", "b"], [1])


def test_late_outcomes_count_for_the_stage_of_their_row(roll: Make, traffic: Any, clock: Any) -> None:
    """A row of the shadow whose truth comes in the canary is still a pair."""
    rollout = roll()
    clock.advance(10.0)
    X, ids = traffic.rows(50, wrong=(0.2, 0.2))
    rollout.predict(X, ids=ids)
    rollout.sync()
    while rollout.state.stages[-1].kind == "shadow":
        traffic.send(rollout, 400, wrong=(0.2, 0.2))
    before = rollout.state.outcomes
    counts = rollout.record_outcomes(ids, X[:, 0].astype(int))
    rollout.sync()
    assert counts.joined == 50
    assert rollout.state.outcomes.paired.sum() == before.paired.sum() + 50
    assert rollout.state.outcomes.splits == {}


def test_rows_just_after_a_switch_are_no_evidence(roll: Make, traffic: Any, clock: Any) -> None:
    """Another worker may still have sent them by the share before."""
    rollout = roll(policy=CANARY)
    X, ids = traffic.rows(100, wrong=(0.2, 0.2))
    clock.advance(1.0)
    rollout.predict(X, ids=ids)
    assert rollout.record_outcomes(ids, X[:, 0].astype(int)).joined == 100
    rollout.sync()
    assert rollout.state.outcomes.rows == 0


def test_a_challenger_that_fails_is_rescued_and_rolled_back(
    roll: Make, models: Any, traffic: Any, metric: Metric
) -> None:
    """In a canary the champion answers in its place; after a few calls the guardrail ends the rollout."""
    rollout = roll(policy=CANARY)
    models[1].fault = RuntimeError("out of memory")
    for _ in range(200):
        X, ids = traffic.rows(1, wrong=(0.0, 0.0))
        assert rollout.predict(X, ids=ids).tolist() == X[:, 0].tolist()
    assert 30 < (metric("model_rollout_rescues_total") or 0.0) < 90
    rollout.sync()
    assert rollout.version == "1"
    assert metric("model_rollbacks_total", reason="error_ratio") == 1
    excess = metric("model_rollout_guard_excess_low", guard="error_ratio")
    assert excess is not None
    assert excess > 0.01


def test_failing_rows_of_a_shared_call_are_answered_by_the_champion(
    roll: Make, models: Any, traffic: Any
) -> None:
    """The caller sees a whole answer, or the champion's own exception."""
    rollout = roll(policy=CANARY)
    models[1].fault = RuntimeError("out of memory")
    X, ids = traffic.rows(100, wrong=(0.0, 1.0))
    np.testing.assert_array_equal(rollout.predict(X, ids=ids), X[:, 0])
    models[0].fault = ValueError("champion")
    with pytest.raises(ValueError, match="champion"):
        rollout.predict(X, ids=ids)


def test_both_failing_alike_is_nobodys_fault(roll: Make, models: Any, traffic: Any) -> None:
    """A feature store that is down fails both; the guardrail compares, and the rollout goes on."""
    rollout = roll(policy=CANARY)
    models[0].fault = models[1].fault = ConnectionError("features")
    for _ in range(300):
        X, ids = traffic.rows(1, wrong=(0.0, 0.0))
        with pytest.raises(ConnectionError):
            rollout.predict(X, ids=ids)
    rollout.sync()
    assert rollout.state.status == "running"
    assert rollout.state.guards["error_ratio"].rows == 300


def test_the_shadow_never_touches_the_caller(
    roll: Make, models: Any, traffic: Any, metric: Metric, caplog: pytest.LogCaptureFixture
) -> None:
    """Its faults stay there, its answers are not seen, and what it has no time for is dropped and counted."""
    rollout = roll(policy=RolloutPolicy(max_waiting_calls=20))
    models[1].fault = RuntimeError("broken")
    for _ in range(50):
        X, ids = traffic.rows(1, wrong=(0.0, 1.0))
        assert rollout.predict(X, ids=ids).tolist() == X[:, 0].tolist()
    assert metric("model_rollout_shadow_dropped_total") == 30
    rollout.sync()
    assert metric("model_rollout_shadow_calls_total") == 20
    assert metric("model_errors_total", error_type="RuntimeError") == 20
    assert metric("model_errors_total", version="1", error_type="RuntimeError") == 0
    assert metric("model_rollbacks_total", reason="error_ratio") == 1
    assert caplog.records == [] or all(record.levelno < logging.ERROR for record in caplog.records)


def test_a_row_in_shadow_is_what_it_was_when_the_champion_answered(roll: Make, traffic: Any) -> None:
    """A server that reuses its array does not change the question."""
    rollout = roll()
    X, ids = traffic.rows(1, wrong=(0.0, 0.0))
    truth = int(X[0, 0])
    rollout.predict(X, ids=ids)
    X[0, 0] = 1 - truth
    rollout.sync()
    assert rollout.challenger is not None
    assert rollout.challenger.join_outcomes(ids, [truth]).rows.classes is not None
    assert rollout.challenger.join_outcomes(ids, [truth]).counts.duplicate == 1


def test_a_person_can_promote_and_roll_back(roll: Make, tmp_path: Path, clock: Any, metric: Metric) -> None:
    """Through the file, at any time; workers follow at their next look and count it once."""
    rollout, other = roll(), roll(predictors={"registry": CollectorRegistry()})
    file = StateFile(tmp_path / "r.json")
    decide_by_hand(file, "promoted", note="ana: tested by hand", now=clock())
    rollout.sync()
    other.sync()
    assert (rollout.version, other.version) == ("2", "2")
    assert metric("model_promotions_total") == 1
    decide_by_hand(file, "rolled_back", note="ana: customers complain", now=clock())
    rollout.sync()
    assert rollout.version == "1"
    assert rollout.state.events[-1].note == "ana: customers complain"
    assert metric("model_rollbacks_total", reason="manual") == 1
    with pytest.raises(ConfigError, match="found a rollout that is rolled_back, need one that is running"):
        decide_by_hand(file, "promoted", note="", now=clock())
    with pytest.raises(ConfigError, match="found nothing, need one that is running"):
        decide_by_hand(StateFile(tmp_path / "none.json"), "promoted", note="", now=clock())


def test_each_event_is_told_once(roll: Make, tmp_path: Path, clock: Any) -> None:
    """One of two workers hears of it, after it is in the file."""
    told: list[tuple[str, str]] = []

    def listener(worker: str) -> Callable[[Event], None]:
        def hear(event: Event) -> None:
            saved = StateFile(tmp_path / "r.json").read()
            assert saved is not None
            assert replace(event, announced=True) in saved.events
            told.append((worker, event.what))

        return hear

    one, two = roll(on_event=listener("one")), roll(on_event=listener("two"))
    one.sync()
    decide_by_hand(StateFile(tmp_path / "r.json"), "promoted", note="", now=clock())
    two.sync()
    one.sync()
    assert told == [("one", "started"), ("two", "promoted")]


def test_a_listener_that_fails_changes_nothing(
    roll: Make, tmp_path: Path, clock: Any, metric: Metric
) -> None:
    """A registry that is down is counted; the decision stands."""

    def fail(event: Event) -> None:
        raise ConnectionError(event.what)

    rollout = roll(on_event=fail)
    decide_by_hand(StateFile(tmp_path / "r.json"), "promoted", note="", now=clock())
    rollout.sync()
    assert rollout.version == "2"
    assert metric("model_rollout_faults_total") == 2
    assert metric("model_promotions_total") == 1


def test_a_state_file_that_cannot_be_used_stops_nothing(
    roll: Make, traffic: Any, tmp_path: Path, metric: Metric, caplog: pytest.LogCaptureFixture
) -> None:
    """Damaged while running, it is counted and logged once; predictions go on, and evidence waits."""
    rollout = roll(policy=CANARY)
    good = (tmp_path / "r.json").read_text("utf-8")
    (tmp_path / "r.json").write_text("{", encoding="utf-8")
    traffic.send(rollout, 100, wrong=(0.1, 0.1))
    rollout.sync()
    assert metric("model_rollout_faults_total") == 3
    assert len([record for record in caplog.records if "damaged" in record.message]) == 1
    (tmp_path / "r.json").write_text(good, encoding="utf-8")
    rollout.sync()
    assert rollout.state.outcomes.rows == 100
    (tmp_path / "r.json").unlink()
    rollout.sync()
    assert StateFile(tmp_path / "r.json").read() is not None


def test_everything_else_is_the_champions(roll: Make) -> None:
    """Attributes, name and version are those of the version that is champion, and so is what it lacks."""
    rollout = roll()
    assert (rollout.name, rollout.version, rollout.column) == ("m", "1", 1)
    assert "'1', '2', running" in repr(rollout)
    assert not hasattr(rollout, "predict_proba")
    assert not hasattr(rollout, "_absent")
    with pytest.raises(TypeError, match="not callable"):
        rollout([1])
    rollout.flush()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_follows_the_file(roll: Make, traffic: Any, tmp_path: Path) -> None:
    """After a fork, as of a preloading server, the child runs its own shadow and hears of a promotion."""
    rollout = roll(background=True, policy=RolloutPolicy(sync_seconds=0.01))
    X, ids = traffic.rows(5, wrong=(0.0, 1.0))
    try:
        pid = os.fork()
        if pid == 0:
            rollout.predict(X, ids=ids)
            decided = False
            for _ in range(3_000):
                threading.Event().wait(0.01)
                if not decided and rollout.state.guards["error_ratio"].rows == 1:
                    decide_by_hand(StateFile(tmp_path / "r.json"), "promoted", note="", now=1.7e9)
                    decided = True
                if rollout.version == "2":
                    os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        rollout.sync()
        assert rollout.version == "2"
    finally:
        rollout.close()


def test_copies_and_pickles_are_refused_plainly(roll: Make) -> None:
    """Protocol look-ups do not recurse into the champion and back."""
    with pytest.raises(TypeError):
        copy.deepcopy(roll())
    with pytest.raises(AttributeError, match="no attribute 'champion'"):
        _ = RolloutPredictor.__new__(RolloutPredictor).champion


def test_it_can_be_mounted_into_another_server(roll: Make, traffic: Any) -> None:
    """With the page of the rollout, and outcomes that reach whichever version answered."""
    rollout = roll(policy=CANARY)
    X, ids = traffic.rows(50, wrong=(0.1, 0.1))
    rollout.predict(X, ids=ids)
    answers = Answers(rollout.registry, rollout.pages, rollout.actions)
    assert json.loads(answers.get("/rollout", "", "").body)["status"] == "running"
    body = json.dumps({"ids": ids, "y_true": X[:, 0].astype(int).tolist()}).encode()
    assert json.loads(answers.post("/outcomes", body).body)["joined"] == 50


def test_the_page_says_where_it_stands_and_keeps_the_key(roll: Make, traffic: Any) -> None:
    """JSON on /rollout beside the champion's pages; outcomes that are posted reach both versions."""
    rollout = roll(policy=CANARY)
    traffic.clock.advance(10.0)
    X, ids = traffic.rows(50, wrong=(0.1, 0.1))
    rollout.predict(X, ids=ids)
    server = rollout.serve(port=0)
    try:
        posted = requests.post(
            f"{server.url}/outcomes", json={"ids": ids, "y_true": X[:, 0].astype(int).tolist()}, timeout=10
        )
        assert posted.json()["joined"] == 50
        rollout.sync()
        page = requests.get(f"{server.url}/rollout", timeout=10).json()
        assert (page["champion"], page["challenger"], page["status"]) == ("1", "2", "running")
        assert page["outcomes"]["rows"] == 50
        assert rollout.state.key not in json.dumps(page)
        assert "model_rollout_stage" in requests.get(f"{server.url}/metrics", timeout=10).text
    finally:
        rollout.close()


def test_what_cannot_take_each_others_place_is_refused(
    roll: Make, registry: CollectorRegistry, references: Any, models: Any, tmp_path: Path
) -> None:
    """Another model, the same version, another registry, no reference, or a method that is missing."""

    def predictor(model: Any = models[0], version: str = "1", **options: Any) -> InstrumentedPredictor:
        settings = {"name": "m", "registry": registry, "background": False, **options}
        return InstrumentedPredictor(model, version=version, **settings)

    def refuse(message: str, champion: InstrumentedPredictor, challenger: InstrumentedPredictor) -> None:
        with pytest.raises(ConfigError, match=message):
            RolloutPredictor(champion, challenger, state_path=tmp_path / "x.json", background=False)

    champion = predictor(reference=references[0])
    refuse("need 'm'", champion, predictor(name="other", version="2"))
    refuse("need another than the champion's", champion, predictor(reference=references[0]))
    refuse("registry of its own", champion, predictor(version="2", registry=CollectorRegistry()))
    refuse("challenger: found no reference", champion, predictor(version="2"))
    callable_only = predictor(lambda X: X[:, 0], "2", reference=references[1])
    refuse("found no predict, need every method", champion, callable_only)

    class Waiting:
        async def predict(self, X: Any) -> Any:
            return X[:, 0]

    waiting = predictor(Waiting(), "2", reference=references[1])
    refuse("found one of two predict to be a coroutine", champion, waiting)
    assert not (tmp_path / "x.json").exists()
