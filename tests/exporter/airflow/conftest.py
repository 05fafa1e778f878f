"""A champion in its folder, a day of rows after a change, and what a training has made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from exporter import Reference
from exporter.airflow.learning import find_champion
from exporter.airflow.run_folder import Champion, Training
from exporter.airflow.steps import Summary, Window


class Threshold:
    """Says yes above a value of its first column; the classes are of the day."""

    classes_ = ("no", "yes")

    def __init__(self, path: str) -> None:
        self.at = float(Path(path).read_text())

    def predict(self, rows: NDArray[Any]) -> NDArray[np.str_]:
        return np.where(rows[:, 0].astype(float) > self.at, "yes", "no")

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        yes = 1.0 / (1.0 + np.exp(self.at - rows[:, 0].astype(float)))
        return np.column_stack([1.0 - yes, yes])


def day(rng: np.random.Generator, rows: int, age: float) -> pd.DataFrame:
    """Rows around an age; the older half mostly says yes."""
    ages = rng.normal(age, 10, size=rows)
    truth = np.where((ages > age) ^ (rng.random(rows) < 0.1), "yes", "no")
    return pd.DataFrame({"age": ages, "carrier": rng.choice(["AA", "UA"], size=rows), "target": truth})


def made(folder: Path, version: str, frame: pd.DataFrame, at: float) -> Training:
    """A version in a folder, as a training leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model").write_text(str(at))
    labels = frame["target"]
    features = frame.drop(columns="target")
    Reference.fit(features, model_name="m", model_version=version, predictions=labels, labels=labels).save(
        folder / "reference.json"
    )
    return Training(
        model_path=str(folder / "model"),
        reference_path=str(folder / "reference.json"),
        metrics={"accuracy": 0.9},
        holdout=str(folder.parent / "holdout.parquet"),
    )


@dataclass
class Bench:
    """A run before its training."""

    folder: str
    state: str
    champion: Champion
    window: Window
    report: Summary

    def write(self, **document: Any) -> str:
        """A program that writes a result."""
        return f"import json, os; json.dump({document!r}, open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w'))"

    @property
    def order(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((Path(self.folder) / "training" / "order.json").read_text())
        return found


@pytest.fixture
def bench(tmp_path: Path, rng: np.random.Generator) -> Bench:
    """The champion was trained around the age of 40; today it is 48, and 500 labels are missing."""
    first = made(tmp_path / "first", "1", day(rng, 5_000, 40.0), 40.0)
    today = day(rng, 3_000, 48.0)
    today.loc[:499, "target"] = None
    today.to_parquet(tmp_path / "window.parquet")
    champion = find_champion(
        str(tmp_path / "rollout.json"), str(tmp_path / "run"), reference_path=first["reference_path"],
        model_path=first["model_path"],
    )  # fmt: skip
    return Bench(
        folder=str(tmp_path / "run"),
        state=str(tmp_path / "rollout.json"),
        champion=champion,
        window=Window(path=str(tmp_path / "window.parquet"), rows=3_000, total=3_000),
        report=Summary(
            path="r.json", model_name="m", model_version="1", rows=3_000, drift_detected=True, drifted=["age"]
        ),
    )  # fmt: skip
