"""What checks within segments cost, how large their references are and how often they are wrong.

    python benchmarks/segments.py [--rounds 5] [--checks 300]

Checks with and without take turns on the same rows, and the best of the rounds counts, in processor time.
Sizes are of normal columns, the largest there are: every value of a column differs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exporter import Policy, Reference, check
from exporter.findings import evaluate
from exporter.rows import read_rows
from exporter.segments import measure_segments

SEGMENTS, COLUMNS = 20, 20
REFERENCE_ROWS = 100_000
WINDOWS = (2000, 10_000, 100_000)
SEED = 1


def table(rng: np.random.Generator, rows: int, columns: int = COLUMNS) -> dict[str, Any]:
    """Rows of equally frequent segments that differ in nothing."""
    names = np.array([f"s{i:02d}" for i in range(SEGMENTS)], dtype=object)
    return {
        "segment": rng.choice(names, size=rows),
        **{f"x{i}": rng.normal(size=rows) for i in range(columns)},
    }


def fit(rows: dict[str, Any], by: str | None) -> Reference:
    """The reference of rows, with segments or without."""
    return Reference.fit(rows, model_name="m", model_version="1", segment_by=by)


def costs(rng: np.random.Generator, rounds: int) -> None:
    """Print the time of a check and the size of the file, with segments and without."""
    data = table(rng, REFERENCE_ROWS)
    references = {by: fit(data, by) for by in (None, "segment")}
    with tempfile.TemporaryDirectory() as folder:
        for by, reference in references.items():
            path = Path(folder) / "reference.json"
            reference.save(path)
            print(f"reference by {by}: {path.stat().st_size / 1e3:,.0f} kB")
    print("\n| rows of the window | check | with segments | ratio |\n|---:|---:|---:|---:|")
    for rows in WINDOWS:
        window = table(rng, rows)
        best = dict.fromkeys(references, float("inf"))
        for _ in range(rounds):
            for by, reference in references.items():
                start = time.process_time()
                check(reference, window)
                best[by] = min(best[by], time.process_time() - start)
        plain, within = best[None], best["segment"]
        print(f"| {rows:,} | {plain * 1e3:,.0f} ms | {within * 1e3:,.0f} ms | {within / plain:.1f} |")


def false_alarms(rng: np.random.Generator, checks: int) -> None:
    """Print how many of so many undrifted checks raised an alarm in any segment."""
    reference, policy = fit(table(rng, 40_000, 6), "segment"), Policy()
    print("\n| rows of a segment | checks | all segments together | each by itself |\n|---:|---:|---:|---:|")
    for rows in (120, 500):
        together = apart = 0
        for _ in range(checks):
            window = read_rows(table(rng, rows * SEGMENTS, 6), list(reference.features))
            measured = [part.columns for part in measure_segments(reference, window, policy).values()]
            every = evaluate([column for columns in measured for column in columns], policy)
            together += any(verdict.evidence == "drift" for verdict in every)
            apart += any(v.evidence == "drift" for columns in measured for v in evaluate(columns, policy))
        print(f"| {rows} | {checks} | {together / checks:.1%} | {apart / checks:.1%} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--checks", type=int, default=300)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(SEED)
    costs(rng, options.rounds)
    false_alarms(rng, options.checks)


if __name__ == "__main__":
    main()
