"""The README is what a newcomer believes: its code runs and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from exporter import InstrumentedPredictor

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_for_your_own_model_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both blocks run as they stand, one after the other, on a model of one's own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(500, 3)), columns=["income", "age", "debt"])
    truth = (table["income"] > 0).to_numpy()
    names: dict[str, Any] = {
        "X_train": table,
        "y_train": truth,
        "model": LogisticRegression().fit(table, truth),
        "X": table,
        "ids": list(range(500)),
        "y_true": truth,
    }
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert block.count("port=9108") <= 1
        exec(block.replace("port=9108", "port=0"), names)
    predictor = names["predictor"]
    assert isinstance(predictor, InstrumentedPredictor)
    try:
        assert predictor.record_outcomes(names["ids"], truth).duplicate == 500
    finally:
        predictor.close()


def test_links_lead_somewhere() -> None:
    """Every relative link and picture is a file of the repository."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_two_commands_are_targets() -> None:
    """`make demo` and `make test` stand in the README and in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert f"make {target} " in README
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
