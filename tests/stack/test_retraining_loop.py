"""`driftgauge demo --retrain` as a user starts it, with the real Prometheus and Alertmanager."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driftgauge.demo.ports import LISTENERS
from driftgauge.demo.timeline import NEEDED

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.stress]

LIMIT_SECONDS = 1_500
"""Two minutes on a quiet machine of two cores, five with sixteen others that compute."""

END_SECONDS = 120.0
"""For all parts to end on such a machine."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The demo's TMPDIR, which everything it starts inherits; afterwards no process is left that has it."""
    yield tmp_path
    deadline = time.monotonic() + END_SECONDS
    while (left := _processes_with(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_drift_retrains_the_challenger_wins_and_a_bad_model_is_rolled_back(folder: Path) -> None:
    """Exit code 0 means that every step was seen, in order; the printed timeline says the same."""
    command = [sys.executable, "-m", "driftgauge", "demo", "--retrain", "--exit-after", str(LIMIT_SECONDS)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "BRIDGE_"))}
    with (folder / "output.txt").open("w") as output, (folder / "errors.txt").open("w") as errors:
        ended = subprocess.run(
            [*command, *_free_ports()],
            stdout=output,
            stderr=errors,
            env={**kept, "TMPDIR": str(folder)},
            timeout=LIMIT_SECONDS + END_SECONDS,
            check=False,
        )
    told = (folder / "output.txt").read_text()
    assert (ended.returncode, (folder / "errors.txt").read_text()) == (0, ""), told[-5_000:]
    timeline = told.partition("What happened, in replayed days:\n")[2]
    found = re.findall(r"^2013-\d\d-\d\d  (\w+(?: \w+)?) {2,}", timeline, re.MULTILINE)
    assert [step for step in found if step in NEEDED] == list(NEEDED)
    before, after = map(int, re.findall(r"(\d+) of 14 features", timeline))
    assert after < before
    assert "The loop has closed." in timeline


def _processes_with(folder: Path) -> list[int]:
    """Processes that have the folder in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and f"TMPDIR={folder}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def _free_ports() -> list[str]:
    """Options that give every part a port of its own."""
    with ExitStack() as stack:
        options = []
        for listener in LISTENERS:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            options += [listener.option, str(probe.getsockname()[1])]
        return options
