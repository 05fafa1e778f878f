from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import ObservationError, Reference, ReferenceDataError, check
from exporter.reference import BuildSettings, CategoricalProfile, NumericProfile

pytest.importorskip("pyspark", reason="the extra `spark` has an environment of its own: make test-spark")
from exporter.spark import build_reference

FEATURES = ["age", "fare", "stops", "carrier", "weekend"]
MODEL: dict[str, Any] = {"model_name": "m", "model_version": "1"}


@pytest.fixture(scope="module")
def built(training_frame: Any) -> Reference:
    """`training` built on Spark."""
    return build_reference(
        training_frame,
        **MODEL,
        features=FEATURES,
        prediction="predicted",
        score="score",
        target="actual",
        timestamp="seen",
        clock=lambda: 5.0,
    )


def test_what_is_exact_equals_one_machine(built: Reference, reference: Reference) -> None:
    """Rows, times, kinds, categories, missing ones, and moments up to rounding."""
    assert (built.rows, built.start, built.end) == (reference.rows, reference.start, reference.end)
    assert (built.task, built.created_at) == ("classification", 5.0)
    assert list(built.features) == list(reference.features)
    pairs = {**reference.features, **reference.profiles.named()}
    found = {**built.features, **built.profiles.named()}
    assert list(found) == list(pairs)
    for name, profile in pairs.items():
        other = found[name]
        assert other.kind == profile.kind
        assert other.missing_ratio == profile.missing_ratio
        if isinstance(profile, CategoricalProfile):
            assert isinstance(other, CategoricalProfile)
            assert other.categories == profile.categories
            assert other.tally == profile.tally
            np.testing.assert_array_equal(other.counts, profile.counts)
        else:
            assert isinstance(other, NumericProfile)
            assert other.moments is not None
            assert profile.moments is not None
            assert other.moments.n == profile.moments.n
            assert other.moments.mean == pytest.approx(profile.moments.mean, rel=1e-12)
            assert other.moments.std == pytest.approx(profile.moments.std, rel=1e-12)
            assert (other.minimum, other.maximum) == (profile.minimum, profile.maximum)


def test_counts_on_its_bins_are_exact(built: Reference, training: pd.DataFrame) -> None:
    """Though the bins were cut from a summary, all rows were counted on them."""
    for name, column in (("age", "age"), ("fare", "fare"), ("stops", "stops")):
        profile = built.features[name]
        exact = profile.count_bins(training[column].to_numpy(dtype=np.float64))
        np.testing.assert_array_equal(profile.counts, exact.counts)
    assert built.prediction is not None
    exact = built.prediction.count_bins(training["score"].to_numpy())
    np.testing.assert_array_equal(built.prediction.counts, exact.counts)


def test_distributions_are_within_their_stated_error(built: Reference, training: pd.DataFrame) -> None:
    """The error is small, and it bounds the distance from the distribution of all rows."""
    for name in ("age", "fare"):
        profile = built.features[name]
        assert isinstance(profile, NumericProfile)
        assert profile.sample is not None
        values = np.sort(training[name][np.isfinite(training[name])].to_numpy())
        exact = np.searchsorted(values, profile.sample.values, side="right") / len(values)
        error = np.abs(profile.sample.cumulative / len(values) - exact).max()
        assert error <= profile.sample.ks_error < 0.003


def test_measures_come_from_a_sample_of_all_partitions(built: Reference, reference: Reference) -> None:
    """Here the sample is all rows, and so are the measures."""
    assert built.baseline.rows == reference.baseline.rows
    assert built.performance == pytest.approx(reference.performance)
    assert built.baseline.outlier_ratio == pytest.approx(reference.baseline.outlier_ratio, abs=1e-3)


def test_it_is_saved_and_checks_windows_anywhere(
    built: Reference, training: pd.DataFrame, current: pd.DataFrame, tmp_path: Any
) -> None:
    """A reference from Spark is a reference: the training rows are no drift, the moved ones are."""
    built.save(tmp_path / "reference.json")
    loaded = Reference.load(tmp_path / "reference.json")
    assert not check(loaded, training[FEATURES]).drift_detected
    assert set(check(loaded, current[FEATURES]).drifted_features) == {"age", "carrier"}


def test_types_of_spark_are_read_as_one_machine_reads_them(spark: Any) -> None:
    """Decimals, dates and times are numbers, booleans and bytes categories; a name may have a dot."""
    frame = spark.range(0, 3000, 1, 3).selectExpr(
        "cast(id % 7 AS decimal(10,2)) AS `unit.price`",
        "date_add(date'2026-01-01', cast(id % 30 AS int)) AS day",
        "timestamp'2026-01-01 00:00:00' + make_interval(0,0,0,0,0,0,id) AS moment",
        "id % 2 = 0 AS even",
        "cast(concat('k', id % 3) AS binary) AS raw",
        "cast(null AS string) AS nothing",
    )
    built = build_reference(frame, **MODEL, settings=BuildSettings(grid_points=64))
    kinds = {name: profile.kind for name, profile in built.features.items()}
    assert kinds == {
        "unit.price": "numeric",
        "day": "numeric",
        "moment": "numeric",
        "even": "categorical",
        "raw": "categorical",
        "nothing": "numeric",
    }
    day, moment = built.features["day"], built.features["moment"]
    assert isinstance(day, NumericProfile)
    assert isinstance(moment, NumericProfile)
    assert day.minimum == moment.minimum == 1767225600.0
    assert moment.maximum == 1767225600.0 + 2999
    assert built.features["raw"].counts[:3].tolist() == [1000, 1000, 1000]
    assert built.features["nothing"].missing_ratio == 1.0


def test_a_regression_with_seasons_and_rows_that_are_kept(spark: Any) -> None:
    """Predicted values are its scores, seasons and whole rows are there as asked."""
    frame = spark.range(0, 20_000, 1, 4).selectExpr(
        "randn(1) AS x", "randn(2) AS y", "randn(3) AS truth", "1.7e9 + 60 * id AS at"
    )
    built = build_reference(
        frame.persist(),
        **MODEL,
        features=["x", "y"],
        prediction="y",
        target="truth",
        timestamp="at",
        settings=BuildSettings(season="day_of_week", joint_rows=500),
    )
    assert built.task == "regression"
    assert built.season is not None
    assert sum(part.features["x"].rows for part in built.season.profiles.values()) == 20_000
    assert built.joint is not None
    assert built.joint.n_rows == 500
    assert {"mae", "rmse"} <= set(built.performance)


def test_segments_are_those_of_one_machine(training_frame: Any, training: pd.DataFrame) -> None:
    """Their rows and moments are equal, whichever partitions held them."""
    features = ["age", "stops", "carrier"]
    settings = BuildSettings(segment_by="carrier")
    built = build_reference(training_frame, **MODEL, features=features, settings=settings)
    alone = Reference.fit(training[features], **MODEL, segment_by="carrier")
    assert list(built.by_segment) == list(alone.by_segment) == ["AA", "UA", "DL"]
    for segment, part in alone.by_segment.items():
        mine, theirs = part.features["age"], built.by_segment[segment].features["age"]
        assert isinstance(mine, NumericProfile)
        assert isinstance(theirs, NumericProfile)
        assert theirs.rows == mine.rows
        assert theirs.moments is not None
        assert mine.moments is not None
        assert theirs.moments.mean == pytest.approx(mine.moments.mean)


def test_bad_tables_are_refused(spark: Any, training_frame: Any) -> None:
    """Each message says what was found; data that a partition refuses is our error, too."""
    with pytest.raises(ReferenceDataError, match=r"found 0 rows, need at least 1"):
        build_reference(training_frame.where("false"), **MODEL)
    with pytest.raises(ObservationError, match=r"found no column 'height', need one of"):
        build_reference(training_frame, **MODEL, features=["height"])
    with pytest.raises(ReferenceDataError, match=r"found no column without another role"):
        build_reference(training_frame.select("score"), **MODEL, score="score")
    with pytest.raises(ObservationError, match=r"column 'm': found type map, need numbers"):
        build_reference(spark.range(10).selectExpr("map('a', id) AS m"), **MODEL)
    with pytest.raises(ReferenceDataError, match=r"column 'id': found about 60,000 different values"):
        build_reference(training_frame, **MODEL, features=["id"])
    with pytest.raises(ReferenceDataError, match=r"found kinds or importances of 'height'"):
        build_reference(training_frame, **MODEL, features=["age"], kinds={"height": "numeric"})
    with pytest.raises(ReferenceDataError, match=r"model_name: found '', need a non-empty text"):
        build_reference(training_frame, model_name="", model_version="1")


def test_rows_that_change_between_readings_are_refused(spark: Any) -> None:
    """Counts of other rows than the bins were cut from would be a reference of nothing."""
    frame = spark.range(0, 100_000, 1, 2).where("id < unix_micros(current_timestamp()) % 100000")
    with pytest.raises(ReferenceDataError, match=r"rows in three readings, need the same"):
        build_reference(frame, **MODEL)
