"""`driftgauge rollout status|promote|rollback`: a rollout's state file, for people and programs."""

from __future__ import annotations

import argparse
import getpass
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..rendering.text import plain
from .output import STANDARD_OUTPUT, say, write_json
from .running import CONFIG

if TYPE_CHECKING:
    from ..rollout import Event, Interval, RolloutState, StateFile

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

EVENT_HEADER: Final = ("time", "event", "stage", "reason", "note")


def register(subparsers: Subparsers) -> None:
    """Add the commands."""
    rollout = subparsers.add_parser(
        "rollout",
        help="see where a rollout stands; promote its challenger or roll it back by hand",
        description="Reads and writes the state file; running servers follow at their next look.",
    )
    commands = rollout.add_subparsers(dest="rollout_command", metavar="COMMAND", required=True)
    status = commands.add_parser("status", help="who serves, what the evidence says, what was decided")
    status.set_defaults(run=_status)
    promote = commands.add_parser("promote", help="make the challenger champion now")
    promote.set_defaults(run=_promote)
    rollback = commands.add_parser("rollback", help="take the challenger back, also when it was promoted")
    rollback.set_defaults(run=_rollback)
    for parser in (promote, rollback):
        parser.add_argument("--by", metavar="NAME", help="who decides (default: your user name)")
        parser.add_argument("--note", default="", metavar="TEXT", help="why, for the others")
    for parser in (status, promote, rollback):
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--state", type=Path, metavar="FILE", help="the state file")
        where.add_argument(
            "--config", default=CONFIG, metavar="FILE", help="or what names it (default: %(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _status(arguments: argparse.Namespace) -> int:
    file, alpha = _file(arguments)
    _show(_state(file), alpha, as_json=arguments.json)
    return 0


def _promote(arguments: argparse.Namespace) -> int:
    return _decide(arguments, "promoted")


def _rollback(arguments: argparse.Namespace) -> int:
    return _decide(arguments, "rolled_back")


def _decide(arguments: argparse.Namespace, what: Literal["promoted", "rolled_back"]) -> int:
    from ..rollout import decide_by_hand  # noqa: PLC0415 - a parser of options imports nothing heavy

    file, alpha = _file(arguments)
    _state(file)  # refuses what is no state before a lock file is made beside it
    by, why = arguments.by or getpass.getuser(), arguments.note.strip()
    note = f"{by}: {why}" if why else by
    _show(decide_by_hand(file, what, note=note, now=time.time()), alpha, as_json=arguments.json)
    return 0


def _file(arguments: argparse.Namespace) -> tuple[StateFile, float]:
    """The state file that is meant, and the alpha of the bounds that are shown of it."""
    from ..config import load_config  # noqa: PLC0415 - see _decide
    from ..errors import ConfigError  # noqa: PLC0415 - same
    from ..rollout import RolloutPolicy, StateFile  # noqa: PLC0415 - same

    if arguments.state is not None:
        return StateFile(arguments.state), RolloutPolicy().alpha
    settings = load_config(arguments.config).rollout
    if settings is None:
        raise ConfigError(f"{arguments.config}: rollout: found nothing, need the section, or --state FILE")
    return StateFile(settings.state_path), settings.policy.alpha


def _state(file: StateFile) -> RolloutState:
    from ..errors import ConfigError  # noqa: PLC0415 - see _decide

    state = file.read()
    if state is None:
        raise ConfigError(f"{file.path}: found no file, need the state file of a rollout")
    return state


def _show(state: RolloutState, alpha: float, *, as_json: bool) -> None:
    from ..rollout import describe  # noqa: PLC0415 - see _decide

    if as_json:
        write_json(STANDARD_OUTPUT, describe(state, alpha))
    else:
        say(plain(line) for line in _lines(state, alpha))


def _lines(state: RolloutState, alpha: float) -> list[str]:
    begun = state.stages[-1]
    where = state.status.replace("_", " ")
    if state.status == "running":
        share = f" of {begun.share:.4g} of the rows" if begun.share else ""
        where = f"stage {state.stage + 1}, {begun.kind}{share}, since {_time(begun.started_at)}"
    champion, challenger = (state.outcomes.rows_of(role) for role in (0, 1))
    table = [EVENT_HEADER, *(_event(event) for event in state.events)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        f"{state.name}: {state.challenger} against {state.champion}: {where}",
        f"serving: {state.serving}",
        f"rows with outcomes: {champion:,} of the champion, {challenger:,} of the challenger",
        f"difference: {_difference(state.outcomes.interval(alpha))}",
        "",
        *(
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
            for cells in table
        ),
    ]


def _difference(found: Interval) -> str:
    if found.difference is None:
        return "not known yet"
    return f"{found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f}), above zero for better"


def _event(event: Event) -> tuple[str, ...]:
    what = event.what.replace("_", " ")
    return (_time(event.at), what, str(event.stage + 1), event.reason, plain(event.note))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")
