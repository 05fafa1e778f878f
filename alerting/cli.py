"""`bridge`, `retrain` and `audit`, commands of `driftgauge`. What they need is imported when they run."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import cli_actions, cli_check
from .retraining import cli as cli_retraining

if TYPE_CHECKING:
    from .audit import Entry

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

DEFAULT_CONFIG: Final = Path("config/bridge.yaml")


def register(subparsers: Subparsers) -> None:
    """Add the commands; each sets `run`, a function from its arguments to an exit code.

    All raise `AlertingError` for what the user can mend.
    """
    bridge = subparsers.add_parser(
        "bridge",
        help="run the bridge from Alertmanager to Slack",
        description="Takes Alertmanager's webhooks and brings one message per group to Slack.",
    )
    _add_config(bridge)
    bridge.add_argument(
        "--check", action="store_true", help="only check the configuration and say what it means"
    )
    bridge.set_defaults(run=run_bridge)
    commands = bridge.add_subparsers(title="without starting it", metavar="COMMAND")
    cli_check.register(commands)
    cli_actions.register(commands)
    cli_retraining.register(subparsers)
    audit = subparsers.add_parser(
        "audit",
        help="show what the bridge was told and what it did",
        description="Reads the bridge's audit log, whether the bridge runs or not.",
    )
    _add_config(audit)
    audit.add_argument(
        "--since", default="24h", help="how far back, such as 90m, 24h, 7d (default: %(default)s)"
    )
    audit.add_argument("--model", help="only incidents of this model_name")
    audit.add_argument("--json", action="store_true", help="print JSON instead of lines")
    audit.set_defaults(run=run_audit)


def run_bridge(arguments: argparse.Namespace) -> int:
    """Run the bridge, or with --check say what its configuration means."""
    from . import app, config  # noqa: PLC0415 - the web server's imports take a quarter of a second

    settings = config.load_config(arguments.config)
    config.require_slack(settings)
    if arguments.check:
        sys.stdout.write(config.describe(settings))
        return 0
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    app.run(settings)
    return 0


def run_audit(arguments: argparse.Namespace) -> int:
    """Print the audit log, oldest first."""
    from . import audit, config, database, pages  # noqa: PLC0415 - see run_bridge

    since = time.time() - pages.parse_since(arguments.since)
    settings = config.load_config(arguments.config)
    with database.reader(settings.state_directory / database.FILE_NAME) as connection:
        entries = audit.read(connection, since=since, model=arguments.model)
    entries.reverse()
    if arguments.json:
        sys.stdout.write(
            json.dumps({"entries": [pages.as_json(entry) for entry in entries]}, indent=2) + "\n"
        )
    else:
        sys.stdout.writelines(_line(entry) for entry in entries)
    return 0


def _line(entry: Entry) -> str:
    """An entry in one line, without characters that could move a terminal's cursor."""
    from .markup import clean  # noqa: PLC0415 - see run_bridge

    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.at))
    incident = f"incident {entry.incident_id}" if entry.incident_id is not None else ""
    words = [
        moment + "Z",
        entry.kind,
        incident,
        entry.title,
        ",".join(entry.models),
        entry.destination or entry.source,
    ]
    words += [
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in entry.detail.items() if value
    ]
    return clean("  ".join(word for word in words if word)) + "\n"


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        help="the bridge's configuration (default: %(default)s)",
    )
