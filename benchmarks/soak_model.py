"""The model process of `benchmarks/soak.py`: the demo's model, asked at a steady rate and checked meanwhile.

    python -m benchmarks.soak_model --port 9108 --directory DIR --rate 1000 --checks inside

Calls of ten flights each, over April to December again and again; their outcomes follow a minute later. A
call that is due while the one before still runs is made late, never left out. SIGTERM ends it; DIR then has
calls.npy, when each call began and how long it took, and checks.npy, when each check began and ended. With
`--checks beside` rows go to a file, and DIR/exporter.yaml is for `soak_monitor.py`, which checks them.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from driftgauge.demo.data import FEATURES
from driftgauge.demo.processes import StopRequest
from driftgauge.demo.service import prepare
from driftgauge.demo.train import MODEL_NAME, MODEL_VERSION
from exporter import AssessmentPolicy, InstrumentedPredictor, MemoryStore, Window
from exporter.schedule import Schedule
from exporter.stores.settings import StoreSettings, open_store

ROWS_A_CALL = 10
WINDOW = Window("5m", 300.0)
"""300,000 rows at the usual rate: full long before the warm-up ends."""
CHECK_SECONDS = 15.0
OUTCOME_DELAY_SECONDS = 60.0
MAX_CALLS = 1_000_000
"""Nearly three hours at the usual rate."""
RETENTION = 0.25
"""Hours: the window, and time for outcomes."""
MAX_ROWS = 400_000
"""A little more than the window holds."""


class Calls:
    """When each call began, in seconds since 1970, and how long it took; made at once, so it never grows."""

    def __init__(self) -> None:
        self._entries = np.full((MAX_CALLS, 2), np.nan)
        self._made = 0

    def add(self, began: float, seconds: float) -> None:
        """Note a call."""
        self._entries[self._made] = began, seconds
        self._made += 1

    def save(self, path: Path) -> None:
        """Write those that were made."""
        np.save(path, self._entries[: self._made])


class Noted:
    """A function, and when it began and ended each time."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._entries: list[tuple[float, float]] = []

    def __call__(self) -> Any:
        """As the function."""
        began = time.time()
        try:
            return self._function()
        finally:
            self._entries.append((began, time.time()))

    def save(self, path: Path) -> None:
        """Write when it ran."""
        np.save(path, np.array(self._entries).reshape(-1, 2))


def main() -> int:
    """Run until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--checks", choices=("inside", "beside"), required=True)
    options = parser.parse_args()
    with threadpool_limits(limits=1):
        flights, model, reference = prepare(None, options.directory / "reference.json", time.monotonic())
        X = flights.features[list(FEATURES)]
        gc.freeze()  # what it is asked with is ours: a model's process need not walk it when it collects
        calls, inside = Calls(), options.checks == "inside"
        rows = StoreSettings(
            type="sqlite", path=options.directory / "rows.sqlite3", retention_hours=RETENTION
        )
        with (
            StopRequest() as stop,
            InstrumentedPredictor(
                model,
                name=MODEL_NAME,
                version=MODEL_VERSION,
                reference=reference,
                store=MemoryStore(retention_hours=RETENTION, max_rows=MAX_ROWS)
                if inside
                else open_store(rows, name=MODEL_NAME, version=MODEL_VERSION),
                windows=[WINDOW],
                schedule=Schedule(enabled=inside, interval_seconds=CHECK_SECONDS),
                assessment=AssessmentPolicy(segment="origin"),
            ) as predictor,
        ):
            check = Noted(predictor._monitor.run)  # noqa: SLF001 - there is no public question for it
            predictor._monitor.run = check  # type: ignore[method-assign]  # noqa: SLF001
            predictor.serve(port=options.port)
            ask(predictor, X, flights.late, calls, stop, options.rate / ROWS_A_CALL)
            # Before the predictor is closed: that waits for a check, and the parent for so long alone.
            calls.save(options.directory / "calls.npy")
            if inside:
                check.save(options.directory / "checks.npy")
    return 0


def ask(
    predictor: InstrumentedPredictor,
    X: Any,
    late: NDArray[np.float64],
    calls: Calls,
    stop: StopRequest,
    calls_a_second: float,
) -> None:
    """Call at the asked rate until told to stop."""
    waiting: deque[tuple[float, int, int]] = deque()
    began = time.monotonic()
    number = 0
    while not stop.requested:
        ahead = began + number / calls_a_second - time.monotonic()
        if ahead > 0:
            time.sleep(min(ahead, 0.1))
            continue
        place, first = number * ROWS_A_CALL % len(X), number * ROWS_A_CALL
        # A new one for each call, as a server makes them: a pandas frame that is asked grows.
        table = X.iloc[place : place + ROWS_A_CALL]
        began_at, start = time.time(), time.perf_counter()
        predictor.predict_proba(table, ids=list(range(first, first + len(table))))
        calls.add(began_at, time.perf_counter() - start)
        waiting.append((time.monotonic() + OUTCOME_DELAY_SECONDS, first, place))
        number += 1
        # A second's outcomes at once, as a batch job would bring them.
        if number % round(calls_a_second) == 0:
            ids, truth = [], []
            while waiting and waiting[0][0] <= time.monotonic():
                _, first, place = waiting.popleft()
                landed = late[place : place + ROWS_A_CALL]
                known = np.flatnonzero(~np.isnan(landed))  # the cancelled and diverted never have an outcome
                ids += (first + known).tolist()
                truth += landed[known].astype(int).tolist()
            if ids:
                predictor.record_outcomes(ids, truth)


if __name__ == "__main__":
    sys.exit(main())
