from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alerting.retraining.config import load_config
from alerting.retraining.local import LocalRunner
from alerting.retraining.order import Busy, Order
from driftgauge.demo.parts import Components, Setup, bridge_parts, write_configuration
from driftgauge.demo.ports import RETRAINING, choose_ports
from driftgauge.demo.retraining import ALERT, DESTINATION, MINIMUM_LABELLED_ROWS, alive, retraining_part
from driftgauge.errors import DemoError

WAIT_SECONDS = 60.0


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """A demo with both components, no Slack and a retraining service."""
    return Setup(
        directory=tmp_path,
        ports=choose_ports({}, 0),
        components=Components("/usr/bin/prometheus", "/usr/bin/prometheus-alertmanager"),
        speed=86400.0,
        slack_channel="#somewhere",
        environment={},
        retrain=True,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_service_takes_its_configuration_and_the_bridge_s_requests(setup: Setup) -> None:
    """One secret on both sides, drift as the trigger, and a brake that waits for labelled rows."""
    write_configuration(setup)
    part = retraining_part(setup)
    found = load_config(Path(part.command[-1]), part.environment)
    secret = (setup.directory / "bridge" / f"{DESTINATION}.secret").read_text()
    assert [told.reveal() for told in found.webhook_secrets] == [secret]
    model = found.models["flight_delay"]
    assert [trigger.alert_names for trigger in model.triggers] == [(ALERT,)]
    assert model.brakes.minimum_labelled_rows == MINIMUM_LABELLED_ROWS
    assert model.require_comparison


def test_the_bridge_asks_the_service_whoever_else_is_told(setup: Setup) -> None:
    """Also about what is critical, which has steps of its own; and Prometheus scrapes it."""
    write_configuration(setup)
    config = yaml.safe_load((setup.directory / "bridge" / "bridge.yaml").read_text())
    assert config["destinations"][DESTINATION]["url"] == setup.url(RETRAINING, "/retraining")
    assert config["sources"]["default"]["destinations"] == ["team", DESTINATION]
    assert config["escalation"][0]["steps"][0]["to"] == ["team", DESTINATION]
    scraped = yaml.safe_load((setup.directory / "prometheus" / "prometheus.yaml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped["scrape_configs"]}
    assert targets["retraining"] == [setup.address(RETRAINING)]


def test_without_a_retraining_nothing_of_it_is_there(setup: Setup) -> None:
    """No listener, no file, no destination."""
    plain = replace(setup, retrain=False)
    write_configuration(plain)
    assert RETRAINING not in plain.listeners
    assert not (plain.directory / "retraining").exists()
    config = yaml.safe_load((plain.directory / "bridge" / "bridge.yaml").read_text())
    assert set(config["destinations"]) == {"team", "on-call"}
    assert len(bridge_parts(plain)) == 2


def test_no_training_outlives_the_demo(setup: Setup, tmp_path: Path) -> None:
    """A keeper and its training are made to outlive a service; when the demo lets go, both end."""
    with alive(setup):
        state = setup.directory / "retraining" / "state" / "attempts"
        state.mkdir(parents=True)
        program = (
            "import os, pathlib, time; from driftgauge.demo.training import end_with_demo;"
            f"end_with_demo(pathlib.Path({str(setup.directory / 'retraining' / 'alive')!r}));"
            f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()) + chr(10)); time.sleep(600)"
        )
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        runner = LocalRunner(
            directory=tmp_path, command=(sys.executable, "-c", program), environment=environment
        )
        names = (
            "run_id",
            "attempt",
            "model_name",
            "model_version",
            "strategy",
            "trigger",
            "severity",
            "since",
        )
        document = {
            **dict.fromkeys(names, ""),
            "drifted_features": [],
            "parameters": {},
            "output_directory": "",
            "result_file": "",
        }
        order = Order(name="one", folder=state / "one", document=document)
        assert runner.start(order) is None
        wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text().endswith("\n"))
        assert isinstance(runner.look(order), Busy)
    assert not isinstance(runner.look(order), Busy)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_the_state_of_an_earlier_retraining_is_refused(setup: Setup) -> None:
    """Its causes are known and its champion is another: the loop could never close again."""
    with alive(setup):
        pass
    with (
        pytest.raises(DemoError, match=r"--directory .*: found an earlier --retrain in it, need a new"),
        alive(setup),
    ):
        pytest.fail("entered")
