"""`python -m driftgauge`, the same as the command `driftgauge`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
