"""`driftgauge serve` and `driftgauge monitor`: processes that run until a signal ends them."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..server import MetricsServer

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

CONFIG = "config/exporter.yaml"


def register(subparsers: Subparsers) -> None:
    """Add both commands."""
    serve = subparsers.add_parser(
        "serve",
        help="serve the model that a configuration names, measured",
        description="Serves POST /predict and the exporter's paths until a signal ends it.",
    )
    monitor = subparsers.add_parser(
        "monitor",
        help="run the checks of a model that is served elsewhere, on a store that its replicas share",
        description="Needs the reference and the store, no model. The replicas have checks.enabled: false.",
    )
    monitor.add_argument(
        "--priority",
        choices=("idle", "normal"),
        default="idle",
        help="idle takes what other processes leave of the processors (default: %(default)s)",
    )
    for parser, run in ((serve, _serve), (monitor, _monitor)):
        parser.add_argument("--config", default=CONFIG, metavar="FILE", help="(default: %(default)s)")
        parser.set_defaults(run=run)


def _serve(arguments: argparse.Namespace) -> int:
    from ..config import load_config  # noqa: PLC0415 - a parser of options starts nothing
    from ..serving import start  # noqa: PLC0415 - same

    predictor, server = start(load_config(arguments.config))
    with predictor:
        _wait(server)
    return 0


def _monitor(arguments: argparse.Namespace) -> int:
    from ..config import load_config  # noqa: PLC0415 - a parser of options starts nothing
    from ..giving_way import step_back  # noqa: PLC0415 - same
    from ..store_monitor import StoreMonitor  # noqa: PLC0415 - same

    if arguments.priority == "idle":
        step_back()
    with StoreMonitor(load_config(arguments.config)) as monitor:
        _wait(monitor.serve())
    return 0


def _wait(server: MetricsServer) -> None:
    """Return when the process is told to end."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    print(f"serving at {server.url}", file=sys.stderr, flush=True)  # noqa: T201 - a command line
    ended.wait()
