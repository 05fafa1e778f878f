"""The same five incidents, false alarms and speed across six tools: writes the tables of docs/comparison.md.

    make compare                                        # all tools
    python -m benchmarks.comparison evidently frouros   # these anew, the others as they were
    python -m benchmarks.comparison --page              # only the page, from kept answers

Each tool has an environment of its own below the folder, with the versions of benchmarks/peers/*.txt, and
reads the same files. One that cannot be installed or fails is shown with its error. Answers are kept beside
the environments, in results.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import sections
from benchmarks.peers.environments import ROOT, TOOLS, Environment, PeerError, prepared
from benchmarks.peers.incidents import write_incidents

SEED = 7
FEATURES, REFERENCE_ROWS, WINDOWS = 100, 10_000, 30
WINDOW_SIZES = (300, 3_000)
SHIFT = 0.5
"""Standard deviations by which one of the columns is shifted."""

WINDOW_SECONDS = 90.0
"""A slow tool checks fewer windows; how many is in its row."""

SPEED_SHAPES = ((10_000, 20), (100_000, 20))
ROUNDS = 3
PAGE = ROOT / "docs" / "comparison.md"

Results = dict[str, dict[str, Any]]


def main() -> None:
    """Asks every tool, and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tools", nargs="*", metavar="TOOL", help=f"of {', '.join(TOOLS)}; all by default")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".driftgauge" / "peers", help="for environments"
    )
    parser.add_argument("--page", action="store_true", help="ask nobody, write the page anew")
    options = parser.parse_args()
    if unknown := set(options.tools) - set(TOOLS):
        parser.error(f"found {', '.join(sorted(unknown))}, need tools of {', '.join(TOOLS)}")
    kept = Kept(options.folder / "results.json")
    if not options.page:
        ask(options.tools or TOOLS, options.folder, kept)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), kept.results), encoding="utf-8")


class Kept:
    """Answers in a file; it is written after every task, so that a run may be stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results: Results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def put(self, tool: str, task: str, found: Any) -> None:
        """Keep the answer of one tool to one task."""
        self.results.setdefault(tool, {})[task] = found
        fresh = self.path.with_suffix(".tmp")
        fresh.write_text(json.dumps(self.results, indent=1), encoding="utf-8")
        fresh.replace(self.path)


def page(text: str, results: Results) -> str:
    """The page with all of its tables written anew."""
    for name, write in (
        ("environments", sections.environments),
        ("incidents", sections.incidents),
        ("false alarms", sections.alarms),
        ("speed", sections.speed),
    ):
        text = sections.placed(text, name, write(results))
    return text


def ask(tools: Iterable[str], folder: Path, kept: Kept) -> None:
    """Every tool's answers; speed last, in turns."""
    data = folder / "data"
    write_incidents(data / "incidents")
    write_tables(data)
    ready = []
    for tool in tools:
        try:
            environment = prepared(tool, folder)
        except PeerError as error:
            for task in ("environment", "incidents", "windows", "speed"):
                kept.put(tool, task, {"error": f"does not install: {error}"})
            print(f"{tool}: does not install: {error}", flush=True)
            continue
        ready.append(environment)
        tasks: dict[str, Callable[[], Any]] = {
            "environment": environment.size,
            "incidents": partial(environment.lines, "incidents", str(data / "incidents")),
            "windows": partial(windows, environment, data),
        }
        for task, question in tasks.items():
            kept.put(tool, task, answer(environment, task, question))
    in_turns(ready, data, kept)


def answer(environment: Environment, task: str, question: Callable[[], Any]) -> Any:
    """What a tool answers, or the error it stops with."""
    print(f"{environment.name}: {task}", flush=True)
    try:
        return question()
    except PeerError as error:
        return {"error": str(error)}


def windows(environment: Environment, data: Path) -> dict[str, Any]:
    """By rows of a window."""
    return {
        str(rows): environment.lines("windows", str(data / f"windows_{rows}.npz"), str(WINDOW_SECONDS))
        for rows in WINDOW_SIZES
    }


def in_turns(environments: Sequence[Environment], data: Path, kept: Kept) -> None:
    """Rounds in which all tools take turns on one table after the other, each in a fresh process."""
    speeds: dict[str, Any] = {environment.name: {} for environment in environments}
    for _ in range(ROUNDS):
        for rows, columns in SPEED_SHAPES:
            for environment in environments:
                speed = speeds[environment.name]
                if "error" in speed:
                    continue
                question = partial(environment.lines, "speed", str(data / f"speed_{rows}.npz"))
                found = answer(environment, f"speed, {rows:,} rows", question)
                if isinstance(found, dict):
                    speeds[environment.name] = found
                else:
                    speed.setdefault(f"{rows:,} x {columns}", []).extend(found)
                kept.put(environment.name, "speed", speeds[environment.name])


def write_tables(data: Path) -> None:
    """Windows without drift, and tables to be fast on; always the same ones."""
    rng = np.random.default_rng(SEED)
    reference = rng.normal(size=(REFERENCE_ROWS, FEATURES))
    for rows in WINDOW_SIZES:
        current = rng.normal(size=(WINDOWS, rows, FEATURES))
        np.savez(data / f"windows_{rows}.npz", reference=reference, current=current, shift=SHIFT)
    for shape in SPEED_SHAPES:
        before, after = rng.normal(size=(2, *shape))
        np.savez(data / f"speed_{shape[0]}.npz", reference=before, current=after)


if __name__ == "__main__":
    main()
