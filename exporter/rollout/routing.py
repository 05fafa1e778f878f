"""Which rows go to the challenger: pure functions of ids, a key and a share.

An id is hashed with the rollout's key to a number from 0 to 1 and goes to the challenger if that is below the
share. So it always goes the same way within a stage, and when the share grows nobody is moved back. To anyone
without the key the choice is as good as random, which is what the comparison rests on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_HASH_BYTES: Final = 8
_HASHES: Final = 2.0 ** (8 * _HASH_BYTES)


def position(key: str, value: Any) -> float:  # noqa: ANN401 - any id
    """Place of an id between 0 and 1.

    Examples
    --------
    >>> position("key", "passenger 7") == position("key", "passenger 7")
    True
    >>> position("key", 1) == position("key", "1")  # as it comes back from a file or a form
    True
    """
    text = str(value).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=_HASH_BYTES, key=key.encode("utf-8")).digest()
    return int.from_bytes(digest, "big") / _HASHES


def to_challenger(key: str, share: float, ids: Sequence[Any]) -> NDArray[np.bool_]:
    """Which ids go to the challenger.

    Examples
    --------
    >>> chosen = to_challenger("key", 0.25, range(10_000))
    >>> 0.23 < float(chosen.mean()) < 0.27
    True
    >>> bool((to_challenger("key", 0.5, range(10_000)) >= chosen).all())  # nobody is moved back
    True
    """
    return np.fromiter((position(key, value) < share for value in ids), dtype=np.bool_, count=len(ids))


def take_rows(table: Any, chosen: NDArray[np.bool_]) -> Any:  # noqa: ANN401 - any table
    """Rows of a table at a mask, in the table's own type; None where that cannot be done."""
    places = np.flatnonzero(chosen)
    if isinstance(table, np.ndarray):
        return table[places] if table.ndim and len(table) == len(chosen) else None
    if isinstance(table, (list, tuple)):
        return [table[place] for place in places] if len(table) == len(chosen) else None
    if isinstance(table, Mapping):
        columns = {name: take_rows(column, chosen) for name, column in table.items()}
        return None if any(column is None for column in columns.values()) else columns
    if not hasattr(table, "__len__") or len(table) != len(chosen):
        return None
    if hasattr(table, "iloc"):  # pandas
        return table.iloc[places]
    if hasattr(table, "get_columns") or hasattr(table, "to_list"):  # polars
        return table[places]
    if hasattr(table, "schema") or hasattr(table, "to_pylist"):  # pyarrow
        return table.take(places)
    return None


def put_together(chosen: NDArray[np.bool_], others: Any, answers: Any) -> Any:  # noqa: ANN401 - the models'
    """Answers of both in the order of the rows: `answers` where chosen, `others` elsewhere.

    Raises
    ------
    ValueError
        If the two do not have an answer for each row, or one shape.
    """
    if isinstance(others, list) and isinstance(answers, list):
        ours, theirs = iter(answers), iter(others)
        return [next(ours if mine else theirs) for mine in chosen.tolist()]
    first, second = np.asarray(others), np.asarray(answers)
    joined = np.concatenate([first, second])
    if len(joined) != len(chosen) or len(second) != int(chosen.sum()):
        raise ValueError(f"answers: found {len(first)} and {len(second)} for {len(chosen)} rows")
    together = np.empty_like(joined)
    together[~chosen], together[chosen] = joined[: len(first)], joined[len(first) :]
    return together
