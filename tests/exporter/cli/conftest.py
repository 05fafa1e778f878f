"""What tests of the commands share: running one as `driftgauge` does, and small tables in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftgauge import cli


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process."""

    def command(*arguments: object) -> Ran:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in, so that messages show short paths."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DRIFT_THRESHOLD", "DRIFT_MIN_SAMPLES"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def rows(seed: int, n: int = 2000, shift: float = 0.0) -> dict[str, Any]:
    """A table of two features, what a model made of them, the truth, ids and times."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40.0 + shift, 10.0, n)
    score = 1.0 / (1.0 + np.exp(-(age - 40.0) / 10.0))
    return {
        "age": age,
        "city": rng.choice(["Köln", "Łódź", "A, B"], n),
        "score": score,
        "predicted": (score > 0.5).astype(int),
        "late": (rng.random(n) < score).astype(int),
        "id": [f"r{i}" for i in range(n)],
        "seen": 1.7e9 + 60.0 * np.arange(n),
    }


@pytest.fixture
def tables(folder: Path) -> Path:
    """`train.parquet`, `same.parquet` and `moved.parquet`, whose ages are a standard deviation higher."""
    for name, seed, shift in (("train", 1, 0.0), ("same", 2, 0.0), ("moved", 3, 10.0)):
        pq.write_table(pa.table(rows(seed, shift=shift)), folder / f"{name}.parquet")
    return folder
