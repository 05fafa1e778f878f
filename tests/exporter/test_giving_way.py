from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, MemoryStore, Reference
from exporter.giving_way import NICENESS, SWITCH_SECONDS, giving_way

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
