"""What is written to topics: messages that were refused, and changes of state."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..errors import ConfigError, StreamError
from ..report import Report
from ..stream_settings import StreamSettings, consumer_options, producer_options
from .alerts import Alert, Key, Said, changes, parsed
from .messages import PoisonError

try:
    from confluent_kafka import (
        OFFSET_BEGINNING,
        Consumer,
        KafkaError,
        KafkaException,
        Message,
        Producer,
        TopicPartition,
    )
except ImportError as error:  # pragma: no cover - told to whoever configures a stream
    raise ConfigError("stream: found no client, need: pip install 'driftgauge[kafka]'") from error

FLUSH_SECONDS: Final = 35.0
"""A little more than `delivery.timeout.ms`: by then every message has arrived or failed."""

READ_SECONDS: Final = 10.0
"""How long the topic of alerts is read before a check. It has a message for each change, and few of those."""

Headers = list[tuple[str, str | bytes | None]]


class Publisher:
    """A producer that returns when the brokers have it.

    Parameters
    ----------
    settings : StreamSettings
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        try:
            self._producer = Producer({**producer_options(settings), "error_cb": _ignore})
        except KafkaException as error:
            raise ConfigError(
                f"stream: {error.args[0].str()}, need settings that librdkafka takes"
            ) from error

    def refuse(self, letters: Sequence[tuple[Message, PoisonError]]) -> None:
        """Put messages into the topic of dead letters with the reason, and where they came from.

        One that is too large goes without its content, which is still where it came from.

        Raises
        ------
        StreamError
            If one of them did not arrive; trying again may bring the others twice.
        """
        topic = self._settings.dead_letters
        if topic is None:
            return
        self._send(
            [
                (
                    topic,
                    None if error.reason == "too_large" else message.value(),
                    message.key(),
                    [*(message.headers() or []), *_headers(message, error)],
                )
                for message, error in letters
            ]
        )

    def alert(self, alerts: Sequence[Alert], model: tuple[str, str]) -> None:
        """Tell changes of state.

        Raises
        ------
        StreamError
            If one of them did not arrive.
        """
        topic = self._settings.alerts
        if topic is None:
            return
        self._send(
            [
                (
                    topic,
                    json.dumps(alert.value, allow_nan=False).encode(),
                    "/".join((*model, *alert.key)).encode(),
                    [],
                )
                for alert in alerts
            ]
        )

    def _send(self, messages: Sequence[tuple[str, Any, Any, Headers]]) -> None:
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        try:
            for topic, value, key, headers in messages:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
                self._producer.poll(0)
            left = self._producer.flush(FLUSH_SECONDS)
        except (KafkaException, BufferError) as error:
            raise StreamError(f"publishing: {error}, need brokers that take messages") from error
        if failed or left:
            reason = failed[0].str() if failed else "timed out"
            raise StreamError(f"publishing to {messages[0][0]}: {reason}, need brokers that take messages")


class Announcer:
    """Says what checks change, once, whoever said the last word before.

    Parameters
    ----------
    settings : StreamSettings
    publisher : Publisher
    model : tuple of str
        Name and version.
    """

    def __init__(self, settings: StreamSettings, publisher: Publisher, model: tuple[str, str]) -> None:
        self._settings = settings
        self._publisher = publisher
        self._model = model
        self._said: dict[Key, Said] | None = None

    def forget(self) -> None:
        """Another member says it from now on; read again what it said before saying more."""
        self._said = None

    def known(self) -> Mapping[Key, Said]:
        """What the topic says.

        Raises
        ------
        StreamError
            If it cannot be read.
        """
        if self._settings.alerts is None:
            return {}
        if self._said is None:
            self._said = read_alerts(self._settings, self._model)
        return self._said

    def announce(self, reports: Mapping[str, Report]) -> int:
        """Tell what these reports change; how many messages that was.

        Raises
        ------
        StreamError
            If the topic could not be read or written: the next check says it.
        """
        if self._settings.alerts is None:
            return 0
        said = dict(self.known())
        found = changes(reports, said)
        try:
            self._publisher.alert(found, self._model)
        except StreamError:
            self.forget()  # some of them may have arrived
            raise
        self._said = {**said, **{alert.key: alert.said for alert in found}}
        return len(found)


def read_alerts(
    settings: StreamSettings, model: tuple[str, str], clock: Callable[[], float] = time.monotonic
) -> dict[Key, Said]:
    """What the topic of alerts says of a model: the last message of each key.

    Raises
    ------
    StreamError
        If it cannot be read to its end.
    """
    topic = settings.alerts
    assert topic is not None
    options = {**consumer_options(settings), "group.id": f"{settings.group}-alerts", "error_cb": _ignore}
    reader = Consumer({**options, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    said: dict[Key, Said] = {}
    deadline = clock() + READ_SECONDS
    try:
        about = reader.list_topics(topic, timeout=READ_SECONDS).topics[topic]
        waiting = set(about.partitions)
        reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in waiting])
        while waiting:
            if clock() > deadline:
                raise StreamError(f"{topic}: not read in {READ_SECONDS:.0f} s, need its last messages")
            message = reader.poll(0.2)
            error = None if message is None else message.error()
            if message is None:
                continue
            if error is None:
                found = parsed(message.value(), model)
                if found is not None and found[1].sequence >= said.get(found[0], Said()).sequence:
                    said[found[0]] = found[1]
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                waiting.discard(message.partition())
    except KafkaException as error:
        raise StreamError(f"{topic}: {error}, need a topic that can be read") from error
    finally:
        reader.close()
    return said


def _headers(message: Message, error: PoisonError) -> Headers:
    return [
        ("driftgauge_reason", error.reason),
        ("driftgauge_detail", error.detail.encode("utf-8", "replace")),
        ("driftgauge_topic", message.topic()),
        ("driftgauge_partition", str(message.partition())),
        ("driftgauge_offset", str(message.offset())),
    ]


def _ignore(_: KafkaError) -> None:
    """The consumer of the same brokers hears of the same trouble and counts it."""
