"""`python -m alerting bridge` and `audit`: the same commands as `driftgauge`, with this package alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from .cli import register
from .errors import AlertingError

BAD_INPUT: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0, or 2 for bad input with one line that says what is needed."""
    parser = argparse.ArgumentParser(prog="python -m alerting", description=__doc__)
    register(parser.add_subparsers(dest="command", metavar="COMMAND", required=True))
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except AlertingError as error:
        sys.stderr.write(f"{options.command}: {' '.join(str(error).split())}\n")
        return BAD_INPUT
    return code


if __name__ == "__main__":
    sys.exit(main())
