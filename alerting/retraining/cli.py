"""`driftgauge retrain serve|check|status|history|trigger`. What they need is imported when they run."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import AlertingError, ConfigError

if TYPE_CHECKING:
    from .cause import Cause
    from .config import RetrainingConfig

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

DEFAULT_CONFIG: Final = Path("config/retraining.yaml")
MAX_REPORT_BYTES: Final = 64 << 20
"""A report of ten thousand features."""
_GOOD: Final = (200, 202)


def register(subparsers: Subparsers) -> None:
    """Add the command; each of its own commands sets `run`."""
    retrain = subparsers.add_parser(
        "retrain",
        help="retrain models when there is a reason to, with brakes",
        description="Decides on retrainings, starts them, checks their candidates and remembers all of it.",
    )
    commands = retrain.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="run the service")
    serve.set_defaults(run=run_serve)
    check = commands.add_parser("check", help="check the configuration and say what it means")
    check.set_defaults(run=run_check)
    status = commands.add_parser("status", help="what runs, what waits and why, what is due")
    status.set_defaults(run=run_status)
    history = commands.add_parser("history", help="what was asked for, decided and done")
    history.add_argument(
        "--since", default="30d", help="how far back, such as 24h, 7d (default: %(default)s)"
    )
    history.add_argument("--model", help="only this model_name")
    history.set_defaults(run=run_history)
    trigger = commands.add_parser("trigger", help="ask for a retraining")
    trigger.add_argument("model", nargs="?", help="its model_name; not needed with --report")
    trigger.add_argument("--by", help="who asks (default: your user name)")
    trigger.add_argument("--reason", default="", help="why, for the others")
    trigger.add_argument("--severity", choices=("info", "warning", "critical"), help="chooses the strategy")
    trigger.add_argument("--strategy", choices=("full", "incremental", "feature_selection"))
    trigger.add_argument(
        "--report", type=Path, metavar="FILE", help="ask because of the drift in what check --json wrote"
    )
    trigger.set_defaults(run=run_trigger)
    for parser in (serve, check, status, history, trigger):
        parser.add_argument(
            "--config", type=Path, default=DEFAULT_CONFIG, help="the configuration (default: %(default)s)"
        )
    for parser in (status, history, trigger):
        parser.add_argument("--url", help="ask a service, such as http://127.0.0.1:9120, not its state")
        parser.add_argument("--token-file", type=Path, metavar="FILE", help="a file with a token of it")
        parser.add_argument("--json", action="store_true", help="print JSON instead of lines")


def run_serve(arguments: argparse.Namespace) -> int:
    """Run the service."""
    from . import service  # noqa: PLC0415 - the web server's imports take a quarter of a second

    settings = _settings(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    service.run(settings)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Say what the configuration means."""
    from . import config  # noqa: PLC0415 - see run_serve

    sys.stdout.write(config.describe(_settings(arguments)))
    return 0


def run_status(arguments: argparse.Namespace) -> int:
    """Print how each model stands."""
    if arguments.url:
        models = _ask(arguments, "GET", "/retraining")["models"]
    else:
        from . import listing  # noqa: PLC0415 - see run_serve

        settings = _settings(arguments)
        with _state(settings).read() as connection:
            models = listing.status(connection, settings.models.values(), now=time.time())
    if arguments.json:
        sys.stdout.write(json.dumps({"models": models}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{_clean(line)}\n" for model in models for line in _status_lines(model))
    return 0


def run_history(arguments: argparse.Namespace) -> int:
    """Print runs and what happened to them, oldest first."""
    from .. import pages  # noqa: PLC0415 - see run_serve

    seconds = pages.parse_since(arguments.since)
    if arguments.url:
        query = {"since": arguments.since, **({"model": arguments.model} if arguments.model else {})}
        found = _ask(arguments, "GET", "/retraining/history", query=query)["runs"]
    else:
        from . import listing, runs  # noqa: PLC0415 - see run_serve

        with _state(_settings(arguments)).read() as connection:
            since = time.time() - seconds
            found = listing.history(connection, since=since, model=arguments.model, limit=runs.MAX_LISTED)
    found.reverse()
    if arguments.json:
        sys.stdout.write(json.dumps({"runs": found}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{_clean(line)}\n" for run in found for line in _run_lines(run))
    return 0


def run_trigger(arguments: argparse.Namespace) -> int:
    """Ask for a retraining, and print the number of its run."""
    cause = _cause(arguments)
    if cause is None:
        sys.stdout.write(f"{arguments.report}: no drift, nothing asked for\n")
        return 0
    if arguments.url:
        if arguments.report:
            raise ConfigError(
                "--report: found it with --url, need one of them: a report is told to the state"
            )
        wish = {
            "model_name": cause.model_name,
            "by": cause.by,
            "reason": cause.words,
            "severity": cause.severity,
            "strategy": cause.strategy or "",
        }
        told = _ask(arguments, "POST", "/retraining", body=wish, key=cause.key)
        run_id, new = told["runs"][0], told["taken"] == "now"
    else:
        from . import runs  # noqa: PLC0415 - see run_serve

        settings = _settings(arguments)
        if cause.model_name not in settings.models:
            known = ", ".join(sorted(settings.models))
            raise ConfigError(f"model: found {cause.model_name[:80]!r}, need one of {known}")
        with _state(settings).write() as connection:
            run_id, new = runs.request(connection, cause, time.time())
    if arguments.json:
        sys.stdout.write(json.dumps({"run_id": run_id, "new": new}) + "\n")
    else:
        known = "taken down" if new else "was asked for before"
        sys.stdout.write(
            f"run {run_id} of {_clean(cause.model_name)}: {known}; retrain history shows its fate\n"
        )
    return 0


def _cause(arguments: argparse.Namespace) -> Cause | None:
    """What is asked for; None if a report has no drift."""
    from . import cause  # noqa: PLC0415 - see run_serve

    if arguments.report is None:
        if not arguments.model:
            raise ConfigError("model: found nothing, need a model_name or --report")
        wish = {
            "model_name": arguments.model,
            "by": arguments.by or getpass.getuser(),
            "reason": arguments.reason,
            "severity": arguments.severity or "",
            "strategy": arguments.strategy or "",
        }
        return cause.by_hand(json.dumps(wish).encode(), key=f"manual:{uuid.uuid4().hex}", now=time.time())
    try:
        with arguments.report.open("rb") as file:
            report = json.loads(file.read(MAX_REPORT_BYTES))
    except OSError as error:
        raise ConfigError(f"--report: {arguments.report}: not readable ({error.strerror})") from error
    except (ValueError, RecursionError):
        raise ConfigError(f"--report: {arguments.report}: found no JSON, need a report of a check") from None
    if not isinstance(report, dict):
        raise ConfigError(f"--report: {arguments.report}: found no object, need a report of a check")
    return cause.from_report(report, model_name=arguments.model)


def _settings(arguments: argparse.Namespace) -> RetrainingConfig:
    from . import config  # noqa: PLC0415 - see run_serve

    return config.load_config(arguments.config)


def _state(settings: RetrainingConfig) -> Any:  # noqa: ANN401 - imported late
    from .state import State  # noqa: PLC0415 - see run_serve

    return State(settings.state_directory)


def _ask(
    arguments: argparse.Namespace,
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    key: str = "",
) -> dict[str, Any]:
    """What a service answers."""
    from .. import web  # noqa: PLC0415 - see run_serve
    from ..secret import Secret  # noqa: PLC0415 - see run_serve
    from ..secret_file import read  # noqa: PLC0415 - see run_serve

    token = read(arguments.token_file, "--token-file").split()[0] if arguments.token_file else None
    answer = web.exchange(
        method,
        f"{arguments.url.rstrip('/')}{path}",
        timeouts=web.Timeouts(connect=5.0, read=15.0),
        token=None if token is None else Secret(token),
        query=query,
        body=body,
        headers={"Idempotency-Key": key} if key else {},
    )
    if not isinstance(answer, web.Answer):
        found = answer.detail or answer.reason
        raise AlertingError(f"{arguments.url}: found no service there ({found}), need its address")
    told = answer.document()
    if answer.status not in _GOOD or told is None:
        words = _clean(str((told or {}).get("error", "no reason")))
        raise AlertingError(f"{arguments.url}: the service answered {answer.status}: {words}")
    return told


def _status_lines(model: dict[str, Any]) -> list[str]:
    budget, last = model["budget"], model["last"]
    days = budget["period_seconds"] / 86_400
    lines = [f"{model['model_name']}: {budget['used']} of {budget['runs']} runs in {days:g} days"]
    lines += [f"  running: {_about(run)}" for run in model["running"]]
    lines += [f"  waiting: {_about(run)}" for run in model["waiting"]]
    if last is not None and not model["running"] and not model["waiting"]:
        lines.append(f"  last: {_about(last)}")
    lines += [f"  due: {timer['trigger']} at {timer['due_at']}" for timer in model["timers"]]
    return lines


def _run_lines(run: dict[str, Any]) -> list[str]:
    lines = [_about(run)]
    for event in run["events"]:
        words = "; ".join(reason["words"] for reason in event.get("reasons", ()))
        lines.append(f"  {event['at']} {event['kind']}{f': {words}' if words else ''}")
    return lines


def _about(run: dict[str, Any]) -> str:
    cause = run["cause"]
    why = ", ".join(cause["alert_names"]) or cause["origin"]
    parts = [run["state"], why]
    parts += [f"by {cause['by']}"] if cause["by"] else []
    parts += [f"attempt {run['attempt']}"] if run["attempt"] else []
    words = "; ".join(reason["words"] for reason in run["reasons"])
    about = f"run {run['run_id']} of {run['model_name']}: {', '.join(parts)}"
    return f"{about} ({words})" if words else about


def _clean(text: str) -> str:
    """Words of others without characters that could move a terminal's cursor; the indent stays."""
    from ..markup import clean  # noqa: PLC0415 - see run_serve

    stripped = text.lstrip(" ")
    return " " * (len(text) - len(stripped)) + clean(stripped)
