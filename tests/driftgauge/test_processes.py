from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftgauge.demo import processes
from driftgauge.demo.processes import Part, StopRequest, Supervisor
from driftgauge.errors import PartError

WAIT = "import time; time.sleep(60)"


def wait_until(condition: Callable[[], bool], *, within_seconds: float = 10.0) -> bool:
    """Whether the condition became true in time; processes end when the kernel gets to it."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def python_part(
    code: str, *, name: str = "part", ready: Callable[[], bool] = lambda: True, seconds: float = 20.0
) -> Part:
    """A part that runs a line of Python."""
    return Part(
        name=name,
        command=[sys.executable, "-c", code],
        url="http://127.0.0.1:1/",
        is_ready=ready,
        ready_within_seconds=seconds,
    )


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that is stopped whatever the test does."""
    with Supervisor(tmp_path / "logs") as one:
        yield one


def test_a_part_is_ready_once_it_answers(supervisor: Supervisor, tmp_path: Path) -> None:
    """Readiness is what the part's own check says, asked until it says so."""
    flag = tmp_path / "ready"
    code = f"import pathlib; pathlib.Path({str(flag)!r}).touch(); {WAIT}"
    supervisor.start(python_part(code, ready=flag.exists))
    assert supervisor.wait_ready("part")
    assert flag.exists()


def test_the_environment_of_a_part_is_its_own(supervisor: Supervisor) -> None:
    """A part sees the variables it was given, and what it prints is in its log."""
    code = f"import os; print(os.environ['FLAVOUR'], flush=True); {WAIT}"
    part = Part(
        name="Part",
        command=[sys.executable, "-c", code],
        url="",
        is_ready=lambda: "salty" in supervisor.log_of("Part").read_text(),
        ready_within_seconds=20,
        environment={"FLAVOUR": "salty"},
    )
    supervisor.start(part)
    assert supervisor.wait_ready("Part")
    assert supervisor.log_of("Part").name == "part.log"


def test_a_part_that_ends_at_once_is_an_error_with_its_last_words(supervisor: Supervisor) -> None:
    """The error names the part, its exit code, and repeats the end of its log."""
    supervisor.start(python_part("raise SystemExit('the disk is full')", ready=lambda: False))
    with pytest.raises(PartError, match=r"part: .*ended by itself \(exit code 1\).*the disk is full"):
        supervisor.wait_ready("part")


def test_a_program_that_does_not_exist_is_an_error(supervisor: Supervisor) -> None:
    """A missing program is a part that ended, with the reason."""
    part = Part(
        name="ghost", command=["/nowhere/ghost"], url="", is_ready=lambda: False, ready_within_seconds=20
    )
    supervisor.start(part)
    with pytest.raises(PartError, match=r"ghost: .*/nowhere/ghost: found No such file"):
        supervisor.wait_ready("ghost")


def test_a_part_that_never_answers_is_an_error(tmp_path: Path) -> None:
    """After its time the part counts as failed, and the error says where an answer was expected."""
    ticks = iter(range(0, 1000, 10))
    with Supervisor(tmp_path, clock=lambda: float(next(ticks)), sleep=lambda seconds: None) as supervisor:
        supervisor.start(python_part(WAIT, ready=lambda: False, seconds=30))
        with pytest.raises(PartError, match=r"part: found no answer at http://127\.0\.0\.1:1/ within 30 s"):
            supervisor.wait_ready("part")


def test_waiting_ends_when_a_stop_is_asked_for(supervisor: Supervisor) -> None:
    """Ctrl-C during start-up does not wait for the part."""
    supervisor.start(python_part(WAIT, ready=lambda: False))
    assert not supervisor.wait_ready("part", stopped=lambda: True)


def test_a_killed_part_is_noticed(supervisor: Supervisor) -> None:
    """A part that dies later is an error that names the signal."""
    supervisor.start(python_part(WAIT))
    supervisor.check()
    os.kill(supervisor.pid_of("part"), signal.SIGKILL)
    assert wait_until(lambda: not is_running(supervisor.pid_of("part")))
    with pytest.raises(PartError, match=r"part: found that it ended by itself \(signal 9\)"):
        supervisor.check()


def test_stopping_leaves_no_process_not_even_of_parts_that_died(supervisor: Supervisor) -> None:
    """What a part started ends with it, also when the part itself is already dead."""
    grandchild = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {WAIT!r}]); "
    code = f"{grandchild} print(p.pid, flush=True); {WAIT}"
    log = supervisor.log_of("part")
    supervisor.start(python_part(code, ready=lambda: bool(log.read_text().strip())))
    supervisor.wait_ready("part")
    pids = [supervisor.pid_of("part"), int(log.read_text())]
    os.kill(pids[0], signal.SIGKILL)
    supervisor.stop()
    assert wait_until(lambda: not any(map(is_running, pids)))


def test_a_part_that_ignores_the_request_is_killed(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM is a request, SIGKILL follows."""
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {WAIT}"
    log = supervisor.log_of("part")
    supervisor.start(python_part(code, ready=lambda: "deaf" in log.read_text()))
    supervisor.wait_ready("part")
    pid = supervisor.pid_of("part")
    supervisor.stop()
    assert not is_running(pid)
    assert supervisor.parts == ()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent ended")
def test_parts_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    """Even SIGKILL to the parent, which can clean up nothing, leaves no part behind."""
    code = f"""
import pathlib, sys, time
from driftgauge.demo.processes import Part, Supervisor
supervisor = Supervisor(pathlib.Path({str(tmp_path)!r}))
supervisor.start(Part(name="part", command=[sys.executable, "-c", {WAIT!r}], url="",
                      is_ready=lambda: True, ready_within_seconds=9))
print(supervisor.pid_of("part"), flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_wait_and_is_remembered(number: signal.Signals) -> None:
    """The first signal is kept; the wait does not sleep on after it."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        signal.raise_signal(number)

    before = signal.getsignal(number)
    with StopRequest(sleep=sleep) as stop:
        assert stop.wait(5.0)
        assert stop.signal_number == number
    assert len(slept) == 1
    assert signal.getsignal(number) is before


def test_a_wait_without_a_signal_lasts_its_time() -> None:
    """The slices of a wait add up to it."""
    slept: list[float] = []
    with StopRequest(sleep=slept.append) as stop:
        assert not stop.wait(1.25)
    assert sum(slept) == pytest.approx(1.25)
