"""The process of `benchmarks/soak.py` that checks beside the model's: `driftgauge monitor`, with its times.

python -m benchmarks.soak_monitor --config DIR/exporter.yaml --checks DIR/checks.npy
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from benchmarks.soak_model import Noted
from driftgauge.demo.processes import StopRequest
from exporter.config import load_config
from exporter.giving_way import step_back
from exporter.store_monitor import StoreMonitor


def main() -> int:
    """Run until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--checks", type=Path, required=True)
    options = parser.parse_args()
    config = load_config(options.config, {})
    step_back()
    with threadpool_limits(limits=1), StopRequest() as stop, StoreMonitor(config) as monitor:
        check = Noted(monitor._monitor.run)  # noqa: SLF001 - there is no public question for it
        monitor._monitor.run = check  # type: ignore[method-assign]  # noqa: SLF001
        monitor.serve()
        while not stop.wait(1.0):
            pass
        check.save(options.checks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
