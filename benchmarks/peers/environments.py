"""An environment of its own for each tool, with the versions its file names."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
PINS: Final = Path(__file__).parent

OURS: Final = "driftgauge"
TOOLS: Final = (OURS, "evidently", "nannyml", "alibi-detect", "whylogs", "frouros")

INSTALL_SECONDS: Final = 1_800
RUN_SECONDS: Final = 900
"""Time for a tool to install, and for one task."""

TROUBLE_LETTERS: Final = 300

QUIET: Final = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "WHYLOGS_NO_ANALYTICS": "True"}
"""Some tools send usage home unless told not to; a time would then hold the time of that."""


class PeerError(Exception):
    """A tool that could not be installed or run, and why."""


@dataclass(frozen=True)
class Environment:
    """Where a tool lives.

    Attributes
    ----------
    name : str
        The tool.
    python : Path
        Interpreter of its environment.
    """

    name: str
    python: Path

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """Lines of JSON that its adapter prints."""
        module = f"benchmarks.peers.{self.name.replace('-', '_')}_adapter"
        printed = run([str(self.python), "-m", module, *arguments], RUN_SECONDS)
        return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]

    def size(self) -> dict[str, Any]:
        """Version of the tool, number of packages, and megabytes on disk."""
        frozen = run(
            [str(self.python), "-m", "pip", "freeze", "--exclude-editable"], RUN_SECONDS
        ).splitlines()
        asked = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        version = run([str(self.python), "-c", asked], RUN_SECONDS).strip()
        place = self.python.parent.parent / "lib"
        total = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file())
        return {"version": version, "packages": len(frozen), "megabytes": total / 1e6}


def prepared(name: str, folder: Path) -> Environment:
    """The environment of a tool, made anew when its file has changed; ours is the one that runs this."""
    if name == OURS:
        return Environment(name, Path(sys.executable))
    pins = PINS / f"{name.replace('-', '_')}.txt"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    place = folder / name
    stamp = place / ".installed"
    python = place / "bin" / "python"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        started = time.perf_counter()
        venv.create(place, with_pip=True, clear=True)
        run([str(python), "-m", "pip", "install", "--quiet", "-r", str(pins)], INSTALL_SECONDS)
        stamp.write_text(wanted, encoding="ascii")
        print(f"{name}: installed in {time.perf_counter() - started:.0f} s", flush=True)
    return Environment(name, python)


def run(command: Sequence[str], seconds: float) -> str:
    """What a command prints.

    Raises
    ------
    PeerError
        If it fails or takes too long, with the last line of its trouble.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=ROOT,
            env={**os.environ, **QUIET},
        )
    except subprocess.TimeoutExpired:
        raise PeerError(f"takes more than {seconds:,.0f} s") from None
    if done.returncode:
        trouble = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise PeerError(trouble[-1][:TROUBLE_LETTERS])
    return done.stdout
