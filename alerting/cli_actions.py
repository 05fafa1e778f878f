"""`bridge ack`, `silence`, `unsilence`, `retrain`: actions on a running bridge, for people without Slack."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import AlertingError, ConfigError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

DEFAULT_URL: Final = "http://127.0.0.1:9109"
REFUSED: Final = 1
"""Exit code for what the bridge understood and did not do."""
_COMMANDS: Final = {
    "ack": ("acknowledge", "say that you have taken an incident on; its escalation stops"),
    "silence": ("silence", "silence an incident in Alertmanager, for a day at most"),
    "unsilence": ("unsilence", "end the silence of an incident"),
    "retrain": ("retrain", "ask the destination that retrains to retrain"),
}
_GOOD: Final = 200
_CONFLICT: Final = 409


def register(subparsers: Subparsers) -> None:
    """Add the four commands; each sets `run`."""
    for name, (action, words) in _COMMANDS.items():
        parser = subparsers.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        parser.add_argument("incident", type=int, help="its number, as messages and /history show it")
        parser.add_argument("--by", required=True, metavar="NAME", help="who you are, for the others")
        parser.add_argument("--url", default=DEFAULT_URL, help="address of the bridge (default: %(default)s)")
        parser.add_argument(
            "--token-file", type=Path, metavar="FILE", help="a file with one of the bridge's tokens"
        )
        if name == "silence":
            parser.add_argument(
                "--for",
                dest="span",
                default="1h",
                help="how long, such as 30m, 4h, 1d (default: %(default)s)",
            )
        parser.set_defaults(run=run_action, action=action)


def run_action(arguments: argparse.Namespace) -> int:
    """Ask the bridge for an action and print what became of it."""
    from . import pages, web  # noqa: PLC0415 - the HTTP client takes a while to import, and --help needs none
    from .secret import Secret  # noqa: PLC0415 - same

    body: dict[str, Any] = {"by": arguments.by, "via": "cli"}
    if arguments.action == "silence":
        body["seconds"] = pages.parse_since(arguments.span)
    answer = web.exchange(
        "POST",
        f"{arguments.url.rstrip('/')}/incidents/{arguments.incident}/{arguments.action}",
        timeouts=web.Timeouts(connect=5.0, read=10.0),
        token=Secret(_token(arguments.token_file)) if arguments.token_file else None,
        body=body,
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )
    if not isinstance(answer, web.Answer):
        raise AlertingError(
            f"{arguments.url}: found no bridge there ({answer.detail or answer.reason}), need its address"
        )
    told = answer.document() or {}
    if answer.status not in (_GOOD, _CONFLICT):
        raise AlertingError(f"{arguments.url}: the bridge answered {answer.status}: {_words(told, 'error')}")
    sys.stdout.write(f"incident {arguments.incident}: {_words(told, 'message')}\n")
    return 0 if answer.status == _GOOD else REFUSED


def _words(told: Mapping[str, Any], name: str) -> str:
    """What the bridge said, without characters that could move a terminal's cursor."""
    from .markup import clean  # noqa: PLC0415 - see run_action

    return clean(str(told.get(name, "no reason")))


def _token(path: Path) -> str:
    """The first token in a file."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--token-file: {path}: not readable, need a file with a token") from error
    if not lines:
        raise ConfigError(f"--token-file: {path}: found it empty, need a token")
    return lines[0]
