from __future__ import annotations

from typing import Any

import pytest

from driftgauge.explorer import words
from driftgauge.explorer.alerts import SHOWN, alerts, incidents, safe_link
from driftgauge.explorer.palette import AMBER, BLUE, GREY, RED, SEVERITY_STEPS, STATES
from driftgauge.explorer.performance import ESTIMATED, MEASURES
from driftgauge.explorer.quality import quality
from driftgauge.explorer.ranking import ranking
from driftgauge.explorer.scores import ORDER, ScoreHistory, statistics, statistics_of
from driftgauge.explorer.series import Line, matrix, vector
from driftgauge.explorer.summary import summary
from exporter.metrics.performance import CLASSIFICATION_MEASURES, ESTIMATED_MEASURES, REGRESSION_MEASURES
from exporter.policy import CATEGORICAL_TESTS, NUMERIC_TESTS
from exporter.policy import SEVERITY_STEPS as EXPORTER_STEPS
from exporter.publish import STATE_CODES

ALERT: dict[str, Any] = {
    "labels": {"alertname": "A", "severity": "warning", "feature_name": "f"},
    "annotations": {
        "summary": "s",
        "runbook_url": "docs/runbooks.md#a",
        "dashboard_url": "https://g.example/d",
    },
    "status": {"state": "active"},
    "startsAt": "2026-01-01T00:00:00.123Z",
    "fingerprint": "b2d7",
}
INCIDENT: dict[str, Any] = {
    "id": 7, "title": "A", "model": "m", "severity": "critical", "firing": 2, "ended_at": None,
    "began_at": "2026-01-01T00:00:00+00:00", "acknowledged_at": None, "acknowledged_by": None,
    "silenced_until": None,
}  # fmt: skip


def test_the_explorer_knows_what_the_exporter_publishes() -> None:
    """Codes, severities, tests and measures are written a second time: only HTTP is between the two."""
    assert {name: code for code, name in STATES.items()} == STATE_CODES
    ends = [1.0, *(end for end, _ in EXPORTER_STEPS)]
    begins = {name: begin for (_, name), begin in zip(EXPORTER_STEPS, ends, strict=False)}
    assert {name: begin for begin, name in SEVERITY_STEPS} == begins
    assert set(ORDER) == {*NUMERIC_TESTS, *CATEGORICAL_TESTS}
    assert set(MEASURES) == {*CLASSIFICATION_MEASURES, *REGRESSION_MEASURES}
    assert set(ESTIMATED) == set(ESTIMATED_MEASURES)


@pytest.mark.parametrize("color", [BLUE, GREY, RED, AMBER])
@pytest.mark.parametrize("ground", ["#ffffff", "#1f2227"])
def test_lines_can_be_seen_on_both_grounds(color: str, ground: str) -> None:
    """A contrast of 3 at least, as WCAG 2.2 asks of graphics."""
    lights = sorted(map(_luminance, (color, ground)))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3.0


def _luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_values_that_are_not_finite_are_not_known() -> None:
    """NaN and infinity of Prometheus become gaps, and a series of nothing else is none."""
    series = [{"metric": {"a": "1"}, "value": [0, "NaN"]}, {"metric": {"a": "2"}, "value": [0, "0.5"]}]
    found = vector({"resultType": "vector", "result": series})
    assert [(sample.labels, sample.value) for sample in found] == [({"a": "2"}, 0.5)]
    points = [[[0, "1"], [1, "+Inf"], [2, "3"]], [[0, "NaN"]]]
    result = [{"metric": {}, "values": values} for values in points]
    lines = matrix({"resultType": "matrix", "result": result})
    assert lines == [Line({}, (0.0, 2.0), (1.0, 3.0))]
    with pytest.raises(ValueError, match="scalar"):
        vector({"resultType": "scalar", "result": []})


def test_the_table_has_the_change_to_the_range_before() -> None:
    """Of a test without a threshold there is no multiple, and of a new one no change."""
    psi, shift = statistics(
        now={"mean_shift": 0.1, "psi": 0.3}, threshold={"psi": 0.2}, p_value={"psi": 0.0},
        noise_floor={"psi": 0.01}, mean={"psi": 0.25, "mean_shift": 0.1}, previous={"psi": 0.05},
    )  # fmt: skip
    assert psi.test == "psi"
    assert [psi.ratio, psi.change] == pytest.approx([1.5, 0.2])
    assert (shift.test, shift.ratio, shift.change) == ("mean_shift", None, None)


def test_a_segment_has_the_statistics_of_the_page() -> None:
    """Tests that could not be computed have none; those that decide nothing have no threshold."""
    column = {"statistics": {
        "ks": {"value": None, "reason": "few rows"},
        "psi": {"effect": 0.4, "threshold": 0.2, "p_value": 0.0, "noise_floor": 0.1, "decides": True},
        "hellinger": {"effect": 0.4, "threshold": 0.2, "p_value": 0.0, "noise_floor": None, "decides": False},
    }}  # fmt: skip
    assert [(one.test, one.ratio) for one in statistics_of(column)] == [("psi", 2.0), ("hellinger", None)]


def test_the_summary_takes_the_severity_of_what_decided() -> None:
    """The exporter's where it answers, else that of the score; none without drift; the reason of unknown."""
    states = {"a": 2.0, "b": 3.0, "c": 0.0}
    found = summary("drift", {"psi": 2.0, "ks": 1.0}, states, 100.0, 5.0, None)
    assert (found.severity, found.ratio, found.test) == ("medium", 2.0, "psi")
    assert (found.drifted, found.features) == (2, 3)
    assert summary("drift", {"psi": 2.0}, states, None, None, {"severity": "critical"}).severity == "critical"
    assert summary("ok", {"psi": 2.0}, states, None, None, None).severity is None
    unknown = summary("unknown", {}, {}, None, None, {"severity": None, "detail": "too few rows"})
    assert (unknown.reason, unknown.ratio) == ("too few rows", None)


def test_quality_is_shares_of_all_rows() -> None:
    """With change and reference; broken kinds of data first."""
    found = quality(
        "broken",
        {"rows": 10.0, "missing": 2.0, "unseen": 11.0},
        {"rows": 0.0},
        {"missing": 0.1},
        {"stale": 0.1, "missing": 3.0},
        {"stale": 0.5, "missing": 1.0},
    )
    by_kind = {one.kind: one for one in found.damages}
    assert (by_kind["missing"].share, by_kind["missing"].reference, by_kind["missing"].change) == (
        0.2,
        0.1,
        None,
    )
    assert by_kind["unseen"].share == 1.0, "estimates of two counters may differ by a scrape"
    assert [(one.kind, one.broken) for one in found.kinds] == [("missing", True), ("stale", False)]


def test_the_ranking_is_by_contribution_then_score_then_name() -> None:
    """It is cut to what can be read, and says how much more there is."""
    found = ranking({"b": 0.6, "a": 0.4}, {"c": 2.0, "d": 2.0}, {"a": 2.0})
    assert [one.feature for one in found.features] == ["b", "a", "c", "d"]
    assert [one.state for one in found.features] == ["unknown", "drift", "unknown", "unknown"]
    many = ranking({}, {f"f{number}": 1.0 for number in range(30)}, {})
    assert (len(many.features), many.more) == (20, 10)


def test_alerts_are_listed_by_urgency_with_harmless_links() -> None:
    """A path without a host, or a script, is no link."""
    urgent = {
        **ALERT,
        "labels": {"alertname": "B", "severity": "critical"},
        "status": {"state": "suppressed"},
    }
    found = alerts([ALERT, urgent])
    assert [(one.name, one.state) for one in found] == [("B", "suppressed"), ("A", "firing")]
    assert (found[1].runbook, found[1].dashboard) == ("", "https://g.example/d")
    assert len(alerts([ALERT] * 50)) == SHOWN
    for bad in ("javascript:alert(1)", "//host", "https://", "http://[", None, "data:text/html,x"):
        assert safe_link(bad) == ""


@pytest.mark.parametrize(
    ("changes", "state", "waits"),
    [
        ({}, "firing", True),
        ({"firing": 0}, "open", True),
        ({"acknowledged_at": "2026-01-01T00:00:00+00:00", "acknowledged_by": "a"}, "acknowledged", False),
        ({"silenced_until": "2026-01-01T00:00:00+00:00"}, "silenced", True),
        ({"ended_at": "2026-01-01T00:00:00+00:00", "firing": 0}, "ended", False),
    ],
)
def test_an_incident_says_whether_it_waits_for_somebody(
    changes: dict[str, Any], state: str, waits: bool
) -> None:
    """Open ones that nobody has taken on can be acknowledged."""
    (found,) = incidents([{**INCIDENT, **changes}], "m")
    assert (found.state, found.can_be_acknowledged) == (state, waits)


def test_incidents_of_other_models_are_left_out() -> None:
    """Those that are about no model in particular are not."""
    found = incidents(
        [INCIDENT, {**INCIDENT, "id": 8, "model": "n"}, {**INCIDENT, "id": 9, "model": ""}], "m"
    )
    assert [one.number for one in found] == [7, 9]


def test_a_history_in_words() -> None:
    """What the figure shows, for those who hear the page."""
    line = Line({}, (0.0,), (0.4,))
    found = ScoreHistory(
        test="psi", score=line, threshold=Line({}, (0.0,), (0.2,)), noise_floor=Line({}, (), ())
    )
    assert words.of_history(found) == "PSI is 0.4, 2 times its threshold of 0.2."
    none = ScoreHistory(test="ks", score=Line({}, (), ()), threshold=line, noise_floor=line)
    assert words.of_history(none) == "No score of Kolmogorov\N{EN DASH}Smirnov in this time range."
