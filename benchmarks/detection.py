"""How often a drift is found, and how soon: writes docs/detection.md.

    python benchmarks/detection.py [--quick] [--jobs 2] [--out docs/detection.md]

Every number is from checks by the package itself on seeded data. `false_alarms.py` asks the opposite.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from exporter import Policy, Reference
from exporter.calibrate import calibrate
from exporter.findings import evaluate
from exporter.hysteresis import Memory, step
from exporter.measure import measure, measure_rows
from exporter.rows import read_rows

COLUMNS = 100
HISTORY_ROWS = 33_600
POLICY = Policy(only_deciding=True)
WANTED = POLICY.wanted


@dataclass(slots=True)
class Tally:
    """Findings among checks."""

    found: int = 0
    checks: int = 0

    def add(self, found: bool) -> None:
        """Count one check."""
        self.found += found
        self.checks += 1

    def __str__(self) -> str:
        return f"{100.0 * self.found / max(self.checks, 1):.0f}"


def autoregressive(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Normal columns whose neighbours correlate by 0.9."""
    rho, warm_up = 0.9, 200
    noise = rng.normal(size=(rows + warm_up, COLUMNS)) * math.sqrt(1.0 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=0)[warm_up:])


def fit(rows: NDArray[np.float64]) -> Reference:
    """Reference of a history."""
    return Reference.fit(rows, model_name="m", model_version="1")


SHIFTS = (0.1, 0.25, 0.5, 1.0)
"""Standard deviations by which one of a hundred columns moves."""

GROWTHS = ((0.01, 0.02), (0.01, 0.05), (0.2, 0.25), (0.2, 0.3), (0.2, 0.4))
"""Share of a class before and after."""

POWER_SIZES = {100: 300, 300: 300, 1000: 300, 5000: 200, 50_000: 40}

DEPENDENT_SHIFTS = (0.5, 1.0, 2.0, 3.0)


def power(size: int, repeats: int, seed: int) -> dict[str, list[Tally]]:
    """How often a change in one of a hundred columns is found: with both keys, with significance alone."""
    rng = np.random.default_rng([seed, size, 1])
    reference = fit(rng.normal(size=(HISTORY_ROWS, COLUMNS)))
    found: dict[str, list[Tally]] = {}
    classes = {
        before: Reference.fit(
            {"f0": (rng.random(HISTORY_ROWS) < before).astype(object)}, model_name="m", model_version="1"
        )
        for before in {before for before, _ in GROWTHS}
    }
    for _ in range(repeats):
        rows = read_rows(rng.normal(size=(size, COLUMNS)), list(reference.features))
        others = measure_rows(reference.profiles, rows, POLICY.min_samples, WANTED)[1:]
        first = rng.normal(size=size)
        changed = {
            f"shift of {s:g} sd": measure(reference.features["f0"], first + s, 100, WANTED) for s in SHIFTS
        }
        for before, after in GROWTHS:
            values = (rng.random(size) < after).astype(object)
            changed[f"class of {before:.0%} to {after:.0%}"] = measure(
                classes[before].features["f0"], values, 100, WANTED
            )
        for name, measurement in changed.items():
            verdict = evaluate([measurement, *others], POLICY)[0]
            keys = (
                verdict.evidence == "drift",
                any(f.decides and f.significant for f in verdict.findings.values()),
            )
            for tally, key in zip(found.setdefault(name, [Tally(), Tally()]), keys, strict=True):
                tally.add(key)
    return found


def dependent_power(size: int, repeats: int, seed: int) -> dict[str, list[Tally]]:
    """How often a shift in one of a hundred autocorrelated columns is drift, with calibration."""
    rng = np.random.default_rng([seed, size, 2])
    history = autoregressive(rng, HISTORY_ROWS)
    reference = calibrate(fit(history), history, window_rows=[size], tests=WANTED)
    found: dict[str, list[Tally]] = {f"shift of {s:g} sd": [Tally()] for s in DEPENDENT_SHIFTS}
    for _ in range(repeats):
        table = autoregressive(rng, size)
        measured = measure_rows(reference.profiles, read_rows(table, list(reference.features)), 100, WANTED)
        for shift in DEPENDENT_SHIFTS:
            measured[0] = measure(reference.features["f0"], table[:, 0] + shift, 100, WANTED)
            verdict = evaluate(measured, POLICY, reference.calibration_for(None, size))[0]
            found[f"shift of {shift:g} sd"][0].add(verdict.evidence == "drift")
    return found


DELAY_TRAFFIC = (200, 1000, 10_000)
"""Rows an hour."""

DELAY_FEATURES = 20
CHECK_MINUTES = 5
DELAY_HOURS = 24


def delays(traffic: int, shift: float, repeats: int, seed: int) -> dict[str, list[float]]:
    """Minutes from a shift in one of twenty columns until the state is drift, by window."""
    rng = np.random.default_rng([seed, traffic, 3])
    names = [f"f{i}" for i in range(DELAY_FEATURES)]
    reference = fit(rng.normal(size=(HISTORY_ROWS, DELAY_FEATURES)))
    found: dict[str, list[float]] = {"1h": [], "1d": []}
    for _ in range(repeats):
        after = rng.normal(loc=shift, size=traffic * DELAY_HOURS)
        before = rng.normal(size=traffic * 24)
        for window, hours in (("1h", 1), ("1d", 24)):
            undrifted = read_rows(rng.normal(size=(traffic * hours, DELAY_FEATURES)), names)
            others = measure_rows(reference.profiles, undrifted, POLICY.min_samples, WANTED)[1:]
            memory, minutes = Memory(), 0
            state = "ok"
            while state != "drift" and minutes < DELAY_HOURS * 60:
                minutes += CHECK_MINUTES
                new = after[max(0, (minutes - hours * 60)) * traffic // 60 : minutes * traffic // 60]
                old = before[len(before) - max(0, traffic * hours - len(new)) :]
                column = measure(
                    reference.features["f0"], np.concatenate([old, new]), POLICY.min_samples, WANTED
                )
                verdict = evaluate([column, *others], POLICY)[0]
                state, memory = step(memory, verdict.evidence, POLICY.hysteresis)
            found[window].append(minutes if state == "drift" else math.inf)
    return found


HEADER = """# Detection

Written by `benchmarks/detection.py` in {minutes:.0f} minutes, {scale}, with the default policy and references
of {rows:,} rows. [False alarms](false-alarms.md) has the other side. What counts is one check's evidence.
"""


def power_tables(jobs: Callable[..., Iterator[Any]], scale: float) -> Iterator[str]:
    """Detection: of independent rows, and of autocorrelated ones with calibration."""
    yield "\n## With drift: one column of 100 changes\n"
    yield "Per cent of checks that find it, with the default policy / with significance alone. The difference"
    yield "is what effect thresholds cost; what they buy is silence about changes too small to matter.\n"
    sizes = {size: max(5, int(repeats * scale)) for size, repeats in POWER_SIZES.items()}
    found = dict(zip(sizes, jobs(power, list(sizes), list(sizes.values())), strict=True))
    yield "| change | " + " | ".join(f"{size:,} rows" for size in sizes) + " |"
    yield "|---|" + "---:|" * len(sizes)
    for change in next(iter(found.values())):
        yield f"| {change} | " + " | ".join(" / ".join(map(str, f[change])) for f in found.values()) + " |"
    yield "\n## With drift: AR(1), rho 0.9, calibrated\n"
    yield "500 rows that correlate like this hold as much news about the mean as 26 independent ones.\n"
    sizes = {size: max(5, int(200 * scale)) for size in (500, 1000, 2000)}
    found = dict(zip(sizes, jobs(dependent_power, list(sizes), list(sizes.values())), strict=True))
    yield "| change | " + " | ".join(f"{size:,} rows" for size in sizes) + " |"
    yield "|---|" + "---:|" * len(sizes)
    for change in next(iter(found.values())):
        yield f"| {change} | " + " | ".join(str(f[change][0]) for f in found.values()) + " |"


def delay_table(jobs: Callable[..., Iterator[Any]], scale: float) -> Iterator[str]:
    """How long it takes."""
    yield "\n## Delay\n"
    yield f"Minutes from a lasting shift in one of {DELAY_FEATURES} columns until its state is drift, with a"
    yield f"check every {CHECK_MINUTES} minutes and the default's two in a row: median, and slowest tenth.\n"
    yield "| rows an hour | shift | window 1h | window 1d |"
    yield "|---:|---|---:|---:|"
    cases = [(traffic, shift) for traffic in DELAY_TRAFFIC for shift in (0.5, 1.0)]
    repeats = [max(3, int(20 * scale))] * len(cases)
    for case, found in zip(cases, jobs(delays, *map(list, zip(*cases, strict=True)), repeats), strict=True):
        texts = []
        for minutes in found.values():
            median, slow = np.quantile(minutes, [0.5, 0.9], method="higher")
            texts.append(
                " ".join(f"{m:.0f}" if m < math.inf else "never" for m in (median,)) + f" ({slow:.0f})"
            )
        yield f"| {case[0]:,} | {case[1]:g} sd | " + " | ".join(texts) + " |"


def main() -> None:
    """Run everything and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the checks, to try it out")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("docs/detection.md"))
    options = parser.parse_args()
    scale = 0.02 if options.quick else 1.0
    started = time.perf_counter()
    lines = []
    with ProcessPoolExecutor(options.jobs) as pool:

        def jobs(work: Callable[..., Any], *arguments: list[Any]) -> Iterator[Any]:
            return pool.map(work, *arguments, range(len(arguments[0])))

        for part in (power_tables(jobs, scale), delay_table(jobs, scale)):
            for line in part:
                print(line, flush=True)
                lines.append(line)
    head = HEADER.format(
        minutes=(time.perf_counter() - started) / 60.0,
        scale="a quick run that shows little" if options.quick else "seeded",
        rows=HISTORY_ROWS,
    )
    options.out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
