"""What tests of tables share: all rows of one at once, and chunks that are small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporter.columns import concatenate
from exporter.tables import Reading, Table, reading, text_files

Rows = Callable[..., dict[str, list[Any]]]


@pytest.fixture
def rows() -> Rows:
    """All rows of a table as lists by column, None for missing."""

    def read(table: Table, declared: Mapping[str, Reading] | None = None) -> dict[str, list[Any]]:
        readings = table.readings(table.columns, declared or {}, lambda _: None)
        columns = concatenate(list(table.chunks(table.columns, readings)))
        return {
            name: [None if value != value else value for value in array.tolist()]  # noqa: PLR0124 - NaN
            for name, array in columns.arrays.items()
        }

    return read


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of ten rows and blocks of 64 bytes, as a file has that is larger than they are."""
    monkeypatch.setattr(reading, "MIN_CHUNK_ROWS", 10)
    monkeypatch.setattr(reading, "CHUNK_CELLS", 10)
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 64)
