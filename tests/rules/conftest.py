"""The real promtool, which checks and runs the rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

import pytest

Promtool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Runs promtool with the given arguments; its absence is a failure, since the rules are then unproven."""
    path = shutil.which("promtool")
    if path is None:
        pytest.fail("promtool is not installed; Debian has it in the package prometheus")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)

    return run
