from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from exporter.holding import held


def overwrite(rows: Any) -> None:
    """As a server that reuses its buffers, whatever holds them."""
    if isinstance(rows, pd.DataFrame):
        rows.loc[0, "a"] = 9.0
        rows["new"] = 1
    elif isinstance(rows, pl.DataFrame):
        rows[0, "a"] = 9.0
    elif isinstance(rows, list):
        rows[0]["a"] = 9.0
        rows.append({})
    else:
        rows["a"][0] = 9.0
        rows["new"] = [1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        lambda: pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        lambda: [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}],
        lambda: {"a": np.array([1.0, 2.0]), "b": ["x", "y"]},
        lambda: {"a": [1.0, 2.0], "b": ["x", "y"]},
    ],
    ids=["pandas", "polars", "dicts", "arrays", "lists"],
)
def test_what_is_held_stays_as_it_was(make: Callable[[], Any]) -> None:
    """Values, names and rows, whatever the caller does afterwards."""
    rows = make()
    kept, expected = (
        held(rows),
        pd.DataFrame(make() if not isinstance(rows, pl.DataFrame) else rows.to_dict()),
    )
    overwrite(rows)
    found = pd.DataFrame(kept.to_dict() if isinstance(kept, pl.DataFrame) else kept)
    assert found.to_dict("list") == {name: list(column) for name, column in expected.items()}


@pytest.mark.parametrize("values", [np.array([1, 2]), [1, 2], [[1], [2]], [np.array([1]), np.array([2])]])
def test_lists_and_arrays_are_copied_with_their_rows(values: Any) -> None:
    """Ids, answers and rows without names."""
    kept = held(values)
    values[0] = 7
    if isinstance(values[1], (list, np.ndarray)):
        values[1][0] = 7
    assert np.ravel(kept).tolist() == [1, 2]


@pytest.mark.parametrize("value", [None, 1.5, "a", (1, 2), pd.Timestamp(0)])
def test_what_cannot_change_is_not_copied(value: Any) -> None:
    """It would cost for nothing."""
    assert held(value) is value


def test_an_older_pandas_copies_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before version 3 a shallow copy shows what is written into the other."""
    asked: list[bool] = []
    series = types.SimpleNamespace(iloc=None, copy=lambda *, deep: asked.append(deep))
    for version in ("2.3.3", "3.0.0"):
        monkeypatch.setattr(pd, "__version__", version)
        held(series)
    assert asked == [True, False]
