"""Stands between the service and a training: bounds its time and output, and says how it ended.

It is a process of its own, `python keeper.py FOLDER LOCK`, so that a training outlives a restart of the
service and its end is on the disk whoever is there to see it. It and the training hold the lock that the
service took: when the lock is free, nothing of the attempt runs any more. In the folder:

- `keeper.json`, from the service: the command and its limits
- `group`: the number of the training's process group
- `output.log`: the beginning of what the training wrote, and the end
- `outcome.json`: how it ended
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Final

SETTINGS_FILE: Final = "keeper.json"
GROUP_FILE: Final = "group"
OUTPUT_FILE: Final = "output.log"
OUTCOME_FILE: Final = "outcome.json"

_CHUNK_BYTES: Final = 1 << 16
_DRAIN_SECONDS: Final = 2.0
"""For what is still in the pipe when the training has ended; who holds it open then is not waited for."""
_TICK_SECONDS: Final = 0.1


class Output:
    """The first and the last bytes of a stream of any length, each at most half of a limit."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file, self._half = file, limit // 2
        self._tail = bytearray()
        self._head = self._dropped = 0

    def add(self, chunk: bytes) -> None:
        """More of it; the beginning is on the disk at once."""
        room = self._half - self._head
        if room > 0:
            self._file.write(chunk[:room])
            self._file.flush()
            self._head += len(chunk[:room])
            chunk = chunk[room:]
        self._tail += chunk
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def close(self) -> None:
        """Write the end."""
        if self._dropped:
            self._file.write(f"\n... {self._dropped} bytes left out ...\n".encode())
        self._file.write(self._tail)


def keep(folder: Path, lock: int) -> None:
    """Run the training of a folder to its end, and write down how it ended.

    Parameters
    ----------
    folder : Path
    lock : int
        The open lock, which the training inherits.
    """
    settings: dict[str, Any] = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    began = time.monotonic()
    with (folder / OUTPUT_FILE).open("wb") as file:
        output = Output(file, settings["max_output_bytes"])
        try:
            with (folder / settings["stdin"]).open("rb") as order:
                process = subprocess.Popen(  # noqa: S603 - what the configuration says, and no shell
                    settings["command"],
                    stdin=order,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd=settings["directory"],
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        except OSError as error:
            _replace(folder / OUTCOME_FILE, json.dumps({"started": False, "words": str(error)[:500]}))
            return
        _replace(folder / GROUP_FILE, str(process.pid))
        timed_out = _watch(process, output, began + settings["timeout"], stopped)
        _end(process, settings["grace"], output)
        _drain(process, output, time.monotonic() + _DRAIN_SECONDS)
        output.close()
    outcome = {
        "started": True,
        "exit_code": process.returncode,
        "timed_out": timed_out,
        "stopped": bool(stopped),
        "seconds": round(time.monotonic() - began, 3),
    }
    _replace(folder / OUTCOME_FILE, json.dumps(outcome))


def _watch(process: subprocess.Popen[bytes], output: Output, deadline: float, stopped: list[int]) -> bool:
    """Read until the training has ended, was told to stop, or its time is up; whether it is."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not _ended(process) and not stopped:
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            # Its end shows in the pipe only if nobody else holds that open: so a look now and then.
            if selector.get_map() and selector.select(min(left, _TICK_SECONDS)):
                chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
                if chunk:
                    output.add(chunk)
                else:
                    selector.unregister(process.stdout)
            elif not selector.get_map():
                time.sleep(min(left, _TICK_SECONDS))
    return False


def _end(process: subprocess.Popen[bytes], grace: float, output: Output) -> None:
    """Ask a training that still runs to end; kill it if it does not, and all that it left behind."""
    if not _ended(process):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while not _ended(process) and time.monotonic() < deadline:
        _drain(process, output, min(deadline, time.monotonic() + _TICK_SECONDS))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. It is not yet buried, so its group's number cannot be another's."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _drain(process: subprocess.Popen[bytes], output: Output, deadline: float) -> None:
    """Read what is in the pipe, until it is closed or a time."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    while time.monotonic() < deadline:
        try:
            chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            time.sleep(_TICK_SECONDS / 10)
            continue
        if not chunk:
            return
        output.add(chunk)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    beside = path.with_suffix(".tmp")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
