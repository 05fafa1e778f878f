from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alerting import audit
from alerting.__main__ import main
from alerting.cli import register
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import State

SMALL = """
state: {{directory: "{}"}}
destinations: {{slack: {{channel: x}}}}
sources: {{default: {{destinations: [slack]}}}}
"""
HEAVY = ("uvicorn", "starlette", "requests", "pydantic", "yaml")


@pytest.fixture
def config(state: State, tmp_path: Path) -> Path:
    """A configuration that points at the state of the test."""
    path = tmp_path / "bridge.yaml"
    path.write_text(SMALL.format(state.database.path.parent))
    return path


def test_both_commands_can_be_added_to_another_command_line() -> None:
    """`driftgauge` adds them, and finds in `run` what to call."""
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    assert parser.parse_args(["bridge", "--config", "x.yaml", "--check"]).config == Path("x.yaml")
    arguments = parser.parse_args(["audit", "--since", "7d", "--model", "m", "--json"])
    assert callable(arguments.run)
    assert (arguments.since, arguments.model, arguments.json) == ("7d", "m", True)


def test_registering_imports_nothing_heavy() -> None:
    """`--help` answers at once: no web server, no HTTP client, no YAML reader."""
    script = (
        "import argparse, sys; from alerting.cli import register\n"
        "register(argparse.ArgumentParser().add_subparsers())\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_check_says_what_the_configuration_means(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without starting anything; exit 0 if it is in order."""
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/planted")
    assert main(["bridge", "--config", str(config), "--check"]) == 0
    said = capsys.readouterr().out
    assert "POST /alertmanager goes to slack (x)" in said
    assert "incoming webhook" in said
    assert "planted" not in said


@pytest.mark.parametrize("arguments", [["bridge"], ["bridge", "--check"]])
def test_bad_input_is_one_line_and_exit_2(
    config: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with the configuration is said before anything starts."""
    for name in ("SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert main([*arguments, "--config", str(config)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL" in said.err


def test_audit_prints_what_happened_oldest_first(
    state: State, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line each, while the bridge has the state open; or JSON."""
    monkeypatch.setattr("time.time", state.clock)
    state.record(webhook(alert("a\u202e\u001b[31m")))
    state.clock.pass_(60)
    state.record(webhook(alert("a\u202e\u001b[31m", "resolved")))
    assert main(["audit", "--config", str(config)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("2026-01-01 00:00:00Z opened incident 1 ModelDriftDetected flight_delay default")
    assert "closed" in second
    assert "\u001b" not in first + second
    assert main(["audit", "--config", str(config), "--json", "--since", "30s"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["kind"] == "closed"
    assert main(["audit", "--config", str(config), "--model", "other"]) == 0
    assert capsys.readouterr().out == ""


def test_audit_reads_the_state_of_a_bridge_that_does_not_run(
    state: State, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The write-ahead log is gone then, and the file alone is enough."""
    state.database.write(lambda connection: audit.write(connection, "started", at=4e9)).result()
    state.database.close()
    assert main(["audit", "--config", str(config)]) == 0
    assert "started" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--since", "yesterday"], "such as 24h"), (["--config", "absent.yaml"], "absent.yaml: not readable")],
)
def test_audit_says_what_it_needs(
    config: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, exit 2."""
    assert main(["audit", "--config", str(config), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_audit_without_a_state_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory where no bridge ever ran."""
    path = tmp_path / "bridge.yaml"
    path.write_text(SMALL.format(tmp_path / "nowhere"))
    assert main(["audit", "--config", str(path)]) == 2
    assert "need the state of a bridge that has run" in capsys.readouterr().err
