"""The options of `driftgauge reference build`, `check` and `compare`.

Imports nothing heavy, since every command line builds this parser.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..send_outcomes import register as register_outcomes
from .rollout import register as register_rollout
from .running import register as register_running
from .stream import register as register_stream

if TYPE_CHECKING:
    from ..reference import SeasonKind

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

PRESETS: Final = ("conservative", "balanced", "aggressive")

SEASONS: Final[Mapping[str, SeasonKind]] = {
    "hour": "hour_of_day",
    "weekday": "day_of_week",
    "hour-of-week": "hour_of_week",
}
"""What the command line calls the seasons of a reference."""

_DATA = (
    "CSV, Parquet or Arrow: a file, a glob in quotes, or a database such as 'sqlite:///rows.db' with --query"
)
_EXIT_CODES = "Exit code: 0; 1 for drift with --fail-on-drift{or}; 2 for input that cannot be used."


def register(subparsers: Subparsers) -> None:
    """Add the commands; each sets `run`, a function from its arguments to an exit code.

    All raise `ExporterError` for what the user can mend.
    """
    _add_reference(subparsers)
    _add_check(subparsers)
    _add_compare(subparsers)
    register_outcomes(subparsers)
    register_running(subparsers)
    register_rollout(subparsers)
    register_stream(subparsers)


def _add_reference(subparsers: Subparsers) -> None:
    reference = subparsers.add_parser(
        "reference",
        help="build the training-time profile that a model version ships with",
        description="Builds references: what a model's data looked like when it was trained.",
    )
    commands = reference.add_subparsers(dest="reference_command", metavar="COMMAND", required=True)
    build = commands.add_parser(
        "build",
        help="build a reference from the training data",
        description="Reads tables of any size in bounded memory and writes one JSON file.",
    )
    build.add_argument("data", metavar="DATA", help=_DATA)
    build.add_argument("--out", required=True, metavar="FILE", help="where to write the reference")
    build.add_argument("--model-name", required=True, metavar="NAME", help="the model it belongs to")
    build.add_argument("--model-version", required=True, metavar="VERSION", help="and its version")
    build.add_argument(
        "--force", action="store_true", help="replace FILE; the one that was there moves to archive/"
    )
    _add_roles(build)
    build.add_argument("--id", metavar="COLUMN", help="prediction ids: not a feature")
    _add_features(build)
    build.add_argument("--exclude", nargs="+", action="extend", metavar="COLUMN", help="columns to leave out")
    build.add_argument(
        "--task", choices=("classification", "regression"), help="whether predictions are classes or values"
    )
    build.add_argument(
        "--joint-rows",
        type=_count,
        metavar="N",
        help="keep N whole rows, which tests of all features together need; they are readable in the file",
    )
    build.add_argument("--bins", type=_count, metavar="N", help="bins of a numeric column (default: 10)")
    build.add_argument(
        "--top-categories", type=_count, metavar="N", help="categories with a bin of their own (default: 50)"
    )
    build.add_argument(
        "--season", choices=tuple(SEASONS), help="also keep profiles by hour or day; needs --timestamp"
    )
    build.add_argument(
        "--calibrate",
        nargs="*",
        metavar="LENGTH",
        help="learn from the rows' own history how far windows such as 1h 1d stray without drift; needs "
        "--timestamp, and holds all rows in memory",
    )
    build.add_argument("--zone", metavar="ZONE", help="time zone of the season (default: UTC)")
    build.add_argument(
        "--segment-by",
        metavar="COLUMN",
        help="also keep profiles within each frequent value of this categorical feature",
    )
    _add_data(build)
    build.set_defaults(run=_build)


def _add_check(subparsers: Subparsers) -> None:
    check = subparsers.add_parser(
        "check",
        help="compare a table with a reference",
        description="Says which features drifted, how far, and how sure that is.",
        epilog=_EXIT_CODES.format(**{"or": " or an expectation that failed"}),
    )
    check.add_argument("--reference", required=True, metavar="FILE", help="as `reference build` wrote it")
    check.add_argument("--current", required=True, metavar="DATA", help=_DATA)
    check.add_argument("--json", metavar="FILE", help="write the report as JSON; - for standard output")
    _add_rendering(check)
    _add_policy(check).add_argument(
        "--policy", metavar="FILE", help="the policy in a configuration of the exporter (YAML)"
    )
    check.add_argument(
        "--expectations", metavar="FILE", help="YAML: what must hold; anything else is exit code 1"
    )
    _add_roles(check)
    check.add_argument("--id", metavar="COLUMN", help="prediction ids: repeated ones are counted")
    _add_window(check)
    _add_data(check)
    check.set_defaults(run=_check)


def _add_compare(subparsers: Subparsers) -> None:
    compare = subparsers.add_parser(
        "compare",
        help="compare two tables directly",
        description="Compares two tables with exact distributions and no reference file.",
        epilog=_EXIT_CODES.format(**{"or": ""}),
    )
    compare.add_argument("baseline", metavar="BASELINE", help=_DATA)
    compare.add_argument("current", metavar="CURRENT", help="the same")
    _add_features(compare)
    compare.add_argument("--output", metavar="FILE", help="write the report as JSON; - for standard output")
    _add_rendering(compare)
    _add_policy(compare)
    for name in ("psi", "ks", "js"):
        compare.add_argument(
            f"--{name}-threshold", type=_positive, metavar="X", help=f"from which on {name.upper()} is large"
        )
    _add_window(compare)
    _add_data(compare)
    compare.set_defaults(run=_compare)


def _add_roles(parser: argparse.ArgumentParser) -> None:
    for option, what in (
        ("--target", "the truth"),
        ("--prediction", "predicted classes or values"),
        ("--score", "scores, such as the probability of the positive class"),
        ("--timestamp", "when each row was observed: times, or seconds since 1970"),
    ):
        parser.add_argument(option, metavar="COLUMN", help=f"{what}: not a feature")


def _add_features(parser: argparse.ArgumentParser) -> None:
    for option, what in (
        ("--features", "the features, in order (default: all other columns)"),
        ("--categorical", "features to read as categories, such as codes that are numbers"),
        ("--numeric", "features to read as numbers, although some values are not"),
    ):
        parser.add_argument(option, nargs="+", action="extend", metavar="COLUMN", help=f"{what}; a b or a,b")


def _add_policy(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    parser.add_argument("--fail-on-drift", action="store_true", help="exit with 1 if there is drift")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--preset", choices=PRESETS, help="when a change counts (default: balanced)")
    return group


def _add_rendering(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", metavar="FILE", help="write the report as one page that needs no network")
    parser.add_argument("--png", metavar="DIR", help="write its plots as images, one of each column")


def _add_window(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-rows",
        type=_count,
        metavar="N",
        help="rows held in memory; of a longer table a random sample of so many is checked "
        "(default: 1,000,000, fewer for more than 50 columns)",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--query", metavar="SQL", help="for a database: one SELECT")
    parser.add_argument(
        "--param",
        action="append",
        type=_pair,
        metavar="NAME=VALUE",
        help="bound to :NAME in the query (%%(NAME)s for PostgreSQL); may be repeated",
    )
    parser.add_argument("--delimiter", type=_character, metavar="C", help="of CSV files (default: comma)")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, need an integer >= 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, need a number above 0")
    return value


def _character(text: str) -> str:
    character = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(character) != 1 or not character.isascii() or character in '"\r\n':
        raise argparse.ArgumentTypeError(f"found {text!r}, need one character, or tab")
    return character


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"found {text!r}, need NAME=VALUE")
    return name, value


def _build(arguments: argparse.Namespace) -> int:
    from .build import run  # noqa: PLC0415 - see the module

    return run(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from .check import run  # noqa: PLC0415 - see the module

    return run(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from .compare import run  # noqa: PLC0415 - see the module

    return run(arguments)
