"""How fast the statistics are, side by side in one run: prints a Markdown table.

    python benchmarks/statistics_speed.py [--peers [NAME ...]] [--folder .driftgauge/peers] [--rounds 5]

SciPy and the package take turns on the same data, and the best of the rounds counts: other work on the
machine only ever adds. With `--peers`, each named tool (all of `PEERS` without names) gets an environment
of its own in the folder, with the versions it needs to import, and runs the same data there; those that do
not install are reported as such. No peer is ever a dependency of the package.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from exporter.statistics import FittedColumn, Sample, compare_columns, quantile_edges
from exporter.statistics.multivariate import classify_domains, mmd

TABLE_ROWS, TABLE_COLUMNS = 100_000, 100
WINDOW_ROWS, WINDOW_COLUMNS = 1000, 20
WINDOW_REFERENCES = (1000, 10_000, 100_000)
SEED = 1
PEER_SECONDS = 900
"""Time for one peer to install, and again to run."""

# Versions that install together and import.
PEERS = {
    "frouros": ["frouros==0.9.0"],
    "whylogs": ["whylogs[viz]==1.6.4", "setuptools<81", "pandas<3", "numpy<2"],
    "alibi-detect": ["alibi-detect==0.13.0"],
    "evidently": ["evidently==0.7.23", "pandas<3"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pandas<3"],
}

Floats = NDArray[np.float64]
Task = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    what: str
    seconds: float | None
    note: str = ""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peers", nargs="*", choices=list(PEERS), help="run these tools too, all without names"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".driftgauge/peers"), help="for their environments"
    )
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many counts")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    tables = rng.normal(size=(2, TABLE_ROWS, TABLE_COLUMNS))
    rows = [*table_rows(tables[0], tables[1], options.rounds), *window_rows(tables, options.rounds)]
    rows += multivariate_rows(rng, options.rounds)
    if options.peers is not None:
        for name in options.peers or PEERS:
            rows += peer_rows(name, tables, options.folder)
    print_table(rows)


def fit(reference: Floats) -> list[FittedColumn]:
    """The reference as it is kept between checks."""
    samples = [Sample.of(column) for column in reference.T]
    return [FittedColumn.of(sample, quantile_edges(sample)) for sample in samples]


def best(rounds: int, **tasks: Task) -> dict[str, float]:
    """Shortest time of each task; they take turns, after one round that does not count."""
    seconds = dict.fromkeys(tasks, float("inf"))
    for number in range(rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if number:
                seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def scipy_ks(reference: Floats, current: Floats) -> None:
    """The plain loop that everything is compared with."""
    for before, after in zip(reference.T, current.T, strict=True):
        stats.ks_2samp(before, after)


def table_rows(reference: Floats, current: Floats, rounds: int) -> Iterator[Row]:
    """A table of 100,000 x 100 against a reference of the same size."""
    case = f"{TABLE_ROWS:,} x {TABLE_COLUMNS}"
    fitted, processors = fit(reference), len(os.sched_getaffinity(0))
    shifted = current + 0.3
    seconds = best(
        rounds,
        scipy=lambda: scipy_ks(reference, current),
        one=lambda: compare_columns(fitted, current),
        all=lambda: compare_columns(fitted, current, threads=processors),
        drifted=lambda: compare_columns(fitted, shifted, threads=processors),
    )
    tracemalloc.start()
    compare_columns(fitted, current, threads=processors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kept = sum(array.nbytes for column in fitted for array in kept_arrays(column) if array.strides != (0,))
    yield Row(case, "SciPy, loop of ks_2samp: KS alone", seconds["scipy"], "1")
    four = "driftgauge: PSI, KS, JS, Wasserstein"
    for name, what in (
        ("one", "1 thread"),
        ("all", f"{processors} threads"),
        ("drifted", "same, with drift"),
    ):
        yield Row(
            case, f"{four}, {what}", seconds[name], f"{seconds[name] / seconds['scipy']:.3f} of SciPy's"
        )
    memory = f"peak {1 + (kept + peak) / current.nbytes:.2f} times the table, with table and fitted reference"
    yield Row(case, "driftgauge: memory", None, memory)


def kept_arrays(column: FittedColumn) -> Iterator[NDArray[np.generic]]:
    """What a fitted column holds."""
    yield from (column.cells.sample.values, column.cells.sample.counts, column.edges, column.counts)
    for level in column.cells.levels:
        yield from (level.ends, level.at_ends, level.at_or_below, level.held, level.gained)


def window_rows(tables: Floats, rounds: int) -> Iterator[Row]:
    """A window of 1,000 x 20 against references of several sizes."""
    current = tables[1][:WINDOW_ROWS, :WINDOW_COLUMNS].copy()
    for size in WINDOW_REFERENCES:
        reference = tables[0][:size, :WINDOW_COLUMNS].copy()
        fitted = fit(reference)
        seconds = best(
            4 * rounds,
            scipy=lambda reference=reference: scipy_ks(reference, current),  # type: ignore[misc]
            ours=lambda fitted=fitted: compare_columns(fitted, current),  # type: ignore[misc]
        )
        case = f"window {WINDOW_ROWS:,} x {WINDOW_COLUMNS}, reference {size:,}"
        yield Row(case, "SciPy: KS alone", seconds["scipy"], "1")
        note = f"{seconds['ours'] / seconds['scipy']:.3f} of SciPy's"
        yield Row(case, "driftgauge: PSI, KS, JS, Wasserstein", seconds["ours"], note)


def multivariate_rows(rng: np.random.Generator, rounds: int) -> Iterator[Row]:
    """MMD with 100 permutations, and the domain classifier."""
    for size in (1000, 5000):
        x, y = rng.normal(size=(2, size, WINDOW_COLUMNS))
        seconds = best(
            rounds,
            mmd=lambda x=x, y=y: mmd(x, y, np.random.default_rng(SEED)),  # type: ignore[misc]
            classifier=lambda x=x, y=y: classify_domains(x, y, np.random.default_rng(SEED)),  # type: ignore[misc]
        )
        case = f"{size:,} + {size:,} x {WINDOW_COLUMNS}"
        yield Row(case, "driftgauge: MMD, 100 permutations", seconds["mmd"])
        yield Row(case, "driftgauge: domain classifier", seconds["classifier"])


def peer_rows(name: str, tables: Floats, folder: Path) -> Iterator[Row]:
    """The same data in another tool's own environment, or why not."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data.npy"
    if not data.exists():
        np.save(data, tables)
    place = folder / name
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--prefer-binary", *PEERS[name]]
        problem = run(install)[1]
        if problem:
            yield Row("peer", name, None, f"does not install: {problem}")
            return
    script = Path(__file__).parent / "peers" / "measure.py"
    output, problem = run([str(python), str(script), name, str(data)])
    for line in output.splitlines():
        if line.startswith("{"):
            measured = json.loads(line)
            yield Row(measured["case"], f"{name}: {measured['what']}", measured["seconds"], measured["note"])
    if problem:
        yield Row("peer", name, None, f"stops: {problem}")


def run(command: Sequence[str]) -> tuple[str, str]:
    """What a command prints, and the last line of its trouble."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = printed.decode() if isinstance(printed, bytes) else printed
        return text, f"takes more than {PEER_SECONDS} s"
    trouble = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return done.stdout, "" if done.returncode == 0 else trouble[-1][:200]


def print_table(rows: Sequence[Row]) -> None:
    """One Markdown table."""
    processors = len(os.sched_getaffinity(0))
    print(f"NumPy {np.__version__}, Python {sys.version.split()[0]}, {processors} processors\n")
    print("| Case | What | Time | |\n|---|---|---|---|")
    for row in rows:
        duration = "" if row.seconds is None else f"{1000 * row.seconds:,.1f} ms"
        print(f"| {row.case} | {row.what} | {duration} | {row.note} |")


if __name__ == "__main__":
    main()
