"""The commands that messages show are those of the runbooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alerting.first_commands import COMMANDS, SHOWN

ROOT = Path(__file__).resolve().parents[2]


def test_messages_show_the_first_commands_of_the_runbooks() -> None:
    """Whoever edits docs/runbooks.md runs scripts/first_commands.py."""
    script = [sys.executable, str(ROOT / "scripts/first_commands.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert COMMANDS["ModelDriftDetected"][0][0] == "How far, by test"
    assert all(1 <= len(commands) <= SHOWN for commands in COMMANDS.values())
