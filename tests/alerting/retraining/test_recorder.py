from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerting.errors import RegistryError, RegistryRefusedError
from alerting.retraining.order import Broken
from alerting.retraining.recorder import OLDEST_SECONDS, POLL_SECONDS, RETRY_SECONDS, Recording
from alerting.retraining.runs import Run

from .conftest import Bench, cause


@dataclass
class FakeMlflow:
    """Remembers what it was told."""

    told: list[tuple[str, int, str, list[str]]] = field(default_factory=list)
    faults: dict[int, RegistryError] = field(default_factory=dict)

    def record(self, registered: str, run: Run, events: list[dict[str, Any]]) -> str:
        if run.id in self.faults:
            raise self.faults[run.id]
        self.told.append((registered, run.id, run.state, [event["kind"] for event in events]))
        return f"mlflow-{run.id}"


def recording(bench: Bench, recorder: FakeMlflow, **registered: str) -> Recording:
    return Recording(
        state=bench.state,
        lead=bench.controller.lead,
        recorder=recorder,
        registered=registered or {"delay": "delay-model"},
        clock=bench.clock,
    )


def train_once(bench: Bench, key: str) -> None:
    """A run that ends as the runner says."""
    bench.clock.pass_(2 * 86_400)  # longer than any cooldown
    bench.ask(cause(key))
    bench.step()
    bench.runner.finish(bench)
    bench.step()


def test_each_run_that_trained_is_told_once(bench: Bench) -> None:
    """With how it ended and all its events; a cause that never ran is no training."""
    recorder = FakeMlflow()
    errand = recording(bench, recorder)
    bench.ask()
    bench.step()
    assert errand.step() == POLL_SECONDS
    assert recorder.told == []
    bench.runner.finish(bench)
    bench.step()
    bench.ask(cause("unheard", alerts=()))
    bench.step()
    for _ in range(3):
        assert errand.step() == POLL_SECONDS
    assert recorder.told == [("delay-model", 1, "succeeded", ["requested", "run", "trained", "succeeded"])]
    assert bench.events(1)[-1] == "recorded"
    assert bench.events(2) == ["requested", "refuse"]
    assert recording(bench, recorder).step() == POLL_SECONDS
    assert len(recorder.told) == 1


def test_a_failed_training_is_told(bench: Bench) -> None:
    """With the state that it ended in."""
    bench.runner.end = lambda _: Broken(reason="rejected", words="no such program", lasting=True)
    train_once(bench, "a")
    recorder = FakeMlflow()
    recording(bench, recorder).step()
    assert [told[2] for told in recorder.told] == ["failed"]


def test_a_server_that_is_away_is_told_when_it_is_back(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost, the log says it once, and the state machine did not wait."""
    train_once(bench, "a")
    recorder = FakeMlflow(faults={1: RegistryError("MLflow: runs/get: no connection")})
    errand = recording(bench, recorder)
    with caplog.at_level(logging.WARNING):
        assert [errand.step() for _ in range(3)] == [RETRY_SECONDS] * 3
    assert caplog.text.count("run 1 is recorded later") == 1
    assert bench.run(1).state == "succeeded"
    recorder.faults.clear()
    assert errand.step() == POLL_SECONDS
    assert [told[1] for told in recorder.told] == [1]


def test_a_run_that_is_refused_does_not_hold_up_the_next(bench: Bench) -> None:
    """It is tried again later."""
    train_once(bench, "a")
    train_once(bench, "b")
    recorder = FakeMlflow(faults={1: RegistryRefusedError("MLflow: runs/log-batch: answered 403")})
    errand = recording(bench, recorder)
    assert errand.step() == RETRY_SECONDS
    assert [told[1] for told in recorder.told] == [2]
    recorder.faults.clear()
    assert errand.step() == POLL_SECONDS
    assert [told[1] for told in recorder.told] == [2, 1]


def test_other_models_and_the_long_past_are_not_told(bench: Bench) -> None:
    """A registry that is new is not filled with them."""
    train_once(bench, "a")
    recorder = FakeMlflow()
    recording(bench, recorder, other="other-model").step()
    bench.clock.pass_(OLDEST_SECONDS + 1)
    recording(bench, recorder).step()
    assert recorder.told == []


def test_only_the_process_that_decides_tells(bench_of: Callable[..., Bench]) -> None:
    """Replicas on one state are one recorder."""
    first = bench_of()
    train_once(first, "a")
    second = bench_of()
    assert second.controller.lead.held()
    recorder = FakeMlflow()
    recording(first, recorder).step()
    assert recorder.told == []
    recording(second, recorder).step()
    assert len(recorder.told) == 1
