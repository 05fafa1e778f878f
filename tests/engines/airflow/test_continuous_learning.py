"""The DAG of continuous learning, run by a real Airflow while real rollouts take what it hands over."""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Reference, RolloutPolicy, Stage
from exporter.rollout import Candidate, StateFile, Succession

pytest.importorskip("airflow", reason="the extra `airflow` has an environment of its own: make test-airflow")

FOLDER = Path(__file__).parent
DAGS = Path(__file__).parents[3] / "examples" / "airflow"

RUN = """
import datetime as dt, json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
dag = bag.dags["continuous_learning"]
for task in dag.tasks:
    task.retries = 0
dag.get_task("rollout").poke_interval = 1.0
for name, date, conf in json.loads(sys.argv[2]):
    run = dag.test(logical_date=dt.datetime.fromisoformat(date), run_conf=conf)
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    print("RESULT", json.dumps({"name": name, "state": str(run.state), "tasks": states}), flush=True)
"""
"""Run by a process of its own: Airflow reads its settings when it is imported."""

CHECK = ("champion", "load", "features", "predictions", "report", "branch")
CANDIDATE = ("retrain", "validate", "hand_over", "rollout", "ended")

POLICY = RolloutPolicy(
    stages=(
        Stage(kind="shadow", min_rows=200, min_seconds=60.0),
        Stage(kind="ab", share=0.5, min_rows=400, min_seconds=60.0),
    )
)

DAYS = {"calm": "2026-03-01", "better": "2026-03-02", "worse": "2026-03-03", "fails": "2026-03-04"}

SECONDS = 900.0
"""For all runs; they need about 60 of a processor, and others may want it, too."""


def _learner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learner", FOLDER / "learner.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


learner = _learner()


def world(rng: np.random.Generator, rows: int, age: float) -> tuple[Any, Any]:
    """Rows around an age, and their truth: the older half mostly says yes."""
    ages, carriers = rng.normal(age, 10, size=rows), rng.choice(["AA", "UA"], size=rows)
    truth = np.where((ages > age) ^ (rng.random(rows) < 0.1), "yes", "no")
    return np.array([*zip(ages, carriers, strict=True)], dtype=object), truth


class Clock:
    """A minute between batches, however long they take."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@dataclass
class Case:
    """A model's files, and what the DAG is told of them."""

    folder: Path
    conf: dict[str, str]

    @property
    def candidate_file(self) -> Path:
        return self.folder / "candidate.json"

    @property
    def state_file(self) -> Path:
        return self.folder / "rollout.json"

    def trainings(self) -> int:
        """How many programs were started."""
        log = self.folder / "trainings.log"
        return len(log.read_text().splitlines()) if log.exists() else 0


def _case(folder: Path, name: str) -> Case:
    folder = folder / name
    folder.mkdir()
    rng = np.random.default_rng(7)
    champion = learner.Threshold(40.0)
    learner.save(folder / "first", "1", champion, *world(rng, 20_000, 40.0))
    rows, truth = world(rng, 5_000, 40.0 if name == "calm" else 48.0)
    columns = {
        "age": rows[:, 0].astype(float),
        "carrier": rows[:, 1].astype(str),
        "prediction": champion.predict(rows),
        "target": truth,
    }
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    (folder / "runs").mkdir()
    command = [sys.executable, str(FOLDER / "learner.py"), str(folder / "trainings.log")]
    conf = {
        "data": str(folder / "rows.parquet"),
        "reference": str(folder / "first" / "reference.json"),
        "model": str(folder / "first" / "model.json"),
        "folder": str(folder / "runs"),
        "command": shlex.join([*command, "fails" if name == "fails" else "works"]),
        "loader": "learner:load",
        "candidate_file": str(folder / "candidate.json"),
        "rollout": str(folder / "rollout.json"),
    }
    return Case(folder, conf)


@contextmanager
def _served(case: Case, age: float) -> Iterator[str]:
    """The model in a server under traffic around an age; a challenger is tried as it comes."""
    clock, stop = Clock(), threading.Event()

    def build(candidate: Candidate | None, registry: CollectorRegistry) -> InstrumentedPredictor:
        path = case.conf["reference"] if candidate is None else candidate.reference_path
        reference = Reference.load(path)
        return InstrumentedPredictor(
            learner.load(case.conf["model"] if candidate is None else candidate.model_path),
            name="m", version=reference.model_version, reference=reference, registry=registry,
            clock=clock, background=False,
        )  # fmt: skip

    def traffic(model: Succession) -> None:
        rng, number = np.random.default_rng(9), 0
        while not stop.wait(0.02):
            model.sync()
            if model.challenger is not None:
                clock.now += 61.0
                rows, truth = world(rng, 300, age)
                ids = [f"{number}-{i}" for i in range(len(truth))]
                model.predict(rows, ids=ids)
                model.record_outcomes(ids, truth)
                number += 1

    with Succession(
        build, name="m", version="1", state_path=case.state_file, candidate_path=case.candidate_file,
        policy=POLICY, clock=clock, background=False,
    ) as model:  # fmt: skip
        thread = threading.Thread(target=traffic, args=(model,))
        thread.start()
        try:
            yield model.serve(port=0).url
        finally:
            stop.set()
            thread.join()


@dataclass
class Ran:
    """What became of a run, with all that it has logged."""

    state: str
    tasks: dict[str, str]
    log: str


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("learning")
    return {name: _case(folder, name) for name in DAYS}


@pytest.fixture(scope="module")
def ran(environment: dict[str, str], cases: dict[str, Case]) -> dict[str, Ran]:
    """All runs, one after the other in one Airflow, whose imports take longer than they do."""
    with ExitStack() as stack:
        url = stack.enter_context(_served(cases["better"], 48.0))
        cases["better"].conf["rollout"] = url
        stack.enter_context(_served(cases["worse"], 40.0))
        runs = [(name, DAYS[name], cases[name].conf) for name in DAYS]
        runs.append(("better again", DAYS["better"], cases["better"].conf))
        marked = [(name, f"{date}T00:00:00+00:00", conf) for name, date, conf in runs]
        result = subprocess.run(
            [sys.executable, "-c", RUN, str(DAGS), json.dumps(marked)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip
    found, log = {}, []
    for line in result.stdout.splitlines():
        log.append(line)
        if line.startswith("RESULT "):
            values = json.loads(line.removeprefix("RESULT "))
            found[values["name"]] = Ran(values["state"], values["tasks"], "\n".join(log))
            log = []
    assert len(found) == len(runs), result.stdout[-5000:]
    return found


def test_a_calm_day_is_only_logged(ran: dict[str, Ran], cases: dict[str, Case]) -> None:
    """Nothing is trained, and nothing handed over."""
    found = ran["calm"]
    skipped = dict.fromkeys((*CANDIDATE, "promoted", "rolled_back"), "skipped")
    assert (found.state, found.tasks) == ("success", {**dict.fromkeys((*CHECK, "log"), "success"), **skipped})
    assert "no retraining: no drift" in found.log
    assert cases["calm"].trainings() == 0
    assert not cases["calm"].candidate_file.exists()


def test_a_better_challenger_is_promoted(ran: dict[str, Ran], cases: dict[str, Case]) -> None:
    """Drift, a training, hold-out rows, the server's own rollout; its outcome is in the log."""
    found, case = ran["better"], cases["better"]
    expected = {
        **dict.fromkeys((*CHECK, *CANDIDATE, "promoted"), "success"),
        **dict.fromkeys(("log", "rolled_back"), "skipped"),
    }
    assert (found.state, found.tasks) == ("success", expected), found.log[-3000:]
    assert "m 2 was promoted: better" in found.log
    state = StateFile(case.state_file).read()
    assert state is not None
    assert (state.status, state.serving) == ("promoted", "2")


def test_the_same_day_again_starts_no_second_rollout(ran: dict[str, Ran], cases: dict[str, Case]) -> None:
    """It says how the first ended, without a training, a new file or an event."""
    found, case = ran["better again"], cases["better"]
    assert (found.state, found.tasks["promoted"]) == ("success", "success")
    assert case.trainings() == 1
    state = StateFile(case.state_file).read()
    assert state is not None
    assert [event.what for event in state.events].count("started") == 1
    assert len([*(case.folder / "runs").iterdir()]) == 1


def test_a_challenger_that_is_worse_in_traffic_is_rolled_back(
    ran: dict[str, Ran], cases: dict[str, Case]
) -> None:
    """It was better on the day's rows, and traffic is as it always was; the champion goes on."""
    found = ran["worse"]
    assert found.state == "success", found.log[-3000:]
    assert (found.tasks["rolled_back"], found.tasks["promoted"]) == ("success", "skipped")
    assert "m 2 was rolled back: worse" in found.log
    state = StateFile(cases["worse"].state_file).read()
    assert state is not None
    assert (state.status, state.serving) == ("rolled_back", "1")


def test_a_training_that_fails_leaves_the_champion_alone(ran: dict[str, Ran], cases: dict[str, Case]) -> None:
    """The run fails with the training's own words; nobody is handed anything."""
    found, case = ran["fails"], cases["fails"]
    assert (found.state, found.tasks["retrain"]) == ("failed", "failed")
    assert {found.tasks[name] for name in ("validate", "hand_over", "rollout")} == {"upstream_failed"}
    assert "no memory left" in found.log
    assert case.trainings() == 1
    assert not case.candidate_file.exists()
    assert not case.state_file.exists()
