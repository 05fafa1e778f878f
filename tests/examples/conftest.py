"""Runs an example as a newcomer would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .readme import ROOT

LONGEST_SECONDS = 600.0
"""Each takes seconds; the rest is patience with a busy machine."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command from the top folder of the repository, with the tools of this environment first."""

    def call(
        *command: object, folder: Path = ROOT, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONWARNINGS": "error", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )

    return call
