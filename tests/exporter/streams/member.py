"""One member of a group in a process of its own: for tests that kill it.

    python member.py address reference kind place name [appends]

The store is sqlite, postgresql or redis, at a place (its file or address), for a model of that name.

After so many appends it kills itself: the store has the batch, and nothing has been counted or committed. On
SIGTERM it leaves the group and prints how many rows it has counted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry

from exporter.observation import Observations
from exporter.policy import Policy
from exporter.reference import Reference
from exporter.stores.journal import JournalStore
from exporter.stores.settings import StoreSettings, open_unbuffered_store
from exporter.stream_settings import StreamSettings
from exporter.streams.consumer import StreamConsumer
from exporter.streams.publisher import Announcer, Publisher
from exporter.streams.sink import Sink

MODEL = {"model_name": "m", "model_version": "1"}


class Fatal(JournalStore):
    """A store that its process does not survive."""

    left = 0

    def append(self, observations: Observations, note: Mapping[str, Any] | None = None) -> None:
        super().append(observations, note)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Consume until told to end."""
    address, reference_path, kind, place, name = sys.argv[1:6]
    settings = StreamSettings(
        bootstrap_servers=address,
        group="g",
        observations=("rows",),
        alerts="alerts",
        wait_seconds=0.05,
        batch_messages=20,
        session_seconds=5,
    )
    where = StoreSettings(type=cast("Any", kind), path=Path(place), url=place)
    opened = open_unbuffered_store(where, name=name, version="1")
    assert isinstance(opened, JournalStore)
    store = Fatal(opened._journal)
    store.left = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    registry = CollectorRegistry()
    publisher = Publisher(settings)
    sink = Sink(
        Reference.load(reference_path),
        store,
        registry,
        announcer=Announcer(settings, publisher, ("m", "1")),
        policy=Policy(min_samples=50),
        check_interval_seconds=0.2,
    )
    consumer = StreamConsumer(settings, sink, publisher)
    signal.signal(signal.SIGTERM, lambda *_: consumer.stopping.set())
    checks = sink.checks()
    checks.start()
    print("ready", flush=True)  # noqa: T201 - its answer
    consumer.run()
    checks.stop(5.0)
    print(int(registry.get_sample_value("model_predictions_total", MODEL) or 0))  # noqa: T201 - same


if __name__ == "__main__":
    main()
