from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow", reason="the extra `mlflow` has an environment of its own: make test-mlflow")

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_is_saved_and_loaded_by_mlflow() -> None:
    """A model that MLflow saved, with its reference as an artifact, counts its rows where it is loaded."""
    done = subprocess.run(
        [sys.executable, "examples/serving/mlflow_model.py"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["predicted 10.0"], done.stderr
