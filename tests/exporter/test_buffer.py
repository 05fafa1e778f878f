from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exporter.buffer import Buffer


class Overflow:
    """Remembers the calls of which nothing could be kept."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, float]] = []

    def __call__(self, method: str, n_rows: int, seconds: float) -> None:
        self.calls.append((method, n_rows, seconds))


def add(buffer: Buffer, rows: Any, result: Any = None, ids: Any = None, at: Any = None) -> None:
    buffer.add("predict", rows, result, ids, at, 1.0, 1.5)


def test_calls_come_out_in_order_and_once() -> None:
    """Taking empties the buffer, oldest first."""
    buffer = Buffer(10, Overflow())
    add(buffer, np.zeros((2, 3)))
    add(buffer, np.ones((1, 3)))
    assert [call[7] for call in buffer.take()] == [2, 1]
    assert buffer.take() == []


def test_latency_and_end_are_kept() -> None:
    """A call carries how long it took and when it ended."""
    buffer = Buffer(10, Overflow())
    add(buffer, np.zeros((2, 3)), ids=["a", "b"], at=5.0)
    ((method, _, _, ids, at, ended, seconds, n_rows),) = buffer.take()
    assert (method, ids, at, ended, seconds, n_rows) == ("predict", ["a", "b"], 5.0, 1.5, 0.5, 2)


def test_arrays_are_copied() -> None:
    """A server that reuses its input array does not change what was observed."""
    buffer = Buffer(10, Overflow())
    rows, result = np.zeros((1, 2)), np.zeros(1)
    add(buffer, rows, result)
    rows[:] = result[:] = 9.0
    call = buffer.take()[0]
    assert call[1].tolist() == [[0.0, 0.0]]
    assert call[2].tolist() == [0.0]


def test_a_call_that_does_not_fit_is_cut() -> None:
    """The first rows are kept as far as there is room; the call still says how many there were."""
    overflow = Overflow()
    buffer = Buffer(10, overflow)
    add(buffer, np.zeros((8, 1)))
    add(buffer, np.arange(5.0).reshape(5, 1), np.arange(5), ids=list("abcde"), at=[1.0, 2.0, 3.0, 4.0, 5.0])
    _, call = buffer.take()
    assert call[1].tolist() == [[0.0], [1.0]]
    assert call[2].tolist() == [0, 1]
    assert call[3] == ["a", "b"]
    assert call[4] == [1.0, 2.0]
    assert call[7] == 5
    assert overflow.calls == []


def test_a_full_buffer_only_counts() -> None:
    """Nothing is kept without room, whatever the table, and the rows are told."""
    overflow = Overflow()
    buffer = Buffer(3, overflow)
    add(buffer, np.zeros((3, 1)))
    add(buffer, np.zeros((4, 1)))
    add(buffer, [{"a": 1}])
    add(buffer, {"a": 1})
    add(buffer, [])
    assert overflow.calls == [
        ("predict", 4, 0.5),
        ("predict", 1, 0.5),
        ("predict", 1, 0.5),
        ("predict", 0, 0.5),
    ]
    assert len(buffer.take()) == 1


def test_empty_calls_cannot_fill_memory() -> None:
    """A call without rows takes a place as well."""
    overflow = Overflow()
    buffer = Buffer(5, overflow)
    for _ in range(9):
        add(buffer, np.zeros((0, 2)))
    assert len(buffer.take()) == 5
    assert len(overflow.calls) == 4


def test_room_is_free_again_after_taking() -> None:
    """The bound is on what waits, not on what has passed."""
    overflow = Overflow()
    buffer = Buffer(2, overflow)
    for _ in range(3):
        add(buffer, np.zeros((2, 1)))
        assert len(buffer.take()) == 1
    assert overflow.calls == []


def test_a_frame_is_cut_by_rows() -> None:
    """Cutting a data frame takes rows, not columns."""
    buffer = Buffer(2, Overflow())
    add(buffer, pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}), np.array([0, 1, 0]))
    call = buffer.take()[0]
    assert call[1].shape == (2, 2)
    assert call[7] == 3
