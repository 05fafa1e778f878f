"""What the contract tests share: the repository's files, known metrics, and a checker of labels in PromQL."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from alerting.metrics import FAMILIES as BRIDGE_FAMILIES
from alerting.retraining.metrics import FAMILIES as RETRAINING_FAMILIES
from driftgauge.resources import config_dir, dashboards_dir, rules_dir
from exporter.metrics import FAMILIES, MODEL_LABELS

ROOT = Path(__file__).resolve().parents[2]

TARGET_LABELS = frozenset({"job", "instance"})
"""What Prometheus adds to everything it scrapes."""

FOREIGN: Mapping[str, frozenset[str]] = {
    "up": TARGET_LABELS,
    "scrape_duration_seconds": TARGET_LABELS,
    "process_resident_memory_bytes": TARGET_LABELS,
    "prometheus_rule_evaluation_failures_total": TARGET_LABELS | {"rule_group"},
    "prometheus_rule_group_last_duration_seconds": TARGET_LABELS | {"rule_group"},
    "prometheus_tsdb_head_series": TARGET_LABELS,
    "prometheus_notifications_dropped_total": TARGET_LABELS | {"alertmanager"},
    "alertmanager_notifications_failed_total": TARGET_LABELS | {"integration", "reason"},
    "alertmanager_alerts": TARGET_LABELS | {"state"},
    "alertmanager_silences": TARGET_LABELS | {"state"},
}
"""Series of other programs that our rules and dashboards use, with their labels."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with the file and group it stands in."""

    file: str
    group: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the alert or of the recorded series."""
        return str(self.body.get("alert") or self.body["record"])


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def rules() -> list[Rule]:
    """Every rule of every shipped file, in order."""
    found = []
    for path in sorted(rules_dir().glob("*.rules.yaml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            found += [Rule(path.name, group["name"], body) for body in group["rules"]]
    return found


@pytest.fixture(scope="session")
def alerts(rules: list[Rule]) -> list[Rule]:
    """The rules that alert."""
    return [rule for rule in rules if "alert" in rule.body]


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Path of an installed program; its absence is a failure, since what it checks is then unproven."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.fail(f"{name} is not installed; Debian: prometheus, prometheus-alertmanager")
        return path

    return find


def load_yaml(path: Path) -> Any:
    """Content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def prometheus_yaml() -> dict[str, Any]:
    """The shipped configuration of Prometheus."""
    content: dict[str, Any] = load_yaml(config_dir() / "prometheus.yaml")
    return content


@pytest.fixture(scope="session")
def alertmanager_yaml() -> dict[str, Any]:
    """The shipped configuration of Alertmanager."""
    content: dict[str, Any] = load_yaml(config_dir() / "alertmanager.yaml")
    return content


@pytest.fixture(scope="session")
def compose_yaml(root: Path) -> dict[str, Any]:
    """The Compose file, as it is written."""
    content: dict[str, Any] = load_yaml(root / "docker-compose.yaml")
    return content


@pytest.fixture(scope="session")
def dashboard_files() -> list[Path]:
    """The committed dashboards."""
    return sorted(dashboards_dir().glob("*.json"))


class LabelError(AssertionError):
    """A metric or label in an expression that no table knows."""


class Labels:
    """Which labels an expression's result has, from the labels of the series it reads.

    Raises LabelError for a series nobody exports, and for a label in a matcher, `by`, `on` or `group_left`
    that the series there do not have.
    """

    def __init__(self, series: Mapping[str, frozenset[str]]) -> None:
        self._series = dict(series)

    def learn(self, name: str, labels: frozenset[str]) -> None:
        """Add a series; of several definitions the union counts."""
        self._series[name] = self._series.get(name, frozenset()) | labels

    def check(self, expression: str) -> frozenset[str]:
        """Labels of the result of a PromQL expression."""
        return self._of(promql.parse(expression))

    def _of(self, node: Any) -> frozenset[str]:
        match type(node).__name__:
            case "VectorSelector":
                return self._selector(node)
            case "MatrixSelector":
                return self._selector(node.vector_selector)
            case "ParenExpr" | "SubqueryExpr" | "UnaryExpr":
                return self._of(node.expr)
            case "NumberLiteral" | "StringLiteral":
                return frozenset()
            case "AggregateExpr":
                return self._aggregate(node)
            case "BinaryExpr":
                return self._binary(node)
            case "Call":
                return self._call(node)
            case other:
                raise LabelError(f"{other}: the checker does not know this kind of expression")

    def _selector(self, node: Any) -> frozenset[str]:
        if node.name not in self._series:
            raise LabelError(f"{node.name}: no table of metrics has it and no rule records it")
        labels = self._series[node.name]
        self._require(labels, [matcher.name for matcher in node.matchers.matchers], node.name)
        return labels

    def _aggregate(self, node: Any) -> frozenset[str]:
        inner = self._of(node.expr)
        if str(node.op) in {"topk", "bottomk"}:
            return inner
        if node.modifier is None:
            return frozenset()
        named = frozenset(node.modifier.labels)
        self._require(inner, named, node.prettify())
        return named if "By" in str(node.modifier.type) else inner - named

    def _binary(self, node: Any) -> frozenset[str]:
        left, right = self._of(node.lhs), self._of(node.rhs)
        operator = str(node.op)
        modifier = node.modifier
        matching = modifier.matching if modifier else None
        if matching is not None:
            for side in (left, right):
                self._require(side, matching.labels, node.prettify())
        if operator == "or":
            return left | right
        if operator in {"and", "unless"} or _is_scalar(node.rhs):
            return left
        if _is_scalar(node.lhs):
            return right
        if modifier is not None and modifier.group_labels is not None:
            self._require(right, modifier.group_labels, node.prettify())
            return left | frozenset(modifier.group_labels)
        if operator in {"==", "!=", "<", ">", "<=", ">="} and not (modifier and modifier.return_bool):
            return left
        return frozenset(matching.labels) if matching is not None else left & right

    def _call(self, node: Any) -> frozenset[str]:
        name = node.func.name
        if name == "absent":
            return frozenset(matcher.name for matcher in node.args[0].matchers.matchers)
        found = [self._of(argument) for argument in node.args]
        labels = frozenset[str]().union(*found) if found else frozenset[str]()
        if name == "label_replace":
            labels |= {node.args[1].val}
        return labels - {"le"} if name == "histogram_quantile" else labels

    def _require(self, labels: frozenset[str], named: Any, where: str) -> None:
        missing = set(named) - labels - {"__name__"}
        if missing:
            raise LabelError(
                f"{where}: {', '.join(sorted(missing))} is no label there, only {sorted(labels)}"
            )


def _is_scalar(node: Any) -> bool:
    kind = type(node).__name__
    if kind in {"ParenExpr", "UnaryExpr"}:
        return _is_scalar(node.expr)
    if kind == "BinaryExpr":
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return kind == "NumberLiteral" or (kind == "Call" and node.func.name in {"time", "scalar", "pi"})


@pytest.fixture(scope="session")
def labels(rules: list[Rule]) -> Labels:
    """A checker that knows the tables of both packages, other programs' series, and what rules record."""
    checker = Labels(FOREIGN)
    for family in FAMILIES:
        own = frozenset(MODEL_LABELS) | frozenset(family.labels) | TARGET_LABELS
        for name, extra in _series_of(family.name, family.kind):
            checker.learn(name, own | extra)
    for bridge_family in (*BRIDGE_FAMILIES, *RETRAINING_FAMILIES):
        own = frozenset(bridge_family.labels) | TARGET_LABELS
        for name, extra in _series_of(bridge_family.name, bridge_family.kind):
            checker.learn(name, own | extra)
    # Rules that record how long an alert lasts read ALERTS before the labels of alerts are known.
    any_label = TARGET_LABELS.union(MODEL_LABELS, *(family.labels for family in FAMILIES))
    checker.learn("ALERTS", any_label | {"alertname", "alertstate", "severity"})
    _learn_recorded(checker, rules)
    alert_labels = frozenset({"alertname", "severity"}).union(
        *(checker.check(rule.body["expr"]) for rule in rules if "alert" in rule.body)
    )
    checker.learn("ALERTS", alert_labels | {"alertstate"})
    checker.learn("ALERTS_FOR_STATE", alert_labels)
    return checker


def _series_of(name: str, kind: str) -> list[tuple[str, frozenset[str]]]:
    none: frozenset[str] = frozenset()
    if kind != "histogram":
        return [(name, none)]
    return [(f"{name}_bucket", frozenset({"le"})), (f"{name}_sum", none), (f"{name}_count", none)]


def _learn_recorded(checker: Labels, rules: list[Rule]) -> None:
    """Learn recorded series, whatever the order of files; a rule that reads itself begins with no labels."""
    waiting = [rule for rule in rules if "record" in rule.body]
    for rule in waiting:
        if re.search(rf"(?<![\w:]){re.escape(rule.name)}(?![\w:])", rule.body["expr"]):
            checker.learn(rule.name, frozenset({"model_name", "model_version"}) | TARGET_LABELS)
    while waiting:
        later: list[Rule] = []
        error: LabelError | None = None
        for rule in waiting:
            try:
                found = checker.check(rule.body["expr"])
            except LabelError as problem:
                later, error = [*later, rule], problem
            else:
                checker.learn(rule.name, found | frozenset(rule.body.get("labels", ())))
        if len(later) == len(waiting):
            raise AssertionError(f"{later[0].file}: {later[0].name}: {error}")
        waiting = later
