"""Names that two parts share exist on both sides: metrics, labels, runbooks, tests, links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from exporter.airflow.steps import ALERT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Labels, Rule

SEVERITIES = {"info", "warning", "critical"}

LEVELS = {
    "model": {"model_name", "model_version"},
    "model_target": {"model_name", "model_version", "job", "instance"},
    "model_feature": {"model_name", "model_version", "feature_name"},
    "model_feature_bin": {"model_name", "model_version", "feature_name", "bin"},
    "model_slo": {"model_name", "model_version", "slo"},
    "model_prediction": {"model_name", "model_version", "output"},
    "model_prediction_bin": {"model_name", "model_version", "output", "bin"},
    "model_feature_test": {"model_name", "model_version", "feature_name", "test_type", "window"},
    "model_kind": {"model_name", "model_version", "kind"},
    "model_measure": {"model_name", "model_version", "measure", "window"},
    "model_topic": {"model_name", "model_version", "topic"},
    "model_window": {"model_name", "model_version", "window"},
    "model_business": {"model_name", "measure"},
}
"""First part of a recorded name to the labels it promises; other labels come from the rule itself."""


def test_every_series_and_label_in_a_rule_exists(labels: Labels, rules: list[Rule]) -> None:
    """Matchers, `by`, `on` and `group_left` name only labels that the series there have."""
    for rule in rules:
        labels.check(rule.body["expr"])


def test_a_recorded_name_says_which_labels_its_series_have(labels: Labels, rules: list[Rule]) -> None:
    """`model_feature:x:y` has the labels of the level model_feature, and those that its rule adds."""
    for rule in rules:
        level, _, _ = rule.name.partition(":")
        if "record" in rule.body and level in LEVELS:
            extra = {"violation"} if rule.name == "model:model_schema_violations:rate5m" else set()
            added = set(rule.body.get("labels", ()))
            assert labels.check(rule.body["expr"]) | added == LEVELS[level] | extra | added, rule.name


def test_every_series_and_label_in_an_annotation_exists(labels: Labels, alerts: list[Rule]) -> None:
    """Queries inside templates are PromQL too, and nobody sees them fail."""
    checked = 0
    for alert in alerts:
        for text in alert.body["annotations"].values():
            for expression in _queries(text):
                labels.check(expression)
                checked += 1
    assert checked


def test_an_annotation_reads_only_labels_that_its_alert_has(labels: Labels, alerts: list[Rule]) -> None:
    """`{{ $labels.x }}` of a label that is not there would be an empty gap in a sentence."""
    for alert in alerts:
        has = labels.check(alert.body["expr"]) | frozenset(alert.body["labels"])
        for text in alert.body["annotations"].values():
            used = set(re.findall(r"\$labels\.(\w+)", text))
            assert used <= has, f"{alert.name}: {used - has}"


def test_every_alert_has_what_people_and_routes_need(alerts: list[Rule], root: Path) -> None:
    """Severity, summary, description, a runbook chapter and a dashboard."""
    headings = {_anchor(line) for line in (root / "docs/runbooks.md").read_text("utf-8").splitlines()}
    dashboards = {yaml.safe_load(path.read_text("utf-8"))["uid"] for path in root.glob("dashboards/*.json")}
    for alert in alerts:
        annotations = alert.body["annotations"]
        assert alert.body["labels"]["severity"] in (SEVERITIES if alert.name != "Watchdog" else {"none"})
        assert annotations["summary"]
        assert annotations["description"]
        assert annotations["runbook_url"].endswith(f"docs/runbooks.md#{alert.name.lower()}"), alert.name
        assert alert.name.lower() in headings, f"docs/runbooks.md has no chapter {alert.name}"
        uid = re.search(r"/d/([\w-]+)", annotations["dashboard_url"])
        assert uid is not None, alert.name
        assert uid[1] in dashboards, f"{alert.name} links to {uid[1]}, which does not exist"


def test_an_alert_waits_unless_it_proves_the_way(alerts: list[Rule]) -> None:
    """One odd evaluation wakes nobody; the Watchdog alone fires at once."""
    assert [alert.name for alert in alerts if "for" not in alert.body] == ["Watchdog"]


def test_a_runbook_chapter_belongs_to_an_alert(alerts: list[Rule], root: Path) -> None:
    """None is left over from an alert that is gone, and no alert shares one; that of batches has no rule."""
    chapters = re.findall(r"^## (\w+)$", (root / "docs/runbooks.md").read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(chapters) == sorted({*(alert.name for alert in alerts), ALERT})


def test_every_query_in_the_runbooks_is_one_that_prometheus_could_answer(labels: Labels, root: Path) -> None:
    """At night nobody should have to guess a metric's new name."""
    text = (root / "docs/runbooks.md").read_text("utf-8")
    queries = re.findall(r"^- [^:`]+:\s+`([^`]+)`", text, flags=re.MULTILINE)
    queries += re.findall(r"beside\n? *`(\w[^`]*\{[^`]*)`", text)
    assert len(queries) > 40
    for query in queries:
        labels.check(query)


@pytest.mark.parametrize("kind", ["fires", "stays quiet"])
def test_every_alert_has_a_promtool_test(alerts: list[Rule], root: Path, kind: str) -> None:
    """One that sees it fire with its annotations, and one that sees it stay quiet or end."""
    tested = set()
    for path in (root / "tests/rules").glob("*.test.yaml"):
        for group in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for test in group.get("alert_rule_test", ()):
                if bool(test["exp_alerts"]) == (kind == "fires"):
                    tested.add(test["alertname"])
    untested = {alert.name for alert in alerts} - tested
    assert untested == (set() if kind == "fires" else {"Watchdog"})


def test_no_rule_compares_with_a_number_of_its_own(alerts: list[Rule]) -> None:
    """Numbers live in one table. What is left are states (0, 1, 2, -1) and seconds of a rate's range."""
    for alert in alerts:
        numbers = re.findall(r"(?:[<>]=?|==|!=)\s*(-?\d[\d.e-]*)", alert.body["expr"])
        assert set(numbers) <= {"0", "1", "2", "-1"}, f"{alert.name}: {numbers}"


def _queries(text: str) -> Iterator[str]:
    for match in re.finditer(r'query \(printf "((?:[^"\\]|\\.)*)"', text):
        yield match[1].replace('\\"', '"').replace("%q", '"x"')


def _anchor(line: str) -> str:
    return line.removeprefix("## ").strip().lower() if line.startswith("## ") else ""
