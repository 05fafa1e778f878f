import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exporter import CheckState, Hysteresis, ObservationError, Policy, Reference, Window, check
from exporter.statistics import psi


def fit(data: Any, **options: Any) -> Reference:
    return Reference.fit(data, model_name="m", model_version="1", **options)


def table(rng: np.random.Generator, n: int, shift: float = 0.0) -> dict[str, Any]:
    return {
        "age": rng.normal(loc=shift, size=n),
        "fare": rng.lognormal(size=n),
        "carrier": rng.choice(["AA", "UA", "DL"], size=n).tolist(),
    }


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    return fit(table(rng, 5000))


def test_a_shift_is_found_where_it_is(reference: Reference, rng: np.random.Generator) -> None:
    """Half a standard deviation in one of three features is drift in that feature alone."""
    report = check(reference, table(rng, 1000, shift=0.5))
    assert report.drift_detected
    assert report.drifted_features == ("age",)
    assert report.drifted_ratio == pytest.approx(1 / 3)
    assert report.features["age"].severity in ("low", "medium")
    assert report.features["fare"].state == "ok"


def test_statistics_are_those_of_the_rows(reference: Reference, rng: np.random.Generator) -> None:
    """Values in the report equal the statistics of the rows, computed apart."""
    rows = table(rng, 700, shift=0.3)
    findings = check(reference, rows).features["age"].findings
    profile = reference.features["age"]
    counts = profile.count_bins(rows["age"]).counts
    assert findings["psi"].value == pytest.approx(psi(profile.counts[:-2], counts[:-2]))
    assert findings["mean_shift"].details["difference"] == pytest.approx(
        rows["age"].mean() - profile.moments.mean  # type: ignore[union-attr]
    )


def test_the_report_is_strict_json(reference: Reference, rng: np.random.Generator) -> None:
    """The report has the documented keys and no number that JSON does not know."""
    rows = table(rng, 500)
    rows["fare"] = np.full(500, np.nan)
    report = check(
        reference, rows, window=Window("1h", 3600.0), timestamps=np.arange(500.0), clock=lambda: 1e9
    )
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert list(values) == [
        "drift_detected", "checked_at", "reference", "window", "drifted_features", "drifted_ratio",
        "features", "multivariate", "prediction", "label", "quality",
        "segment_by", "segments",
    ]  # fmt: skip
    assert values["checked_at"] == "2001-09-09T01:46:40+00:00"
    assert values["reference"] == {"model_name": "m", "version": "1", "rows": 5000}
    assert values["window"] == {
        "name": "1h",
        "rows": 500,
        "start": "1970-01-01T00:00:00+00:00",
        "end": "1970-01-01T00:08:19+00:00",
    }
    age = values["features"]["age"]
    assert set(age) == {"kind", "state", "severity", "reason", "detail", "statistics", "quality"}
    assert set(age["statistics"]) == {
        "psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "mean_shift", "variance_ratio",
    }  # fmt: skip
    assert {"value", "p_value", "threshold", "noise_floor"} <= set(age["statistics"]["psi"])
    assert set(values["features"]["carrier"]["statistics"]) == {
        "psi", "jensen_shannon", "hellinger", "chi_square",
    }  # fmt: skip
    assert values["features"]["fare"]["state"] == "unknown"
    assert values["features"]["fare"]["reason"] == "all_missing"


def test_too_few_rows_are_unknown(reference: Reference, rng: np.random.Generator) -> None:
    """Below the minimum of samples there is no number, whatever the rows look like."""
    report = check(reference, table(rng, 99, shift=5.0))
    assert {column.state for column in report.features.values()} == {"unknown"}
    assert report.features["age"].reason == "insufficient_data"
    assert report.features["age"].detail == "found 99 usable values in the window, need 100"
    assert report.features["age"].findings == {}
    assert not report.drift_detected


def test_a_small_reference_is_unknown(rng: np.random.Generator) -> None:
    """The minimum holds for the reference too."""
    report = check(fit(table(rng, 50)), table(rng, 1000))
    assert report.features["age"].detail == "found 50 usable values in the reference, need 100"


def test_one_feature_costs_only_itself(reference: Reference, rng: np.random.Generator) -> None:
    """A column that lacks, is unreadable or empty is unknown, and the others are decided."""
    rows = table(rng, 500, shift=1.0)
    del rows["fare"]
    report = check(reference, rows)
    assert report.features["fare"].reason == "missing_column"
    assert report.drifted_features == ("age",)
    assert report.quality["missing_columns"] == ["fare"]
    rows["fare"] = ["abc"] * 500
    report = check(reference, rows)
    assert report.features["fare"].reason == "unreadable"
    assert report.features["fare"].quality["type_error_ratio"] == 1.0
    assert report.drifted_features == ("age",)


def test_a_failing_statistic_costs_only_itself(
    reference: Reference, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statistic that cannot be computed is null with its reason, and the others decide."""

    def fail(*_: Any) -> None:
        raise ArithmeticError("no such number")

    monkeypatch.setattr("exporter.measure.chi_square", fail)
    report = check(reference, table(rng, 500))
    carrier = report.to_dict()["features"]["carrier"]
    assert carrier["state"] == "ok"
    assert carrier["statistics"]["chi_square"] == {
        "value": None,
        "reason": "ArithmeticError: no such number",
    }
    only = Policy(tests={"numeric": ("psi",), "categorical": ("chi_square",)})
    report = check(reference, table(rng, 500), only)
    assert report.features["carrier"].state == "unknown"
    assert report.features["carrier"].reason == "failed"
    assert report.features["carrier"].detail == "chi_square: ArithmeticError: no such number"


def test_an_error_of_our_own_costs_only_its_feature(
    reference: Reference, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in one column is a reason in the report, not the end of the check."""

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("exporter.reference.profiles.tally", fail)
    report = check(reference, table(rng, 500))
    assert report.features["carrier"].reason == "failed"
    assert report.features["carrier"].detail == "RuntimeError: a fault"
    assert report.features["age"].state == "ok"


def test_columns_are_found_by_name(reference: Reference, rng: np.random.Generator) -> None:
    """Another order and further columns change nothing and are told."""
    frame = pd.DataFrame(table(rng, 500))
    plain = check(reference, frame, clock=lambda: 0.0)
    other = check(reference, frame[["carrier", "age", "fare"]].assign(extra=1), clock=lambda: 0.0)
    assert other.quality["reordered"]
    assert other.quality["extra_columns"] == ["extra"]
    assert not plain.quality["reordered"]
    for name, column in plain.features.items():
        assert column.to_dict() == other.features[name].to_dict()


def test_arrays_are_read_by_position(rng: np.random.Generator) -> None:
    """An array has the reference's columns in order, and another number of them is refused."""
    reference = fit(rng.normal(size=(500, 3)), features=["a", "b", "c"])
    shifted = rng.normal(loc=(0.0, 2.0, 0.0), size=(500, 3))
    assert check(reference, shifted).drifted_features == ("b",)
    with pytest.raises(ObservationError, match="found 2 columns, need 3"):
        check(reference, shifted[:, :2])


def test_states_follow_hysteresis_over_a_series(reference: Reference, rng: np.random.Generator) -> None:
    """With a state passed on, one check warns, the second drifts, and recovery takes three."""
    state, seen = CheckState(), []
    for shift in (0.0, 1.0, 1.0, 0.0, 0.0, 0.0):
        report = check(reference, table(rng, 500, shift), state=state)
        state = CheckState.from_dict(json.loads(json.dumps(report.next_state.to_dict())))
        seen.append(report.features["age"].state)
    assert seen == ["ok", "warning", "drift", "recovering", "recovering", "ok"]


def test_an_empty_window_keeps_the_memory(reference: Reference, rng: np.random.Generator) -> None:
    """A gap in the data is unknown, and the drift goes on after it."""
    policy = Policy(hysteresis=Hysteresis(drift_after=1))
    report = check(reference, table(rng, 500, 1.0), policy, state=CheckState())
    gap = check(reference, table(rng, 0), policy, state=report.next_state)
    assert gap.features["age"].state == "unknown"
    after = check(reference, table(rng, 500), policy, state=gap.next_state)
    assert after.features["age"].state == "recovering"


def test_only_deciding_tests_where_asked(reference: Reference, rng: np.random.Generator) -> None:
    """A policy can leave out what decides nothing; the verdicts are the same."""
    rows = table(rng, 1000, shift=0.5)
    few, full = check(reference, rows, Policy(only_deciding=True)), check(reference, rows)
    assert few.drifted_features == full.drifted_features == ("age",)
    assert "mean_shift" not in few.features["age"].findings
    assert few.features["age"].findings["ks"] == full.features["age"].findings["ks"]


def test_threads_change_nothing(reference: Reference, rng: np.random.Generator) -> None:
    """Several columns at a time give the same report."""
    rows = table(rng, 1000, shift=0.5)
    one, two = (check(reference, rows, threads=n, clock=lambda: 0.0).to_dict() for n in (1, 2))
    assert one == two


def test_thresholds_of_one_feature(reference: Reference, rng: np.random.Generator) -> None:
    """A feature with thresholds of its own is decided by them."""
    rows = table(rng, 1000, shift=0.5)
    policy = Policy(feature_thresholds={"age": {"psi": 2.0, "ks": 0.9, "jensen_shannon": 0.9}})
    assert check(reference, rows, policy).features["age"].state == "ok"


class TestOutputs:
    """Scores, predicted classes and labels."""

    @staticmethod
    def reference(rng: np.random.Generator) -> Reference:
        scores = rng.beta(2, 5, size=5000)
        return fit(
            {"x": rng.normal(size=5000)},
            scores=np.column_stack([1 - scores, scores]),
            predictions=(scores > 0.5).astype(int),
            labels=(rng.random(5000) < scores).astype(int),
        )

    def test_prediction_drift_by_scores_and_classes(self, rng: np.random.Generator) -> None:
        """Scores that rise are drift of scores and of classes, and the positive rate tells how much."""
        reference, scores = self.reference(rng), rng.beta(4, 4, size=2000)
        report = check(
            reference, {"x": rng.normal(size=2000)}, scores=scores, predictions=(scores > 0.5).astype(int)
        )
        assert report.prediction["score"].state == report.prediction["class"].state == "drift"
        assert report.prediction_state == "drift"
        assert report.label is None
        assert report.drift_detected
        assert report.drifted_features == ()
        rate = report.prediction["class"].positive_rate
        assert rate is not None
        assert rate["class"] == "1"
        assert rate["current"] == pytest.approx((scores > 0.5).mean())
        assert rate["difference"] == pytest.approx(rate["current"] - rate["reference"])
        assert rate["p_value"] < 1e-9

    def test_label_drift_with_late_labels(self, rng: np.random.Generator) -> None:
        """Labels that have not come are missing; those that have are compared."""
        reference = self.reference(rng)
        labels = np.full(2000, np.nan)
        labels[:800] = rng.random(800) < 0.8
        report = check(reference, {"x": rng.normal(size=2000)}, labels=labels)
        assert report.label is not None
        assert report.label.state == "drift"
        assert report.label.quality["missing_ratio"] == 0.6
        assert report.prediction == {}
        assert report.to_dict()["label"]["positive_rate"]["class"] == "1"

    def test_labels_that_pause_keep_their_state(self, rng: np.random.Generator) -> None:
        """A check without labels forgets nothing about them."""
        reference, features = self.reference(rng), {"x": rng.normal(size=1000)}
        drifted = (rng.random(1000) < 0.8).astype(int)
        state = CheckState()
        for labels in (drifted, None, drifted):
            report = check(reference, features, labels=labels, state=state)
            state = report.next_state
        assert report.label is not None
        assert report.label.state == "drift"

    def test_classes_as_text_and_as_numbers_are_one(self, rng: np.random.Generator) -> None:
        """A store gives classes back as text; they are the same classes."""
        reference = self.reference(rng)
        labels = np.array(["1", "0", "0", None] * 250, dtype=object)
        report = check(reference, {"x": rng.normal(size=1000)}, labels=labels)
        assert report.label is not None
        assert report.label.quality["unseen_ratio"] == 0.0

    def test_undrifted_outputs_are_quiet(self, rng: np.random.Generator) -> None:
        """The same distribution is ok."""
        reference, scores = self.reference(rng), rng.beta(2, 5, size=2000)
        labels = (rng.random(2000) < scores).astype(int)
        report = check(reference, {"x": rng.normal(size=2000)}, scores=scores, labels=labels)
        assert not report.drift_detected

    def test_regression_values_are_scores(self, rng: np.random.Generator) -> None:
        """A regression's predictions are compared as numbers, however they are passed."""
        reference = fit({"x": rng.normal(size=1000)}, predictions=rng.normal(size=1000))
        shifted = rng.normal(size=1000) + 1.0
        rows = {"x": rng.normal(size=1000)}
        for report in (check(reference, rows, predictions=shifted), check(reference, rows, scores=shifted)):
            assert report.prediction["score"].state == "drift"
            assert report.prediction["score"].positive_rate is None

    def test_columns_of_another_length_are_refused(self, rng: np.random.Generator) -> None:
        """Scores must be as many as the rows."""
        with pytest.raises(ObservationError, match="scores: found 3 values for 1000 rows"):
            check(self.reference(rng), {"x": rng.normal(size=1000)}, scores=[0.1, 0.2, 0.3])


def test_repeated_ids_are_counted(reference: Reference, rng: np.random.Generator) -> None:
    """A prediction id that stands twice in the window is told."""
    report = check(reference, table(rng, 200), ids=[*range(199), 0])
    assert report.quality["repeated_ids"] == 1


def test_ids_that_no_float_holds_are_told_apart(reference: Reference, rng: np.random.Generator) -> None:
    """Neighbours of 64 bits are two ids, and rows without one repeat nothing."""
    large = np.arange(2**60, 2**60 + 200)
    assert check(reference, table(rng, 200), ids=large).quality["repeated_ids"] == 0
    assert check(reference, table(rng, 200), ids=[None, np.nan] * 100).quality["repeated_ids"] == 0


def test_infinite_effects_are_null_in_json(rng: np.random.Generator) -> None:
    """A new constant is infinitely many standard deviations away: drift, and null in JSON."""
    report = check(fit({"x": np.ones(500)}), {"x": np.full(500, 2.0)})
    assert report.features["x"].state == "drift"
    assert math.isinf(report.features["x"].findings["mean_shift"].effect)
    assert report.to_dict()["features"]["x"]["statistics"]["mean_shift"]["value"] is None


def test_a_report_carries_what_plots_need(reference: Reference, rng: np.random.Generator) -> None:
    """Profile, counts and percentiles of each column and the policy, beside what `to_dict` says."""
    rows = table(rng, 500, shift=1.0)
    report = check(reference, rows, Policy(alpha=0.02))
    assert report.policy == Policy(alpha=0.02)
    for name, column in report.features.items():
        assert column.profile is reference.features[name]
        assert column.bins is not None
        assert column.bins.counts.sum() == 500
        if column.kind == "numeric":
            assert column.percentiles is not None
            values = np.asarray(rows[name], dtype=float)
            assert (
                column.percentiles[[0, 50, 100]].tolist()
                == np.quantile(values, [0.0, 0.5, 1.0], method="inverted_cdf").tolist()
            )
        else:
            assert column.percentiles is None
    assert {"profile", "bins", "percentiles", "policy"}.isdisjoint(report.to_dict())


def test_ids_in_a_table_are_refused(reference: Reference, rng: np.random.Generator) -> None:
    """Its columns' names would be counted as ids."""
    rows = table(rng, 500)
    with pytest.raises(ObservationError, match=r"^ids: found a DataFrame of two dimensions, need one column"):
        check(reference, rows, ids=pd.DataFrame({"id": range(500)}))
