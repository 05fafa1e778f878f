from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import pytest

from exporter import EngineError, ObservationError, Policy, Reference, Report, check
from exporter.policy import TestType

pytest.importorskip("pyspark", reason="the extra `spark` has an environment of its own: make test-spark")
from exporter.spark import check_dataframe
from exporter.spark.check import _part
from exporter.spark.layout import Layout, select
from exporter.spark.tree import summary_of

FEATURES = ["age", "fare", "stops", "carrier", "weekend"]
ROLES: dict[str, Any] = {
    "prediction": "predicted",
    "score": "score",
    "target": "actual",
    "timestamp": "seen",
    "id": "id",
}
EXACT: tuple[TestType, ...] = ("psi", "jensen_shannon", "hellinger", "chi_square", "mean_shift")
DISTANCE_ERROR = 0.01
"""Of Wasserstein in standard deviations, which states no bound of its own."""


@pytest.fixture(scope="module")
def reports(reference: Reference, current: pd.DataFrame, current_frame: Any) -> tuple[Report, Report]:
    """The same window in memory and on Spark."""
    alone = check(
        reference,
        current[FEATURES],
        predictions=current["predicted"],
        scores=current["score"],
        labels=current["actual"],
        timestamps=current["seen"],
        ids=current["id"],
        clock=lambda: 0.0,
    )
    return alone, check_dataframe(reference, current_frame, **ROLES, clock=lambda: 0.0)


def test_the_report_is_that_of_one_machine(reports: tuple[Report, Report]) -> None:
    """States, severities, quality, times and the memory for the next check."""
    alone, cluster = reports
    assert alone.drift_detected
    assert set(alone.drifted_features) == {"age", "carrier"}
    assert list(alone.columns) == list(cluster.columns)
    for name, column in alone.columns.items():
        assert column.state == cluster.columns[name].state
        assert column.severity == cluster.columns[name].severity
        assert column.quality == cluster.columns[name].quality
        assert column.positive_rate == pytest.approx(cluster.columns[name].positive_rate)
    for what in ("rows", "start", "end", "quality", "reference_rows", "drifted_ratio", "prediction_state"):
        assert getattr(alone, what) == getattr(cluster, what)
    assert alone.next_state == cluster.next_state


def test_statistics_of_counts_and_moments_are_equal(reports: tuple[Report, Report]) -> None:
    """They come from what is exact on both."""
    alone, cluster = reports
    compared = 0
    for name, column in alone.columns.items():
        for test in EXACT:
            if test in column.findings:
                one, other = column.findings[test], cluster.columns[name].findings[test]
                assert (one.value, one.p_value) == pytest.approx((other.value, other.p_value), rel=1e-9)
                compared += 1
    assert compared > 20


def test_ks_is_within_the_bound_it_states(reports: tuple[Report, Report]) -> None:
    """And the bound is a fiftieth of the default threshold."""
    alone, cluster = reports
    for name, column in alone.columns.items():
        if "ks" not in column.findings:
            continue
        one, other = column.findings["ks"], cluster.columns[name].findings["ks"]
        own = other.details["ks_error"] - one.details["ks_error"]
        assert 0.0 <= own < 0.002
        assert abs(one.value - other.value) <= own + 1e-12
        distance = column.findings["wasserstein"].effect
        assert distance == pytest.approx(
            cluster.columns[name].findings["wasserstein"].effect, abs=DISTANCE_ERROR
        )
        ratio = column.findings["variance_ratio"].value
        assert ratio == pytest.approx(cluster.columns[name].findings["variance_ratio"].value, rel=1e-9)


@pytest.mark.parametrize("tree", [(1,), (3, 2, 1)])
def test_any_tree_gives_the_same_counts(
    reports: tuple[Report, Report], reference: Reference, current_frame: Any, tree: tuple[int | None, ...]
) -> None:
    """How partitions are merged changes nothing but the last bits."""
    layout = Layout(features=tuple(FEATURES))
    make = partial(_part, profiles=reference.profiles, features=FEATURES, share=0.0)
    part = summary_of(select(current_frame, layout), layout, make, tree)
    assert part is not None
    measured = part.summary.measure(100, ["psi", "mean_shift"])
    assert [m.name for m in measured] == FEATURES
    for measurement in measured:
        findings = reports[0].features[measurement.name].findings
        for one in measurement.statistics:
            if one.test in EXACT:
                assert one.value == pytest.approx(findings[one.test].value, rel=1e-9)


def test_seasons_and_whole_rows_are_compared_as_on_one_machine(
    training: pd.DataFrame, current: pd.DataFrame, current_frame: Any
) -> None:
    """A window is matched with the hours it comes from, and all features are tested together."""
    reference = Reference.fit(
        training[["age", "fare"]],
        model_name="m",
        model_version="1",
        timestamps=training["seen"],
        season="day_of_week",
        joint_rows=2000,
    )
    monday = current_frame.where("seen < 1.7e9 + 2e5")
    rows = current[current["seen"] < 1.7e9 + 2e5]
    alone = check(reference, rows[["age", "fare"]], timestamps=rows["seen"])
    cluster = check_dataframe(reference, monday, timestamp="seen")
    for name in ("age", "fare"):
        for test in ("psi", "mean_shift"):
            one, other = alone.features[name].findings[test], cluster.features[name].findings[test]
            assert one.value == pytest.approx(other.value, rel=1e-9)
    mmd = cluster.multivariate["mmd"]
    assert mmd.value is not None
    assert mmd.p_value == alone.multivariate["mmd"].p_value


def test_segments_are_left_out_and_that_is_told(training: pd.DataFrame, current_frame: Any) -> None:
    """No summary of each travels; the report has none, and says why."""
    features = ["age", "carrier"]
    reference = Reference.fit(training[features], model_name="m", model_version="1", segment_by="carrier")
    report = check_dataframe(reference, current_frame)
    assert report.segments == {}
    assert [problem for problem in report.quality["problems"] if "'carrier' were not compared" in problem]
    quiet = check_dataframe(reference, current_frame, Policy(segments=False))
    assert quiet.quality["problems"] == []


def test_repeated_ids_and_columns_are_told(reference: Reference, current_frame: Any) -> None:
    """As for a table in memory: extra, missing and reordered ones, and ids that come again."""
    twice = current_frame.unionAll(current_frame.limit(10)).drop("fare").selectExpr("1 AS extra", "*")
    report = check_dataframe(
        reference, twice.select("extra", "id", "stops", "age", "carrier", "weekend"), id="id"
    )
    assert report.quality["repeated_ids"] == 10
    assert report.quality["missing_columns"] == ["fare"]
    assert report.quality["extra_columns"] == ["extra"]
    assert report.quality["reordered"]
    assert report.features["fare"].reason == "missing_column"


def test_another_type_is_counted_and_unknown(reference: Reference, current_frame: Any) -> None:
    """Text in a numeric column is no number, and costs the others nothing."""
    report = check_dataframe(reference, current_frame.selectExpr("cast(age AS string) age", "stops"))
    assert report.features["age"].state == "unknown"
    assert report.features["age"].reason == "unreadable"
    assert report.features["age"].quality["type_error_ratio"] == 1.0
    assert report.features["stops"].state == "ok"


def test_a_window_without_rows_is_unknown(reference: Reference, current_frame: Any) -> None:
    """No data means no score."""
    report = check_dataframe(reference, current_frame.where("false"), Policy(), **ROLES)
    assert report.rows == 0
    assert {column.state for column in report.features.values()} == {"unknown"}
    assert {column.reason for column in report.features.values()} == {"insufficient_data"}
    assert not report.drift_detected


def test_wrong_columns_are_refused_before_a_job_starts(reference: Reference, current_frame: Any) -> None:
    """The message says what was found and what is needed."""
    with pytest.raises(ObservationError, match=r"found columns 'x', need features of the reference: 'age'"):
        check_dataframe(reference, current_frame.selectExpr("age AS x"))
    with pytest.raises(ObservationError, match=r"found no column 'Score', need one of"):
        check_dataframe(reference, current_frame, score="Score")
    with pytest.raises(ObservationError, match=r"found no column 'nobody', need one of"):
        check_dataframe(reference, current_frame, id="nobody")
    with pytest.raises(ObservationError, match=r"column 'age': found type array, need numbers, text"):
        check_dataframe(reference, current_frame.selectExpr("array(age) AS age"))
    with pytest.raises(ObservationError, match=r"column 'carrier': found type string, need times"):
        check_dataframe(reference, current_frame, timestamp="carrier")
    with pytest.raises(ObservationError, match=r"found columns 'age' twice, need each once"):
        check_dataframe(reference, current_frame.selectExpr("age", "stops AS age"))
    with pytest.raises(ObservationError, match=r"found DataFrame, need a DataFrame of Spark"):
        check_dataframe(reference, pd.DataFrame({"age": [1.0]}))


def test_a_partition_that_fails_fails_the_check(reference: Reference, current_frame: Any) -> None:
    """With what the partition said, and no report of the other partitions."""
    broken = current_frame.selectExpr("CASE WHEN age > 60 THEN raise_error('a bad row') ELSE age END AS age")
    with pytest.raises(EngineError, match=r"spark: found a job that failed: .*a bad row"):
        check_dataframe(reference, broken)


def test_a_worker_that_dies_fails_the_check(reference: Reference, current_frame: Any) -> None:
    """Spark has tried it as often as it is told to; what is left is an error of ours."""
    code: dict[str, Any] = {}
    # Made here, so that it travels as code: this file is on no worker's path.
    exec("def die(batches):\n    import os\n    os._exit(3)", code)
    dying = current_frame.select("age").mapInArrow(code["die"], "age double")
    with pytest.raises(EngineError, match=r"spark: found a job that failed: "):
        check_dataframe(reference, dying)
