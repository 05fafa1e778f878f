"""The example in `examples/streaming` produces what its configuration consumes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from exporter.config import load_config
from exporter.reference import Reference
from exporter.stores import MemoryStore
from exporter.streams.consumer import StreamConsumer
from exporter.streams.publisher import Announcer, Publisher
from exporter.streams.sink import Sink

if TYPE_CHECKING:
    from .conftest import Broker

WAIT_SECONDS = 60.0
EXAMPLE = Path(__file__).resolve().parents[3] / "examples/streaming"


def test_the_example_finds_its_drift(broker: Broker, tmp_path: Path) -> None:
    """The doubled distances are told, the ways of delivery are not."""
    config = load_config(EXAMPLE / "exporter.yaml", {"STREAM_BOOTSTRAP_SERVERS": broker.address})
    assert config.stream is not None
    command = [sys.executable, str(EXAMPLE / "produce.py"), broker.address]
    done = subprocess.run(
        [*command, "--reference", str(tmp_path / "r.json")],
        capture_output=True, text=True, check=False, timeout=WAIT_SECONDS,
    )  # fmt: skip
    assert done.stdout == "produced 10,000 predictions and their truths\n", done.stderr
    publisher = Publisher(config.stream)
    model = ("delivery_time", "1")
    registry = CollectorRegistry()
    sink = Sink(
        Reference.load(tmp_path / "r.json"),
        MemoryStore(),
        registry,
        announcer=Announcer(config.stream, publisher, model),
        windows=config.windows,
    )
    consumer = StreamConsumer(config.stream, sink, publisher)
    consumer.begin()
    labels = {"model_name": "delivery_time", "model_version": "1"}

    def value(name: str, **more: str) -> float:
        return registry.get_sample_value(name, {**labels, **more}) or 0.0

    deadline = time.monotonic() + WAIT_SECONDS
    while value("driftgauge_stream_messages_total", result="observations") < 100 or (
        value("driftgauge_stream_messages_total", result="outcomes") < 100
    ):
        assert time.monotonic() < deadline, "it never came"
        consumer.step()
    for _ in range(3):
        sink.check_now()
    consumer.close()
    alerts = [json.loads(message.value() or b"") for message in broker.read("delivery-alerts", partitions=4)]
    drifted = {one["column"] for one in alerts if one["window"] == "newest" and one["state"] == "drift"}
    assert "distance" in drifted
    assert "express" not in drifted
    joined = value("model_outcomes_total", outcome="joined")
    assert joined + value("model_outcomes_total", outcome="unknown_id") == 10_000
    assert joined > 0
