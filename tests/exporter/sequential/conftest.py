"""Streams and what river finds in them, from a file that was written once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

collect_ignore = ["data/make_river.py"]
"""It needs river, which is in no environment of ours."""

Streams = dict[str, NDArray[np.float64]]


@pytest.fixture(scope="session")
def river() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "river.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="session")
def streams(river: dict[str, Any]) -> Streams:
    errors = {
        name: np.unpackbits(np.frombuffer(bytes.fromhex(stream["bits"]), np.uint8))[: stream["length"]]
        for name, stream in river["errors"].items()
    }
    numbers = {name: np.array(values) / 100.0 for name, values in river["numbers"].items()}
    return {**{name: bits.astype(np.float64) for name, bits in errors.items()}, **numbers}
