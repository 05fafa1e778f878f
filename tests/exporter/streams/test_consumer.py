"""One member of a group on a mock cluster: rows, truths, refused messages, alerts, brokers that go away."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, TopicPartition

from exporter.errors import ConfigError, StoreError
from exporter.metrics.stream import DEAD_LETTER_REASONS, STREAM_FAILURES, STREAM_FAMILIES
from exporter.stores import MemoryStore

if TYPE_CHECKING:
    from .conftest import Broker, Joining, Row


MODEL = {"model_name": "m", "model_version": "1"}


def arrow(rows: list[dict[str, Any]]) -> bytes:
    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_rows_of_every_form_are_counted_and_join_their_truths(
    broker: Broker, join: Joining, row: Row
) -> None:
    """A row, a list of rows and an Arrow batch are the same rows; their truths find them by their ids."""
    member = join()
    broker.send("rows", [row(0), [row(1), row(2)], arrow([row(3), row(4)])])
    member.until(lambda: member.messages() == 3)
    broker.send(
        "truths", [{"prediction_id": "id 1", "label": "yes"}, {"prediction_id": "x", "label": "no"}], 2
    )
    member.until(lambda: member.messages() == 5)
    assert member.value("model_predictions_total") == 5
    assert member.value("model_predicted_class_total", predicted_class="yes") == 2
    counted = [
        sample.value
        for family in member.registry.collect()
        for sample in family.samples
        if sample.name == "model_feature_bin_total" and sample.labels["feature_name"] == "a"
    ]
    assert sum(counted) == 5
    assert member.value("model_outcomes_total", outcome="joined") == 1
    assert member.value("model_outcomes_total", outcome="unknown_id") == 1
    window = member.sink.store.window(0.0)
    assert window.ids is not None
    assert sorted(window.ids.tolist()) == [f"id {number}" for number in range(5)]


def test_what_cannot_be_used_is_kept_with_its_reason_and_the_rest_is_taken(
    broker: Broker, join: Joining, row: Row
) -> None:
    """A refused message lies in the topic of dead letters as it was, and says why and where it came from."""
    member = join()
    wrong = {**row(1), "a": "text"}
    broker.send(
        "rows",
        [
            b"{not json",
            {"a": 1.0, "kind": "x"},
            [row(2), wrong],
            b"[" + b" " * 300_000 + b"]",
            None,
            row(3),
            {**row(4), "new": 1},
            b"\xff\xff\xff\xff damaged",
        ],
        1,
    )
    broker.send("truths", [{"prediction_id": "id 3"}], 1)
    member.until(lambda: member.messages() == 9)
    assert member.value("model_predictions_total") == 1
    letters = [dict(letter.headers() or []) for letter in broker.read("letters")]
    found = sorted(
        (one["driftgauge_topic"], one["driftgauge_offset"], one["driftgauge_reason"]) for one in letters
    )
    assert found == [
        (b"rows", b"0", b"unreadable"),
        (b"rows", b"1", b"columns"),
        (b"rows", b"2", b"types"),
        (b"rows", b"3", b"too_large"),
        (b"rows", b"4", b"empty"),
        (b"rows", b"6", b"columns"),
        (b"rows", b"7", b"unreadable"),
        (b"truths", b"0", b"columns"),
    ]
    details = {one["driftgauge_offset"]: one["driftgauge_detail"] for one in letters}
    assert details[b"2"] == b"a: found 'text', need a number or null"
    values = [letter.value() for letter in broker.read("letters")]
    assert json.dumps([row(2), wrong]).encode() in values
    assert max(len(value or b"") for value in values) < 200_000
    assert member.value("driftgauge_stream_dead_letters_total", reason="unreadable") == 2
    assert member.value("driftgauge_stream_dead_letters_total", reason="too_large") == 1


def test_a_change_of_state_is_told_once_and_another_process_goes_on_from_it(
    broker: Broker, join: Joining, row: Row
) -> None:
    """Ten checks of a drift are two alerts a column and window; a new process adds none to them."""
    member = join()
    broker.send("rows", [[row(number, shift=3.0) for number in range(500)]])
    member.until(lambda: member.messages() == 1)
    for _ in range(5):
        member.sink.check_now()
    alerts = [json.loads(message.value() or b"") for message in broker.read("alerts")]
    of_a = [one for one in alerts if (one["column"], one["window"]) == ("a", "1h")]
    assert [(one["sequence"], one["state"]) for one in of_a] == [(1, "warning"), (2, "drift")]
    assert of_a[1]["severity"] == "critical"
    assert of_a[1]["rows"] == 500
    assert next(one["rows"] for one in alerts if one["window"] == "newest") == 400
    assert not [one for one in alerts if one["column"] == "kind"]
    assert member.value("driftgauge_stream_alerts_total") == len(alerts)
    member.consumer.close()
    again = join(member.sink.store)
    broker.send("rows", [[row(number, shift=3.0) for number in range(500, 600)]])
    again.until(lambda: again.messages() == 1)
    for _ in range(3):
        again.sink.check_now()
    assert len(broker.read("alerts")) == len(alerts)
    assert again.value("model_drift_state", feature_name="a") == 2


def test_brokers_that_go_away_and_come_back_cost_no_row(broker: Broker, join: Joining, row: Row) -> None:
    """Failures are counted; what was produced afterwards is read."""
    member = join()
    broker.send("rows", [row(number) for number in range(8)])
    member.until(lambda: member.messages() == 8)
    client = member.consumer._consumer
    places = [TopicPartition("rows", number) for number in range(4)]
    # What is not yet committed is read again where the window is in memory.
    member.until(lambda: sum(max(one.offset, 0) for one in client.committed(places, 10.0)) == 8)
    broker.tell("down")
    member.until(lambda: member.value("driftgauge_stream_failures_total", reason="broker") > 0)
    broker.tell("up")
    broker.send("rows", [row(number) for number in range(8, 16)])
    member.until(lambda: member.messages() == 16)
    assert member.sink.store.size() == 16


class Stubborn(MemoryStore):
    """A store that is away at first."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 2

    def append(self, observations: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("away")
        super().append(observations)


def test_a_store_that_is_away_is_waited_for(broker: Broker, join: Joining, row: Row) -> None:
    """Nothing is dropped and nothing is committed before the store has it."""
    member = join(Stubborn())
    broker.send("rows", [row(number) for number in range(8)])
    member.until(lambda: member.messages() >= 8)
    assert member.sink.store.size() == 8
    assert member.value("driftgauge_stream_failures_total", reason="store") == 2
    assert member.value("model_predictions_total") == 8


def test_the_lag_of_each_partition_is_shown_while_it_is_held(broker: Broker, join: Joining, row: Row) -> None:
    """0 when everything is dealt with; no series of partitions that are somebody else's."""
    member = join()
    broker.send("rows", [row(number) for number in range(8)])
    member.until(lambda: member.messages() == 8)
    labels = {"model_name": "m", "model_version": "1", "topic": "rows", "partition": "0"}
    lags = ("driftgauge_stream_lag_messages", "driftgauge_stream_behind_seconds")
    member.until(lambda: all(member.registry.get_sample_value(name, labels) == 0 for name in lags))
    assert member.value("driftgauge_stream_partitions", topic="rows") == 4
    assert member.value("driftgauge_stream_partitions", topic="truths") == 2
    member.consumer.close()
    assert not [
        sample for family in member.registry.collect() for sample in family.samples if sample.name in lags
    ]
    assert member.registry.get_sample_value("driftgauge_stream_partitions", MODEL | {"topic": "rows"}) == 0


def test_a_member_without_partitions_says_so(join: Joining) -> None:
    """From its start, so that a topic that nobody gets is seen; and no poll is claimed before the first."""
    member = join()
    assert member.registry.get_sample_value("driftgauge_stream_partitions", MODEL | {"topic": "rows"}) == 0
    polled = "driftgauge_stream_last_poll_timestamp_seconds"
    assert member.registry.get_sample_value(polled, MODEL) is None
    before = time.time()
    member.consumer.step()
    assert member.value(polled) >= before


def test_a_batch_that_waits_for_its_store_is_shown_to_grow_old(
    broker: Broker, join: Joining, row: Row
) -> None:
    """What waits is not dealt with, and the consumer is alive meanwhile."""
    store = Stubborn()
    member = join(store)
    shown: list[float] = []

    def away(observations: Any) -> None:
        labels = MODEL | {"topic": "rows", "partition": "0"}
        found = member.registry.get_sample_value("driftgauge_stream_behind_seconds", labels)
        shown.extend([] if found is None else [found])
        if len(shown) < 2:
            raise StoreError("away")
        MemoryStore.append(store, observations)

    store.append = away  # type: ignore[method-assign]  # a store that looks at its consumer
    broker.send("rows", [row(number) for number in range(4)])
    member.until(lambda: member.messages() >= 4)
    assert 0 <= shown[0] < shown[1]


def test_brokers_that_refuse_the_user_end_the_program(join: Joining) -> None:
    """Waiting would mend nothing."""
    member = join()
    member.consumer._on_error(KafkaError(KafkaError._AUTHENTICATION, "bad password"))
    with pytest.raises(ConfigError, match="the brokers refuse: bad password, need a user"):
        member.consumer.step()


def test_counters_of_a_stream_begin_at_zero(join: Joining) -> None:
    """A rate exists before the first message, for each of the values of a label."""
    found: dict[str, list[float]] = {}
    for family in join().registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.value)
    for counter in (one for one in STREAM_FAMILIES if one.kind == "counter"):
        assert set(found[counter.name]) == {0.0}
    assert len(found["driftgauge_stream_dead_letters_total"]) == len(DEAD_LETTER_REASONS)
    assert len(found["driftgauge_stream_failures_total"]) == len(STREAM_FAILURES)
