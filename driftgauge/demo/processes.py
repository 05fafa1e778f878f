"""Child processes that start, are watched and end together.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches only the parent, which then ends
them in order; and under `launcher.py`, so that the kernel ends them when the parent is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import PartError
from . import launcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType, TracebackType

POLL_SECONDS = 0.1
"""How soon a signal, a part that is ready, or one that died is noticed."""

GRACE_SECONDS = 5.0
"""From SIGTERM to SIGKILL; Prometheus ends in 0.04 s, uvicorn waits for open requests."""

LAST_WORDS = 4
"""Lines of a dead part's log that its error repeats."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Remembers the first SIGINT, SIGTERM or SIGHUP while it is entered, and ends waits early.

    A handler that raised could interrupt the cleanup; this one only sets `signal_number`.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.signal_number: int | None = None
        self._sleep = sleep
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature is Python's
        self.signal_number = self.signal_number or number

    @property
    def requested(self) -> bool:
        """Whether a signal arrived."""
        return self.signal_number is not None

    def wait(self, seconds: float) -> bool:
        """Whether a signal arrived within so many seconds."""
        slices = max(1, round(seconds / POLL_SECONDS))
        for _ in range(slices):
            if self.requested:
                break
            self._sleep(seconds / slices)
        return self.requested


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program of the demo.

    Attributes
    ----------
    name : str
        What people call it.
    command : sequence of str
        Program and arguments.
    url : str
        Where a person looks at it.
    is_ready : callable
        True once it answers.
    ready_within_seconds : float
        After that long without an answer it counts as failed.
    environment : mapping
        Variables beyond those of this process.
    """

    name: str
    command: Sequence[str]
    url: str
    is_ready: Callable[[], bool]
    ready_within_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Starts parts, notices one that died, and ends all of them when it is left.

    Start parts from the main thread: on Linux a child is ended with the thread that started it.

    Parameters
    ----------
    logs : Path
        Folder for one log file per part.
    clock, sleep : callable
        Replaced in tests.
    """

    def __init__(
        self,
        logs: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._logs = logs
        self._clock = clock
        self._sleep = sleep
        self._running: dict[str, tuple[Part, subprocess.Popen[bytes]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts that were started, in that order."""
        return tuple(part for part, _ in self._running.values())

    def log_of(self, name: str) -> Path:
        """Log file of a part."""
        return self._logs / f"{name.lower()}.log"

    def start(self, part: Part) -> None:
        """Start a part without waiting for it.

        Raises
        ------
        PartError
            If its program cannot be started at all.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), *part.command]
        with self.log_of(part.name).open("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603  # our own command lines
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **part.environment},
                    start_new_session=True,
                )
            except OSError as error:
                raise PartError(f"{part.name}: found {error}, need to start {command[0]}") from error
        self._running[part.name] = (part, process)

    def pid_of(self, name: str) -> int:
        """Process id of a part."""
        return self._running[name][1].pid

    def wait_ready(self, *names: str, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Whether the named parts answer; False as soon as `stopped` is true.

        Raises
        ------
        PartError
            If a part dies, or does not answer in its time.
        """
        began = self._clock()
        waiting = [self._running[name][0] for name in names]
        while waiting:
            if stopped():
                return False
            self.check()
            waiting = [part for part in waiting if not part.is_ready()]
            for part in waiting:
                if self._clock() - began > part.ready_within_seconds:
                    raise PartError(
                        f"{part.name}: found no answer at {part.url} within {part.ready_within_seconds:g} s, "
                        f"need one; {self._last_words(part.name)}"
                    )
            if waiting:
                self._sleep(POLL_SECONDS)
        return True

    def check(self) -> None:
        """Notice a part that died.

        Raises
        ------
        PartError
            If one did; it repeats the end of the part's log.
        """
        for part, process in self._running.values():
            code = process.poll()
            if code is not None:
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise PartError(
                    f"{part.name}: found that it ended by itself ({how}), need it until the end; "
                    f"{self._last_words(part.name)}"
                )

    def stop(self) -> None:
        """End every part and everything it started: SIGTERM, `GRACE_SECONDS`, SIGKILL."""
        for _, process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        deadline = self._clock() + GRACE_SECONDS
        while any(process.poll() is None for _, process in self._running.values()):
            if self._clock() > deadline:
                break
            self._sleep(POLL_SECONDS / 2)
        for _, process in self._running.values():
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def _last_words(self, name: str) -> str:
        """The end of a part's log, as one line."""
        path = self.log_of(name)
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
        return f"its last words: {' | '.join(lines[-LAST_WORDS:])}" if lines else f"its log {path} is empty"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send to the process and to all it started; nobody left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
        os.killpg(process.pid, number)
