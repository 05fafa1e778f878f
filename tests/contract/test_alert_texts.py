"""What alerts say agrees with the runbook, and what they compare with agrees with the code it is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from alerting.first_commands import COMMANDS, SHOWN
from exporter.assessment.quality import AMBIGUOUS_KINDS
from exporter.metrics import OUTCOME_RESULTS
from exporter.performance import GREATER_IS_BETTER

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Rule

LABEL_OF_PLACE = {"M": "model_name", "V": "model_version", "F": "feature_name"}
"""Placeholders of docs/runbooks.md."""

USABLE_OUTCOMES = {"joined", "duplicate"}
"""A second outcome that says the same is no loss."""

LATER_IS_WORSE = (
    "ModelDriftDetected", "ModelManyFeaturesDrifted", "ModelPredictionDrift", "ModelLabelDrift",
    "ModelSchemaViolations", "ModelMissingValues", "ModelDataBroken",
    "ModelPerformanceDeclined", "ModelEstimatedPerformanceLow", "ModelConceptDrift",
)  # fmt: skip
"""Warnings that become critical by lasting. A fall within an hour cannot last."""


def test_an_alert_brings_the_first_commands_of_its_runbook(alerts: list[Rule], root: Path) -> None:
    """In its annotation, labels filled in and the words behind each as a comment; or from the bridge."""
    text = (root / "docs/runbooks.md").read_text(encoding="utf-8")
    checked = 0
    for alert in alerts:
        written = alert.body["annotations"].get("first_commands")
        if written is None:
            assert alert.name in COMMANDS or alert.name == "Watchdog", (
                f"{alert.name} says nothing to begin with"
            )
            continue
        assert written.splitlines() == _of_runbook(text, alert.name), alert.name
        checked += 1
    assert checked


def test_a_command_is_still_promql_with_its_comment(alerts: list[Rule]) -> None:
    """A comment must not swallow the command, and one line is one command."""
    for alert in alerts:
        for line in alert.body["annotations"].get("first_commands", "").splitlines():
            command, _, words = line.partition(" # ")
            assert command.strip(), alert.name
            assert words, alert.name


@pytest.mark.parametrize("name", LATER_IS_WORSE)
def test_a_warning_that_lasts_becomes_critical(rules: list[Rule], name: str) -> None:
    """The rule asks how long, and the table of thresholds says how long is too long."""
    critical = [
        r for r in rules if r.body.get("alert") == name and r.body["labels"]["severity"] == "critical"
    ]
    assert any(f'driftgauge:warning_lasts{{alertname="{name}"}}' in rule.body["expr"] for rule in critical)
    limits = [r for r in rules if r.body.get("labels", {}).get("threshold") == "warning_lasts_seconds"]
    assert {rule.body["labels"]["alertname"] for rule in limits} == set(LATER_IS_WORSE)


def test_only_damage_that_sets_the_state_is_called_broken(alerts: list[Rule]) -> None:
    """Kinds that drift looks like are found and shown, and alert nobody."""
    for alert in alerts:
        if alert.name == "ModelDataBroken":
            assert set(_pattern(alert, r'kind!~"([^"]+)"')) == AMBIGUOUS_KINDS


def test_more_is_better_for_the_same_measures(rules: list[Rule]) -> None:
    """The share of what a measure was an hour ago depends on which way is worse."""
    (fall,) = [rule for rule in rules if rule.name == "model_measure:performance_fall1h:ratio"]
    better = {name for name, greater in GREATER_IS_BETTER.items() if greater}
    assert set(_pattern(fall, r'measure=~"([^"]+)"')) == better
    assert set(_pattern(fall, r'measure!~"([^"]+)"')) == better


def test_every_result_that_loses_an_outcome_counts_as_rejected(alerts: list[Rule]) -> None:
    """A new result in the exporter's table is either usable or told."""
    (rejected,) = [alert for alert in alerts if alert.name == "ModelOutcomesRejected"]
    assert set(_pattern(rejected, r'outcome=~"([^"]+)"')) == set(OUTCOME_RESULTS) - USABLE_OUTCOMES


def _of_runbook(text: str, name: str) -> list[str]:
    chapter = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    look = chapter.partition("**Look first.**")[2].partition("**")[0]
    found = re.findall(r"^- ([^:`]+):\s+`([^`]+)`", look, flags=re.MULTILINE)[:SHOWN]
    return [f"{_filled_in(command)} # {words}" for words, command in found]


def _filled_in(command: str) -> str:
    """A command of the runbook as a template of Prometheus."""
    return re.sub(
        '"([MVF])"',
        lambda place: '{{ printf "%q" $labels.' + LABEL_OF_PLACE[place[1]] + " }}",
        command,
    )


def _pattern(rule: Rule, matcher: str) -> list[str]:
    (found,) = set(re.findall(matcher, rule.body["expr"]))
    return str(found).split("|")
