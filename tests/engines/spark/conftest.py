"""One local Spark of two cores for all tests; elsewhere than in `make test-spark` they are skipped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import Reference

Frames = Callable[..., Any]


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A session on this machine alone."""
    pytest.importorskip("pyspark", reason="the extra `spark` has an environment of its own: make test-spark")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only where it is

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("driftgauge-tests")
    options = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def training() -> pd.DataFrame:
    """Rows of every kind: numbers with gaps and infinities, integers, text, booleans, times, outputs."""
    return rows(np.random.default_rng(7), 60_000)


@pytest.fixture(scope="session")
def current() -> pd.DataFrame:
    """Rows in which two columns have moved, with a category that is new."""
    frame = rows(np.random.default_rng(8), 40_000)
    frame["age"] += 4.0
    frame.loc[frame.index % 3 == 0, "carrier"] = "ZZ"
    return frame


def rows(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """A table of the model that these tests stand for."""
    fare = rng.lognormal(size=n)
    fare[rng.random(n) < 0.05] = np.nan
    fare[rng.random(n) < 0.01] = np.inf
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, size=n),
            "fare": fare,
            "stops": rng.integers(0, 4, size=n),
            "carrier": rng.choice(np.array(["AA", "UA", "DL", None]), p=[0.5, 0.3, 0.15, 0.05], size=n),
            "weekend": rng.random(n) < 0.3,
            "seen": 1.7e9 + np.sort(rng.uniform(0, 7 * 86400, size=n)),
            "score": rng.uniform(size=n),
            "predicted": rng.choice(["no", "yes"], p=[0.7, 0.3], size=n),
            "actual": rng.choice(["no", "yes"], p=[0.7, 0.3], size=n),
            "id": [f"id{i}" for i in range(n)],
        }
    )


FEATURES = ["age", "fare", "stops", "carrier", "weekend"]


@pytest.fixture(scope="session")
def reference(training: pd.DataFrame) -> Reference:
    """Built in memory, with whole rows and a day's seasons left out."""
    return Reference.fit(
        training[FEATURES],
        model_name="m",
        model_version="1",
        predictions=training["predicted"],
        scores=training["score"],
        labels=training["actual"],
        timestamps=training["seen"],
        clock=lambda: 0.0,
    )


@pytest.fixture(scope="session")
def parquet(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Writes a table as so many Parquet files, each at least one partition, and reads it with Spark."""

    def write(frame: pd.DataFrame, files: int = 7) -> Any:
        folder = tmp_path_factory.mktemp("table")
        for number, part in enumerate(np.array_split(np.arange(len(frame)), files)):
            frame.iloc[part].to_parquet(folder / f"{number:02d}.parquet", index=False)
        # As many partitions as files: Spark would pack files that are this small.
        return spark.read.parquet(str(folder)).repartition(files)

    return write


@pytest.fixture(scope="session")
def training_frame(parquet: Frames, training: pd.DataFrame) -> Any:
    """`training` on Spark."""
    return parquet(training).persist()


@pytest.fixture(scope="session")
def current_frame(parquet: Frames, current: pd.DataFrame) -> Any:
    """`current` on Spark."""
    return parquet(current).persist()
