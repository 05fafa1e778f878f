"""The real demo: its own processes, the real Prometheus and Alertmanager, ports of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driftgauge.demo.parts import EXPLORER_READY_SECONDS, MODEL_READY_SECONDS, find_components
from driftgauge.demo.ports import LISTENERS

pytestmark = [pytest.mark.stack, pytest.mark.slow]

END_SECONDS = 60.0
"""For a demo that was asked to end, on a machine that is busy with other tests."""

START_SECONDS = MODEL_READY_SECONDS + EXPLORER_READY_SECONDS
"""The demo itself gives up a part that is not ready in its time."""

MARK = "DRIFTGAUGE_TEST_MARK"


class Demo:
    """A running demo, and every process that it or its parts ever started."""

    def __init__(self, log: Path, *options: str, path: str | None = None) -> None:
        self.log = log
        self._mark = uuid.uuid4().hex
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "BRIDGE_"))
        }
        environment[MARK] = self._mark
        environment["TMPDIR"] = str(log.parent)  # the logs of a demo that fails are kept there
        if path is not None:
            environment["PATH"] = path
        with log.open("w") as output, (log.parent / "errors.txt").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "driftgauge", "demo", *options],
                stdout=output,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    @property
    def errors(self) -> str:
        """What it has printed on stderr so far."""
        return (self.log.parent / "errors.txt").read_text()

    def processes(self) -> dict[int, str]:
        """Processes that carry this demo's mark in their environment: pid to command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and self._mark.encode() in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(entry.name)] = command
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds while the demo runs."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.output}{self.errors}"
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self.output}{self.errors}"
            time.sleep(0.1)


def free_ports() -> list[str]:
    """Options that give every part a port of its own."""
    with ExitStack() as stack:
        options = []
        for listener in LISTENERS:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            options += [listener.option, str(probe.getsockname()[1])]
        return options


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts a demo on free ports; afterwards not one of its processes is left, or the test fails."""
    demos: list[Demo] = []

    def start(*options: str, ports: list[str] | None = None, path: str | None = None) -> Demo:
        chosen = free_ports() if ports is None else ports
        demos.append(Demo(tmp_path / "output.txt", *chosen, *options, path=path))
        return demos[-1]

    yield start
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()
            pytest.fail(f"the demo still ran: {demo.output}{demo.errors}")
        deadline = time.monotonic() + 5
        while demo.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        left = demo.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left


def test_a_drift_alert_becomes_a_message(
    start: Callable[..., Demo], record_property: Callable[[str, object], None]
) -> None:
    """The seasons drift, a rule fires, Alertmanager groups, the bridge delivers, the inbox shows it."""
    demo = start()
    for words in ("ModelDriftDetected", "temperature", "messages delivered [1-9]"):
        demo.wait_for(lambda words=words: re.search(words, demo.output) is not None, words)  # type: ignore[misc]
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(END_SECONDS) == 0, demo.errors
    summary = re.search(
        r"^(\d+) drift alerts?, (\d+) messages? delivered.*, the first after (\d+) s\.$",
        demo.output,
        re.MULTILINE,
    )
    assert summary, demo.output
    alerts, messages, seconds = map(int, summary.groups())
    record_property("demo", f"the first message after {seconds} s")
    assert alerts >= 1
    assert messages >= 1
    assert demo.errors == ""


def test_it_ends_by_itself_after_the_time_it_was_given(start: Callable[..., Demo]) -> None:
    """Also while its parts still start."""
    demo = start("--exit-after", "1")
    assert demo.process.wait(START_SECONDS) == 0, demo.errors
    assert "0 drift alerts, 0 messages delivered." in demo.output


def test_without_the_components_it_runs_and_says_what_is_missing(start: Callable[..., Demo]) -> None:
    """Model, bridge and inbox run; the terminal names what is not there and how to get it; Ctrl-C ends it."""
    demo = start(path="/nonexistent")
    demo.wait_for(lambda: "rows predicted" in demo.output, "the first numbers")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(END_SECONDS) == 0
    assert "Found no Prometheus and no Alertmanager on PATH" in demo.output
    assert "apt-get install prometheus prometheus-alertmanager" in demo.output
    assert "0 drift alerts, 0 messages delivered." in demo.output


@pytest.mark.parametrize("part", ["demo.service", "/prometheus "])
def test_a_part_that_dies_ends_the_demo_with_an_error(start: Callable[..., Demo], part: str) -> None:
    """One line names the part and how it ended, and nothing of the others is left."""
    demo = start()
    demo.wait_for(lambda: "Everything runs" in demo.output, "all parts")
    [pid] = [pid for pid, command in demo.processes().items() if part in command]
    os.kill(pid, signal.SIGKILL)
    assert demo.process.wait(END_SECONDS) == 2
    assert re.fullmatch(
        r"driftgauge demo: \w+: found that it ended by itself \(signal 9\), need it .*\n", demo.errors
    )


def test_a_killed_demo_leaves_nothing_behind(start: Callable[..., Demo]) -> None:
    """When not even cleanup can run, the kernel ends the parts."""
    demo = start("--exit-after", "60")
    demo.wait_for(lambda: "Everything runs" in demo.output, "all parts")
    assert len(demo.processes()) == 6 + find_components().dash, "the explorer runs where its package is"
    demo.process.kill()
    assert demo.process.wait(END_SECONDS) == -signal.SIGKILL


def test_damaged_data_are_an_error_that_names_the_file(start: Callable[..., Demo], data_folder: Path) -> None:
    """What the model process found is told by the demo."""
    (data_folder / "weather.csv").write_text("origin,time_hour\nEWR,never\n")
    demo = start("--data", str(data_folder))
    assert demo.process.wait(END_SECONDS) == 2
    assert re.fullmatch(r"driftgauge demo: model: .*weather\.csv: found no column temp.*\n", demo.errors)


def test_a_taken_port_is_an_error_before_anything_starts(start: Callable[..., Demo]) -> None:
    """The line names port, part and option."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ports = free_ports()
        ports[ports.index("--alertmanager-port") + 1] = str(port)
        demo = start(ports=ports)
        assert demo.process.wait(END_SECONDS) == 2
    assert demo.errors.startswith(f"driftgauge demo: port {port} (Alertmanager): found that it is taken")
    assert demo.output == ""


def test_time_that_is_up_during_start_ends_it_well(start: Callable[..., Demo]) -> None:
    """`--exit-after` counts from the start of the command, training included."""
    demo = start("--exit-after", "1")
    assert demo.process.wait(END_SECONDS) == 0
    assert "ended before the replay began" in demo.output


def test_a_retraining_whose_time_is_up_says_what_it_lacks(start: Callable[..., Demo]) -> None:
    """Only a loop that has closed is a success."""
    demo = start("--retrain", "--exit-after", "1")
    assert demo.process.wait(END_SECONDS) == 1
    assert re.search(r"The loop has not closed: after \d+ s it lacks an alert of drift .*; .*", demo.output)


def test_a_retraining_without_the_components_is_an_error(start: Callable[..., Demo]) -> None:
    """No alert could ask for it."""
    demo = start("--retrain", path="/nonexistent")
    assert demo.process.wait(END_SECONDS) == 2
    assert demo.errors.startswith(
        "driftgauge demo: --retrain: found no Prometheus and no Alertmanager on PATH"
    )
