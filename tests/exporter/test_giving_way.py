from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, MemoryStore, Reference
from exporter.giving_way import (
    LOOK_SECONDS,
    NICENESS,
    PATIENCE_SECONDS,
    SWITCH_SECONDS,
    WAITED_SHARE,
    Patience,
    giving_way,
    running,
)

DEFAULT = 0.005


@pytest.fixture(autouse=True)
def default() -> Iterator[None]:
    """Python's own interval before, and what it was after."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(DEFAULT)
    yield
    sys.setswitchinterval(before)


def test_threads_switch_sooner_within_and_as_before_after_it() -> None:
    """Also when the block fails, and when another one began within and ended after it."""
    first, second = giving_way(), giving_way()
    first.__enter__()
    second.__enter__()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)
    with pytest.raises(ValueError, match="a fault"), giving_way():
        raise ValueError("a fault")
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)


def test_what_somebody_else_chose_is_left() -> None:
    """Before it, a shorter one; within it, any."""
    sys.setswitchinterval(SWITCH_SECONDS / 5)
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS / 5)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS / 5)
    sys.setswitchinterval(DEFAULT)
    with giving_way():
        sys.setswitchinterval(DEFAULT * 2)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT * 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 warns where there are threads
def test_a_forked_child_begins_outside_of_its_parents_blocks() -> None:
    """The threads that were within are not in the child."""
    with giving_way():
        pid = os.fork()
        if pid == 0:  # pragma: no cover - in the child
            os._exit(0 if abs(sys.getswitchinterval() - DEFAULT) < SWITCH_SECONDS else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


class NotingStore(MemoryStore):
    """Notes how soon threads switch while a check reads its window."""

    interval = 0.0

    def window(self, *arguments: Any, **options: Any) -> Any:
        self.interval = sys.getswitchinterval()
        return super().window(*arguments, **options)


def test_a_check_gives_way(rng: np.random.Generator, registry: CollectorRegistry) -> None:
    """While it runs, and no longer."""
    rows = rng.normal(size=(1000, 2))
    reference = Reference.fit(rows, features=["a", "b"], model_name="m", model_version="1")
    store = NotingStore()
    predictor = InstrumentedPredictor(
        lambda rows: rows[:, 0], name="m", version="1", reference=reference, registry=registry, store=store,
        background=False,
    )  # fmt: skip
    predictor(rows)
    predictor.check_now()
    assert store.interval == pytest.approx(SWITCH_SECONDS)
    assert sys.getswitchinterval() == pytest.approx(DEFAULT)


class Clock:
    """Seconds that pass by sleeping and by computing; at `done` the prediction ends."""

    def __init__(self, done: float = float("inf")) -> None:
        self.now = 0.0
        self.slept = 0.0
        self._done = done

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        if self.now >= self._done:
            running.clear()

    def waited(self, patience: Patience) -> float:
        """How long it waits now."""
        before = self.slept
        patience()
        return self.slept - before


@pytest.fixture
def predicting() -> Iterator[None]:
    """A prediction that computes until somebody ends it."""
    running.append(None)
    yield
    running.clear()


@pytest.mark.usefixtures("predicting")
def test_a_check_waits_until_a_prediction_is_done() -> None:
    """And not after it."""
    clock = Clock(done=1.0065)
    patience = Patience(clock, clock.sleep)
    clock.now = 1.0
    assert clock.waited(patience) == pytest.approx(0.007)
    assert clock.waited(patience) == 0.0


@pytest.mark.usefixtures("predicting")
def test_a_check_ends_where_predictions_never_do() -> None:
    """It waits for so long at a time, and for so much of what it has computed."""
    clock = Clock()
    patience = Patience(clock, clock.sleep)
    assert clock.waited(patience) == 0.0
    clock.now += 10.0
    assert clock.waited(patience) == pytest.approx(PATIENCE_SECONDS, abs=2 * LOOK_SECONDS)
    assert clock.waited(patience) == 0.0
    waited = computed = 0.0
    for _ in range(1_000):
        clock.now += 0.0002
        computed += 0.0002
        waited += clock.waited(patience)
    assert waited == pytest.approx(WAITED_SHARE * computed, abs=2 * LOOK_SECONDS)


def test_a_check_of_a_model_that_hangs_ends(rng: np.random.Generator, registry: CollectorRegistry) -> None:
    """And finds what it finds without."""
    rows = rng.normal(size=(1000, 2))
    reference = Reference.fit(rows, features=["a", "b"], model_name="m", model_version="1")
    hangs, called = threading.Event(), threading.Event()

    def model(X: Any) -> Any:
        if len(X) == 1:
            called.set()
            hangs.wait()
        return X[:, 0]

    predictor = InstrumentedPredictor(
        model, name="m", version="1", reference=reference, registry=registry, background=False
    )
    predictor(rows)
    caller = threading.Thread(target=predictor, args=(rows[:1],))
    caller.start()
    called.wait()
    try:
        assert running
        assert {report.rows for report in predictor.check_now().values()} == {1000}
    finally:
        hangs.set()
        caller.join()
    assert not running


def test_a_prediction_counts_as_running_until_it_ends() -> None:
    """However it ends."""
    seen: list[int] = []

    def model(X: Any) -> Any:
        seen.append(len(running))
        if len(X) > 1:
            raise KeyboardInterrupt
        return np.zeros(len(X))

    with InstrumentedPredictor(model, name="m", version="1", registry=CollectorRegistry()) as predictor:
        predictor(np.zeros((1, 2)))
        assert (seen, running) == ([1], [])
        with pytest.raises(KeyboardInterrupt):
            predictor(np.zeros((2, 2)))
    assert (seen, running) == ([1, 1], [])


STEP_BACK = """
import os, sys, threading
import exporter.giving_way as giving_way

from pathlib import Path
giving_way.SESSION_FILE = Path(sys.argv[1])
waiting = threading.Event()
other = threading.Thread(target=waiting.wait)
other.start()
giving_way.step_back()
for thread in os.listdir("/proc/self/task"):
    print(os.sched_getscheduler(int(thread)))
waiting.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="schedules of Linux")
@pytest.mark.parametrize("own_session", [True, False])
def test_a_process_that_steps_back_takes_its_threads_along_and_a_session_of_its_own(
    tmp_path: Path, own_session: bool
) -> None:
    """The niceness of a session that others began is theirs."""
    session = tmp_path / "autogroup"
    session.write_text("untouched")
    policies = stepped_back(session, own_session=own_session).stdout.split()
    assert len(policies) >= 2  # the main thread and the one that waits, and what libraries have
    assert set(policies) == {str(os.SCHED_IDLE)}
    assert session.read_text() == (str(NICENESS) if own_session else "untouched")


@pytest.mark.skipif(sys.platform != "linux", reason="schedules of Linux")
def test_a_machine_without_sessions_of_their_own_niceness_is_no_fault(tmp_path: Path) -> None:
    """The file is missing where the kernel was built without, and cannot be written in some containers."""
    assert str(os.SCHED_IDLE) in stepped_back(tmp_path / "missing" / "autogroup", own_session=True).stdout


def stepped_back(session: Path, *, own_session: bool) -> subprocess.CompletedProcess[str]:
    """A process that did; it fails if there is an exception."""
    return subprocess.run(
        [sys.executable, "-c", STEP_BACK, str(session)],
        check=True, capture_output=True, text=True, start_new_session=own_session,
    )  # fmt: skip
