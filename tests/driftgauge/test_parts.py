from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from alerting.config import describe, load_config
from alerting.config_secrets import VARIABLES
from driftgauge.demo.parts import (
    Components,
    Setup,
    bridge_parts,
    component_parts,
    explorer_parts,
    find_components,
    write_configuration,
)
from driftgauge.demo.ports import ALERTMANAGER, BRIDGE, EXPLORER, INBOX, MODEL, PROMETHEUS, choose_ports


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """A demo with both components and no Slack."""
    return Setup(
        directory=tmp_path,
        ports=choose_ports({}, 0),
        components=Components("/usr/bin/prometheus", "/usr/bin/prometheus-alertmanager"),
        speed=86400.0,
        slack_channel="#somewhere",
        environment={},
    )


@pytest.mark.parametrize("name", ["prometheus-alertmanager", "alertmanager"])
def test_alertmanager_is_found_under_either_name(name: str) -> None:
    """Debian's name and the upstream one are the same program."""
    components = find_components(lambda wanted: f"/bin/{wanted}" if wanted == name else None)
    assert replace(components, dash=False) == Components(None, f"/bin/{name}")
    assert components.missing == ("Prometheus",)


def test_the_inbox_stands_in_only_without_slack(setup: Setup) -> None:
    """With a Slack address of either kind the messages go to Slack."""
    assert INBOX in setup.listeners
    for name in ("SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SLACK_BOT_TOKEN_FILE"):
        assert INBOX not in replace(setup, environment={name: "x"}).listeners
    assert INBOX in replace(setup, environment={"SLACK_WEBHOOK_URL": ""}).listeners


def test_what_is_missing_is_not_started(setup: Setup) -> None:
    """Without Prometheus there is nothing for Alertmanager to do; without Alertmanager alerts still show."""
    without_both = replace(setup, components=Components(None, None))
    assert without_both.listeners == (MODEL, BRIDGE, INBOX)
    assert replace(setup, components=Components(None, "/a")).listeners == (MODEL, BRIDGE, INBOX)
    dash = Components("/p", "/a", dash=True)
    assert replace(setup, components=dash).listeners[-1] == EXPLORER
    (explorer,) = explorer_parts(replace(setup, components=dash))
    assert explorer.command[2:4] == ["driftgauge", "explore"]
    assert explorer_parts(setup) == []
    assert EXPLORER not in replace(setup, components=replace(dash, prometheus=None)).listeners
    only_prometheus = replace(setup, components=Components("/p", None))
    assert only_prometheus.listeners == (MODEL, BRIDGE, INBOX, PROMETHEUS)
    assert [part.name for part in component_parts(only_prometheus)] == [PROMETHEUS.name]


def test_components_listen_on_loopback_alone(setup: Setup) -> None:
    """Nothing of the demo can be reached from another machine."""
    for part, listener in zip(component_parts(setup), (ALERTMANAGER, PROMETHEUS), strict=True):
        assert f"--web.listen-address=127.0.0.1:{setup.ports[listener]}" in part.command


@pytest.mark.stack
@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "prometheus/prometheus.yaml"],
        ["amtool", "check-config", "alertmanager/alertmanager.yaml"],
    ],
    ids=["prometheus", "alertmanager"],
)
def test_the_written_configuration_is_what_the_components_accept(setup: Setup, command: list[str]) -> None:
    """The tools that ship with the components find no fault, rules included."""
    write_configuration(setup)
    result = subprocess.run(command, cwd=setup.directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_users_settings_do_not_reach_the_demos_bridge(setup: Setup) -> None:
    """Every variable that a bridge reads is blank or the demo's own, but Slack's where the user gives one."""
    environment = bridge_parts(setup)[-1].environment
    for name in VARIABLES:
        assert environment[f"{name}_FILE"] == ""
        assert environment[name] == "" or name.startswith("SLACK_")
    own = replace(setup, environment={"SLACK_BOT_TOKEN": "x"})
    (part,) = bridge_parts(own)
    assert part.environment["PAGERDUTY_ROUTING_KEY"] == part.environment["ALERTMANAGER_URL"] == ""
    assert not [name for name in part.environment if name.startswith("SLACK_")]


def test_the_bridge_takes_its_configuration_and_knows_alertmanager(setup: Setup) -> None:
    """Buttons, silences and a second step for what nobody takes on; in somebody's Slack no second channel."""
    write_configuration(setup)
    environment = bridge_parts(setup)[-1].environment
    found = load_config(setup.directory / "bridge" / "bridge.yaml", environment)
    assert f"acknowledge, silence; Alertmanager: {setup.url(ALERTMANAGER)}" in describe(found)
    assert set(found.channels) == {"team", "on-call"}
    for other in (
        replace(setup, environment={"SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/T/B/x"}),
        replace(setup, components=Components(None, None)),
    ):
        write_configuration(other)
        blank = {**bridge_parts(other)[-1].environment, **other.environment}
        load_config(setup.directory / "bridge" / "bridge.yaml", blank)
