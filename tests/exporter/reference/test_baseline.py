from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from exporter.reference import Reference, ReferenceBuilder
from exporter.reference import baseline as baseline_module


def rows(n: int, seed: int = 1) -> tuple[pd.DataFrame, Any, Any]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "kind": rng.choice(["a", "b"], size=n)})
    scores = 1 / (1 + np.exp(-frame["x"].to_numpy()))
    return frame, scores, (rng.uniform(size=n) < scores).astype(int)


def fit(n: int = 2000, **options: Any) -> Reference:
    frame, scores, truth = rows(n)
    return Reference.fit(frame, model_name="m", model_version="1", scores=scores, labels=truth, **options)


def test_performance_is_computed_from_what_is_given() -> None:
    """Predictions, scores and labels give every measure, overall and by segment."""
    frame, scores, truth = rows(2000)
    reference = fit()
    assert reference.performance["auc"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)
    assert reference.performance["accuracy"] == pytest.approx(
        metrics.accuracy_score(truth, scores > 0.5), abs=1e-12
    )
    part = (frame["kind"] == "a").to_numpy()
    value, n = reference.baseline.segments["kind"]["a"]["auc"]
    assert value == pytest.approx(metrics.roc_auc_score(truth[part], scores[part]), abs=1e-12)
    assert n == part.sum()


def test_measures_that_were_given_win() -> None:
    """Whoever measured on a hold-out set knows better."""
    reference = fit(performance={"auc": 0.5, "profit": 3.0})
    assert (reference.performance["auc"], reference.performance["profit"]) == (0.5, 3.0)
    assert "accuracy" in reference.performance


def test_a_baseline_survives_its_file(tmp_path: Path) -> None:
    """Saved and loaded, it is the same to the last digit."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(500, 2)), columns=["a", "b"])
    truth = table["a"] * 2 + rng.normal(size=500)
    regression = Reference.fit(
        table, model_name="m", model_version="1", predictions=table["a"] * 2, labels=truth
    )
    for reference in (fit(), regression):
        reference.save(tmp_path / "reference.json")
        loaded = Reference.load(tmp_path / "reference.json")
        assert baseline_module.encode_baseline(loaded.baseline) == baseline_module.encode_baseline(
            reference.baseline
        )
    assert regression.baseline.losses is not None
    assert regression.baseline.correlations is not None


def test_chunks_give_the_baseline_of_the_whole() -> None:
    """While all rows fit into the sample, the way in which they came does not matter."""
    frame, scores, truth = rows(2000)
    builders = [ReferenceBuilder(model_name="m", model_version="1") for _ in range(2)]
    for i, builder in enumerate(builders):
        for j in range(2):
            part = slice(500 * (2 * i + j), 500 * (2 * i + j + 1))
            builder.update(frame[part], scores=scores[part], labels=truth[part])
    builders[0].merge(builders[1])
    assert builders[0].build().performance == pytest.approx(fit().performance)


def test_many_rows_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the sample is of all rows and not of the first ones."""
    monkeypatch.setattr(baseline_module, "MAX_SAMPLED_ROWS", 500)
    frame, scores, truth = rows(4000)
    truth[:2000] = 0
    builder = ReferenceBuilder(model_name="m", model_version="1")
    for start in range(0, 4000, 250):
        part = slice(start, start + 250)
        builder.update(frame[part], scores=scores[part], labels=truth[part])
        assert builder._sample._held <= 1000
    reference = builder.build()
    assert reference.baseline.rows == 500
    assert reference.performance["accuracy"] == pytest.approx(
        metrics.accuracy_score(truth, scores > 0.5), abs=0.07
    )


def test_without_truth_there_is_no_performance() -> None:
    """Correlations alone need no labels."""
    frame, scores, _ = rows(200)
    reference = Reference.fit(frame.assign(y=1.5), model_name="m", model_version="1", scores=scores)
    assert reference.performance == {}
    assert reference.baseline.correlations is not None
    assert reference.baseline.correlations.names == ("x", "y")


def test_labels_that_lack_or_never_change_give_no_nonsense() -> None:
    """Missing labels are left out; a single class has no measures of two."""
    frame, scores, truth = rows(300)
    some: list[Any] = [None if i % 2 else int(label) for i, label in enumerate(truth)]
    reference = Reference.fit(frame, model_name="m", model_version="1", scores=scores, labels=some)
    assert reference.baseline.rows == 150
    alone = Reference.fit(frame, model_name="m", model_version="1", labels=[1] * 300)
    assert alone.performance == {}
