"""The options of `driftgauge demo`. Imports nothing heavy, since every command line builds this parser."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from .ports import LISTENERS

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name

DEFAULT_SPEED = 86400.0
"""Simulated seconds per second: a day passes in a second, nine months in less than five minutes."""

DEFAULT_CHANNEL = "#driftgauge-demo"
"""Not a channel in which somebody waits for real alerts."""

_EPILOG = """\
Without SLACK_WEBHOOK_URL and SLACK_BOT_TOKEN in the environment a local inbox page stands for Slack and gets
the same HTTP calls. Without prometheus and prometheus-alertmanager on PATH the demo runs without alerts.
"""


def register(subparsers: Subparsers) -> None:
    """Add the command `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="run the whole stack on real flights data, as local processes",
        description="Trains a model on the real flights out of New York of January to March 2013 and replays "
        "April to December: the seasons drift, alerts fire, messages arrive. Ctrl-C ends everything.",
        epilog=_EPILOG,
    )
    parser.add_argument("--exit-after", type=_positive, metavar="SECONDS", help="end by itself")
    parser.add_argument(
        "--retrain",
        action="store_true",
        help="let the summer's drift retrain the model, roll out what comes of it, and roll back a bad one: "
        "2 minutes; exit code 1 if it did not come to that. With --exit-after it ends as soon as it has",
    )
    parser.add_argument(
        "--speed",
        type=_positive,
        metavar="N",
        default=DEFAULT_SPEED,
        help="simulated seconds per second (default: %(default)g, a day in a second)",
    )
    parser.add_argument(
        "--directory", type=Path, help="keep the state of all parts here (default: a temporary folder)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="flights.csv.zip, weather.csv and planes.csv to use instead",
    )
    parser.add_argument(
        "--slack-channel",
        metavar="NAME",
        default=DEFAULT_CHANNEL,
        help="channel for a bot token's messages (default: %(default)s)",
    )
    parser.add_argument(
        "--port-offset", type=int, default=0, metavar="N", help="move every port that is not given"
    )
    for listener in LISTENERS:
        parser.add_argument(
            listener.option,
            type=int,
            metavar="PORT",
            help=f"of {listener.name} (default: {listener.default})",
        )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from .command import run  # noqa: PLC0415  # the heavy half

    return run(arguments)


def _positive(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, need a number above 0")
    return number
