# ruff: noqa: INP001 - a script, not a package
"""Writes a generated file, or says that it is stale, for the scripts beside this one."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(path: Path, fresh: str, source: str) -> int:
    """0 if the file is what its source says, now or after writing; 1 if `--check` finds otherwise."""
    if path.exists() and path.read_text(encoding="utf-8") == fresh:
        return 0
    if "--check" in sys.argv[1:]:
        sys.stderr.write(f"{path}: not what {source} says, need a run of scripts/{Path(sys.argv[0]).name}\n")
        return 1
    path.write_text(fresh, encoding="utf-8")
    return 0
