"""Which topics of which brokers, and what librdkafka is told of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from .errors import ConfigError

Protocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Start = Literal["earliest", "latest"]

MAX_MESSAGE_BYTES: Final = 1_048_588
"""Kafka's own default of `message.max.bytes`: what a broker takes unless it is told otherwise."""

BATCH_MESSAGES: Final = 5_000
"""Messages taken together at most: of one row each, a batch that costs the store little more than one row."""

WAIT_SECONDS: Final = 0.5
"""How long a batch waits for more, as the flush of a predictor."""

QUEUED_KILOBYTES: Final = 32_768
"""Messages fetched ahead at most: a second and a half of 50,000 rows a second of 400 bytes."""

SESSION_SECONDS: Final = 45.0
"""Kafka's default: after so long without a sign of life a consumer's partitions go to the others."""

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka allows as the name of a topic."""

_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How brokers know us, and we them.

    Attributes
    ----------
    protocol : str
        plaintext, ssl, sasl_plaintext or sasl_ssl.
    mechanism, username, password : str, optional
        For sasl; the password is in no repr.
    ca_file, certfile, keyfile : Path, optional
        PEM files for ssl.
    """

    protocol: Protocol = "plaintext"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def __post_init__(self) -> None:
        sasl, tls = self.protocol.startswith("sasl"), self.protocol.endswith("ssl")
        where = "stream.security"
        if sasl and not (self.username and self.password):
            lacking = "password" if self.username else "username"
            raise ConfigError(
                f"{where}.{lacking}: found nothing, need one for {self.protocol};"
                " a password belongs in STREAM_PASSWORD or STREAM_PASSWORD_FILE"
            )
        if not sasl and (self.username or self.password):
            raise ConfigError(
                f"{where}.protocol: found {self.protocol} with a user or password,"
                " need sasl_ssl (or sasl_plaintext), or neither of them"
            )
        if not tls and (self.ca_file or self.certfile or self.keyfile):
            raise ConfigError(
                f"{where}.protocol: found {self.protocol} with a certificate file, need ssl or sasl_ssl"
            )
        if (self.certfile is None) != (self.keyfile is None):
            raise ConfigError(f"{where}: found only one of certfile and keyfile, need both or neither")
        for key in ("ca_file", "certfile", "keyfile"):
            path: Path | None = getattr(self, key)
            if path is not None and not path.is_file():
                raise ConfigError(f"{where}.{key}: {path}: found no such file, need a PEM file")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowColumns:
    """Names of what a row has besides the features of the reference."""

    id: str = "prediction_id"
    timestamp: str = "timestamp"
    score: str = "score"
    prediction: str = "prediction"
    label: str = "label"

    def __post_init__(self) -> None:
        names = [getattr(self, one.name) for one in fields(self)]
        if len(set(names)) != len(names):
            raise ConfigError(f"stream.columns: found {names}, need a name of its own for each")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What `driftgauge stream` consumes, and where it publishes.

    Attributes
    ----------
    bootstrap_servers : str
        host:port of brokers, with commas.
    group : str
        Consumers of one group share the partitions.
    observations, outcomes : tuple of str
        Topics of predicted rows, and of their truths.
    alerts, dead_letters : str, optional
        Topics for changes of state, and for messages that are refused.
    security : Security
    columns : RowColumns
    start : "earliest" or "latest"
        Where a group begins that has never been there.
    batch_messages : int
        Messages taken together at most.
    wait_seconds : float
        How long a batch waits for more.
    max_message_bytes : int
        A longer message is refused.
    check_rows : int, optional
        A check also after so many rows of this consumer.
    session_seconds : float
        After so long without a sign of life the others take a consumer's partitions.
    """

    bootstrap_servers: str
    group: str
    observations: tuple[str, ...]
    outcomes: tuple[str, ...] = ()
    alerts: str | None = None
    dead_letters: str | None = None
    security: Security = field(default_factory=Security)
    columns: RowColumns = field(default_factory=RowColumns)
    start: Start = "earliest"
    batch_messages: int = BATCH_MESSAGES
    wait_seconds: float = WAIT_SECONDS
    max_message_bytes: int = MAX_MESSAGE_BYTES
    check_rows: int | None = None
    session_seconds: float = SESSION_SECONDS

    def __post_init__(self) -> None:
        for server in self.bootstrap_servers.split(","):
            found = _SERVER.fullmatch(server.strip())
            if found is None or not 0 < int(found[2]) < 65_536:
                raise ConfigError(f"stream.bootstrap_servers: found {server.strip()!r}, need host:port")
        if not self.group:
            raise ConfigError("stream.group: found nothing, need a name that its consumers share")
        if not self.observations:
            raise ConfigError("stream.observations: found no topic, need at least one")
        written = [name for name in (self.alerts, self.dead_letters) if name is not None]
        topics = [*self.observations, *self.outcomes, *written]
        for topic in topics:
            if not _TOPIC.fullmatch(topic) or topic in {".", ".."}:
                raise ConfigError(
                    f"stream: found the topic {topic!r:.60}, need 1 to 249 of A-Z a-z 0-9 . _ -"
                )
        if len(set(topics)) != len(topics):
            raise ConfigError(f"stream: found a topic twice in {topics}, need each in one place")


def consumer_options(settings: StreamSettings) -> dict[str, Any]:
    """Of a consumer that decides itself when a message is done."""
    return {
        **_connection(settings),
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": settings.start,
        # A rebalance takes a partition only from those that lose it; the others go on.
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(settings.session_seconds * 1000),
        # A third of it, as Kafka advises; its default of three seconds where that is more.
        "heartbeat.interval.ms": min(3_000, int(settings.session_seconds * 1000 / 3)),
        "queued.max.messages.kbytes": QUEUED_KILOBYTES,
        "fetch.wait.max.ms": 100,
        "isolation.level": "read_committed",
    }


def producer_options(settings: StreamSettings) -> dict[str, Any]:
    """Of a producer that says nothing is there before the broker has it, and nothing twice."""
    return {
        **_connection(settings),
        "enable.idempotence": True,
        "message.max.bytes": settings.max_message_bytes + HEADER_BYTES,
        "delivery.timeout.ms": 30_000,
    }


HEADER_BYTES: Final = 65_536
"""Room beside a message of the largest size for its key and our headers."""


def _connection(settings: StreamSettings) -> Mapping[str, Any]:
    security = settings.security
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": security.protocol,
        "client.id": "driftgauge",
        # What goes wrong comes by `error_cb` and is counted; librdkafka would say it each second.
        "log_level": 2,
    }
    if security.protocol.startswith("sasl"):
        options |= {
            "sasl.mechanism": security.mechanism,
            "sasl.username": security.username,
            "sasl.password": security.password,
        }
    for key, path in (
        ("ssl.ca.location", security.ca_file),
        ("ssl.certificate.location", security.certfile),
        ("ssl.key.location", security.keyfile),
    ):
        if path is not None:
            options[key] = str(path)
    return options
