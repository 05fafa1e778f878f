"""A mock cluster for each test that wants one, a model, messages about it, and stores that members share."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from exporter.policy import Policy
from exporter.reference import Reference
from exporter.stores import MemoryStore, Store
from exporter.stores.journal import JournalStore
from exporter.stores.settings import StoreSettings, open_unbuffered_store
from exporter.stream_settings import StreamSettings
from exporter.streams.consumer import StreamConsumer
from exporter.streams.publisher import Announcer, Publisher
from exporter.streams.sink import Sink
from exporter.windows import Window

WAIT_SECONDS = 60.0
"""Generous: other tests run on the same machine."""

_spec = importlib.util.spec_from_file_location("servers", Path(__file__).parents[1] / "stores/conftest.py")
assert _spec is not None
assert _spec.loader is not None
_servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_servers)
postgres_server, redis_server = _servers.postgres_server, _servers.redis_server

KINDS = ("sqlite", "postgresql", "redis")
"""Stores that members of a group can share."""

BROKER = Path(__file__).with_name("broker.py")
TOPICS = ("rows:4", "truths:2", "alerts:1", "letters:1")


class Broker:
    """A cluster in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(BROKER), *TOPICS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, what: str) -> None:
        """Let it go `down` or `up`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(10)

    def send(self, topic: str, values: Sequence[Any], partitions: int = 4) -> None:
        """Produce one message for each value, in turn to each partition."""
        producer = Producer({"bootstrap.servers": self.address})
        for place, value in enumerate(values):
            raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
            producer.produce(topic, raw, partition=place % partitions)
        assert producer.flush(WAIT_SECONDS) == 0

    def read(self, topic: str, partitions: int = 1) -> list[Message]:
        """All messages of a topic."""
        reader = Consumer(
            {"bootstrap.servers": self.address, "group.id": "reader", "enable.partition.eof": True}
        )
        reader.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        found: list[Message] = []
        ended = 0
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            while True:
                assert time.monotonic() < deadline
                message = reader.poll(0.1)
                error = None if message is None else message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    ended += 1
                    if ended == partitions:
                        return found
                if message is not None and error is None:
                    found.append(message)
        finally:
            reader.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    started = Broker()
    yield started
    started.close()


def row(number: int, shift: float = 0.0) -> dict[str, Any]:
    """A row with an id of its own, whose features follow from its number."""
    values = np.random.default_rng(number).normal(size=2) + shift
    return {
        "a": float(values[0]),
        "b": float(values[1]),
        "kind": "xy"[number % 2],
        "prediction_id": f"id {number}",
        "score": 0.25 + 0.5 * (number % 2),
        "prediction": "yes" if number % 2 else "no",
    }


Row = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session", name="row")
def row_fixture() -> Row:
    return row


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Of the model `m` version `1`."""
    rows = [row(number) for number in range(2_000)]
    return Reference.fit(
        {name: [one[name] for one in rows] for name in ("a", "b", "kind")},
        model_name="m",
        model_version="1",
        predictions=[one["prediction"] for one in rows],
        scores=[one["score"] for one in rows],
        labels=[one["prediction"] for one in rows],
    )


class Member:
    """One consumer of a group, stepped by the test."""

    def __init__(self, settings: StreamSettings, reference: Reference, store: Store) -> None:
        self.registry = CollectorRegistry()
        publisher = Publisher(settings)
        announcer = None if settings.alerts is None else Announcer(settings, publisher, ("m", "1"))
        self.sink = Sink(
            reference,
            store,
            self.registry,
            announcer=announcer,
            policy=Policy(min_samples=50),
            windows=(Window("1h", 3600.0), Window("newest", 3600.0, 400)),
        )
        self.consumer = StreamConsumer(settings, self.sink, publisher)
        self.consumer.begin()

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(name, {"model_name": "m", "model_version": "1", **labels})
        return 0.0 if found is None else found

    def until(self, ready: Callable[[], bool]) -> None:
        """Take batches until it is so."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            assert time.monotonic() < deadline, "it never came"
            self.consumer.step()

    def messages(self) -> float:
        return sum(
            self.value("driftgauge_stream_messages_total", result=result)
            for result in ("observations", "outcomes", "dead_letter")
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m 'not stack'` leaves it out where none is installed."""
    for item in items:
        values = getattr(getattr(item, "callspec", None), "params", {}).values()
        if item.path.parent == BROKER.parent and {"postgresql", "redis"} & set(map(str, values)):
            item.add_marker(pytest.mark.stack)


class Shared:
    """A store that several processes open, of a model of its own for each test."""

    def __init__(self, kind: Any, place: str, name: str, server: Any) -> None:
        self.arguments = (kind, place, name)
        self.server = server
        self._settings = StoreSettings(type=kind, path=Path(place), url=place)
        self._name = name
        self.opened: list[JournalStore] = []

    def open(self) -> JournalStore:
        """The store once more."""
        store = open_unbuffered_store(self._settings, name=self._name, version="1")
        assert isinstance(store, JournalStore)
        self.opened.append(store)
        return store


@pytest.fixture(params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shared]:
    """A store of each kind that members can share, on the real server where there is one."""
    kind, name, server = request.param, request.node.name, None
    place = str(tmp_path / "window.sqlite3")
    if kind == "postgresql":
        server = request.getfixturevalue("postgres_server")
        place = f"postgresql://driftgauge:secret-word@127.0.0.1:{server.port}/postgres"
    elif kind == "redis":
        server = request.getfixturevalue("redis_server")
        place = f"redis://:secret-word@127.0.0.1:{server.port}/0"
    one = Shared(kind, place, name, server)
    yield one
    for store in one.opened:
        store.close()


Joining = Callable[..., Member]


@pytest.fixture
def settings(broker: Broker) -> StreamSettings:
    return StreamSettings(
        bootstrap_servers=broker.address,
        group="g",
        observations=("rows",),
        outcomes=("truths",),
        alerts="alerts",
        dead_letters="letters",
        wait_seconds=0.05,
        max_message_bytes=200_000,
        # Long: a member that is only slow must not lose its partitions, and read again what memory has.
        session_seconds=30,
    )


@pytest.fixture
def join(settings: StreamSettings, reference: Reference) -> Iterator[Joining]:
    """Let another member join the group."""
    members: list[Member] = []

    def add(store: Store | None = None) -> Member:
        members.append(Member(settings, reference, MemoryStore() if store is None else store))
        return members[-1]

    yield add
    for member in members:
        member.consumer.close()
