from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alerting.__main__ import main
from alerting.testing import FakeSlack, alert, webhook

if TYPE_CHECKING:
    from .conftest import BridgeProcess

TOKEN = "a-token-of-16-chars"


@pytest.fixture
def process(
    bridge: Callable[..., BridgeProcess], live_slack: FakeSlack, eventually: Callable[..., Any]
) -> BridgeProcess:
    """A bridge that asks for a token, with one incident that Slack has been told of."""
    running = bridge(live_slack, BRIDGE_TOKENS=TOKEN).start()
    running.post(webhook(alert("a")), headers={"authorization": f"Bearer {TOKEN}"})
    eventually(live_slack.workspace.roots)
    return running


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A file with the token."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return str(path)


def test_an_incident_is_acknowledged_from_the_command_line(
    process: BridgeProcess,
    token: str,
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once; who it was is in the thread and in what `audit` prints."""
    command = ["bridge", "ack", "1", "--by", "ana", "--url", process.url, "--token-file", token]
    assert main(command) == 0
    assert capsys.readouterr().out == "incident 1: acknowledged by ana\n"
    assert main([*command[:4], "bea", *command[5:]]) == 0
    assert capsys.readouterr().out == "incident 1: already acknowledged by ana\n"
    (root,) = live_slack.workspace.roots()
    (line,) = eventually(lambda: live_slack.workspace.thread(root))
    assert "acknowledged by ana at" in line.body["text"]
    config = process.config.read_text().replace("directory: state", f"directory: {process.folder / 'state'}")
    process.config.write_text(config)
    assert main(["audit", "--config", str(process.config)]) == 0
    said = capsys.readouterr().out
    assert 'acknowledged incident 1 ModelDriftDetected flight_delay default by="ana" via="cli"' in said


REFUSED = (
    (["silence", "1", "--for", "4h"], 1, "incident 1: the bridge does not know an Alertmanager"),
    (["unsilence", "1"], 1, "incident 1: the bridge does not know an Alertmanager"),
    (["retrain", "1"], 1, "incident 1: no destination retrains"),
    (["ack", "77"], 1, "incident 77: there is no incident 77"),
    (["silence", "1", "--for", "soon"], 2, "such as 24h"),
    (["ack", "-5"], 2, "answered 404"),
)


def test_what_is_not_done_is_said_and_shows_in_the_exit_code(
    process: BridgeProcess, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 for a refusal of the bridge, 2 for a bad command; one line each."""
    options = ["--by", "ana", "--url", process.url, "--token-file", token]
    for (name, incident, *rest), code, said in REFUSED:
        assert main(["bridge", name, *rest, *options, "--", incident]) == code
        captured = capsys.readouterr()
        assert said in captured.out + captured.err
        assert (captured.out + captured.err).count("\n") == 1


def test_without_a_token_or_a_bridge_it_says_what_it_needs(
    process: BridgeProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, exit 2."""
    command = ["bridge", "ack", "1", "--by", "ana"]
    assert main([*command, "--url", process.url]) == 2
    assert "answered 401: need a token" in capsys.readouterr().err
    assert main([*command, "--url", "http://127.0.0.1:1"]) == 2
    assert "found no bridge there" in capsys.readouterr().err
    assert main([*command, "--token-file", str(tmp_path / "absent")]) == 2
    assert "not readable" in capsys.readouterr().err
    (tmp_path / "empty").write_text("\n")
    assert main([*command, "--token-file", str(tmp_path / "empty")]) == 2
    assert "found it empty" in capsys.readouterr().err
