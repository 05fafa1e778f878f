"""`driftgauge dashboards build | check`: runs the builder of a clone. A wheel carries only what it built."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DashboardsError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name

BUILDER_NEEDS = "grafana_foundation_sdk"
BUILDER = Path(__file__).resolve().parent.parent / "dashboards" / "build.py"


def register(subparsers: Subparsers) -> None:
    """Add the command `dashboards`."""
    parser = subparsers.add_parser(
        "dashboards", help="build the Grafana dashboards, or check them, in a clone"
    )
    parser.add_argument("action", choices=["build", "check"])
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if not BUILDER.is_file():
        raise DashboardsError(f"{BUILDER}: found no builder, need a clone of driftgauge; a wheel has none")
    if importlib.util.find_spec(BUILDER_NEEDS) is None:
        raise DashboardsError(
            f"{BUILDER}: found no {BUILDER_NEEDS} in this Python, need the development packages: make setup"
        )
    command = [
        sys.executable,
        "-m",
        "dashboards.build",
        *(["--check"] if arguments.action == "check" else []),
    ]
    return subprocess.run(command, check=False, cwd=BUILDER.parent.parent).returncode  # noqa: S603  # our own
