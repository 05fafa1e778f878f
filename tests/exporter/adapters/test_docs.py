from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from exporter.predictor import InstrumentedPredictor
from exporter.reference import Reference

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def test_the_blocks_of_the_page_run(tmp_path: Path, rng: np.random.Generator) -> None:
    """One after the other, as they stand; each predictor has counted its rows in the end."""
    table = pd.DataFrame(rng.normal(size=(300, 2)), columns=["income", "age"])
    truth = np.asarray(table["income"] > 0)
    model = LogisticRegression().fit(table, truth)
    names: dict[str, Any] = {"X_train": table, "y_train": truth, "model": model, "joblib": joblib}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(block, names)
    reference: Reference = names["reference"]
    reference.save(tmp_path / "reference.json")
    joblib.dump(model, tmp_path / "model.joblib")
    artifacts = {"reference": tmp_path / "reference.json", "model": tmp_path / "model.joblib"}
    predictors: list[InstrumentedPredictor] = [
        names["around"], names["inside"][-1]._predictor,
        names["predictor"], names["load"](SimpleNamespace(artifacts=artifacts)),
    ]  # fmt: skip
    for predictor in predictors[2:]:
        predictor.predict(table)
    for predictor in predictors:
        predictor.flush()
        labels = {"model_name": predictor.name, "model_version": predictor.version}
        assert predictor.registry.get_sample_value("model_predictions_total", labels) == 300
        predictor.close()
    client = names["flask"].test_client()
    assert client.get("/monitoring/drift").get_json()["model_name"] == "loans"


def test_the_pipeline_example_runs() -> None:
    """The file as it stands, as a program."""
    done = subprocess.run(
        [sys.executable, "examples/serving/sklearn_pipeline.py"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "around 10.0 inside 10.0\n", done.stderr


def test_links_lead_somewhere() -> None:
    """Every relative link of the page is a file beside it."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
