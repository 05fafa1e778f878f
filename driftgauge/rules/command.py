"""`driftgauge rules build | check`: writes the generated rule files, or names those that are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name


def register(subparsers: Subparsers) -> None:
    """Add the command `rules`."""
    parser = subparsers.add_parser(
        "rules", help="write the generated Prometheus rules, or check that they are up to date"
    )
    parser.add_argument("action", choices=["build", "check"])
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the files are written or checked (default: the package's own rules)",
    )
    parser.add_argument("--slo", type=Path, help="table of objectives (default: the shipped config/slo.yaml)")
    parser.add_argument(
        "--bins",
        type=int,
        help="n_bins of the largest reference, where it is not the default: KS has a term for each bin",
    )
    parser.set_defaults(run=_run)


def rule_files(objectives: Path | None = None, n_bins: int | None = None) -> Mapping[str, str]:
    """Name and text of every generated file.

    Parameters
    ----------
    objectives : Path, optional
        The table of objectives; the shipped one unless given.
    n_bins : int, optional
        Of the largest reference; the exporter's default unless given.
    """
    # They import the exporter, which takes half a second.
    from ..resources import config_dir  # noqa: PLC0415  # see above
    from .fallbacks import fallback_rules  # noqa: PLC0415  # see above
    from .fleet import fleet_rules  # noqa: PLC0415  # see above
    from .objectives import read_objectives  # noqa: PLC0415  # see above
    from .service import service_rules  # noqa: PLC0415  # see above
    from .streams import stream_rules  # noqa: PLC0415  # see above

    return {
        "fallbacks.rules.yaml": fallback_rules(),
        "fleet.rules.yaml": fleet_rules() if n_bins is None else fleet_rules(n_bins),
        "service.rules.yaml": service_rules(read_objectives(objectives or config_dir() / "slo.yaml")),
        "streams.rules.yaml": stream_rules(),
    }


def stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Names of files that are missing in a folder or hold something else."""
    return [
        name
        for name, text in files.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _run(arguments: argparse.Namespace) -> int:
    from ..resources import rules_dir  # noqa: PLC0415  # as in rule_files

    folder = arguments.folder or rules_dir()
    files = rule_files(arguments.slo, arguments.bins)
    names = stale(folder, files)
    if arguments.action == "check":
        for name in names:
            print(f"{folder / name}: not what the code writes, run driftgauge rules build", file=sys.stderr)  # noqa: T201  # the answer
        return 1 if names else 0
    for name in names:
        (folder / name).write_text(files[name], encoding="utf-8")
        print(folder / name)  # noqa: T201  # the command's answer
    return 0
