from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Policy, Reference, ReferenceBuilder, check
from exporter.errors import ConfigError, ReferenceDataError
from exporter.policy import MULTIVARIATE_TESTS
from exporter.reference import BuildSettings

ALL = Policy(multivariate=MULTIVARIATE_TESTS)


def table(rng: np.random.Generator, rows: int, correlation: float) -> pd.DataFrame:
    """Two numbers that each look alike whatever their correlation, a category and an odd one out."""
    first = rng.normal(size=rows)
    second = correlation * first + np.sqrt(1 - correlation**2) * rng.normal(size=rows)
    return pd.DataFrame({"a": first, "b": second, "c": rng.choice(["x", "y"], size=rows)})


def fit(data: pd.DataFrame, joint_rows: int = 1000) -> Reference:
    return Reference.fit(data, model_name="m", model_version="1", joint_rows=joint_rows)


def test_a_correlation_that_turned_shows_in_no_column(rng: np.random.Generator) -> None:
    """Every column looks as before, and the tests of all of them together tell, naming the two."""
    reference = fit(table(rng, 2000, 0.9))
    report = check(reference, table(rng, 2000, -0.9), ALL)
    assert report.drifted_features == ()
    assert report.multivariate["mmd"].p_value is not None
    assert report.multivariate["mmd"].p_value < 0.02
    classified = report.multivariate["domain_classifier"]
    assert classified.value is not None
    assert classified.value > 0.7
    assert {name for name, _ in classified.details["features"][:2]} == {"a", "b"}
    assert not report.drift_detected


def test_without_drift_all_are_quiet(rng: np.random.Generator) -> None:
    """The same distribution gives an AUC near one half and no small p-value."""
    report = check(fit(table(rng, 2000, 0.5)), table(rng, 2000, 0.5), ALL)
    assert set(report.multivariate) == set(MULTIVARIATE_TESTS)
    for finding in report.multivariate.values():
        assert finding.reason is None
        assert finding.p_value is not None
        assert finding.p_value > 0.005
    auc = report.multivariate["domain_classifier"].value
    assert auc is not None
    assert abs(auc - 0.5) < 0.06


def test_the_same_rows_give_the_same_numbers(rng: np.random.Generator) -> None:
    """Draws are seeded, and the process's own randomness is left alone."""
    reference, current = fit(table(rng, 500, 0.5)), table(rng, 500, 0.5)
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002 - what must not change
    assert check(reference, current, ALL).multivariate == check(reference, current, ALL).multivariate
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


def test_rows_are_only_kept_when_asked(rng: np.random.Generator) -> None:
    """By default a reference holds no row, and a check has no multivariate result."""
    reference = fit(table(rng, 500, 0.5), joint_rows=0)
    assert reference.joint is None
    assert check(reference, table(rng, 500, 0.5)).multivariate == {}


def test_odd_values_are_read_as_ordinary_ones(rng: np.random.Generator) -> None:
    """Missing, infinite, unseen and absent columns leave a result."""
    reference = fit(table(rng, 1000, 0.5))
    odd = table(rng, 1000, 0.5).drop(columns="b")
    odd.loc[:400, "a"] = np.nan
    odd.loc[401:410, "a"] = np.inf
    odd.loc[:500, "c"] = "new"
    found = check(reference, odd, ALL).multivariate
    assert all(finding.value is not None for finding in found.values())


def test_too_few_rows_are_no_result(rng: np.random.Generator) -> None:
    """Below the policy's minimum nothing is computed; a test that needs more says so."""
    reference = fit(table(rng, 1000, 0.5), joint_rows=100)
    assert check(reference, table(rng, 50, 0.5), ALL).multivariate == {}
    found = check(reference, table(rng, 150, 0.5), ALL).multivariate["isolation_forest"]
    assert found.value is None
    assert found.reason is not None
    assert "need" in found.reason


def test_the_rows_survive_file_and_merge(rng: np.random.Generator, tmp_path: Path) -> None:
    """What is loaded gives the same result as what was saved; merging keeps the shares of both."""
    first, second, current = table(rng, 900, 0.5), table(rng, 300, 0.5), table(rng, 400, 0.5)
    first.loc[0, "a"] = np.nan
    reference = fit(first, joint_rows=200)
    reference.save(tmp_path / "r.json")
    loaded = Reference.load(tmp_path / "r.json")
    assert check(loaded, current, ALL).multivariate == check(reference, current, ALL).multivariate
    json.dumps(check(loaded, current, ALL).to_dict(), allow_nan=False)
    merged = reference.merge(fit(second, joint_rows=200))
    assert merged.joint is not None
    assert merged.joint.n_rows == 200
    of_first = np.isin(merged.joint.arrays["a"], first["a"].to_numpy()).sum()
    assert of_first in (149, 150)
    assert reference.merge(fit(second, joint_rows=200)).rows == 1200


def test_chunks_give_rows_of_all(rng: np.random.Generator) -> None:
    """Rows kept from many chunks come from all of them."""
    settings = BuildSettings(joint_rows=300)
    builder = ReferenceBuilder(model_name="m", model_version="1", settings=settings)
    for chunk in range(10):
        builder.update(pd.DataFrame({"a": np.full(200, float(chunk)), "b": rng.normal(size=200)}))
    joint = builder.build().joint
    assert joint is not None
    assert sorted(set(joint.arrays["a"].tolist())) == [float(chunk) for chunk in range(10)]
    assert joint.n_rows == 300


def test_scores_are_published(rng: np.random.Generator) -> None:
    """The gauge has a series for each test that was computed."""
    data = table(rng, 1000, 0.5)
    registry = CollectorRegistry()
    predictor = InstrumentedPredictor(
        lambda X: np.zeros(len(X)),
        name="m",
        version="1",
        reference=fit(data),
        registry=registry,
        background=False,
    )
    predictor(data)
    predictor.check_now()
    labels = {"model_name": "m", "model_version": "1", "window": "1h"}
    family = "model_multivariate_drift_score"
    assert registry.get_sample_value(family, {**labels, "test_type": "mmd"}) is not None
    assert registry.get_sample_value(family, {**labels, "test_type": "one_class_svm"}) is None


def test_bad_settings_are_refused() -> None:
    """Unknown tests and impossible sizes are named."""
    with pytest.raises(ConfigError, match=r"policy\.multivariate: found 'pca', need any of mmd"):
        Policy(multivariate=("pca",))  # type: ignore[arg-type]
    with pytest.raises(ReferenceDataError, match="joint_rows: found -1, need an integer >= 0"):
        BuildSettings(joint_rows=-1)
