"""Reading the rows that are to be checked, and deciding what counts; what `check` and `compare` share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from ..config import policy_from_environment
from ..tables import Sampled, open_table, read_sample
from .progress import reading

if TYPE_CHECKING:
    from ..policy import Policy, Preset
    from ..tables import Reading, Table

MAX_ROWS: Final = 1_000_000
"""Rows checked unless told otherwise. With a million on one side chance moves PSI by 0.00005 and KS by 0.002,
a fiftieth of the default threshold: more rows would change no verdict."""

MAX_CELLS: Final = 50_000_000
"""Values held unless told otherwise: 400 MB as floats."""

CURRENT_SEED, BASELINE_SEED = 0, 1
"""Of the random samples, so that the same tables give the same report. Two, since the same places in both
tables would be no independent samples."""


def open_data(data: str, arguments: argparse.Namespace, query: str | None) -> Table:
    """The rows that an argument names."""
    return open_table(
        data, query=query, parameters=dict(arguments.param or ()), delimiter=arguments.delimiter
    )


def read_window(
    table: Table,
    names: Sequence[str],
    declared: Mapping[str, Reading],
    max_rows: int | None,
    seed: int = CURRENT_SEED,
) -> Sampled:
    """These columns of all rows of a table, or of a random sample of them if there are too many."""
    limit = max_rows or min(MAX_ROWS, MAX_CELLS // max(len(names), 1))
    with reading(f"looking at {table.name}", table.n_rows) as on_rows:
        readings = table.readings(names, declared, on_rows)
    with reading(f"reading {table.name}", table.n_rows) as on_rows:
        return read_sample(
            table, names, readings, limit=limit, rng=np.random.default_rng(seed), on_rows=on_rows
        )


def sampling(table: Table, sampled: Sampled) -> list[str]:
    """What to say about a sample; nothing about all rows."""
    rows = sampled.columns.n_rows
    if rows == sampled.total:
        return []
    return [
        f"{table.name}: found {sampled.total:,} rows, checked a random sample of {rows:,}; see --max-rows"
    ]


def policy_of(arguments: argparse.Namespace) -> tuple[Policy, str]:
    """The policy that the options and the environment say, and what to call it."""
    preset: Preset = "balanced" if arguments.preset is None else arguments.preset
    return policy_from_environment(preset), f"policy {preset}"
