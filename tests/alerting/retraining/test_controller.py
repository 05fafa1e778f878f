from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerting.errors import RegistryError
from alerting.retraining.controller import Place
from alerting.retraining.order import Broken, Done, Order
from alerting.retraining.policy import DAY, Brakes, Retries, Trigger
from alerting.retraining.prometheus import Seen

from .conftest import SOUND, STARTED, Bench, FakeRunner, cause, policy, reference_document, train

BROKEN = Seen(quality="broken", labelled_rows=5_000.0, firing=frozenset({"ModelDriftDetected"}))


def test_a_cause_becomes_a_candidate(bench: Bench) -> None:
    """Requested, running, evaluating, succeeded: with what came of it, and every step written down."""
    assert bench.ask() == [(1, True)]
    bench.step()
    assert bench.run().state == "running"
    bench.runner.finish(bench)
    bench.step()
    run = bench.run()
    assert (run.state, run.attempt, run.strategy, run.runner) == ("succeeded", 1, "full", "fake")
    assert run.result is not None
    assert run.result["metrics"] == {"auc": 0.8}
    assert bench.events() == ["requested", "run", "trained", "succeeded"]
    assert bench.metric("retraining_runs_total", model_name="delay", outcome="succeeded") == 1
    assert bench.metric("retraining_last_success_timestamp_seconds", model_name="delay") == run.ended_at


def test_the_same_cause_starts_one_run_however_often_it_is_told(bench: Bench) -> None:
    """Before, while and after it runs; for another model it is another cause."""
    bench.ask()
    for _ in range(3):
        assert bench.ask() == [(1, False)]
        bench.step()
        bench.runner.finish(bench)
    assert bench.run().state == "succeeded"
    assert bench.ask() == [(1, False)]
    assert len(bench.runner.begun) == 1
    assert bench.ask(cause(model_name="other")) == [(2, True)]


def test_broken_data_holds_it_until_it_is_mended(bench: Bench) -> None:
    """The decision to wait is written down once, not at every look."""
    bench.seen[0] = BROKEN
    bench.ask()
    for _ in range(5):
        bench.step(seconds=60)
    assert (bench.run().state, bench.codes()) == ("requested", ["quality_broken"])
    assert bench.events() == ["requested", "wait"]
    assert (
        bench.metric(
            "retraining_decisions_total", model_name="delay", verdict="wait", reason="quality_broken"
        )
        == 1
    )
    assert bench.runner.begun == []
    bench.seen[0] = SOUND
    bench.step(seconds=60)
    assert bench.run().state == "running"


@pytest.mark.parametrize(
    ("seen", "quality", "alarms", "expected"),
    [
        (Seen(), "ok", (), "running"),
        (Seen(), "broken", (), "requested"),
        (Seen(), None, (), "requested"),
        (
            Seen(quality="ok", firing=frozenset({"ModelDriftDetected", "ModelDataBroken"})),
            None,
            (),
            "requested",
        ),
        (Seen(quality="ok"), "broken", (), "running"),
        (Seen(quality="unknown"), "ok", (), "requested"),
        (Seen(), "ok", ("ModelSchemaViolations",), "requested"),
    ],
)
def test_what_is_known_now_counts_before_what_the_request_said(
    bench_of: Callable[..., Bench], seen: Seen, quality: str | None, alarms: tuple[str, ...], expected: str
) -> None:
    """Prometheus first; where it says nothing, the annotation and the alerts of the request."""
    bench = bench_of(policy(brakes=Brakes(minimum_labelled_rows=0)))
    bench.seen[0] = seen
    (drift,) = cause().alerts
    more = tuple(dataclasses.replace(drift, name=name) for name in alarms)
    bench.ask(cause(quality=quality, alerts=(drift, *more)))
    bench.step()
    assert bench.run().state == expected


def test_no_labels_are_refused_with_reasons_when_patience_ends(bench: Bench) -> None:
    """The decision not to run is written down with what was found and what is needed."""
    bench.seen[0] = dataclasses.replace(SOUND, labelled_rows=0.0)
    bench.ask()
    bench.step()
    bench.step(seconds=7 * DAY)
    assert (bench.run().state, bench.codes()) == ("refused", ["patience", "few_rows"])
    assert bench.runner.begun == []


def test_a_model_that_is_not_configured_is_refused(bench: Bench) -> None:
    """With a metric whose label does not grow with what others send."""
    bench.ask(cause(model_name="x" * 300))
    bench.step()
    assert bench.codes() == ["unknown_model"]
    assert (
        bench.metric(
            "retraining_decisions_total", model_name="unknown", verdict="refuse", reason="unknown_model"
        )
        == 1
    )


def test_an_attempt_that_fails_is_made_again_after_longer_and_longer_pauses(bench: Bench) -> None:
    """Then the run has failed, the metric counts it, and the cause is not tried again."""
    bench.runner.end = lambda _: Broken(reason="exit_code", words="exit code 1")
    bench.ask()
    bench.step()
    for pause in (60, 120):
        bench.runner.finish(bench)
        bench.step()
        assert bench.run().state == "requested"
        bench.step(seconds=pause - 1)
        assert bench.run().state == "requested"
        bench.step(seconds=1)
        assert bench.run().state == "running"
    bench.runner.finish(bench)
    bench.step()
    assert (bench.run().state, bench.codes()) == ("failed", ["exit_code"])
    assert len(bench.runner.begun) == 3
    assert bench.metric("retraining_failures_in_a_row", model_name="delay") == 1
    assert bench.metric("retraining_attempts_failed_total", model_name="delay", reason="exit_code") == 3
    assert bench.ask() == [(1, False)]


def test_what_would_fail_in_the_same_way_is_not_tried_again(bench: Bench) -> None:
    """A command that does not exist does not exist in a minute either."""
    bench.runner.refuses = Broken(reason="rejected", words="found no program", lasting=True)
    bench.ask()
    bench.step()
    assert (bench.run().state, bench.run().attempt) == ("failed", 1)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (lambda _: Done(result=None), "no_result"),
        (lambda order: Done(result=train(order.folder, model_path="gone.bin")), "no_model"),
        (lambda order: Done(result=train(order.folder, features=["dep_hour", "other"])), "other_features"),
        (lambda order: Done(result=train(order.folder, comparison={"verdict": "worse"})), "worse"),
    ],
)
def test_an_unsound_candidate_is_refused_and_not_tried_again(
    bench: Bench, result: Callable[[Order], Done], code: str
) -> None:
    """Nothing written, no model, other features, worse than the champion."""
    bench.runner.end = result
    bench.ask()
    bench.step()
    bench.runner.finish(bench)
    bench.step()
    assert bench.run().state == "refused"
    assert bench.codes()[0] == code
    assert bench.metric("retraining_runs_total", model_name="delay", outcome="refused") == 1


def test_a_model_has_one_run_at_a_time_also_between_two_attempts(bench: Bench) -> None:
    """A second cause waits, and is answered by the run that began after it was told."""
    bench.runner.end = lambda _: Broken(reason="exit_code", words="exit code 1")
    bench.ask(cause("a"))
    bench.step()
    bench.ask(cause("b"))
    bench.step()
    assert (bench.run(2).state, bench.codes(2)[0]) == ("requested", "busy")
    bench.runner.finish(bench)
    bench.step()
    bench.step(seconds=30)
    assert (bench.run(1).state, bench.run(2).state) == ("requested", "requested")
    bench.step(seconds=30)
    assert (bench.run(1).state, bench.run(2).state) == ("running", "requested")


def test_a_training_without_end_is_stopped_and_counts_as_failed(bench: Bench) -> None:
    """When the runner's own limit has not done it."""
    bench.ask()
    bench.step()
    bench.step(seconds=3_600 + 61)
    assert bench.runner.stopped == bench.runner.begun
    assert (bench.run().state, bench.codes()) == ("requested", ["timeout"])


def test_a_runner_that_does_not_answer_is_asked_again(bench: Bench) -> None:
    """Nobody knows, so nothing is decided, until its time is over."""
    bench.ask()
    bench.step()
    bench.runner.looks[bench.runner.begun[0]] = None
    bench.step(seconds=600)
    assert bench.run().state == "running"


def test_timers_ask_once_for_each_time_and_catch_up_once(bench_of: Callable[..., Bench]) -> None:
    """However long the service was away; a candidate that passes makes the model young again."""
    own = policy(
        triggers=(Trigger(name="old", kind="age", every=10 * DAY, cooldown=0.0),),
        brakes=Brakes(cooldown=0.0, minimum_labelled_rows=0),
    )
    bench = bench_of(own)
    bench.step()
    bench.step(seconds=9 * DAY)
    assert bench.all() == []
    bench.step(seconds=35 * DAY)
    bench.runner.finish(bench)
    bench.step()
    assert [run.state for run in bench.all()] == ["succeeded"]
    bench = bench_of(own, runner=bench.runner)
    bench.step(seconds=9 * DAY)
    assert len(bench.all()) == 1
    bench.step(seconds=2 * DAY)
    assert [run.cause.origin for run in bench.all()] == ["age", "age"]


def test_the_age_of_a_model_begins_with_its_reference(bench_of: Callable[..., Bench], tmp_path: Path) -> None:
    """A service that starts late finds an old model old; without a readable reference it begins now."""
    champion = tmp_path / "champion.json"
    champion.write_text(json.dumps(reference_document(created_at=STARTED - 8 * DAY)))
    own = policy(
        reference_path=str(champion),
        triggers=(Trigger(name="old", kind="age", every=10 * DAY, cooldown=0.0),),
    )
    bench = bench_of(own)
    bench.step(seconds=DAY)
    assert bench.all() == []
    bench.step(seconds=DAY)
    (run,) = bench.all()
    assert (run.cause.origin, run.trigger_name) == ("age", "old")
    with bench.state.write() as connection:
        connection.execute("DELETE FROM timers")
    champion.write_text("{}")
    again = bench_of(own)
    again.step(seconds=9 * DAY)
    assert len(again.all()) == 1


def test_two_processes_on_one_state_do_the_work_once(bench_of: Callable[..., Bench]) -> None:
    """One leads; the other takes requests, and leads when the first has gone."""
    first = bench_of()
    first.ask()
    first.step()
    second = dataclasses.replace(first.controller, lead=type(first.controller.lead)(first.state.directory))
    second.step()
    assert len(first.runner.begun) == 1
    assert not second.lead.held()
    first.controller.lead.release()
    first.runner.finish(first)
    second.step()
    assert first.run().state == "succeeded"
    second.lead.release()


class _KilledError(BaseException):
    """Stands for kill -9: nothing after it runs, and no handler sees it as an error."""


@pytest.mark.parametrize("seed", range(20))
def test_killed_anywhere_the_next_process_goes_on_and_no_cause_runs_twice(
    bench_of: Callable[..., Bench], seed: int
) -> None:
    """Random deaths around every write, every start and every look, until nothing is left to do."""
    rng = random.Random(seed)
    runner = FakeRunner()
    own = policy(
        retries=Retries(attempts=50, backoff=1.0),
        brakes=Brakes(cooldown=0.0, budget_runs=100),
        triggers=(
            Trigger(name="drift", kind="data_drift", alert_names=("ModelDriftDetected",), cooldown=0.0),
        ),
    )
    deaths = 0

    def perhaps() -> None:
        nonlocal deaths
        if deaths < 12 and rng.random() < 0.25:
            deaths += 1
            raise _KilledError

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            perhaps()
            value = call(*arguments, **options)
            perhaps()
            return value

        return wrapped

    bench = bench_of(own, runner=runner)
    bench.ask(cause("a"), cause("b"), cause("c"))
    for _ in range(200):
        bench = bench_of(own, runner=runner)
        mortal = FakeRunner()
        mortal.start, mortal.look = dying(runner.start), dying(runner.look)  # type: ignore[method-assign]
        bench.controller.places = {"fake": Place(runner=mortal)}
        bench.state.write = dying(bench.state.write)  # type: ignore[method-assign]
        try:
            for _ in range(3):
                bench.step(seconds=2)
                runner.finish(bench)
        except _KilledError:
            continue
        if all(run.state in ("succeeded", "refused") for run in bench.all()):
            break
    states = [run.state for run in bench.all()]
    assert "requested" not in states
    assert "running" not in states
    # `a` is trained once; the others were told before it began, so it answers them.
    assert states == ["succeeded", "refused", "refused"]
    assert len(runner.begun) == bench.run(1).attempt == 1


def test_the_age_of_a_model_is_what_the_registry_says(bench_of: Callable[..., Bench]) -> None:
    """At the start and again when it is due: a training that came from elsewhere puts it off."""
    age = Trigger(name="age", kind="age", every=10 * 86_400.0, cooldown=0.0)
    bench = bench_of(policy(triggers=(age,), registered_model="delay-model"))
    trained, asked = [STARTED - 8 * 86_400.0], []

    def trained_at(registered: str) -> float:
        asked.append(registered)
        return trained[0]

    bench.controller.trained_at = trained_at
    bench.step()
    assert bench.all() == []
    assert asked == ["delay-model"]
    trained[0] = STARTED
    bench.step(seconds=3 * 86_400)
    assert bench.all() == []
    bench.step(seconds=6 * 86_400)
    assert asked == ["delay-model"] * 2
    bench.step(seconds=2 * 86_400)
    assert [run.cause.origin for run in bench.all()] == ["age"]


def test_a_registry_that_does_not_answer_changes_no_age(bench_of: Callable[..., Bench]) -> None:
    """What was known before counts."""
    age = Trigger(name="age", kind="age", every=10 * 86_400.0, cooldown=0.0)
    bench = bench_of(policy(triggers=(age,), registered_model="delay-model"))

    def trained_at(_: str) -> float:
        raise RegistryError("MLflow: away")

    bench.controller.trained_at = trained_at
    bench.step()
    bench.step(seconds=9 * 86_400)
    assert bench.all() == []
    bench.step(seconds=2 * 86_400)
    assert [run.cause.origin for run in bench.all()] == ["age"]
