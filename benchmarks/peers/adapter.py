"""What all tools' adapters share: they read the same files and print the same lines.

    python -m benchmarks.peers.frouros_adapter incidents FOLDER
    python -m benchmarks.peers.frouros_adapter windows windows.npz SECONDS
    python -m benchmarks.peers.frouros_adapter speed speed.npz

Runs inside the tool's own environment and needs NumPy, pandas and PyArrow there, nothing of driftgauge.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TIME, VERSION = "at", "model_version"
OLD_VERSION = "1"

WARM_UP_ROWS = 500
"""Rows of a check before the clock runs: what a tool imports at first use is no part of it."""

ERROR_LETTERS = 160


@dataclass(frozen=True)
class Said:
    """What a tool said of a window.

    Attributes
    ----------
    drift, quality : list of str
        Columns it calls drifted, and columns whose data it calls damaged.
    alarm : bool
        Its own verdict on the whole window, where it has one; else whether any column is named.
    words : str
        Its output in short, with its own words and numbers.
    """

    drift: list[str]
    quality: list[str] = field(default_factory=list)
    alarm: bool = False
    words: str = ""


Fit = Callable[[pd.DataFrame], Any]
Check = Callable[[Any, pd.DataFrame], Said]


@dataclass(frozen=True)
class Setting:
    """A way to use a tool: what is made of the training rows once, and then of each window."""

    text: str
    fit: Fit
    check: Check
    needs: tuple[str, ...] = ()
    """Columns beside the features that it asks for: `TIME`, `VERSION`."""


@dataclass(frozen=True)
class Tool:
    """A tool by its defaults, and by the best documented setting for single incidents."""

    default: Setting
    best: Mapping[str, Setting] = field(default_factory=dict)


def by_version(setting: Setting) -> Setting:
    """The rows of each version against a detector of that version: what any tool allows its caller to do."""

    def fit(rows: pd.DataFrame) -> dict[str, Any]:
        return {v: setting.fit(own.drop(columns=VERSION)) for v, own in _versions(rows)}

    def check(fitted: dict[str, Any], rows: pd.DataFrame) -> Said:
        said = {v: setting.check(fitted[v], own.drop(columns=VERSION)) for v, own in _versions(rows)}
        return Said(
            drift=[name for one in said.values() for name in one.drift],
            quality=[name for one in said.values() for name in one.quality],
            alarm=any(one.alarm for one in said.values()),
            words="; ".join(f"version {version}: {one.words}" for version, one in said.items()),
        )

    return Setting("rows split by `model_version` in the caller's code", fit, check, needs=(VERSION,))


def _versions(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(version), own.reset_index(drop=True)) for version, own in rows.groupby(VERSION)]


def named(scores: Mapping[str, float], what: str) -> str:
    """Columns with their scores, in words."""
    return ", ".join(f"{name} {what} {score:.2g}" for name, score in scores.items()) or "no drift"


def said_of(setting: Setting, reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, Any]:
    """What a tool says by one setting, or the error it stops with."""
    try:
        if VERSION in reference and VERSION not in setting.needs:
            # The reference of the version that has been live.
            reference = reference[reference[VERSION] == OLD_VERSION].reset_index(drop=True)
        unused = [name for name in (TIME, VERSION) if name not in setting.needs]
        tables = [table.drop(columns=unused, errors="ignore") for table in (reference, window)]
        said = asdict(setting.check(setting.fit(tables[0]), tables[1]))
    except Exception as error:  # noqa: BLE001 - any failure of a tool is its answer
        traceback.print_exc()
        said = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:ERROR_LETTERS]}
    return {"setting": setting.text, **said}


def incidents(tool: Tool, folder: Path) -> Iterator[dict[str, Any]]:
    """One line for each incident and setting."""
    for place in sorted(folder.iterdir()):
        reference = pd.read_parquet(place / "reference.parquet")
        window = pd.read_parquet(place / "window.parquet")
        yield {"incident": place.name, "by": "default", **said_of(tool.default, reference, window)}
        if place.name in tool.best:
            yield {"incident": place.name, "by": "best", **said_of(tool.best[place.name], reference, window)}


def table(values: Any) -> pd.DataFrame:
    """A table of numbered columns."""
    return pd.DataFrame(values).rename(columns=lambda number: f"f{number}")


def windows(tool: Tool, path: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """Whether there is an alarm, and in which columns, for windows in their order until the time is up."""
    with np.load(path) as arrays:
        reference, current, shift = table(arrays["reference"]), arrays["current"], float(arrays["shift"])
    started = time.perf_counter()
    fitted = tool.default.fit(reference)
    for number, values in enumerate(current):
        for kind in ("null", "shifted"):
            if kind == "shifted":
                values[:, 0] += shift
            said = tool.default.check(fitted, table(values))
            yield {"window": number, "kind": kind, "drift": said.drift, "alarm": said.alarm}
        if time.perf_counter() - started > seconds:
            break


def speed(tool: Tool, path: Path) -> Iterator[dict[str, Any]]:
    """Seconds to take in the training rows and to check a window, and the peak memory of the process."""
    with np.load(path) as arrays:
        reference, current = (table(arrays[name]) for name in ("reference", "current"))
    tool.default.check(tool.default.fit(reference[:WARM_UP_ROWS]), current[:WARM_UP_ROWS])
    started = time.perf_counter()
    fitted = tool.default.fit(reference)
    ready = time.perf_counter()
    tool.default.check(fitted, current)
    done = time.perf_counter()
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    yield {"fit_seconds": ready - started, "check_seconds": done - ready, "peak_mb": peak}


def main(tool: Tool) -> None:
    """Does what the command line asks, one line of JSON at a time."""
    warnings.simplefilter("ignore")
    task, path = sys.argv[1], Path(sys.argv[2])
    if task == "incidents":
        lines = incidents(tool, path)
    elif task == "windows":
        lines = windows(tool, path, float(sys.argv[3]))
    else:
        lines = speed(tool, path)
    for line in lines:
        print(json.dumps(line), flush=True)
