import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from exporter import Policy, Reference, check
from exporter.measure import measure
from exporter.reference import NumericProfile

floats = st.floats(allow_nan=True, allow_infinity=True, width=64)
columns = st.lists(floats, min_size=5, max_size=40)
anything = st.lists(
    st.one_of(st.none(), floats, st.text(max_size=4), st.booleans(), st.integers(), st.binary(max_size=3)),
    min_size=5,
    max_size=40,
)


def fit(column: Any, **options: Any) -> Reference:
    return Reference.fit({"x": column}, model_name="m", model_version="1", **options)


@settings(deadline=None)
@given(columns, columns)
def test_any_floats_give_a_report_in_strict_json(before: list[float], now: list[float]) -> None:
    """Whatever the numbers, a check ends with a state, without a warning, and without NaN in its JSON."""
    reference = fit(np.array(before))
    report = check(reference, {"x": np.array(now)}, Policy(min_samples=5))
    assert report.features["x"].reason != "failed"
    json.dumps(report.to_dict(), allow_nan=False)


@settings(deadline=None)
@given(anything, anything)
def test_any_objects_give_a_report_in_strict_json(before: list[Any], now: list[Any]) -> None:
    """So does any mix of values."""
    reference = fit(before, kinds={"x": "categorical"})
    report = check(reference, {"x": now}, Policy(min_samples=5))
    assert report.features["x"].reason != "failed"
    json.dumps(report.to_dict(), allow_nan=False)


@settings(deadline=None)
@given(columns.filter(lambda column: np.isfinite(column).sum() >= 5))
def test_the_same_rows_have_no_effect(column: list[float]) -> None:
    """A window of the reference's own rows has effect 0 by every deciding test."""
    report = check(fit(np.array(column)), {"x": np.array(column)}, Policy(min_samples=5))
    findings = report.features["x"].findings
    assert {findings[test].effect for test in ("psi", "ks", "jensen_shannon")} == {0.0}


def test_values_agree_with_scipy(rng: np.random.Generator) -> None:
    """With everything kept, KS and Wasserstein of a check are SciPy's."""
    before, now = rng.gamma(2.0, size=3000), rng.gamma(2.2, size=800)
    findings = check(fit(before, grid_points=None), {"x": now}).features["x"].findings
    assert findings["ks"].value == pytest.approx(stats.ks_2samp(before, now).statistic, abs=1e-12)
    assert findings["wasserstein"].value == pytest.approx(stats.wasserstein_distance(before, now))
    assert findings["wasserstein"].effect == pytest.approx(findings["wasserstein"].value / before.std())
    welch = stats.ttest_ind(now, before, equal_var=False)
    assert findings["mean_shift"].details["z"] == pytest.approx(welch.statistic)


def test_compression_makes_no_difference_significant(rng: np.random.Generator) -> None:
    """KS is significant only beyond the stated error of a compressed reference."""
    values = rng.normal(size=50_000)
    coarse = fit(values, grid_points=20).features["x"]
    assert isinstance(coarse, NumericProfile)
    assert coarse.sample is not None
    assert coarse.sample.ks_error > 0.03
    found = {s.test: s for s in measure(coarse, values, 100).statistics}
    assert 0.0 < found["ks"].effect <= coarse.sample.ks_error
    assert found["ks"].p_value == 1.0


def test_only_wanted_tests_are_computed(rng: np.random.Generator) -> None:
    """Tests that were not asked for are left out, but for those that come along."""
    profile = fit(rng.normal(size=500)).features["x"]
    tests = [s.test for s in measure(profile, rng.normal(size=500), 100, wanted={"ks"}).statistics]
    assert tests == ["ks", "wasserstein"]
