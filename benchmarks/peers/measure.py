"""Runs one tool on the benchmark's data, inside that tool's own environment: a line of JSON for each case.

    python measure.py NAME data.npy

Called by `statistics_speed.py`. Needs NumPy and the tool, nothing of the package.
"""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WINDOW_ROWS, WINDOW_COLUMNS, WINDOW_REFERENCE = 1000, 20, 10_000
# A slow tool is run once on the large table, a fast one gets a warm-up and three rounds.
SLOW_SECONDS = 5.0

MATRIX_TASK = "MMD, 100 permutations"
"""Run on two windows alone, without the large table."""

Table = Any
Task = Callable[[Table, Table], object]


def frouros() -> Iterator[tuple[str, Task]]:
    """Column by column: this is how its univariate detectors work."""
    from frouros.callbacks.batch import PermutationTestDistanceBased  # noqa: PLC0415
    from frouros.detectors.data_drift import JS, MMD, PSI, KSTest  # noqa: PLC0415

    def loop(detector: Callable[[], Any]) -> Task:
        def task(reference: Table, current: Table) -> None:
            for before, after in zip(reference.T, current.T, strict=True):
                fitted = detector()
                fitted.fit(X=np.ascontiguousarray(before))
                fitted.compare(X=np.ascontiguousarray(after))

        return task

    yield "KS", loop(KSTest)
    yield "PSI", loop(PSI)
    yield "JS", loop(JS)

    def mmd(reference: Table, current: Table) -> None:
        callback = PermutationTestDistanceBased(num_permutations=100, random_state=1, num_jobs=1, name="test")
        fitted = MMD(callbacks=[callback])
        fitted.fit(X=reference)
        fitted.compare(X=current)

    yield MATRIX_TASK, mmd


def alibi_detect() -> Iterator[tuple[str, Task]]:
    """One detector for all columns; fitting keeps the reference and costs nothing."""
    from alibi_detect.cd import KSDrift  # noqa: PLC0415

    yield "KS", lambda reference, current: KSDrift(reference, p_val=0.05).predict(current)


def whylogs() -> Iterator[tuple[str, Task]]:
    """Sketches both tables (the reference's could be kept) and compares the sketches: approximate."""
    import pandas as pd  # noqa: PLC0415
    import whylogs as why  # noqa: PLC0415
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores  # noqa: PLC0415

    def profile(table: Table) -> Any:
        return why.log(pd.DataFrame(table).rename(columns=str)).view()

    yield "sketch of one table", lambda _, current: profile(current)

    def compare(reference: Table, current: Table) -> None:
        calculate_drift_scores(target_view=profile(current), reference_view=profile(reference))

    yield "sketches and KS from them", compare


def evidently() -> Iterator[tuple[str, Task]]:
    """A report of one method over all columns."""
    import pandas as pd  # noqa: PLC0415
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    def report(method: str) -> Task:
        def task(reference: Table, current: Table) -> None:
            before, after = (pd.DataFrame(table).rename(columns=str) for table in (reference, current))
            Report([DataDriftPreset(method=method)]).run(after, before).dict()

        return task

    yield "PSI", report("psi")
    yield "KS", report("ks")


def nannyml() -> Iterator[tuple[str, Task]]:
    """One chunk that holds the whole current table."""
    import nannyml as nml  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    def task(reference: Table, current: Table) -> None:
        before, after = (pd.DataFrame(table).rename(columns=str) for table in (reference, current))
        calculator = nml.UnivariateDriftCalculator(
            column_names=list(before.columns),
            continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
            chunk_number=1,
        )
        calculator.fit(before)
        calculator.calculate(after)

    yield "fit, KS, JS and Wasserstein", task


PEERS = {
    "frouros": frouros,
    "alibi-detect": alibi_detect,
    "whylogs": whylogs,
    "evidently": evidently,
    "nannyml": nannyml,
}


def measure(what: str, case: str, task: Task, reference: Table, current: Table) -> None:
    """Times a task and prints the line."""
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        task(reference, current)
        seconds.append(time.perf_counter() - start)
        if seconds[0] > SLOW_SECONDS:
            break
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    line = {"case": case, "what": what, "seconds": min(seconds), "note": f"process peak {peak:,.0f} MB"}
    print(json.dumps(line), flush=True)


def main() -> None:
    """Windows first: the peak of the process then still belongs to them."""
    warnings.simplefilter("ignore")
    name, data = sys.argv[1:]
    tables = np.load(data, mmap_mode="r")
    window = np.array(tables[1][:WINDOW_ROWS, :WINDOW_COLUMNS])
    small = np.array(tables[0][:WINDOW_REFERENCE, :WINDOW_COLUMNS])
    tasks = list(PEERS[name]())
    for what, task in tasks:
        if what == MATRIX_TASK:
            measure(
                what,
                f"{WINDOW_ROWS:,} + {WINDOW_ROWS:,} x {WINDOW_COLUMNS}",
                task,
                small[:WINDOW_ROWS],
                window,
            )
            continue
        case = f"window {WINDOW_ROWS:,} x {WINDOW_COLUMNS}, reference {WINDOW_REFERENCE:,}"
        measure(what, case, task, small, window)
    reference, current = np.array(tables[0]), np.array(tables[1])
    for what, task in tasks:
        if what != MATRIX_TASK:
            measure(what, f"{len(current):,} x {current.shape[1]}", task, reference, current)


if __name__ == "__main__":
    main()
