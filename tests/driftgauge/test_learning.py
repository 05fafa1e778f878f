"""The demo's loop on the real flights, without its clock and its other processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import pytest
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from driftgauge.demo.asking import Run
from driftgauge.demo.data import Flights, find_data, load_flights
from driftgauge.demo.learning import CANDIDATE_FILE, POLICY, STATE_FILE, Learning, candidate
from driftgauge.demo.pacing import Timetable
from driftgauge.demo.replay import DAY_SECONDS, HOUR_SECONDS, SimulatedClock, replay
from driftgauge.demo.service import REPLAY_START, YEAR_START, instrumented
from driftgauge.demo.timeline import missing
from driftgauge.demo.train import MODEL_NAME, MODEL_VERSION, train
from driftgauge.demo.training import VERSION, known_by, retrain
from exporter import InstrumentedPredictor, Reference
from exporter.rollout import Candidate, Succession

pytestmark = pytest.mark.slow

DECIDED = 1_374_033_600.0
"""17 July, four in the morning UTC: a Wednesday."""

START = DECIDED - 17 * DAY_SECONDS
"""Two weeks and some days before, so that the champion's window is full."""

ENOUGH = 500
"""Outcomes; less than a day has."""

END = DECIDED + 40 * DAY_SECONDS


@pytest.fixture(scope="module")
def year() -> Iterator[Flights]:
    """All flights, on one thread: those of OpenMP wait for each other on a busy machine."""
    with threadpool_limits(limits=1):
        yield load_flights(find_data())


@pytest.fixture(scope="module")
def winter(year: Flights) -> tuple[Any, Reference]:
    """The model of the winter, and its reference."""
    return train(year.between(YEAR_START, REPLAY_START))


@pytest.fixture
def learning(year: Flights, winter: tuple[Any, Reference], tmp_path: Path) -> Learning:
    """The model of the winter serves, and there is no retraining yet."""
    clock = SimulatedClock(START)

    def build(candidate: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
        if candidate is None:
            return instrumented(*winter, clock, registry)
        reference = Reference.load(candidate.reference_path)
        return instrumented(joblib.load(candidate.model_path), reference, clock, registry)

    return Learning(
        serving=Succession(
            build,
            name=MODEL_NAME,
            version=MODEL_VERSION,
            state_path=tmp_path / STATE_FILE,
            candidate_path=tmp_path / CANDIDATE_FILE,
            policy=POLICY,
            clock=clock,
            background=False,
        ),
        flights=year.between(START, END),
        clock=clock,
        run=lambda: None,
        timetable=Timetable(),
        handed_over=tmp_path / "handed_over.json",
        folder=tmp_path,
        enough=ENOUGH,
    )


def replay_until(learning: Learning, end: float) -> None:
    """Replay hour by hour until then, or until nothing lacks."""

    def hours() -> Iterator[float]:
        now = learning.clock.now
        while now <= end and missing(learning.moments):
            yield now
            now += HOUR_SECONDS

    replay(learning, learning.flights, learning.clock, learning.hours(hours()))


def test_the_summer_s_challenger_wins_and_the_bad_one_is_rolled_back(
    year: Flights, winter: tuple[Any, Reference], learning: Learning, tmp_path: Path
) -> None:
    """The training is the demo's own; the rollout decides by the flights that come after it."""
    known = known_by(year, REPLAY_START + 30 * DAY_SECONDS, DECIDED)
    assert known.landed.max() <= DECIDED
    result = retrain(known, winter[0], DECIDED, tmp_path)
    assert result["comparison"]["verdict"] == "better"
    named = candidate(VERSION, tmp_path / result["model_path"], tmp_path / result["reference_path"])
    learning.handed_over.write_bytes(named)
    waiting = Run(
        state="requested",
        since=START,
        requested_at=START,
        alerts=("ModelDriftDetected",),
        features=("temperature",),
        waits="few rows",
    )
    trained = replace(
        waiting,
        state="succeeded",
        decided_at=DECIDED,
        ended_at=DECIDED,
        runs_because="no brake holds",
        result=result,
    )
    learning.run = lambda: waiting if learning.clock.now < DECIDED else trained

    replay_until(learning, END)

    steps = [moment.step for moment in learning.moments]
    assert missing(learning.moments) == [], learning.moments
    assert steps == [
        "alert", "asked", "waits", "decided", "trained", "shadow", "canary", "canary", "A/B", "promoted",
        "drift", "pushed", "rolled back",
    ]  # fmt: skip
    assert learning.serving.champion.version == VERSION
    assert learning.serving.reference is not None
    assert learning.serving.reference.model_version == VERSION
    assert learning.serving.status()["status"] == "rolled_back"
    assert learning.timeline()["missing"] == []


def test_a_retraining_that_is_refused_ends_the_loop_unclosed(learning: Learning) -> None:
    """Its reasons are told, the champion goes on, and nothing else is tried."""
    refused = Run(state="refused", since=START, requested_at=START, reasons="comparison.verdict: found worse")
    learning.run = lambda: refused
    replay_until(learning, START + 2 * DAY_SECONDS)
    assert [moment.step for moment in learning.moments] == ["alert", "asked", "broken off"]
    assert learning.moments[-1].words == "the retraining is refused: comparison.verdict: found worse"
    assert learning.serving.status()["status"] == "none"
    assert "the challenger's promotion" in missing(learning.moments)


def test_the_replay_waits_for_a_decision_that_has_all_it_needs(learning: Learning) -> None:
    """Not before the outcomes are told, and no longer than until the training has ended, however it ended."""
    assert not learning.awaits
    replay_until(learning, START + DAY_SECONDS)
    assert learning.awaits
    run = Run(state="requested", since=START, requested_at=START)
    found = {}
    for state in ("requested", "running", "evaluating", "succeeded", "refused", "failed"):
        learning.run = partial(replace, run, state=state)
        found[state] = learning.awaits
    assert [state for state, awaits in found.items() if awaits] == ["requested", "running", "evaluating"]
