"""`bridge check`: whether the configuration is right, and who would be told of an alert, and when."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .config import BridgeConfig

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

DEFAULT_CONFIG: Final = Path("config/bridge.yaml")
_WORDS: Final = {
    "opened": "at once",
    "time": "if nobody has taken it on",
    "unreachable": "if the ones before cannot be reached",
    "repeat": "again",
    "quiet_hours": "in the digest after quiet hours",
    "stale": "in a digest",
}


def register(subparsers: Subparsers) -> None:
    """Add the command; it sets `run`."""
    parser = subparsers.add_parser(
        "check",
        help="check the configuration and say who would be told when",
        description="Reads the configuration and plays through what an alert would do. Sends nothing.",
    )
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the configuration (default: %(default)s)"
    )
    parser.add_argument(
        "--labels", default="", metavar="NAME=VALUE,...", help="of the alert, such as severity=critical"
    )
    parser.add_argument("--source", default="default", help="who posts the alert (default: %(default)s)")
    parser.add_argument(
        "--at", metavar="TIME", help="when it begins, such as 2026-01-31T22:30+01:00 (default: now)"
    )
    parser.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Print what the configuration means, for an alert if there is one."""
    from . import config  # noqa: PLC0415 - the imports of the web server take a quarter of a second

    settings = config.load_config(arguments.config)
    labels = parse_labels(arguments.labels)
    at = parse_time(arguments.at) if arguments.at else time.time()
    if arguments.source not in settings.sources:
        known = ", ".join(sorted(settings.sources))
        raise ConfigError(f"--source: found {arguments.source[:40]!r}, need one of {known}")
    sys.stdout.writelines(f"{line}\n" for line in _plan(settings, arguments.source, labels, at))
    return 0


def parse_labels(text: str) -> dict[str, str]:
    """Labels of `severity=critical,model_name=x`.

    Raises
    ------
    ConfigError
        If one is not NAME=VALUE.
    """
    labels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ConfigError(f"--labels: found {part[:60]!r}, need NAME=VALUE pairs between commas")
        labels[name.strip()] = value.strip().strip('"')
    return labels


def parse_time(text: str) -> float:
    """Seconds of an ISO 8601 time; without a zone it is UTC.

    Raises
    ------
    ConfigError
        If it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at: found {text[:40]!r}, need a time such as 2026-01-31T22:30+01:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _plan(settings: BridgeConfig, source: str, labels: Mapping[str, str], at: float) -> Iterator[str]:
    """Who would be told of an alert, and when, as lines."""
    from . import escalation  # noqa: PLC0415 - see run_check
    from .markup import duration  # noqa: PLC0415 - same
    from .matchers import match_all  # noqa: PLC0415 - same

    plan = settings.escalation.plan
    yield f"{settings.path}: in order; {len(plan.policies)} escalation policies"
    beats = [beat for beat in settings.escalation.heartbeats if match_all(beat.matchers, labels)]
    if labels and beats:
        yield f"heartbeat {beats[0].name}: opens no incident; missed after {duration(beats[0].deadline)}"
        return
    policy = escalation.choose(plan.policies, source, labels)
    if policy is None:
        names = ", ".join(settings.sources[source].destinations)
        yield f"no policy matches: {names} (the destinations of source {source}), at once"
        return
    facts = escalation.Facts(critical=labels.get("severity") == "critical")
    yield f"policy {policy.name}, until it is {policy.stop_on}:"
    yield f"  {'when':<20}  {'after':<12}  {'who':<24}  why"
    for entry in escalation.forecast(policy, facts, at):
        moment = datetime.fromtimestamp(entry.at, UTC)
        after = duration(entry.at - at) if entry.at > at else "0 s"
        who = ", ".join(entry.tell.to)
        yield f"  {moment:%Y-%m-%d %H:%M:%S}Z  {after:<12}  {who:<24}  {_WORDS[entry.tell.reason]}"
