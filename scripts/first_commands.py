# ruff: noqa: INP001 - a script, not a package
"""Writes the first commands of docs/runbooks.md into alerting/first_commands.py; run it after editing them.

python scripts/first_commands.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from generated import write_or_check

ROOT = Path(__file__).resolve().parents[1]
RUNBOOKS = ROOT / "docs" / "runbooks.md"
MODULE = ROOT / "alerting" / "first_commands.py"
KEPT = 3
"""Commands of each runbook, as many as a message shows."""

SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LOOK_FIRST = re.compile(r"\*\*Look first\.\*\*(.*?)(?=^\*\*)", re.MULTILINE | re.DOTALL)
BULLET = re.compile(r"^- (.*(?:\n  .*)*)", re.MULTILINE)
COMMAND = re.compile(r"([^`]+): `([^`]+)`")
TABLE = re.compile(r"(?<=# fmt: off\n).*?(?=\n+# fmt: on)", re.DOTALL)


def table(runbooks: str) -> str:
    """The commands under each heading, as Python."""
    lines = ["COMMANDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {"]
    for name, text in SECTION.findall(runbooks):
        look = LOOK_FIRST.search(text)
        bullets = BULLET.findall(look[1]) if look else []
        matches = [COMMAND.match(re.sub(r"\s+", " ", bullet)) for bullet in bullets]
        commands = [match.groups() for match in matches if match][:KEPT]
        if commands:
            lines.append(f'    "{name}": (')
            lines += [f"        ({_quoted(words)}, {_quoted(command)})," for words, command in commands]
            lines.append("    ),")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """A string as the formatter would write it: in double quotation marks, unless it has some."""
    return f"'{text}'" if '"' in text else f'"{text}"'


if __name__ == "__main__":
    commands = table(RUNBOOKS.read_text(encoding="utf-8"))
    module = TABLE.sub(lambda _: commands, MODULE.read_text(encoding="utf-8"))
    sys.exit(write_or_check(MODULE, module, "docs/runbooks.md"))
