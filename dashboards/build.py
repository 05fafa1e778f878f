"""Writes the dashboards, or says which of the written ones are not what the code builds.

::

    python -m dashboards.build            write the JSON files
    python -m dashboards.build --check    exit 1 and name the stale ones
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

# Not relative: `driftgauge dashboards` runs this file as a script.
from dashboards import (
    alerts,
    drift,
    effects,
    importance,
    itself,
    model,
    overview,
    performance,
    quality,
    rollout,
    runbooks,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard

FOLDER = Path(__file__).resolve().parent
RUNBOOKS = FOLDER.parent / "docs" / "runbooks.md"


def dashboards() -> Mapping[str, Dashboard]:
    """File name to dashboard."""
    built = [
        overview.build(),
        model.build(),
        drift.build(),
        performance.build(),
        importance.build(),
        quality.build(),
        effects.build(),
        alerts.build(),
        rollout.build(),
        itself.build(),
        runbooks.build(RUNBOOKS.read_text(encoding="utf-8")),
    ]
    return {f"{str(page.uid).removeprefix('driftgauge-')}.json": page for page in built}


def rendered() -> Mapping[str, str]:
    """File name to classic dashboard JSON."""
    return {
        name: json.dumps(page, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, page in dashboards().items()
    }


def build(folder: Path = FOLDER) -> list[Path]:
    """Write every dashboard; the files that changed.

    Parameters
    ----------
    folder : Path
        Where the JSON files lie.
    """
    changed = []
    for name in stale(folder):
        path = folder / name
        if name in (texts := rendered()):
            path.write_text(texts[name], encoding="utf-8")
        else:
            path.unlink()
        changed.append(path)
    return changed


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of files that are missing, not what the code builds, or that no code builds."""
    texts = rendered()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in texts.keys() | found.keys() if texts.get(name) != found.get(name))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of `python -m dashboards.build`."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    if parser.parse_args(arguments).check:
        for name in (names := stale()):
            print(  # noqa: T201 - the command's answer
                f"dashboards/{name}: not what the code builds, run python -m dashboards.build",
                file=sys.stderr,
            )
        return 1 if names else 0
    for path in build():
        print(path)  # noqa: T201 - the command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
