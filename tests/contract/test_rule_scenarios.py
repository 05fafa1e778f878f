"""Each alert is seen in every situation that matters, by its promtool tests' inputs, not by their names.

Fires, stays quiet, resolves: from the alerts that a test expects. No data: a test in which nothing exports
what the alert reads. Counter reset: a test in which a counter that it reads falls. Rolling update: a test in
which one version's series end or another's begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import promql_parser as promql
import pytest
import yaml

from driftgauge.stack_config import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .conftest import Labels, Rule

ALWAYS_THERE = {"model_info", "up"}
"""Series that say only that something exists: with these alone an alert has no data."""

NEVER_QUIET = {"Watchdog"}
FIRES_WITHOUT_DATA = {"Watchdog", "ModelTargetsMissing"}
"""Alerts about silence itself."""

COUNTER = re.compile(r"_(total|bucket|count|sum)$")

SERIES = re.compile(r"^(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})?$")

STEPS = re.compile(r"^(?P<start>-?[\d.e]+)(?:(?P<step>[+-][\d.e]+))?(?:x(?P<times>\d+))?$")
"""promtool's notation: a, axn, a+bxn, a-bxn."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promtool test, as far as these checks read it."""

    series: Mapping[str, list[tuple[Mapping[str, str], str]]]
    fires: Mapping[str, list[float]]
    quiet: Mapping[str, list[float]]
    severities: frozenset[tuple[str, str]]
    asked: frozenset[str]


@pytest.fixture(scope="module")
def scenarios(root: Path, alerts: list[Rule]) -> list[Scenario]:
    """Every promtool test, each for the alerts whose rules it loads: others are quiet whatever happens."""
    found = []
    for path in sorted((root / "tests/rules").glob("*.test.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        loaded = [Path(name).name for name in content["rule_files"]]
        names = {alert.name for alert in alerts if any(fnmatch(alert.file, name) for name in loaded)}
        found += [_scenario(test, names) for test in content["tests"]]
    return found


@pytest.fixture(scope="module")
def reads(alerts: list[Rule], rules: list[Rule]) -> dict[str, set[str]]:
    """The exported series that each alert depends on, through recorded ones."""
    recorded: dict[str, set[str]] = {}
    for rule in rules:
        if "record" in rule.body:
            recorded.setdefault(rule.name, set()).update(_names(rule.body["expr"]))
    found: dict[str, set[str]] = {}
    for alert in alerts:
        waiting, seen = set(_names(alert.body["expr"])), set[str]()
        while waiting:
            name = waiting.pop()
            seen.add(name)
            waiting |= recorded.get(name, set()) - seen
        found.setdefault(alert.name, set()).update(seen - set(recorded) - {"ALERTS"})
    return found


def test_every_alert_is_seen_firing(alerts: list[Rule], scenarios: list[Scenario]) -> None:
    """With its labels and annotations, in a test that names it."""
    assert not {alert.name for alert in alerts} - {name for test in scenarios for name in test.fires}


def test_every_severity_of_an_alert_is_seen(alerts: list[Rule], scenarios: list[Scenario]) -> None:
    """An alert of three severities has three rules, and each can be wrong by itself."""
    seen = {found for test in scenarios for found in test.severities}
    assert sorted({(alert.name, alert.body["labels"]["severity"]) for alert in alerts} - seen) == []


def test_every_alert_is_seen_quiet_with_data(
    alerts: list[Rule], scenarios: list[Scenario], reads: dict[str, set[str]]
) -> None:
    """What it reads is there, and nothing is wrong: before it fires, or in a test of its own."""
    quiet = {name for test in scenarios for name in test.quiet if reads.get(name, set()) & set(test.series)}
    assert sorted({alert.name for alert in alerts} - quiet - FIRES_WITHOUT_DATA) == []


def test_every_alert_is_seen_to_resolve(alerts: list[Rule], scenarios: list[Scenario]) -> None:
    """In the test in which it fired, later."""
    ended = {
        name
        for test in scenarios
        for name, fired in test.fires.items()
        if max(test.quiet.get(name, [0.0])) > min(fired)
    }
    assert sorted({alert.name for alert in alerts} - ended - NEVER_QUIET) == []


def test_every_alert_is_seen_without_data(
    alerts: list[Rule], scenarios: list[Scenario], reads: dict[str, set[str]]
) -> None:
    """Nothing exports what it reads: it stays quiet, unless silence is what it is about."""
    unseen = set()
    for alert in alerts:
        data = reads[alert.name] - ALWAYS_THERE
        tests = [test for test in scenarios if alert.name in test.asked and not data & set(test.series)]
        if not tests:
            unseen.add(alert.name)
        if data and alert.name not in FIRES_WITHOUT_DATA:
            assert not any(alert.name in test.fires for test in tests), alert.name
    assert sorted(unseen) == []


def test_every_alert_on_a_counter_is_seen_at_a_reset(
    alerts: list[Rule], scenarios: list[Scenario], reads: dict[str, set[str]]
) -> None:
    """A restart sets counters to zero, in a test that asks about the alert."""
    on_counters = {
        alert.name: {name for name in reads[alert.name] if COUNTER.search(name)} for alert in alerts
    }
    seen = {
        name
        for name, counters in on_counters.items()
        if any(name in test.asked and any(_falls(test, it) for it in counters) for test in scenarios)
    }
    assert seen
    assert sorted({name for name, counters in on_counters.items() if counters} - seen) == []


def test_every_alert_of_a_version_is_seen_in_a_rolling_update(
    alerts: list[Rule], scenarios: list[Scenario], reads: dict[str, set[str]], labels: Labels
) -> None:
    """One version's series end or begin within the test, and the other version is there as well."""
    versioned = {alert.name for alert in alerts if "model_version" in labels.check(alert.body["expr"])}
    seen = {
        name
        for name in versioned
        if any(name in test.asked and any(_updates(test, it) for it in reads[name]) for test in scenarios)
    }
    assert seen
    assert sorted(versioned - seen) == []


@pytest.mark.parametrize(
    ("notation", "values"),
    [("1+2x2", [1, 3, 5]), ("4x2", [4, 4, 4]), ("3-1x1 _x2 stale 7", [3, 2, 7]), ("0x1 5", [0, 0, 5])],
)
def test_notation_is_read_as_promtool_reads_it(notation: str, values: list[float]) -> None:
    """Gaps and ends hold no value."""
    assert _values(notation) == values


def _scenario(test: Mapping[str, Any], names: set[str]) -> Scenario:
    series: dict[str, list[tuple[Mapping[str, str], str]]] = {}
    for given in test.get("input_series") or ():
        found = SERIES.match(given["series"])
        assert found is not None, given["series"]
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', found["labels"] or ""))
        series.setdefault(found["name"], []).append((pairs, str(given["values"])))
    fires: dict[str, list[float]] = {}
    quiet: dict[str, list[float]] = {}
    severities: set[tuple[str, str]] = set()
    for check in test.get("alert_rule_test") or ():
        if check["alertname"] not in names:
            continue
        place = fires if check["exp_alerts"] else quiet
        place.setdefault(check["alertname"], []).append(seconds(str(check["eval_time"])))
        for expected in check["exp_alerts"] or ():
            severities.add((check["alertname"], expected["exp_labels"]["severity"]))
    asked = set(fires) | set(quiet)
    for check in test.get("promql_expr_test") or ():
        if "ALERTS" not in check["expr"]:
            continue
        patterns = re.findall(r'alertname=~?"([^"]+)"', check["expr"])
        hits = {name for name in names for pattern in patterns or [".*"] if re.fullmatch(pattern, name)}
        asked |= hits
        if not check.get("exp_samples"):
            for name in hits:
                quiet.setdefault(name, []).append(seconds(str(check["eval_time"])))
    return Scenario(series, fires, quiet, frozenset(severities), frozenset(asked))


def _names(expression: str) -> Iterator[str]:
    """Series that a PromQL expression reads."""
    text = promql.parse(expression).prettify()
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    text = re.sub(r"\{[^}]*\}|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    for name in re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*(?![\w:]*\s*\()", text):
        if "_" in name or ":" in name or name in {"up", "ALERTS"}:
            yield name


def _values(notation: str) -> list[float]:
    values: list[float] = []
    for part in notation.split():
        found = STEPS.match(part)
        if found is not None:
            start, step = float(found["start"]), float(found["step"] or 0)
            values += [start + step * i for i in range(int(found["times"] or 0) + 1)]
    return values


def _falls(test: Scenario, name: str) -> bool:
    return any(
        later < earlier
        for _, notation in test.series.get(name, ())
        for earlier, later in pairwise(_values(notation))
    )


def _updates(test: Scenario, name: str) -> bool:
    versions: dict[str, str] = {}
    for pairs, notation in test.series.get(name, ()):
        version = pairs.get("model_version", "")
        versions[version] = f"{versions.get(version, '')} {notation}".strip()
    moves = any(text.startswith("_") or text.endswith("stale") for text in versions.values())
    return len(versions) > 1 and moves
