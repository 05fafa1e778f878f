"""Goes through the values of a long column a block at a time.

One call of C, such as filling a set, keeps the interpreter until it ends, and predictions of the same process
wait for it; a loop in Python gives way, and takes ten times as long. A call for each block does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from operator import is_not
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from .pauses import may_pause

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

ROWS_A_BLOCK: Final = 10_000
"""Half a millisecond of looking up in a dict or of filling a set."""


def blocks(values: NDArray[Any] | list[Any]) -> Iterator[list[Any]]:
    """Values as Python's own, some at a time."""
    for start in range(0, len(values), ROWS_A_BLOCK):
        may_pause()
        part = values[start : start + ROWS_A_BLOCK]
        yield part if isinstance(part, list) else part.tolist()


def types_of(values: NDArray[Any] | list[Any]) -> set[type]:
    """Types that occur among the values."""
    found: set[type] = set()
    for block in blocks(values):
        found.update(map(type, block))
    return found


def distinct(values: NDArray[Any] | list[Any]) -> set[Any]:
    """The values, each once; TypeError if one of them cannot be hashed."""
    found: set[Any] = set()
    for block in blocks(values):
        found.update(block)
    return found


def look_up(values: NDArray[Any], codes: Mapping[Any, int], other: int) -> NDArray[np.int64]:
    """Code of every value, and `other` for those that have none.

    Examples
    --------
    >>> look_up(np.array(["b", None, "a"], dtype=object), {"a": 0, "b": 1}, -1).tolist()
    [1, -1, 0]
    """
    return _of_each(values, lambda block: map(codes.get, block, repeat(other)), np.int64)


def numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values that are floats, and NaN for all others."""
    return _of_each(
        values, lambda block: (value if isinstance(value, float) else np.nan for value in block), np.float64
    )


def known(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are not None."""
    return _of_each(values, lambda block: map(is_not, block, repeat(None)), np.bool_)


def _of_each(
    values: NDArray[Any], of_block: Callable[[list[Any]], Iterable[Any]], dtype: type[Scalar]
) -> NDArray[Scalar]:
    """What a function finds for the values of each block, one for each value."""
    found = np.empty(len(values), dtype=dtype)
    end = 0
    for block in blocks(values):
        start, end = end, end + len(block)
        found[start:end] = np.fromiter(of_block(block), dtype, len(block))
    return found
