from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter.checking import FIRST_CHECK_SECONDS
from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference
from exporter.schedule import Schedule

MODEL = {"model_name": "m", "model_version": "1"}


class SettableClock(Protocol):
    def __call__(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    return Reference.fit(rng.normal(size=(300, 2)), model_name="m", model_version="1", features=["a", "b"])


def model(X: Any) -> Any:
    return np.asarray(X)[:, 0]


def test_checks_follow_the_clock_and_the_missed_are_counted(
    reference: Reference, clock: SettableClock, registry: CollectorRegistry
) -> None:
    """The first comes soon after the start, the next after the interval; one that takes too long skips."""
    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, clock=clock, background=False,
        check_interval_seconds=100.0,
    )  # fmt: skip
    checking, monitor = predictor._checking, predictor._monitor
    runs = []
    checking._run_if_due()
    assert not predictor.reports
    clock.advance(FIRST_CHECK_SECONDS)
    checking._run_if_due()
    assert predictor.reports

    def slow() -> dict[str, Any]:
        runs.append(clock())
        clock.advance(250.0)
        return {}

    monitor.run = slow  # type: ignore[method-assign]
    clock.advance(99.0)
    checking._run_if_due()
    assert runs == []
    clock.advance(1.0)
    checking._run_if_due()
    checking._run_if_due()
    assert len(runs) == 2
    assert registry.get_sample_value("driftgauge_checks_skipped_total", MODEL) == 4
    predictor.close()


def test_a_schedule_by_expression_is_shown_and_runs(
    reference: Reference, registry: CollectorRegistry
) -> None:
    """Its longest gap is the interval that alerts go by; with jitter an interval is APScheduler's too."""
    cron = Schedule(cron="*/10 * * * *")
    with InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, schedule=cron
    ):
        assert registry.get_sample_value("driftgauge_check_interval_seconds", MODEL) == 600
    checked = threading.Event()
    every = Schedule(interval_seconds=0.2, jitter_seconds=0.01)
    with InstrumentedPredictor(
        model, name="m", version="1", reference=reference, schedule=every
    ) as predictor:
        for _ in range(100):
            if predictor.reports:
                checked.set()
                break
            checked.wait(0.1)
    assert checked.is_set()


def test_a_process_that_does_not_check_shows_no_states(
    reference: Reference, registry: CollectorRegistry
) -> None:
    """Neither an interval nor a thread for checks; by hand it still can."""
    with InstrumentedPredictor(
        model,
        name="m",
        version="1",
        reference=reference,
        registry=registry,
        schedule=Schedule(enabled=False),
    ) as predictor:
        assert registry.get_sample_value("driftgauge_check_interval_seconds", MODEL) is None
        assert not any(thread.name == "driftgauge-check-m" for thread in threading.enumerate())
        assert predictor.check_now()


TAKE_OVER = """
import os, sys, warnings
warnings.simplefilter("error")
from pathlib import Path
import numpy as np
from exporter import InstrumentedPredictor, Reference
from exporter.stores.settings import StoreSettings, open_store
folder = Path(sys.argv[1])
rng = np.random.default_rng(1)
reference = Reference.fit(rng.normal(size=(500, 2)), model_name="m", model_version="1", features=["a", "b"])
clock = lambda: 1_700_000_000.0
predictor = InstrumentedPredictor(
    lambda X: np.asarray(X)[:, 0], name="m", version="1", reference=reference, clock=clock,
    store=open_store(StoreSettings(type="sqlite", path=folder / "w.sqlite3"), name="m", version="1"),
    background=False, state_path=folder / "state.json")
checking = predictor._checking
"""


def test_who_takes_over_goes_on_where_the_last_check_stood(tmp_path: Path) -> None:
    """A second worker shows the first one's page, and after its death continues its hysteresis at once."""
    (tmp_path / "metrics").mkdir()
    first = (
        TAKE_OVER + "predictor(rng.normal(3, 1, size=(500, 2)))\npredictor.flush()\nchecking.stand()\n"
        "checking._run()\nchecking._run()\nprint(predictor._monitor.states['a'], flush=True)\n"
        "sys.stdin.read()\n"
    )
    second = (
        TAKE_OVER + "checking.stand()\nprint(checking.checks_here, predictor.pages['drift']('a')['state'], "
        "predictor.reports, flush=True)\nsys.stdin.readline()\nchecking.stand()\n"
        "print(checking.checks_here, predictor._monitor.states['a'], flush=True)\n"
    )
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}

    def worker(script: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    with worker(first) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "drift\n"
        with worker(second) as two:
            assert two.stdout is not None
            assert two.stdin is not None
            assert two.stdout.readline() == "False drift {}\n"
            one.kill()
            one.wait()
            two.stdin.write("\n")
            two.stdin.flush()
            # One check of a fresh process would only warn.
            assert two.stdout.readline() == "True drift\n"
