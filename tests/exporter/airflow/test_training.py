"""A program that trains: what it is told, what it may say, and how it may fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from exporter import EngineError
from exporter.airflow.run_folder import Training
from exporter.airflow.training import HOLD_OUT, train

from .conftest import Bench, made


def _train(bench: Bench, program: str, **options: Any) -> Training:
    return train(
        bench.window, bench.champion, bench.report, bench.folder, command=[sys.executable, "-c", program],
        target="target", run_id="today", since="2026-03-01", **options,
    )  # fmt: skip


def test_a_training_is_told_why_and_on_which_rows(bench: Bench) -> None:
    """The order is that of the retraining service; rows without a label or held out are not in it."""
    made(Path(bench.folder) / "training", "2", pd.read_parquet(bench.window["path"]).dropna(), 48.0)
    program = (
        "import json, os, shutil, sys; told = json.load(sys.stdin); folder = told['output_directory'];"
        "open(folder + '/model', 'w').write('48');"
        "shutil.copy(told['reference_path'], folder + '/reference.json');"
    ) + bench.write(model_path="model", reference_path="reference.json", metrics={"accuracy": 0.9})
    found = _train(bench, program)
    assert Path(found["model_path"]).read_text() == "48"
    assert found["metrics"] == {"accuracy": 0.9}
    order = bench.order
    assert (order["drifted_features"], order["features"]) == (["age"], ["age", "carrier"])
    seen, held = pd.read_parquet(order["parameters"]["data"]), pd.read_parquet(found["holdout"])
    assert (len(seen), len(held)) == (round(2500 * (1 - HOLD_OUT)), round(2500 * HOLD_OUT))
    assert not set(seen["age"]) & set(held["age"])
    assert seen["target"].notna().all()


def test_the_newest_rows_are_held_out_where_times_are_known(bench: Bench) -> None:
    """So a candidate is judged on what came after its rows."""
    frame = pd.read_parquet(bench.window["path"])
    frame["at"] = range(len(frame), 0, -1)
    frame.to_parquet(bench.window["path"])
    with pytest.raises(EngineError, match="no result"):
        _train(bench, "pass", timestamp="at")
    folder = Path(bench.folder)
    seen, held = (pd.read_parquet(folder / f"{name}.parquet")["at"] for name in ("training", "holdout"))
    assert seen.max() < held.min()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit('no memory left')", "ended with 1, need 0; it said last: no memory left"),
        ("pass", "found no result"),
        ("import os; open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w').write('{')", "found no result"),
        ("import os; open(os.environ['DRIFTGAUGE_RESULT_FILE'], 'w').write('7')", "found 7, need an object"),
    ],
)
def test_a_training_that_fails_or_says_nothing_is_an_error(bench: Bench, program: str, words: str) -> None:
    """With its last words, or what is missing."""
    with pytest.raises(EngineError, match=words):
        _train(bench, program)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_path": None}, "model_path: found None, need a path"),
        ({"reference_path": "none.json"}, "reference_path: found no 'none.json', need what it names"),
        ({"metrics": {}}, "metrics: found {}, need finite numbers"),
        ({"metrics": {"auc": True}}, "need finite numbers"),
    ],
)
def test_a_result_that_names_nothing_is_refused(bench: Bench, changes: dict[str, Any], words: str) -> None:
    """Each key by its name."""
    document = {"model_path": "order.json", "reference_path": "order.json", "metrics": {"auc": 0.8}}
    with pytest.raises(EngineError, match=words):
        _train(bench, bench.write(**{**document, **changes}))


def test_a_training_that_hangs_is_killed(bench: Bench) -> None:
    """At its time limit, with what it started."""
    program = "import subprocess; subprocess.run(['sleep', '1000'])"
    with pytest.raises(EngineError, match=r"found no end after 0\.5 s"):
        _train(bench, program, timeout=0.5)


def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    """Nothing was started."""
    with pytest.raises(EngineError, match="/none/train"):
        train(
            bench.window, bench.champion, bench.report, bench.folder, command=["/none/train"],
            target="target", run_id="today", since="2026-03-01",
        )  # fmt: skip
