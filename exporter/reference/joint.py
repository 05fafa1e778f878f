"""Whole rows that a reference keeps where it was told to, in random order: encoding, decoding, merging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import Columns, concatenate
from ..values import object_array
from .kinds import as_numbers, category_text
from .profiles import NumericProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .profiles import Profile


def encode_joint(joint: Columns | None, profiles: Mapping[str, Profile]) -> dict[str, Any] | None:
    """Plain values for JSON: numbers, category names, and null for what is neither."""
    if joint is None:
        return None
    columns: dict[str, list[Any]] = {}
    for name, profile in profiles.items():
        if isinstance(profile, NumericProfile):
            numbers = as_numbers(joint.arrays[name])[0]
            columns[name] = [value if np.isfinite(value) else None for value in numbers.tolist()]
        else:
            columns[name] = [category_text(value) for value in joint.arrays[name].tolist()]
    return {"rows": joint.n_rows, "columns": columns}


def decode_joint(part: Mapping[str, Any] | None, profiles: Mapping[str, Profile]) -> Columns | None:
    """The rows that `encode_joint` wrote."""
    if part is None:
        return None
    arrays = {
        name: np.array(
            [np.nan if value is None else value for value in part["columns"][name]], dtype=np.float64
        )
        if isinstance(profile, NumericProfile)
        else object_array(part["columns"][name])
        for name, profile in profiles.items()
    }
    return Columns(arrays=arrays, n_rows=int(part["rows"]))


def merge_joint(
    mine: Columns | None, my_rows: int, other: Columns | None, other_rows: int, most: int
) -> Columns | None:
    """Rows of both in proportion to the rows that they stand for; None where one of the two has none.

    Either's rows are in random order, so that its first ones are a random sample of it.
    """
    if mine is None or other is None:
        return None
    wanted = min(most, mine.n_rows + other.n_rows)
    share = my_rows / (my_rows + other_rows)
    from_mine = min(round(wanted * share), mine.n_rows)
    from_other = min(wanted - from_mine, other.n_rows)
    return concatenate([_first(mine, from_mine), _first(other, from_other)])


def _first(table: Columns, n_rows: int) -> Columns:
    return Columns(arrays={name: array[:n_rows] for name, array in table.arrays.items()}, n_rows=n_rows)
