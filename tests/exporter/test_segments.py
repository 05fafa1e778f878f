"""Drift within segments: what it tells of a changed mix, how often it is wrong, and what it remembers."""

import json
from typing import Any

import numpy as np
import pytest

from exporter import CheckState, Policy, Reference, Window, check
from exporter.calibrate import calibrate
from exporter.findings import evaluate
from exporter.rows import read_rows
from exporter.segments import measure_segments

Table = dict[str, Any]

SHARES = {"AA": 0.5, "UA": 0.3, "DL": 0.2}


def flights(
    rng: np.random.Generator,
    rows: int,
    shares: dict[str, float] = SHARES,
    shifts: dict[str, float] | None = None,
) -> Table:
    """Carriers whose distances differ; `shifts` moves the distances of some."""
    carrier = rng.choice(list(shares), size=rows, p=list(shares.values())).astype(object)
    centre = {"AA": 0.0, "UA": 2.0, "DL": 4.0}
    moved = np.array([centre[name] + (shifts or {}).get(name, 0.0) for name in carrier])
    return {"carrier": carrier, "distance": rng.normal(loc=moved), "hour": rng.uniform(0, 24, size=rows)}


@pytest.fixture
def reference(rng: np.random.Generator) -> Reference:
    return Reference.fit(flights(rng, 8000), model_name="m", model_version="1", segment_by="carrier")


def test_another_mix_is_no_drift_within(reference: Reference, rng: np.random.Generator) -> None:
    """More flights of one carrier: distances drift in the whole, in no carrier; the mix is what changed."""
    report = check(reference, flights(rng, 4000, {"AA": 0.2, "UA": 0.2, "DL": 0.6}))
    assert report.drifted_features == ("carrier", "distance")
    assert report.drifted_within == {}
    assert report.to_dict()["segment_by"] == {
        "feature": "carrier", "mix": "drift", "drifted_within": {}, "other_rows": 0,
    }  # fmt: skip


def test_a_segment_may_drift_unseen_by_the_whole(reference: Reference, rng: np.random.Generator) -> None:
    """One carrier's distances move by half a deviation: nothing in the whole, and that carrier is named."""
    report = check(reference, flights(rng, 4000, shifts={"DL": 0.5}))
    assert report.drifted_features == ()
    assert not report.drift_detected
    assert report.drifted_within == {"distance": ("DL",)}
    assert report.segments["DL"].state == "drift"
    assert report.segments["DL"].drifted_ratio == pytest.approx(0.5)
    assert report.segments["DL"].drift_score == pytest.approx(
        max(finding.ratio for finding in report.segments["DL"].columns["distance"].findings.values())
    )
    assert report.segments["AA"].drift_score is not None
    assert report.segments["AA"].drift_score < 1.0


def test_a_drift_of_all_is_found_in_each(reference: Reference, rng: np.random.Generator) -> None:
    """What changed upstream of everything shows in every segment, and in the whole."""
    report = check(reference, flights(rng, 4000, shifts=dict.fromkeys(SHARES, 1.0)))
    assert report.drifted_within == {"distance": ("AA", "UA", "DL")}
    assert report.drifted_features == ("distance",)


def test_the_report_has_a_part_for_each_segment(reference: Reference, rng: np.random.Generator) -> None:
    """Rows, state and columns of each, by the tests that decide, as strict JSON."""
    rows = flights(rng, 4000)
    document = json.loads(json.dumps(check(reference, rows).to_dict(), allow_nan=False))
    assert list(document["segments"]) == ["AA", "UA", "DL"]
    part = document["segments"]["UA"]
    assert list(part) == [
        "state", "rows", "reference_rows", "drifted_features", "drifted_ratio", "drift_score", "features",
        "prediction", "label",
    ]  # fmt: skip
    assert part["rows"] == np.sum(rows["carrier"] == "UA")
    assert part["reference_rows"] == reference.features["carrier"].tally["UA"]  # type: ignore[union-attr]
    assert list(part["features"]) == ["distance", "hour"]
    assert set(part["features"]["distance"]["statistics"]) >= {"psi", "ks", "jensen_shannon"}
    assert "variance_ratio" not in part["features"]["distance"]["statistics"]


def test_outputs_are_compared_within_segments(rng: np.random.Generator) -> None:
    """Scores that change for one carrier alone are that carrier's drift."""
    rows, scores = flights(rng, 8000), rng.uniform(size=8000)
    reference = Reference.fit(
        rows, model_name="m", model_version="1", segment_by="carrier", scores=scores, predictions=scores > 0.5
    )
    now = flights(rng, 4000)
    moved = np.where(now["carrier"] == "DL", rng.uniform(0.3, 1.0, size=4000), rng.uniform(size=4000))
    report = check(reference, now, scores=moved, predictions=moved > 0.5)
    assert report.drifted_within["__score__"] == ("DL",)
    assert report.drifted_within["__prediction__"] == ("DL",)
    assert report.to_dict()["segments"]["DL"]["prediction"]["score"]["state"] == "drift"
    assert report.segments["DL"].drifted_features == ()


def test_too_few_rows_are_unknown(reference: Reference, rng: np.random.Generator) -> None:
    """A segment below the minimum has no number, and says how many rows it has; others are decided."""
    rows = flights(rng, 2000, {"AA": 0.7, "UA": 0.28, "DL": 0.02})
    found = check(reference, rows).segments["DL"]
    n = int(np.sum(rows["carrier"] == "DL"))
    assert found.rows == n < 100
    assert (found.state, found.drifted_ratio, found.drift_score) == ("unknown", None, None)
    assert found.columns["distance"].reason == "insufficient_data"
    assert found.columns["distance"].detail == f"found {n} rows of carrier 'DL', need 100"
    assert check(reference, rows).segments["AA"].state == "ok"


def test_a_window_without_the_feature_knows_no_segment(
    reference: Reference, rng: np.random.Generator
) -> None:
    """Whose rows they are is not known: that is the reason, and the whole is checked all the same."""
    rows = flights(rng, 2000)
    del rows["carrier"]
    report = check(reference, rows)
    assert {part.columns["hour"].reason for part in report.segments.values()} == {"missing_column"}
    assert report.features["hour"].state == "ok"
    empty = check(reference, {name: values[:0] for name, values in flights(rng, 10).items()})
    assert {part.state for part in empty.segments.values()} == {"unknown"}


def test_rows_of_other_values_are_in_no_segment(reference: Reference, rng: np.random.Generator) -> None:
    """New carriers and rows without one are counted beside the segments."""
    rows = flights(rng, 2000)
    rows["carrier"][:30] = "new"
    rows["carrier"][30:50] = None
    report = check(reference, rows)
    assert report.to_dict()["segment_by"]["other_rows"] == 50
    assert set(report.segments) == set(SHARES)


def test_nothing_is_compared_unless_asked(reference: Reference, rng: np.random.Generator) -> None:
    """By the policy, or by a reference without segments."""
    rows = flights(rng, 2000)
    plain = Reference.fit(flights(rng, 4000), model_name="m", model_version="1")
    for report in (check(reference, rows, Policy(segments=False)), check(plain, rows)):
        assert report.segments == {}
        assert report.to_dict()["segment_by"] is None


def test_segments_change_nothing_of_the_whole(reference: Reference, rng: np.random.Generator) -> None:
    """All rows are decided as they were, by their own correction."""
    rows = flights(rng, 3000, shifts={"DL": 1.0})
    with_segments = check(reference, rows, clock=lambda: 0.0).to_dict()
    without = check(reference, rows, Policy(segments=False), clock=lambda: 0.0).to_dict()
    for key in set(without) - {"segments", "segment_by"}:
        assert with_segments[key] == without[key], key


def test_a_segment_remembers_as_a_feature_does(reference: Reference, rng: np.random.Generator) -> None:
    """Drift is told at the second check; the memory outlasts a file, and a check that was unknown."""
    state = CheckState()
    states = []
    for rows in (
        flights(rng, 3000, shifts={"DL": 1.0}),
        flights(rng, 200, {"AA": 1.0}),
        flights(rng, 3000, shifts={"DL": 1.0}),
        flights(rng, 3000),
    ):
        report = check(reference, rows, state=state)
        state = CheckState.from_dict(json.loads(json.dumps(report.next_state.to_dict())))
        assert state == report.next_state
        states.append((report.segments["DL"].state, report.segments["AA"].state))
    assert states == [("warning", "ok"), ("unknown", "ok"), ("drift", "ok"), ("recovering", "ok")]


def test_memory_without_segments_is_kept_as_before(reference: Reference, rng: np.random.Generator) -> None:
    """What an older release left is read, and what is left without segments it can read."""
    report = check(reference, flights(rng, 2000), Policy(segments=False), state=CheckState())
    assert set(report.next_state.to_dict()) == {"carrier", "distance", "hour"}
    assert CheckState.from_dict(report.next_state.to_dict()).segments == {}


def test_a_calibrated_reference_is_as_careful_within(rng: np.random.Generator) -> None:
    """Hours that stray without drift are no drift of a segment: the threshold of the history holds there."""
    hours = np.repeat(rng.normal(scale=0.5, size=24 * 20), 200)
    rows = flights(rng, len(hours))
    rows["distance"] = rows["distance"] + hours
    times = 3600.0 * np.arange(len(hours)) / 200
    plain = Reference.fit(rows, model_name="m", model_version="1", segment_by="carrier", timestamps=times)
    calibrated = calibrate(plain, rows, timestamps=times, windows=(Window("1h", 3600.0),))
    assert list(calibrated.by_segment) == list(plain.by_segment)
    alarms = {"plain": 0, "calibrated": 0}
    policy = Policy(min_samples=30)
    for _ in range(20):
        now = flights(rng, 400)
        now["distance"] = now["distance"] + rng.normal(scale=0.5)
        alarms["plain"] += bool(check(plain, now, policy, window="1h").drifted_within)
        alarms["calibrated"] += bool(check(calibrated, now, policy, window="1h").drifted_within)
    assert alarms["plain"] >= 5
    assert alarms["calibrated"] == 0


def test_all_segments_together_keep_the_promise() -> None:
    """Of a hundred undrifted checks at most one raises any alarm in any of eight segments of six columns.

    Decided segment by segment, each with a correction of its own, the same checks raise several times more.
    """
    rng = np.random.default_rng(7)
    names = np.array([f"s{i}" for i in range(8)], dtype=object)
    policy = Policy()

    def rows(n: int) -> Table:
        return {"segment": np.repeat(names, n // 8), **{f"x{i}": rng.normal(size=n) for i in range(6)}}

    reference = Reference.fit(rows(16_000), model_name="m", model_version="1", segment_by="segment")
    together = apart = 0
    checks = 100
    for _ in range(checks):
        now = read_rows(rows(8 * 120), list(reference.features))
        measured = [part.columns for part in measure_segments(reference, now, policy).values()]
        every = evaluate([column for columns in measured for column in columns], policy)
        together += any(verdict.evidence == "drift" for verdict in every)
        apart += any(v.evidence == "drift" for columns in measured for v in evaluate(columns, policy))
    assert together <= checks / 100
    assert apart > 2 * together


def test_segments_of_a_yes_or_no_column_have_two_spellings(rng: np.random.Generator) -> None:
    """A reference of True and False fits rows of 1 and 0."""
    table: Table = {"new": rng.random(2000) < 0.5, "distance": rng.normal(size=2000)}
    reference = Reference.fit(table, model_name="m", model_version="1", segment_by="new")
    report = check(reference, {"new": table["new"].astype(float), "distance": table["distance"]})
    assert report.drifted_features == ()
    assert {name: segment.rows for name, segment in report.segments.items()} == {
        str(value): int((table["new"] == value).sum()) for value in (True, False)
    }
