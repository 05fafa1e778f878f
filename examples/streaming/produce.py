"""A service that predicts delivery times and puts its rows, and later the truths, into Kafka.

    python examples/streaming/produce.py localhost:9092
    STREAM_BOOTSTRAP_SERVERS=localhost:9092 driftgauge stream --config examples/streaming/exporter.yaml

Half-way the distances double. The topic delivery-alerts says so within two checks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer

from exporter import Reference

ROWS = 10_000
ROWS_A_MESSAGE = 100
# Kafka keeps the order of a key's messages, not that of a topic's: without one, the last to arrive need not
# be the newest rows.
KEY = "courier service 1"


def predict(distance: float, express: bool) -> float:
    """The model: minutes until delivery."""
    return 10.0 + (2.0 if express else 3.0) * distance


def rows(rng: np.random.Generator, n_rows: int, scale: float) -> list[dict[str, Any]]:
    """Deliveries whose distances are so long on average."""
    distances, express = rng.exponential(scale, n_rows), rng.random(n_rows) < 0.3
    return [
        {
            "distance": float(distance),
            "express": bool(fast),
            "prediction": predict(float(distance), bool(fast)),
        }
        for distance, fast in zip(distances, express, strict=True)
    ]


def main() -> None:
    """Write the reference, then produce."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", metavar="HOST:PORT")
    parser.add_argument("--reference", type=Path, default=Path(__file__).with_name("reference.json"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    training = rows(rng, 5_000, scale=4.0)
    Reference.fit(
        [{name: row[name] for name in ("distance", "express")} for row in training],
        model_name="delivery_time",
        model_version="1",
        predictions=[row["prediction"] for row in training],
        task="regression",
    ).save(arguments.reference)
    producer = Producer({"bootstrap.servers": arguments.servers, "enable.idempotence": True})
    for start in range(0, ROWS, ROWS_A_MESSAGE):
        batch = rows(rng, ROWS_A_MESSAGE, scale=4.0 if start < ROWS / 2 else 8.0)
        for number, row in enumerate(batch, start=start):
            row["prediction_id"] = f"delivery {number}"
        producer.produce("delivery-predictions", json.dumps(batch), key=KEY)
        truths = [
            {"prediction_id": row["prediction_id"], "label": row["prediction"] + float(rng.normal())}
            for row in batch
        ]
        producer.produce("delivery-outcomes", json.dumps(truths), key=KEY)
    if producer.flush(30.0):
        raise SystemExit(f"{arguments.servers}: found no broker that takes messages, need one")
    print(f"produced {ROWS:,} predictions and their truths")


if __name__ == "__main__":
    main()
