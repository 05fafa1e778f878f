"""All rows of a table while they fit, and otherwise a uniform sample of them.

Every row draws a number, and those with the smallest are kept: each row is as likely as any other, whatever
the length of the table, in one pass and bounded memory. The same seed gives the same sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..columns import Columns, concatenate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .reading import OnRows, Reading, Table

SLACK: Final = 1.25
"""Rows held before the surplus is dropped, in those that are kept: less would copy them more often."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """Rows of a table.

    Attributes
    ----------
    columns : Columns
        The rows, in the table's order.
    total : int
        Rows of the table; more than those of `columns` if they are a sample.
    """

    columns: Columns
    total: int


def read_sample(
    table: Table,
    names: Sequence[str],
    readings: Mapping[str, Reading],
    *,
    limit: int,
    rng: np.random.Generator,
    on_rows: OnRows,
) -> Sampled:
    """These columns of all rows, or of `limit` of them."""
    parts: list[tuple[Columns, NDArray[np.float64]]] = []
    total = held = 0
    below = 1.0
    for chunk in table.chunks(names, readings):
        drawn = rng.random(chunk.n_rows)
        part = _select(chunk, drawn, below)
        parts.append(part)
        total, held = total + chunk.n_rows, held + len(part[1])
        if held > SLACK * limit:
            below, parts = _trimmed(parts, limit)
            held = limit
        on_rows(chunk.n_rows)
    if held > limit:
        _, parts = _trimmed(parts, limit)
    return Sampled(columns=concatenate([columns for columns, _ in parts]), total=total)


def _trimmed(
    parts: list[tuple[Columns, NDArray[np.float64]]], limit: int
) -> tuple[float, list[tuple[Columns, NDArray[np.float64]]]]:
    """The number that all rows to come must stay below, and the rows that do."""
    drawn = np.concatenate([numbers for _, numbers in parts])
    below = float(np.partition(drawn, limit)[limit])
    return below, [_select(columns, numbers, below) for columns, numbers in parts]


def _select(
    columns: Columns, drawn: NDArray[np.float64], below: float
) -> tuple[Columns, NDArray[np.float64]]:
    chosen = drawn < below
    if chosen.all():
        return columns, drawn
    arrays: dict[str, NDArray[Any]] = {name: array[chosen] for name, array in columns.arrays.items()}
    return replace(columns, arrays=arrays, n_rows=int(chosen.sum())), drawn[chosen]
