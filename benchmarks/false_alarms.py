"""How often a check raises an alarm without drift: writes docs/false-alarms.md.

    python benchmarks/false_alarms.py [--quick] [--jobs 2] [--out docs/false-alarms.md]

Every number is from checks by the package itself on seeded data. `detection.py` asks the opposite question.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from exporter import Policy, Reference, Window
from exporter.calibrate import MIN_BLOCKS, calibrate
from exporter.findings import evaluate
from exporter.measure import Measurement, measure_rows
from exporter.rows import read_rows

COLUMNS = 100
FEATURES = (1, 20, 100)
HISTORY_ROWS = 33_600
HOUR, DAY = 3600.0, 86400.0
HISTORY_DAYS = 28
ROWS_AT_LEAST = 30
"""Measured from so many rows on, for the naive rules; the default policy is unknown below its own minimum."""

SIZES = {30: 100, 100: 1200, 300: 600, 1000: 1200, 5000: 200, 50_000: 40}
"""Rows of a window, and how many windows of 100 independent features are checked."""

OTHER_STREAMS = 0.25
"""Share of that number for the other streams."""

REFERENCES = 4
"""Histories per stream: windows against one reference alone would say little of the next one."""

LARGEST_HOUR = 5000
"""Rows of the largest window of one hour; the seasonal history has fifty an hour."""

POLICY = Policy(only_deciding=True)

WANTED = POLICY.wanted

Rng = np.random.Generator
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """A kind of rows without drift."""

    name: str
    rows: Callable[[Rng, NDArray[np.float64]], Table]
    categorical: bool = False
    seasonal: bool = False
    calibrated: bool = False


def independent(rng: Rng, times: NDArray[np.float64]) -> Table:
    """Normal columns."""
    return rng.normal(size=(len(times), COLUMNS))


def heavy_tails(rng: Rng, times: NDArray[np.float64]) -> Table:
    """Student's t with one and a half degrees of freedom: no variance, and values beyond a thousand."""
    return np.asarray(rng.standard_t(1.5, size=(len(times), COLUMNS)))


def autoregressive(rng: Rng, times: NDArray[np.float64]) -> Table:
    """Normal columns whose neighbours correlate by 0.9."""
    rho, warm_up = 0.9, 200
    noise = rng.normal(size=(len(times) + warm_up, COLUMNS)) * math.sqrt(1.0 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=0)[warm_up:])


def daily(rng: Rng, times: NDArray[np.float64]) -> Table:
    """Normal columns around a daily wave of one and a half standard deviations, each with its own phase."""
    phase = np.linspace(0.0, 2.0 * np.pi, COLUMNS)
    wave = np.sin(2.0 * np.pi * times[:, None] / DAY + phase)
    return np.asarray(1.5 * wave + rng.normal(size=(len(times), COLUMNS)))


def rare_classes(rng: Rng, times: NDArray[np.float64]) -> Table:
    """Codes of thirty classes, from one in three to one in two thousand."""
    weights = 1.0 / np.arange(1, 31) ** 2.2
    return rng.choice(30, size=(len(times), COLUMNS), p=weights / weights.sum()).astype(np.float64)


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("independent", independent, calibrated=True),
        Stream("heavy tails", heavy_tails),
        Stream("rare classes", rare_classes, categorical=True),
        Stream("AR(1), rho 0.9", autoregressive, calibrated=True),
        Stream("daily season, windows of one hour", daily, seasonal=True, calibrated=True),
    )
}


@dataclass(slots=True)
class Tally:
    """Alarms among checks."""

    alarms: int = 0
    checks: int = 0

    def add(self, alarms: int, checks: int) -> None:
        """Count some more."""
        self.alarms += alarms
        self.checks += checks

    def __str__(self) -> str:
        rate = 100.0 * self.alarms / max(self.checks, 1)
        return f"{rate:.1f}" if rate < 10 else f"{rate:.0f}"


@dataclass(slots=True)
class Cell:
    """One row of a stream's table: tallies by rule, one for each number of features."""

    tallies: dict[str, list[Tally]] = field(default_factory=dict)

    def add(self, rule: str, level: int, alarms: Sequence[bool]) -> None:
        """Count the checks of one rule at one number of features."""
        self.tallies.setdefault(rule, [Tally() for _ in FEATURES])[level].add(sum(alarms), len(alarms))

    def merge(self, other: Cell) -> None:
        """Add the checks of another process."""
        for rule, tallies in other.tallies.items():
            for level, tally in enumerate(tallies):
                mine = self.tallies.setdefault(rule, [Tally() for _ in FEATURES])[level]
                mine.add(tally.alarms, tally.checks)


def history_of(stream: Stream, rng: Rng) -> tuple[Table, NDArray[np.float64]]:
    """Rows of four weeks in order, and their times."""
    times = np.sort(rng.uniform(0.0, HISTORY_DAYS * DAY, size=HISTORY_ROWS))
    return stream.rows(rng, times), times


def fit(stream: Stream, rows: Table, times: NDArray[np.float64], *, keyed: bool = False) -> Reference:
    """Reference of a history."""
    names = [f"f{i}" for i in range(COLUMNS)]
    return Reference.fit(
        rows,
        features=names,
        model_name="m",
        model_version="1",
        timestamps=times,
        kinds=dict.fromkeys(names, "categorical") if stream.categorical else None,
        season="hour_of_day" if keyed else None,
    )


def false_alarms(name: str, checks: dict[int, int], seed: int) -> dict[int, Cell]:
    """Alarms of every rule on undrifted windows of each size against one reference."""
    stream, rng = STREAMS[name], np.random.default_rng(seed)
    history, times = history_of(stream, rng)
    plain = fit(stream, history, times)
    keyed = fit(stream, history, times, keyed=True) if stream.seasonal else None
    cells = {}
    references = {"default": plain}
    if keyed is not None:
        hour = [Window("1h", HOUR)]
        references["calibrated"] = calibrate(plain, history, timestamps=times, windows=hour, tests=WANTED)
        references["keyed"] = keyed
    for size, count in checks.items():
        if not stream.seasonal:
            references = {"default": plain}
            if stream.calibrated and POLICY.min_samples <= size <= HISTORY_ROWS / MIN_BLOCKS:
                references["calibrated"] = calibrate(plain, history, window_rows=[size], tests=WANTED)
        cells[size] = Cell()
        for _ in range(count):
            _check(stream, rng, size, references, cells[size])
    return cells


def _check(stream: Stream, rng: Rng, size: int, references: dict[str, Reference], cell: Cell) -> None:
    """One window, checked by every rule and in groups of every number of features."""
    start = (HISTORY_DAYS + 1) * DAY + HOUR * int(rng.integers(24))
    now = start + np.sort(rng.uniform(0.0, HOUR, size=size))
    rows = read_rows(stream.rows(rng, now), list(references["default"].features), timestamps=now)
    measured = measure_rows(references["default"].profiles, rows, ROWS_AT_LEAST, WANTED)
    for level, features in enumerate(FEATURES):
        groups = list(subsets(measured, features))
        cell.add("KS p < 0.05", level, [any(p_value(m) < 0.05 for m in group) for group in groups])
        cell.add("PSI > 0.2", level, [any(effect(m, "psi") > 0.2 for m in group) for group in groups])
    for rule, reference in references.items():
        if rule == "keyed":
            measured = measure_rows(reference.profiles_at(now), rows, ROWS_AT_LEAST, WANTED)
        calibration = reference.calibration_for("1h" if stream.seasonal else None, size)
        for level, features in enumerate(FEATURES):
            cell.add(rule, level, [alarm(group, calibration) for group in subsets(measured, features)])


def subsets(measured: list[Measurement], count: int) -> Iterator[list[Measurement]]:
    """Checks of so many features, out of the measured ones; of single ones a fifth of them."""
    for start in range(0, COLUMNS if count > 1 else COLUMNS // 5, count):
        yield measured[start : start + count]


def alarm(measured: list[Measurement], calibration: Any) -> bool:
    """Whether the default policy finds drift in any of these columns."""
    if measured[0].n_current < POLICY.min_samples:
        return False
    return any(verdict.evidence == "drift" for verdict in evaluate(measured, POLICY, calibration))


def p_value(measurement: Measurement) -> float:
    """Of KS, or of chi-square for categories."""
    return next(s.p_value for s in measurement.statistics if s.test in ("ks", "chi_square"))


def effect(measurement: Measurement, test: str) -> float:
    """Of one test."""
    return next(s.effect for s in measurement.statistics if s.test == test)


HEADER = """# False alarms

Written by `benchmarks/false_alarms.py` in {minutes:.0f} minutes, {scale}. What it promises: the default
policy raises an alarm in at most 1 % of checks of undrifted independent rows, at up to 100 features and
windows of any size. `tests/exporter/test_false_alarms.py` keeps a fast part of this in every test run.

An alarm is the evidence of one check: any feature in drift, before hysteresis asks for a second check in a
row. Rates are per cent of checks; three numbers are for checks of 1 / 20 / 100 features. References have
{rows:,} rows, {references} of them for each stream. No alarm among n checks means a rate below 3 / n with
95 % confidence. [Detection](detection.md) has the other side: how often a drift is found. Rules:

- *default*: `Policy()`: significant at 0.01 over the whole check after Benjamini and Hochberg, and an effect
  of at least PSI 0.2, KS 0.1, Jensen-Shannon 0.1 or Cramér's V 0.1. Below 100 rows the state is unknown.
- *calibrated*: the same after `calibrate` on blocks of the reference's own rows, as long as the window.
- *keyed*: the same with a reference by hour of day (`season="hour_of_day"`).
- *KS p < 0.05*: any feature with a KS p-value (chi-square for classes) below 0.05: the naive rule.
- *PSI > 0.2*: any feature beyond the usual threshold, without a test.
"""


def tables(pool: ProcessPoolExecutor, sizes: dict[int, int]) -> Iterator[str]:
    """A table for each stream."""
    for name, stream in STREAMS.items():
        rules = [
            "default",
            *(["calibrated"] if stream.calibrated else []),
            *(["keyed"] if stream.seasonal else []),
            "KS p < 0.05",
            "PSI > 0.2",
        ]
        yield f"\n## Without drift: {name}\n\n{(stream.rows.__doc__ or '').strip()}\n"
        yield "| rows | checks of 100 | " + " | ".join(rules) + " |"
        yield "|---:|---:|" + "---:|" * len(rules)
        checks = {
            size: max(1, int(count * (1.0 if name == "independent" else OTHER_STREAMS)) // REFERENCES)
            for size, count in sizes.items()
            if size <= LARGEST_HOUR or not stream.seasonal
        }
        totals = {size: Cell() for size in checks}
        for cells in pool.map(partial(false_alarms, name, checks), range(REFERENCES)):
            for size, cell in cells.items():
                totals[size].merge(cell)
        for size, total in totals.items():
            texts = [
                " / ".join(map(str, total.tallies[rule])) if rule in total.tallies else "-" for rule in rules
            ]
            yield f"| {size:,} | {total.tallies['default'][-1].checks:,} | " + " | ".join(texts) + " |"


def main() -> None:
    """Run everything and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the checks, to try it out")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("docs/false-alarms.md"))
    options = parser.parse_args()
    scale = 0.02 if options.quick else 1.0
    started = time.perf_counter()
    sizes = {size: max(REFERENCES, int(checks * scale)) for size, checks in SIZES.items()}
    lines = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for line in tables(pool, sizes):
            print(line, flush=True)
            lines.append(line)
    head = HEADER.format(
        minutes=(time.perf_counter() - started) / 60.0,
        scale="a quick run that shows little" if options.quick else "seeded",
        rows=HISTORY_ROWS,
        references=REFERENCES,
    )
    options.out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
