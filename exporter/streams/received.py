"""What a message of Kafka's client says of itself."""

from __future__ import annotations

import time

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from .ledger import Place
from .messages import Message as Content


def place_of(message: Message) -> tuple[Place, int]:
    """Topic and partition, and its offset there."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return (topic, partition), offset


def time_of(message: Message) -> float:
    """When it was produced or appended, as the topic says; else now."""
    kind, milliseconds = message.timestamp()
    return time.time() if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000.0


def content_of(message: Message) -> Content:
    """What a reader needs of it."""
    return Content(value=message.value(), at=time_of(message))
