"""What is a row and what is not."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from exporter.errors import ConfigError
from exporter.reference import Reference
from exporter.stream_settings import RowColumns
from exporter.streams.messages import ROWS_AT_ONCE, Message, Reader

if TYPE_CHECKING:
    from .conftest import Row

NOW = 1_700_000_000.0


@pytest.fixture
def reader(reference: Reference) -> Reader:
    return Reader(reference, RowColumns(), max_bytes=100_000)


def message(content: Any) -> Message:
    return Message(value=content if isinstance(content, bytes) else json.dumps(content).encode(), at=NOW)


def arrow(table: pa.Table, *, as_file: bool = False) -> bytes:
    sink = pa.BufferOutputStream()
    opened = pa.ipc.new_file if as_file else pa.ipc.new_stream
    with opened(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_json_and_arrow_give_the_same_rows(reader: Reader, row: Row) -> None:
    """Values, ids, scores and classes are equal, whatever the form and the order of the columns."""
    rows = [row(1), row(2)]
    table = pa.Table.from_pylist(rows).select(["kind", "score", "prediction_id", "b", "a", "prediction"])
    forms: list[list[Any]] = [[rows], list(rows), [arrow(table)], [arrow(table, as_file=True)]]
    for form in forms:
        found, poison = reader.observations([message(one) for one in form])
        assert poison == {}
        assert found.features["a"].tolist() == [rows[0]["a"], rows[1]["a"]]
        assert found.features["kind"].tolist() == ["y", "x"]
        assert found.ids is not None
        assert found.ids.tolist() == ["id 1", "id 2"]
        assert found.scores is not None
        assert found.scores.tolist() == [0.75, 0.25]
        assert found.classes is not None
        assert found.classes.tolist() == ["yes", "no"]


def test_a_row_has_the_time_that_it_says_or_else_that_of_its_message(reader: Reader, row: Row) -> None:
    """Seconds since 1970 or ISO 8601; a text without a zone is UTC."""
    said = [None, NOW - 60, "2023-11-14T22:13:20", "2023-11-14T23:13:20+01:00"]
    rows = [{**row(number), "timestamp": at} for number, at in enumerate(said)]
    found, _ = reader.observations([message([*rows, row(9)])])
    assert found.times.tolist() == [NOW, NOW - 60, NOW, NOW, NOW]


def test_null_is_a_missing_value(reader: Reader, row: Row) -> None:
    """NaN among numbers, None among categories; neither is refused."""
    found, poison = reader.observations([message({**row(1), "a": None, "kind": None})])
    assert poison == {}
    assert math.isnan(found.features["a"][0])
    assert found.features["kind"].dtype == np.float64 or found.features["kind"][0] is None


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"a": "1"}, "types", "a: found '1', need a number or null"),
        ({"a": True}, "types", "a: found True, need a number or null"),
        ({"a": [1]}, "types", r"a: found \[1\], need a number or null"),
        ({"a": 10**400}, "types", "a: found one beyond 1e308"),
        ({"kind": {"x": 1}}, "types", "kind: found {'x': 1}, need text"),
        ({"prediction_id": 1.5}, "types", "prediction_id: found 1.5, need text or an integer"),
        ({"score": "high"}, "types", "score: found 'high', need a number"),
        ({"timestamp": "soon"}, "types", "timestamp: found no time"),
        ({"timestamp": NOW * 1000}, "types", "timestamp: found a time a day after its message or later"),
        ({"timestamp": math.inf}, "types", "timestamp: found a time a day after"),
        ({"more": 1}, "columns", "found 'more', need features of the reference only"),
    ],
)
def test_a_wrong_row_is_refused_with_its_message_and_costs_no_other(
    reader: Reader, row: Row, change: dict[str, Any], reason: str, detail: str
) -> None:
    """The message is refused whole; those before and after it are read."""
    messages = [message(row(1)), message([row(2), {**row(3), **change}]), message(row(4))]
    found, poison = reader.observations(messages)
    assert found.ids is not None
    assert found.ids.tolist() == ["id 1", "id 4"]
    assert poison[1].reason == reason
    with pytest.raises(type(poison[1]), match=detail):
        raise poison[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"nothing", "unreadable"),
        (b"\x00\x01", "unreadable"),
        (b"3", "unreadable"),
        (b"[[1, 2]]", "unreadable"),
        (b"[" * 90_000, "unreadable"),
        (b'{"a": 1, "b": 2}', "columns"),
        (b" " * 100_001, "too_large"),
        (b"ARROW1 not", "unreadable"),
        (arrow(pa.table({"a": ["x"], "b": [1.0], "kind": ["x"]})), "types"),
        (arrow(pa.table({"a": [1.0], "b": [1.0]})), "columns"),
        (arrow(pa.table({"a": [1.0], "b": [1.0], "kind": [["x"]]})), "types"),
    ],
)
def test_what_is_no_row_is_refused(reader: Reader, content: bytes, reason: str) -> None:
    """Neither JSON nor Arrow, of other columns or types, or too large; never an exception of a parser."""
    found, poison = reader.observations([message(content)])
    assert found.n_rows == 0
    assert {place: error.reason for place, error in poison.items()} == {0: reason}


def test_a_list_without_rows_is_no_mistake(reader: Reader) -> None:
    """A producer may have had nothing to say."""
    assert reader.observations([message([])])[1] == {}


def test_many_messages_are_read_in_their_order_whatever_is_among_them(reader: Reader, row: Row) -> None:
    """Some hundred rows are read together: none is lost where a part ends, or beside one that is refused."""
    several = ROWS_AT_ONCE // 100
    lists = [[row(100 * place + number) for number in range(100)] for place in range(3 * several)]
    messages = [message(one) for one in lists]
    wrong = several + 2
    messages[wrong] = message([*lists[wrong][:-1], {**row(0), "a": "text"}])
    del lists[wrong]
    lists[-1] = [{name: one[name] for name in ("a", "b", "kind")} for one in lists[-1]]
    messages[-1] = message(lists[-1])
    found, poison = reader.observations([*messages, message([])])
    assert {place: error.reason for place, error in poison.items()} == {wrong: "types"}
    rows = [one for each in lists for one in each]
    assert found.features["a"].tolist() == [one["a"] for one in rows]
    assert found.features["kind"].tolist() == [one["kind"] for one in rows]
    assert found.ids is not None
    assert found.ids.tolist() == [one.get("prediction_id") for one in rows]


def test_outcomes_have_an_id_a_label_and_maybe_a_time(reader: Reader) -> None:
    """As JSON or Arrow; anything else is refused with its message."""
    table = pa.table({"prediction_id": ["c"], "label": ["no"]})
    found, poison = reader.outcomes(
        [
            message(
                [
                    {"prediction_id": "a", "label": "yes", "timestamp": NOW - 5},
                    {"prediction_id": 2, "label": 1},
                ]
            ),
            message({"prediction_id": "b"}),
            message(arrow(table)),
            message({"prediction_id": "b", "label": {"is": 1}}),
        ]
    )
    assert (found.ids, found.y_true, found.at) == (["a", 2, "c"], ["yes", 1, "no"], [NOW - 5, NOW, NOW])
    assert {place: error.reason for place, error in poison.items()} == {1: "columns", 3: "types"}


def test_a_feature_may_not_have_the_name_of_another_column(reference: Reference) -> None:
    """It could not be told which of them a row means."""
    with pytest.raises(ConfigError, match=r"stream.columns: found 'a', which is also a feature"):
        Reader(reference, RowColumns(id="a"), 1_000)
