"""How many rows a second consumers of a stream take, with their windows and checks, from a mock cluster.

    python benchmarks/streams.py
    python benchmarks/streams.py --messages json --stores sqlite --consumers 1 --rows 3000000

The cluster is librdkafka's mock in a process of its own, as in the tests. Messages of 100 rows of 20 features
with ids and scores are produced before the clock starts; it runs from the first message to the last, in steps
of the consumer's own loop. Two consumers are two processes; their rate is that of all rows, from the first to
the last.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from exporter import Reference
from exporter.stores.settings import StoreSettings, open_unbuffered_store
from exporter.stream_settings import StreamSettings
from exporter.streams.consumer import StreamConsumer
from exporter.streams.publisher import Publisher
from exporter.streams.sink import Sink

FEATURES = 20
ROWS_A_MESSAGE = 100
PARTITIONS = 64
PARTITION_BYTES = 4_000_000
"""Of messages in a partition; the mock drops the oldest from five million on."""
CHECK_SECONDS = 5.0
LONGEST_SECONDS = 300.0
DISTINCT = 50
"""Messages that are made; they are produced again and again."""

BROKER = Path(__file__).parents[1] / "tests/exporter/streams/broker.py"

Format = Literal["json", "arrow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What consumers did; `cores` are processor seconds a second of all of them."""

    rows: int
    seconds: float
    cores: float


def main() -> None:
    """Measure each form with one and two consumers, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--messages", nargs="+", choices=("arrow", "json"), default=("arrow", "json"))
    parser.add_argument("--stores", nargs="+", choices=("memory", "sqlite"), default=("memory", "sqlite"))
    parser.add_argument("--consumers", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--check-seconds", type=float, default=CHECK_SECONDS)
    arguments = parser.parse_args()
    print(
        "| messages | store | consumers | rows | seconds | rows a second | cores | rows a processor second |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for form in arguments.messages:
        for store in arguments.stores:
            for consumers in arguments.consumers:
                result = measure(form, store, consumers, arguments.rows, arguments.check_seconds)
                rate = result.rows / result.seconds
                print(
                    f"| {form} | {store} | {consumers} | {result.rows:,} | {result.seconds:.1f} |"
                    f" {rate:,.0f} | {result.cores:.2f} | {rate / result.cores:,.0f} |",
                    flush=True,
                )


def measure(form: Any, store: Any, consumers: int, n_rows: int, check_seconds: float) -> Result:
    """Produce so many rows and let the consumers take them."""
    reference = Reference.fit(_table(10_000), model_name="bench", model_version="1")
    messages = [_message(form, number) for number in range(DISTINCT)]
    size = n_rows // ROWS_A_MESSAGE * max(map(len, messages))
    partitions = max(PARTITIONS, -(-size // PARTITION_BYTES))
    broker = subprocess.Popen(
        [sys.executable, str(BROKER), f"rows:{partitions}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert broker.stdout is not None
    address = broker.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "reference.json"
        reference.save(path)
        total = _produce(address, messages, partitions, n_rows)
        taken = multiprocessing.get_context("spawn").Value("q", 0)
        report: Any = multiprocessing.get_context("spawn").Queue()
        processes = [
            multiprocessing.get_context("spawn").Process(
                target=_consume,
                args=(address, str(path), store, directory, check_seconds, taken, total, report),
            )
            for _ in range(consumers)
        ]
        for process in processes:
            process.start()
        found = [report.get(timeout=LONGEST_SECONDS) for _ in processes]
        for process in processes:
            process.join()
    broker.stdin.close()  # type: ignore[union-attr]  # it is a pipe
    broker.wait()
    begun, ended = min(one[0] for one in found), max(one[1] for one in found)
    return Result(rows=total, seconds=ended - begun, cores=sum(one[2] for one in found) / (ended - begun))


def _consume(
    address: str,
    reference: str,
    store: Any,
    directory: str,
    check_seconds: float,
    taken: Any,
    total: int,
    report: Any,
) -> None:
    """One consumer: from its first message until all consumers together have taken everything."""
    settings = StreamSettings(
        bootstrap_servers=address, group="bench", observations=("rows",), session_seconds=10
    )
    path = Path(directory) / "window.sqlite3"
    sink = Sink(
        Reference.load(reference),
        open_unbuffered_store(StoreSettings(type=store, path=path), name="bench", version="1"),
        registry := CollectorRegistry(),
        check_interval_seconds=check_seconds,
    )
    consumer = StreamConsumer(settings, sink, Publisher(settings))
    checks = sink.checks()
    consumer.begin()
    begun = ended = 0.0
    used, known = 0.0, 0
    deadline = time.monotonic() + LONGEST_SECONDS
    while taken.value < total and time.monotonic() < deadline:
        before, processor = time.time(), _processor_seconds()
        consumer.step()
        rows = int(
            registry.get_sample_value(
                "model_predictions_total", {"model_name": "bench", "model_version": "1"}
            )
            or 0
        )
        if rows > known:
            if not begun:
                begun, used = before, processor
                checks.start()
            ended = time.time()
            with taken.get_lock():
                taken.value += rows - known
            known = rows
    checks.stop(5.0)
    spent = _processor_seconds() - used
    consumer.close()
    report.put((begun or time.time(), ended, spent))


def _produce(address: str, values: list[bytes], partitions: int, n_rows: int) -> int:
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20})
    messages = n_rows // ROWS_A_MESSAGE
    for number in range(messages):
        producer.produce("rows", values[number % DISTINCT], partition=number % partitions)
        producer.poll(0)
        if number % 500 == 0:
            producer.flush()
    producer.flush()
    return messages * ROWS_A_MESSAGE


def _message(form: Format, number: int) -> bytes:
    columns: dict[str, Any] = dict(_table(ROWS_A_MESSAGE, number))
    columns["prediction_id"] = [f"{number}-{row}" for row in range(ROWS_A_MESSAGE)]
    columns["score"] = np.linspace(0.0, 1.0, ROWS_A_MESSAGE)
    table = pa.table(columns)
    if form == "json":
        return json.dumps(table.to_pylist()).encode()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _table(n_rows: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {f"f{column}": rng.normal(size=n_rows).round(6) for column in range(FEATURES)}


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system


if __name__ == "__main__":
    main()
