from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exporter.blocks import ROWS_A_BLOCK, blocks, distinct, known, look_up, numbers, types_of

EDGES = [0, 1, ROWS_A_BLOCK - 1, ROWS_A_BLOCK, ROWS_A_BLOCK + 1, 2 * ROWS_A_BLOCK + 7]


@pytest.mark.parametrize("rows", EDGES)
@pytest.mark.parametrize("as_array", [True, False])
def test_every_value_is_in_one_block(rows: int, as_array: bool) -> None:
    """In order, at the edges of a block too, and none is longer than a block."""
    values = list(range(rows))
    found = list(blocks(np.array(values, dtype=object) if as_array else values))
    assert [value for block in found for value in block] == values
    assert all(0 < len(block) <= ROWS_A_BLOCK for block in found)


@pytest.mark.parametrize("rows", EDGES)
def test_what_is_found_is_what_a_loop_finds(rows: int, rng: np.random.Generator) -> None:
    """Codes, those that are there, floats, distinct values and types."""
    pool: list[Any] = ["a", "b", None, "new", True, 2.5]
    values = np.array([pool[i] for i in rng.integers(0, len(pool), rows)], dtype=object)
    codes = {"a": 0, "b": 1}
    assert look_up(values, codes, -1).tolist() == [codes.get(value, -1) for value in values]
    assert known(values).tolist() == [value is not None for value in values]
    floats = [value if isinstance(value, float) else np.nan for value in values]
    np.testing.assert_array_equal(numbers(values), floats)
    assert distinct(values) == set(values.tolist())
    assert types_of(values) == set(map(type, values.tolist()))


def test_what_cannot_be_hashed_is_an_error() -> None:
    """Callers take its text then."""
    with pytest.raises(TypeError, match="unhashable"):
        distinct([["a"], ["b"]])
