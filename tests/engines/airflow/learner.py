"""A model that is a threshold on the age, its loader, and its training as a program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from exporter import Reference

FEATURES = ("age", "carrier")


class Threshold:
    """Says yes to whoever is older."""

    def __init__(self, age: float) -> None:
        self.age = age

    def predict(self, rows: NDArray[Any]) -> NDArray[np.str_]:
        return np.where(rows[:, 0].astype(float) > self.age, "yes", "no")


def load(path: str) -> Threshold:
    """The model in a file, as a server loads it."""
    return Threshold(float(json.loads(Path(path).read_text())["age"]))


def save(folder: Path, version: str, model: Threshold, rows: NDArray[Any], labels: NDArray[Any]) -> None:
    """A model and its reference."""
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"age": model.age}))
    columns = {"age": rows[:, 0].astype(float), "carrier": rows[:, 1].astype(str)}
    Reference.fit(
        columns, model_name="m", model_version=version, predictions=model.predict(rows), labels=labels
    ).save(folder / "reference.json")


def main(log: str, how: str) -> int:
    """Train as the order on standard input says; the log has a line for each training."""
    order = json.load(sys.stdin)
    with Path(log).open("a") as file:
        file.write(f"{order['run_id']}\n")
    if how == "fails":
        sys.stderr.write("no memory left\n")
        return 3
    table = pq.read_table(order["parameters"]["data"])
    rows = np.array([*zip(*(table.column(name).to_pylist() for name in FEATURES), strict=True)], dtype=object)
    labels = np.array(table.column(order["parameters"]["target"]).to_pylist())

    def right(age: float) -> float:
        return float(np.mean(Threshold(age).predict(rows) == labels))

    best = max(map(float, range(20, 80)), key=right)
    folder = Path(order["output_directory"])
    save(folder, str(int(order["model_version"]) + 1), Threshold(best), rows, labels)
    result = {
        "model_path": "model.json", "reference_path": "reference.json", "metrics": {"accuracy": right(best)}
    }  # fmt: skip
    Path(order["result_file"]).write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
