"""Which candidates are tried in traffic, and which are refused before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import ConfigError
from exporter.airflow.run_folder import Training, Validated
from exporter.airflow.validating import validate

from .conftest import Bench, Threshold, day, made


@pytest.fixture(autouse=True)
def loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's loader, by the name that the DAG has."""
    monkeypatch.setattr("exporter.airflow.validating.loaded", lambda _name, _key, path: Threshold(path))


def _trained(bench: Bench, version: str, at: float, rows: int = 800) -> Training:
    """A version, and hold-out rows around the age of 48."""
    frame = day(np.random.default_rng(3), rows, 48.0)
    training = made(Path(bench.folder) / "training", version, frame, at)
    frame.to_parquet(training["holdout"])
    return training


def _validate(bench: Bench, training: Training, **options: Any) -> Validated:
    settings = {"loader": "a:b", "target": "target", "measure": "accuracy", **options}
    return validate(training, bench.champion, bench.folder, **settings)


@pytest.mark.parametrize("measure", ["accuracy", "f1", "brier_score", "log_loss"])
def test_a_better_candidate_is_tried(bench: Bench, measure: str) -> None:
    """By predictions or by the scores of the positive class."""
    found = _validate(bench, _trained(bench, "2", 48.0), measure=measure, positive="yes")
    assert (found["model_version"], found["verdict"], found["rows"]) == ("2", "better", 800)


def test_one_that_is_not_worse_is_tried_within_a_margin(bench: Bench) -> None:
    """An equal one is neither better nor worse: only a margin makes it not worse."""
    training = _trained(bench, "2", 40.0)
    with pytest.raises(ConfigError, match="found inconclusive on 800 hold-out rows"):
        _validate(bench, training)
    assert _validate(bench, training, margin=0.01)["verdict"] == "not_worse"


@pytest.mark.parametrize(
    ("version", "at", "rows", "words"),
    [
        ("2", 70.0, 800, "found worse on 800 hold-out rows"),
        ("2", 48.0, 90, "found inconclusive on 90 hold-out rows"),
        ("1", 48.0, 800, "found version '1', need one that was not tried before"),
    ],
)
def test_a_candidate_that_is_not_shown_to_be_good_is_refused(
    bench: Bench, version: str, at: float, rows: int, words: str
) -> None:
    """Worse, too few rows to know, or a name that was tried."""
    with pytest.raises(ConfigError, match=words):
        _validate(bench, _trained(bench, version, at, rows))


def test_a_candidate_of_other_features_is_refused(bench: Bench) -> None:
    """With the server's own words: it would refuse it as well."""
    training = _trained(bench, "2", 48.0)
    frame = pd.read_parquet(training["holdout"]).drop(columns="carrier")
    made(Path(bench.folder) / "training", "2", frame, 48.0)
    with pytest.raises(ConfigError, match=r"refused \(other_features\): .*carrier missing"):
        _validate(bench, training)


def test_a_damaged_reference_is_refused(bench: Bench) -> None:
    """A model never goes without its reference."""
    training = _trained(bench, "2", 48.0)
    path = Path(training["reference_path"])
    path.write_text(path.read_text().replace('"carrier"', '"Carrier"', 1))
    with pytest.raises(ValueError, match=r"reference\.json"):
        _validate(bench, training)
    path.unlink()
    with pytest.raises(ValueError, match=r"reference\.json"):
        _validate(bench, training)


def test_scores_need_a_class_that_the_model_knows(bench: Bench) -> None:
    """Else the wrong column would be compared."""
    with pytest.raises(ConfigError, match="positive: found 'maybe' for auc, need one of no, yes"):
        _validate(bench, _trained(bench, "2", 48.0), measure="auc", positive="maybe")
