"""The command `driftgauge`: one command line over the exporter, the bridge and the demo.

What a command needs is imported when it runs, so that mistyped options are answered at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alerting.cli import register as register_alerting

from .dashboards import register as register_dashboards
from .demo.options import register as register_demo
from .errors import DriftgaugeError
from .explorer.options import register as register_explorer
from .rules.command import register as register_rules

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name

BAD_INPUT = 2

INTERRUPTED = 128 + 2
"""As shells report a program that SIGINT ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process unless given.

    Returns
    -------
    int
        Exit code: 0; 1 for drift with `--fail-on-drift`, and for outcomes of which no id is known; 2 for bad
        input, with one line on stderr; 130 after Ctrl-C.
    """
    words = sys.argv[1:] if argv is None else argv
    command = next((word for word in words if not word.startswith("-")), None)
    arguments = build_parser(command).parse_args(words)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except _our_errors() as error:
        line = " ".join(str(error).split())
        print(f"driftgauge {arguments.command}: {line}", file=sys.stderr)  # noqa: T201  # a command line
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has read enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands. Each sets `run`, a function from its arguments to an exit code.

    Parameters
    ----------
    command : str, optional
        The one that will be parsed, where that is known. The exporter's commands are then only there if it
        is one of them: importing that package takes half a second, and the bridge needs nothing of it.
    """
    parser = argparse.ArgumentParser(
        prog="driftgauge",
        description="Tells a team whether its model is up, fast, fed with sound data, and still right.",
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    register_demo(subparsers)
    register_alerting(subparsers)
    register_dashboards(subparsers)
    register_rules(subparsers)
    register_explorer(subparsers)
    if command not in subparsers.choices:
        from exporter.cli import register as register_exporter  # noqa: PLC0415  # see the parameter

        register_exporter(subparsers)
    return parser


class _Version(argparse.Action):
    """Prints the installed version; reading it takes longer than all other arguments together."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002  # argparse's
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:  # noqa: ANN401  # not used
        from importlib.metadata import version  # noqa: PLC0415  # see the class

        print(f"driftgauge {version('driftgauge')}")  # noqa: T201  # a command line
        parser.exit()


def _our_errors() -> tuple[type[Exception], ...]:
    """What is said in one line; anything else is a defect and keeps its traceback."""
    # Evaluated only once something was raised.
    from alerting.errors import AlertingError  # noqa: PLC0415  # see above
    from exporter.errors import ExporterError  # noqa: PLC0415  # see above

    return (DriftgaugeError, ExporterError, AlertingError)
