"""How many observations a second each store takes without dropping one, and how fast a window is read.

    python benchmarks/stores.py --postgresql postgresql://user:password@127.0.0.1/postgres \
        --redis redis://:password@127.0.0.1 --influxdb http://127.0.0.1:8086/window

One process predicts 10,000 rows a second (or `--rows-a-second`) of 20 features, each with an id, through a
predictor as a service would; then a window of 100,000 rows is read five times. Stores without an address are
left out. Each run has a model version of its own and leaves its rows to the retention of the server.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exporter import InstrumentedPredictor, Reference
from exporter.stores.settings import StoreSettings, open_store

FEATURES = 20
ROWS_A_SECOND = 10_000
CALLS_A_SECOND = 100
WINDOW_ROWS = 100_000
READS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one store did; seconds are wall time, `cores` are processor seconds a second of this process."""

    rows_a_second: float
    dropped: float
    failed: float
    cores: float
    read_seconds: float


def main() -> None:
    """Measure each store and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--redis", metavar="URL")
    parser.add_argument("--influxdb", metavar="URL")
    parser.add_argument("--rows-a-second", type=int, default=ROWS_A_SECOND)
    parser.add_argument("--only", metavar="TYPE", help="measure this store alone")
    arguments = parser.parse_args()
    print("| store | rows a second | dropped | cores | window of 100,000 x 20, seconds |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as directory:
        for settings in _stores(Path(directory), arguments):
            if arguments.only not in (None, settings.type):
                continue
            result = measure(settings, arguments.seconds, arguments.rows_a_second)
            print(
                f"| {settings.type} | {result.rows_a_second:,.0f} | {result.dropped + result.failed:.0f} |"
                f" {result.cores:.2f} | {result.read_seconds:.2f} |",
                flush=True,
            )


def _stores(directory: Path, arguments: argparse.Namespace) -> Iterator[StoreSettings]:
    yield StoreSettings(type="memory")
    yield StoreSettings(type="sqlite", path=directory / "window.sqlite3")
    if arguments.postgresql:
        yield StoreSettings(type="postgresql", url=arguments.postgresql)
    if arguments.redis:
        yield StoreSettings(type="redis", url=arguments.redis)
    if arguments.influxdb:
        yield StoreSettings(type="influxdb", url=arguments.influxdb)


def measure(settings: StoreSettings, seconds: float, rows_a_second: int) -> Result:
    """Predict for so long, then read."""
    version = uuid.uuid4().hex[:8]
    rng = np.random.default_rng(1)
    training = rng.normal(size=(10_000, FEATURES))
    reference = Reference.fit(training, model_name="bench", model_version=version)
    store = open_store(settings, name="bench", version=version)
    predictor = InstrumentedPredictor(
        lambda rows: np.zeros(len(rows)),
        name="bench",
        version=version,
        reference=reference,
        store=store,
        check_interval_seconds=1e9,
    )
    size = rows_a_second // CALLS_A_SECOND
    tables = [rng.normal(size=(size, FEATURES)) for _ in range(CALLS_A_SECOND)]
    used, begun = _processor_seconds(), time.perf_counter()
    calls = int(seconds * CALLS_A_SECOND)
    for call in range(calls):
        predictor(tables[call % len(tables)], ids=[f"{call}-{row}" for row in range(size)])
        ahead = begun + (call + 1) / CALLS_A_SECOND - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
    took = time.perf_counter() - begun
    predictor.flush()
    cores = (_processor_seconds() - used) / took
    reads = []
    for _ in range(READS):
        start = time.perf_counter()
        window = store.window(0.0, limit=WINDOW_ROWS)
        reads.append(time.perf_counter() - start)
    assert window.n_rows == min(WINDOW_ROWS, calls * size), window.n_rows
    lost = {
        reason: predictor.registry.get_sample_value(
            "driftgauge_observations_dropped_total",
            {"model_name": "bench", "model_version": version, "reason": reason},
        )
        or 0.0
        for reason in ("buffer_full", "unreadable", "fault", "store")
    }
    waiting = getattr(store, "waiting_rows", 0)
    predictor.close()
    return Result(
        rows_a_second=calls * size / took,
        dropped=sum(lost.values()),
        failed=waiting,
        cores=cores,
        read_seconds=statistics.median(reads),
    )


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
