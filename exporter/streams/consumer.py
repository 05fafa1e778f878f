"""The loop: messages into the store, then the counters, then the commit.

A batch is done in this order: refused messages are in the topic of dead letters; rows are in the store, with
where they came from; they are counted; outcomes are joined; offsets are committed. A consumer that is killed
anywhere in between leaves a store that says exactly which messages it has (see `ledger`). What is away is
waited for with the partitions paused, so that the group keeps its member and memory its bound.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ..errors import ConfigError, StoreError, StreamError
from ..stream_settings import StreamSettings, consumer_options
from .lag import Lag
from .ledger import Ledger, Place, begin_at, metadata_of
from .messages import Reader
from .publisher import Publisher
from .received import content_of, place_of, time_of
from .sink import Sink

SLICE: Final = 256
"""Messages taken from librdkafka at a time, so that a batch can end by its bytes or its time."""

BATCH_BYTES: Final = 16 * 1024 * 1024
"""Of the messages of a batch; parsed they take about ten times as much for a moment."""

RETRY_SECONDS: Final = 1.0
"""From one try to the next while the store or the brokers are away."""

ASK_SECONDS: Final = 10.0
"""How long brokers may take to tell a committed offset."""

LAG_SECONDS: Final = 1.0
"""How often the lag is shown; it is read from what librdkafka knows anyway."""

Result = TypeVar("Result")

_REFUSING: Final = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - its public name
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
}
"""Errors that no waiting mends."""


class GoneError(Exception):
    """The partitions of a batch went to another member before the batch was in the store."""


class StreamConsumer:
    """One member of a consumer group.

    Parameters
    ----------
    settings : StreamSettings
    sink : Sink
        The model.
    publisher : Publisher
        Of dead letters.
    """

    def __init__(self, settings: StreamSettings, sink: Sink, publisher: Publisher) -> None:
        self._settings = settings
        self._sink = sink
        self._publisher = publisher
        self._ledger = Ledger(sink.store, settings.group)
        self._lag = Lag(sink)
        self._reader = Reader(sink.reference, settings.columns, settings.max_message_bytes)
        self._topics = (*settings.observations, *settings.outcomes)
        self._next: dict[Place, int | None] = {}
        self._stored: dict[Place, int] = {}
        self._pending: list[Message] = []
        self._waiting = self._gone = self._ending = False
        self._refusal: KafkaError | None = None
        self._shown = 0.0
        self.stopping = threading.Event()
        self._show_held()
        options = {**consumer_options(settings), "error_cb": self._on_error, "on_commit": self._on_commit}
        try:
            self._consumer = Consumer(options)
        except KafkaException as error:
            raise ConfigError(
                f"stream: {error.args[0].str()}, need settings that librdkafka takes"
            ) from error

    def run(self) -> None:
        """Consume until `stopping` is set; what was begun is then brought to its end.

        Raises
        ------
        ConfigError
            If the brokers refuse this user, or what it wants to read.
        """
        self.begin()
        try:
            while not self.stopping.is_set():
                self.step()
        finally:
            self.close()

    def begin(self) -> None:
        """Join the group; partitions come with a later step."""
        self._consumer.subscribe(
            list(self._topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def close(self) -> None:
        """Leave the group, with what was begun at its end."""
        self._consumer.close()

    def step(self) -> None:
        """Take one batch."""
        self._gather()
        self._take()
        if self._refusal is not None:
            raise ConfigError(
                f"stream: the brokers refuse: {self._refusal.str()}, need a user who may use these topics"
            )

    def _gather(self) -> None:
        """Collect messages until there are enough, in number or in bytes, or it took long enough."""
        deadline = time.monotonic() + self._settings.wait_seconds
        size = 0
        while size < BATCH_BYTES and (room := self._settings.batch_messages - len(self._pending)) > 0:
            left = deadline - time.monotonic()
            if left <= 0 or self.stopping.is_set():
                break
            self._sink.polled()
            for message in self._consumer.consume(min(SLICE, room), left):
                error = message.error()
                if error is None:
                    self._pending.append(message)
                    size += len(message)
                else:
                    self._on_error(error)

    def _take(self) -> None:
        """Bring what was collected to its end."""
        messages, self._pending = self._pending, []
        batch = [message for message in messages if self._is_due(message)]
        if batch:
            try:
                self._keep(batch)
            except GoneError:
                self._go_back(batch)
            else:
                self._commit(asynchronous=True)
        self._show_lag()

    def _is_due(self, message: Message) -> bool:
        """Whether a message is of a partition of ours, and not one that was taken before."""
        place, offset = place_of(message)
        if place not in self._next:
            return False
        due = self._next[place]
        return due is None or offset >= due

    def _keep(self, batch: Sequence[Message]) -> None:
        rows = [message for message in batch if message.topic() in self._settings.observations]
        truths = [message for message in batch if message.topic() not in self._settings.observations]
        self._lag.reached({place_of(message)[0]: time_of(message) for message in reversed(batch)})
        observations, poison = self._reader.observations([content_of(message) for message in rows])
        outcomes, more = self._reader.outcomes([content_of(message) for message in truths])
        letters = [(rows[place], error) for place, error in poison.items()]
        letters += [(truths[place], error) for place, error in more.items()]
        after = self._after(batch)
        if letters:
            self._patiently("publish", lambda: self._publisher.refuse(letters))
        if observations.n_rows:
            reached = {place: offset for place, offset in after.items() if self._has_rows(place)}
            reached |= {
                place: due for place, due in self._next.items()
                if due is not None and self._has_rows(place) and place not in reached
            }  # fmt: skip
            self._patiently("store", lambda: self._ledger.append(observations, reached))
            self._stored |= reached
        due_before = {place: self._next.get(place) for place in after}
        self._next |= after
        for _, error in letters:
            self._sink.refused(error.reason)
        self._sink.counted(observations)
        self._sink.count("observations", len(rows) - len(poison))
        if outcomes.ids:
            before = {place: due for place, due in due_before.items() if not self._has_rows(place)}
            try:
                self._patiently("store", lambda: self._sink.join(outcomes))
            except GoneError:
                # Whoever has the partition next joins them; an outcome counts once, whoever brings it.
                self._next |= before
                raise
        self._sink.count("outcomes", len(truths) - len(more))
        self._lag.reached({place_of(message)[0]: time_of(message) for message in batch})

    def _has_rows(self, place: Place) -> bool:
        return place[0] in self._settings.observations

    def _after(self, batch: Sequence[Message]) -> dict[Place, int]:
        """Offset after the last message of each partition."""
        after: dict[Place, int] = {}
        for message in batch:
            place, offset = place_of(message)
            after[place] = max(after.get(place, 0), offset + 1)
        return after

    def _patiently(self, what: str, function: Callable[[], Result]) -> Result:
        """What a function returns, tried until what it needs is there again.

        Raises
        ------
        GoneError
            If the batch is no longer ours to keep, or there is no time left.
        """
        self._gone = False
        try:
            while True:
                try:
                    result = function()
                except (StoreError, StreamError) as error:
                    self._sink.failed(what, error)
                else:
                    self._sink.works(what)
                    return result
                if self._ending or self.stopping.is_set():
                    raise GoneError
                self._idle()
        finally:
            if self._waiting:
                self._waiting = False
                self._consumer.resume(self._consumer.assignment())

    def _idle(self) -> None:
        """Stay in the group for a while without taking anything."""
        self._waiting = True
        deadline = time.monotonic() + RETRY_SECONDS
        while (left := deadline - time.monotonic()) > 0 and not self.stopping.is_set():
            self._consumer.pause(self._consumer.assignment())
            message = self._consumer.poll(left)
            if message is not None and message.error() is None:  # of a partition that has just come
                place, offset = place_of(message)
                self._consumer.seek(TopicPartition(*place, offset))
            self._sink.polled()
            self._show_lag()
            if self._gone:
                raise GoneError

    def _go_back(self, batch: Sequence[Message]) -> None:
        """Read again what is still ours of a batch that was given up."""
        first: dict[Place, int] = {}
        for message in batch:
            if self._is_due(message):
                place, offset = place_of(message)
                first[place] = min(first.get(place, offset), offset)
        for (topic, partition), offset in first.items():
            try:
                self._consumer.seek(TopicPartition(topic, partition, offset))
            except KafkaException as error:  # it has just gone, too
                self._sink.failed("broker", error)

    def _commit(self, *, asynchronous: bool) -> None:
        offsets = [
            TopicPartition(topic, partition, due, metadata_of(self._stored.get((topic, partition))))
            for (topic, partition), due in self._next.items()
            if due is not None
        ]
        if not offsets:
            return
        try:
            if asynchronous:
                self._consumer.commit(offsets=offsets, asynchronous=True)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._sink.failed("commit", error)

    def _on_assign(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        if partitions:
            self._sink.rebalanced()
        places = [(partition.topic, partition.partition) for partition in partitions]
        found = self._starts(places, list(partitions)) if places else {}
        if found is None:  # about to end: what comes now is nobody's to take
            found = {}
        else:
            self._next |= {place: found.get(place) for place in places}
        self._consumer.incremental_assign(
            [TopicPartition(*place, found.get(place, OFFSET_INVALID)) for place in places]
        )
        self._elect()

    def _starts(self, places: Sequence[Place], partitions: list[TopicPartition]) -> dict[Place, int] | None:
        """Where to begin with partitions that have come; None if there is no time to wait for it."""
        while True:
            try:
                reached = self._ledger.reached(place for place in places if self._has_rows(place))
                committed = self._consumer.committed(partitions, ASK_SECONDS)
                break
            except StoreError as error:
                self._sink.failed("store", error)
            except KafkaException as error:
                self._sink.failed("broker", error)
            if self.stopping.wait(RETRY_SECONDS):
                return None
        starts: dict[Place, int] = {}
        for one in committed:
            place = (one.topic, one.partition)
            offset = one.offset if one.offset >= 0 else None
            start = begin_at(reached.get(place), offset, one.metadata)
            if start is not None:
                starts[place] = start
            if place in reached:
                self._stored[place] = reached[place]
        return starts

    def _on_revoke(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        if partitions:
            self._sink.rebalanced()
        if self._waiting:
            self._gone = True  # the batch that waits may be of them
        else:
            self._ending = True  # whatever is away now, the group does not wait for it
            self._take()
            self._ending = False
            self._commit(asynchronous=False)
        self._give_up(partitions)

    def _on_lost(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._sink.rebalanced()
        self._gone = True
        self._give_up(partitions)

    def _give_up(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            place = (partition.topic, partition.partition)
            self._next.pop(place, None)
            self._stored.pop(place, None)
            self._lag.forget(place)
        self._consumer.incremental_unassign(list(partitions))
        self._elect()

    def _elect(self) -> None:
        """One member speaks for the group: the one with the first partition of the first topic."""
        self._sink.lead((self._settings.observations[0], 0) in self._next)
        self._show_held()

    def _show_held(self) -> None:
        for topic in self._topics:
            self._sink.held(topic, sum(place[0] == topic for place in self._next))

    def _show_lag(self) -> None:
        if time.monotonic() - self._shown < LAG_SECONDS:
            return
        self._shown = time.monotonic()
        for (topic, partition), due in self._next.items():
            try:
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), cached=True
                )
            except KafkaException:
                continue  # not known yet
            if high >= 0:
                self._lag.show((topic, partition), max(0, high - (low if due is None else due)))

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in _REFUSING:
            self._refusal = error
        elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            self._sink.failed("broker", error.str())

    def _on_commit(self, error: KafkaError | None, _: Sequence[TopicPartition]) -> None:
        if error is not None:
            self._sink.failed("commit", error.str())
        else:
            self._sink.works("commit")
            self._sink.works("broker")
