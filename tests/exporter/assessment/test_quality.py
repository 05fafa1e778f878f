from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from exporter import AssessmentPolicy, ConfigError, InstrumentedPredictor, Policy, Reference, Window
from exporter.assessment.policy import QUALITY_KINDS
from exporter.assessment.quality import AMBIGUOUS_KINDS

Value = Callable[..., float | None]
WINDOW = Window("1h", 3600.0)
N = 1000


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=N)
    return pd.DataFrame(
        {"a": a, "b": 0.8 * a + 0.6 * rng.normal(size=N), "kind": rng.choice(["x", "y"], size=N)}
    )


@pytest.fixture
def predictor(registry: CollectorRegistry, clock: Any) -> InstrumentedPredictor:
    reference = Reference.fit(table(0), model_name="m", model_version="1")
    return InstrumentedPredictor(
        lambda rows: np.zeros(len(rows)), name="m", version="1", reference=reference, registry=registry,
        clock=clock, windows=(WINDOW,), background=False,
    )  # fmt: skip


def broken(predictor: InstrumentedPredictor, rows: Any, ids: Any = None) -> set[str]:
    """Kinds of damage that a check of these rows finds."""
    predictor(rows, ids=ids)
    predictor.check_now()
    findings = predictor.assessments["1h"].quality.findings
    return {kind for kind, found in findings.items() if found.broken}


def test_sound_data_are_ok(predictor: InstrumentedPredictor, value: Value) -> None:
    """Other rows of the same kind break nothing; before the first check the state is unknown."""
    assert value("model_quality_state") == -1
    assert broken(predictor, table(1)) == set()
    assert value("model_quality_state") == 0
    assert predictor.quality_state == "ok"
    assert value("model_outlier_ratio", method="robust_z", window="1h") == 0
    assert value("model_correlation_change", window="1h") == 0
    assert value("model_quality_score", kind="missing", window="1h") == 0
    assert value("model_quality_threshold", kind="missing") == 0.05


def damaged(kind: str) -> pd.DataFrame:
    rows = table(2)
    if kind == "missing":
        rows.loc[: N // 5, "a"] = np.nan
    elif kind == "missing_column":
        rows = rows.drop(columns="b")
    elif kind == "out_of_range":
        rows.loc[: N // 5, "a"] = 5.0
    elif kind == "outliers":
        rows.loc[: N // 5, "a"] = 1e6
    elif kind == "unseen_category":
        rows.loc[: N // 5, "kind"] = "z"
    elif kind == "type_error":
        rows["a"] = rows["a"].astype(object)
        rows.loc[: N // 50, "a"] = "twelve"
    elif kind == "duplicate_rows":
        rows = pd.concat([rows[:100]] * 10, ignore_index=True)
    elif kind == "correlation":
        rows["b"] = np.random.default_rng(3).permutation(rows["b"].to_numpy())
    return rows


@pytest.mark.parametrize(
    "kind",
    ["missing", "missing_column", "out_of_range", "outliers", "unseen_category", "type_error",
     "duplicate_rows", "correlation"],
)  # fmt: skip
def test_each_damage_is_found(predictor: InstrumentedPredictor, value: Value, kind: str) -> None:
    """The kind is named and at least its threshold; the state is broken unless drift looks like this too."""
    found_kinds = broken(predictor, damaged(kind))
    assert kind in found_kinds
    assert value("model_quality_state") == (0 if found_kinds <= AMBIGUOUS_KINDS else 2)
    assert (kind in AMBIGUOUS_KINDS) == (found_kinds <= AMBIGUOUS_KINDS)
    found, threshold = (
        value("model_quality_score", kind=kind, window="1h"),
        value("model_quality_threshold", kind=kind),
    )
    assert found is not None
    assert threshold is not None
    assert found >= threshold
    told = {kind: value("model_quality_broken", kind=kind, window="1h") for kind in QUALITY_KINDS}
    assert {kind for kind, one in told.items() if one == 1} == found_kinds


@pytest.mark.parametrize(
    ("columns", "kind", "violation", "state"),
    [
        (["a", "kind"], "schema_mismatch", "missing_column", 2),
        (["a", "b", "kind", "new"], "schema_surplus", "extra_column", 0),
        (["kind", "b", "a"], "schema_surplus", "reordered_columns", 0),
    ],
)
def test_calls_with_other_columns_are_found(
    predictor: InstrumentedPredictor, value: Value, columns: list[str], kind: str, violation: str, state: int
) -> None:
    """One call in a hundred is enough; a column too many is named and breaks nothing. Then it is over."""
    rows = table(7)
    for start in range(0, 990, 10):
        predictor(rows[start : start + 10])
    odd = rows.assign(new=0)[columns][990:]
    assert kind in broken(predictor, odd)
    assert value("model_quality_score", kind=kind, window="1h") == pytest.approx(0.01)
    assert predictor.assessments["1h"].quality.findings[kind].where == (violation,)
    assert value("model_quality_state") == state
    predictor._clock.advance(3601.0)  # type: ignore[attr-defined]
    assert broken(predictor, table(8)) == set()
    assert value("model_quality_score", kind=kind, window="1h") == 0


def test_calls_of_which_nothing_can_be_read_break_the_data(
    predictor: InstrumentedPredictor, value: Value
) -> None:
    """No rows are no sound rows."""
    assert broken(predictor, np.zeros((500, 7))) == {"schema_mismatch"}
    assert value("model_quality_state") == 2
    assert value("model_quality_score", kind="missing", window="1h") is None
    assert value("model_quality_broken", kind="missing", window="1h") is None
    assert value("model_quality_broken", kind="schema_mismatch", window="1h") == 1


def test_rows_that_are_odd_as_a_whole_are_found_when_asked_for(
    registry: CollectorRegistry, clock: Any, value: Value
) -> None:
    """An isolation forest sees rows whose single values are all usual; without it there is no such series."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, size=4000)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.03, size=(4000, 2))
    reference = Reference.fit(ring, model_name="m", model_version="1", joint_rows=2000)

    def make(policy: Policy, registry: CollectorRegistry) -> InstrumentedPredictor:
        return InstrumentedPredictor(
            lambda rows: np.zeros(len(rows)), name="m", version="1", reference=reference, registry=registry,
            clock=clock, windows=(WINDOW,), background=False, policy=policy,
        )  # fmt: skip

    inside = ring[:1000].copy()
    inside[:300] *= 0.05
    without = make(Policy(), CollectorRegistry())
    assert "joint_outliers" not in broken(without, inside)
    predictor = make(Policy(multivariate=("isolation_forest",)), registry)
    assert "joint_outliers" in broken(predictor, inside)
    ratio = value("model_outlier_ratio", method="isolation_forest", window="1h")
    assert ratio is not None
    assert ratio > 0.2
    assert value("model_outlier_ratio", method="robust_z", window="1h") == 0
    assert value("model_quality_threshold", kind="joint_outliers") == 0.05


def test_the_columns_are_named(predictor: InstrumentedPredictor) -> None:
    """Somebody has to mend them."""
    broken(predictor, damaged("missing"))
    report = predictor.assessments["1h"].quality
    assert report.to_dict()["findings"]["missing"]["where"] == ["a"]
    assert report.to_dict()["state"] == "broken"


def test_repeated_ids_are_found(predictor: InstrumentedPredictor) -> None:
    """A request that is sent twice counts twice everywhere else."""
    assert broken(predictor, table(4), ids=[i // 2 for i in range(N)]) == {"duplicate_ids"}


def test_old_data_are_stale(registry: CollectorRegistry, clock: Any, value: Value) -> None:
    """When the newest row is older than allowed, a model sees nothing new."""
    reference = Reference.fit(table(0), model_name="m", model_version="1")
    predictor = InstrumentedPredictor(
        lambda rows: np.zeros(len(rows)), name="m", version="1", reference=reference, registry=registry,
        clock=clock, windows=(WINDOW,), background=False, assessment=AssessmentPolicy(stale_seconds=600.0),
    )  # fmt: skip
    predictor(table(5))
    predictor.flush()
    clock.advance(900.0)
    predictor.check_now()
    age = value("model_quality_score", kind="stale", window="1h")
    assert age == pytest.approx(900.0, abs=5.0)
    assert predictor.quality_state == "broken"


def test_few_rows_are_unknown(predictor: InstrumentedPredictor, value: Value) -> None:
    """Nothing is claimed of too little, and what was claimed before is withdrawn."""
    broken(predictor, damaged("missing"))
    predictor._clock.advance(7200.0)  # type: ignore[attr-defined]
    predictor(table(6)[:50])
    predictor.check_now()
    assert value("model_quality_state") == -1
    assert value("model_quality_score", kind="missing", window="1h") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": {"smell": 1.0}}, "assessment.quality: found 'smell'"),
        ({"quality": {"missing": 0.0}}, "assessment.quality.missing: found 0.0"),
        ({"stale_seconds": -1.0}, "assessment.stale_seconds: found -1.0"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    """With the key and what is needed."""
    with pytest.raises(ConfigError, match=message):
        AssessmentPolicy(**options)
