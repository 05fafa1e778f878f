"""Where each alert goes, and how the bridge is told: the shipped configuration, read by the real amtool."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from driftgauge.resources import config_dir
from driftgauge.stack_config import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Labels, Rule

ROUTES: list[tuple[dict[str, str], str]] = [
    ({"alertname": "Watchdog", "severity": "none"}, "watchdog,bridge"),
    ({"alertname": "ModelDriftDetected", "severity": "warning", "model_name": "delay"}, "bridge"),
    ({"alertname": "ModelDriftDetected", "severity": "critical", "model_name": "delay"}, "bridge"),
    ({"alertname": "ModelDown", "severity": "critical", "model_name": "delay"}, "bridge"),
    ({"alertname": "ModelMonitoringFaults", "severity": "info", "model_name": "delay"}, "bridge"),
    ({"alertname": "BridgeDown", "severity": "critical"}, "fallback,bridge"),
    ({"alertname": "BridgeNotificationsRefused", "severity": "warning"}, "fallback,bridge"),
    ({"alertname": "AlertmanagerNotificationsFailing", "severity": "critical"}, "fallback,bridge"),
    ({"alertname": "ModelPerformanceDeclined", "severity": "critical", "measure": "auc"}, "bridge"),
    ({"alertname": "ModelConceptDrift", "severity": "info", "model_name": "delay"}, "bridge"),
    ({"alertname": "ModelRolledBack", "severity": "warning", "reason": "worse"}, "bridge"),
    ({"alertname": "SomebodyElses", "severity": "page"}, "bridge"),
    ({"alertname": "WithoutSeverity"}, "bridge"),
]
"""Labels of an alert, and the receivers that get it, in order."""

PAST_THE_BRIDGE = {"AlertmanagerNotificationsFailing", "PrometheusNotificationsDropped"}
"""About what does not reach the bridge; they take the fallback as well."""


@pytest.fixture(scope="module")
def amtool(tool: Callable[[str], str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real amtool."""
    path = tool("amtool")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *arguments], capture_output=True, text=True, check=False)

    return run


def _receivers(labels: dict[str, str], run: Callable[..., subprocess.CompletedProcess[str]]) -> str:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    result = run("config", "routes", "test", f"--config.file={config_dir() / 'alertmanager.yaml'}", *pairs)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_amtool_accepts_the_shipped_file(amtool: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """No unknown key, no receiver that a route misses."""
    result = amtool("check-config", str(config_dir() / "alertmanager.yaml"))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("labels", "receivers"), ROUTES, ids=str)
def test_an_alert_reaches_its_receivers(
    amtool: Callable[..., subprocess.CompletedProcess[str]], labels: dict[str, str], receivers: str
) -> None:
    """The table of labels and receivers, by the router that Alertmanager uses."""
    assert _receivers(labels, amtool) == receivers


def test_no_alert_of_ours_is_lost_or_loops(
    amtool: Callable[..., subprocess.CompletedProcess[str]], alerts: list[Rule]
) -> None:
    """Each reaches the bridge; the Watchdog and those about the bridge go past it as well."""
    for alert in alerts:
        labels = {"alertname": alert.name, "severity": alert.body["labels"]["severity"], "model_name": "m"}
        expected = "bridge"
        if alert.name == "Watchdog":
            expected = "watchdog,bridge"
        elif alert.name.startswith("Bridge") or alert.name in PAST_THE_BRIDGE:
            expected = "fallback,bridge"
        assert _receivers(labels, amtool) == expected, alert.name


def test_every_webhook_tells_all_and_says_when_it_is_over(alertmanager_yaml: dict[str, Any]) -> None:
    """A cut list lies about its status, and without the end nobody knows that it is over."""
    webhooks = [hook for r in alertmanager_yaml["receivers"] for hook in r.get("webhook_configs", ())]
    assert webhooks
    for hook in webhooks:
        assert hook["send_resolved"] is True
        assert hook["max_alerts"] == 0
        assert hook["http_config"]["authorization"]["type"] == "Bearer"
        assert "credentials" not in hook["http_config"]["authorization"], "a secret belongs in a file"


def test_the_bridge_has_time_to_answer_and_worse_is_sooner(alertmanager_yaml: dict[str, Any]) -> None:
    """One delivery may take group_interval; critical alerts wait less and repeat sooner than others."""
    root = alertmanager_yaml["route"]
    assert seconds(root["group_interval"]) >= 30
    by_severity = {
        route["matchers"][0].split('"')[1]: root | route
        for route in root["routes"]
        if "severity=" in route.get("matchers", [""])[0]
    }
    waits = [seconds(by_severity[name]["group_wait"]) for name in ("critical", "info")]
    repeats = [seconds(by_severity[name]["repeat_interval"]) for name in ("critical", "info")]
    assert waits[0] < seconds(root["group_wait"]) < waits[1]
    assert repeats[0] < seconds(root["repeat_interval"]) < repeats[1]


def test_inhibition_names_alerts_and_labels_that_exist(
    alertmanager_yaml: dict[str, Any], alerts: list[Rule], labels: Labels
) -> None:
    """A source or target that never fires would silence nothing, and nobody would see it."""
    names = {alert.name for alert in alerts}
    known = {"alertname"}.union(*(labels.check(alert.body["expr"]) for alert in alerts))
    for rule in alertmanager_yaml["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            found = re.fullmatch(r'alertname=(?:~?)"(.+)"', matcher)
            for pattern in found[1].split("|") if found else ():
                assert any(re.fullmatch(pattern, name) for name in names), f"no alert is called {pattern}"
        equal = set(rule.get("equal", ()))
        assert equal <= known
        assert equal & {"model_name", "instance"} or rule["source_matchers"] == ['alertname="BridgeDown"']


def test_the_worse_form_of_an_alert_silences_the_milder_one_of_the_same_thing_only(
    alertmanager_yaml: dict[str, Any], alerts: list[Rule], labels: Labels
) -> None:
    """Each label in which two alerts of one name can differ is asked to be equal."""
    severities: dict[str, set[str]] = {}
    for alert in alerts:
        severities.setdefault(alert.name, set()).add(alert.body["labels"]["severity"])
    rules = [r for r in alertmanager_yaml["inhibit_rules"] if r["source_matchers"][0].startswith("severity=")]
    assert len(rules) == 2
    for alert in alerts:
        if len(severities[alert.name]) > 1:
            for rule in rules:
                differ = labels.check(alert.body["expr"]) - set(rule["equal"])
                assert not differ, f"{alert.name}: {differ}"
