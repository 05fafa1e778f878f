"""Trainings as processes of this machine: a command or a Python function, each behind a keeper."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import call, keeper
from .order import ORDER_FILE, Absent, Broken, Busy, Done, Look, Order, read_result

LOCK_FILE: Final = "lock"
DEFAULT_TIMEOUT: Final = 6 * 3_600.0
DEFAULT_GRACE: Final = 10.0
DEFAULT_OUTPUT: Final = 256 << 10
_SHOWN: Final = 300
"""Characters of a training's last words in a reason."""


@dataclass(kw_only=True)
class LocalRunner:
    """Starts a program of this machine and looks after it.

    Parameters
    ----------
    command : tuple of str
        Program and arguments; no shell reads them.
    function : str or None
        `package.module:function` instead of a command.
    directory : Path
        Where it runs.
    environment : mapping of str to str
        All that it gets besides the order.
    timeout, grace : float
        Seconds until it is asked to end, and then until it is killed.
    max_output_bytes : int
        Kept of what it writes.
    """

    directory: Path
    command: tuple[str, ...] = ()
    function: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = DEFAULT_TIMEOUT
    grace: float = DEFAULT_GRACE
    max_output_bytes: int = DEFAULT_OUTPUT
    _keepers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, order: Order) -> Broken | None:
        """Start a keeper, unless one has been started for this order."""
        try:
            order.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(order.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return None
        except OSError as error:
            return Broken(
                reason="unreachable", words=f"{order.folder}: {error.strerror}, need a writable place"
            )
        try:
            # Taken before anything starts, and handed on: it is free only when all of them have ended.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (order.folder / ORDER_FILE).write_text(
                json.dumps(order.document, ensure_ascii=False, indent=1), encoding="utf-8"
            )
            (order.folder / keeper.SETTINGS_FILE).write_text(
                json.dumps(self._settings(order)), encoding="utf-8"
            )
            with (order.folder / "keeper.log").open("wb") as log:
                process = subprocess.Popen(  # noqa: S603 - our own module
                    [sys.executable, "-P", keeper.__file__, str(order.folder), str(lock)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=order.folder,
                    env={**self.environment, **order.environment()},
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        except OSError as error:
            return Broken(reason="unreachable", words=f"{order.folder}: {error.strerror or error}")
        finally:
            os.close(lock)
        self._keepers[order.name] = process
        return None

    def look(self, order: Order) -> Look | None:
        """How the training stands, from what is on the disk."""
        running = _held(order.folder / LOCK_FILE)
        # In this order: a keeper writes down the end, and then lets go.
        outcome = read_result(order.folder / keeper.OUTCOME_FILE)
        if running is None:
            return Absent()
        if running and outcome is None:
            return Busy()
        # A keeper that we started and that has done its work is ours to bury.
        if (keeper_process := self._keepers.pop(order.name, None)) is not None:
            keeper_process.wait()
        if outcome is None:
            return Broken(reason="interrupted", words="it was killed with its keeper, or the machine stopped")
        if not outcome.get("started"):
            words = f"found no program to start: {outcome.get('words')}"
            return Broken(reason="rejected", words=words, lasting=True)
        if outcome.get("timed_out"):
            return Broken(reason="timeout", words=f"it took longer than {self.timeout:g} seconds")
        if outcome.get("stopped"):
            return Broken(reason="interrupted", words="it was told to stop")
        if outcome.get("exit_code") != 0:
            said = f"; its last words: {words}" if (words := _last_words(order.folder)) else ""
            return Broken(reason="exit_code", words=f"exit code {outcome.get('exit_code')}{said}")
        return Done(result=read_result(order.result_path))

    def stop(self, order: Order) -> None:
        """Kill what is left of an attempt whose keeper did not."""
        if not _held(order.folder / LOCK_FILE):
            return
        # While the lock is held somebody of the group may live, so its number is not another's.
        with suppress(OSError, ValueError):
            os.killpg(int((order.folder / keeper.GROUP_FILE).read_text("utf-8")), signal.SIGKILL)

    def _settings(self, order: Order) -> dict[str, object]:
        command = list(self.command)
        if self.function is not None:
            command = [sys.executable, "-P", call.__file__, self.function, order.document["result_file"]]
        return {
            "command": command,
            "stdin": ORDER_FILE,
            "directory": str(self.directory),
            "timeout": self.timeout,
            "grace": self.grace,
            "max_output_bytes": self.max_output_bytes,
        }


def _held(path: Path) -> bool | None:
    """Whether anybody holds a lock; None if there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _last_words(folder: Path) -> str:
    """The end of what a training wrote."""
    try:
        text = (folder / keeper.OUTPUT_FILE).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    return text.strip()[-_SHOWN:]
