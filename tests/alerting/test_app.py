"""The program as a whole, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import requests

from alerting.testing import FakeSlack, Fault, alert, webhook

from .conftest import CONFIG

if TYPE_CHECKING:
    from .conftest import BridgeProcess

Bridge = Callable[..., "BridgeProcess"]
Eventually = Callable[..., Any]


def titles(slack: FakeSlack) -> list[str]:
    """First words of all root messages."""
    return [message.body["text"].split(":")[0] for message in slack.workspace.roots()]


def test_with_a_bot_token_a_group_is_one_message(
    bridge: Bridge, live_slack: FakeSlack, eventually: Eventually
) -> None:
    """Posted, updated in place when it ends, with a line in its thread."""
    process = bridge(live_slack).start()
    assert process.post(webhook(alert("a"))).status_code == 200
    eventually(lambda: titles(live_slack) == ["🟠 Warning"])
    assert process.post(webhook(alert("a", "resolved"))).status_code == 200
    eventually(lambda: titles(live_slack) == ["🟢 Resolved"])
    eventually(lambda: live_slack.workspace.counters().replied == 1)


def test_with_a_webhook_the_end_is_a_second_message(
    bridge: Bridge, live_slack: FakeSlack, eventually: Eventually
) -> None:
    """The lesser way works without any token."""
    process = bridge(live_slack, webhook=True).start()
    process.post(webhook(alert("a")))
    eventually(lambda: titles(live_slack) == ["🟠 Warning"])
    process.post(webhook(alert("a", "resolved")))
    eventually(lambda: titles(live_slack) == ["🟠 Warning", "🟢 Resolved"])


def ended_with_news_untold(bridge: Bridge, live_slack: FakeSlack, eventually: Eventually) -> BridgeProcess:
    """A bridge that has ended: one incident told, its end and another one not, since Slack was away."""
    process = bridge(live_slack).start()
    process.post(webhook(alert("a"), group_key="one"))
    eventually(lambda: titles(live_slack) == ["🟠 Warning"])
    live_slack.faults.add(Fault(status=503, error="service_unavailable", times=None))
    process.post(webhook(alert("a", "resolved"), group_key="one"))
    process.post(webhook(alert("b"), group_key="two"))
    assert process.terminate() == 0
    live_slack.faults.clear()
    return process


def test_sigterm_ends_it_in_order_and_a_restart_goes_on(
    bridge: Bridge, live_slack: FakeSlack, eventually: Eventually
) -> None:
    """Exit 0, no call cut off, and what was not told is told by the next one."""
    process = ended_with_news_untold(bridge, live_slack, eventually)
    process.start()
    eventually(lambda: titles(live_slack) == ["🟢 Resolved", "🟠 Warning"])
    history = requests.get(f"{process.url}/history?format=json", timeout=5).json()["entries"]
    assert [entry["kind"] for entry in history if entry["kind"] in {"started", "stopped"}] == [
        "started",
        "stopped",
        "started",
    ]


def test_a_renamed_destination_is_told_what_waited_and_what_comes_later(
    bridge: Bridge, live_slack: FakeSlack, eventually: Eventually
) -> None:
    """Nothing waits for the old name, and a group whose end it was to tell is told when it fires again."""
    process = ended_with_news_untold(bridge, live_slack, eventually)
    process.config.write_text(
        CONFIG.replace("slack: {channel", "team: {channel").replace("[slack]", "[team]")
    )
    process.start()
    eventually(lambda: titles(live_slack) == ["🟠 Warning"] * 2)
    process.post(webhook(alert("a", starts_at="2026-03-01T00:00:00Z"), group_key="one"))
    eventually(lambda: titles(live_slack) == ["🟠 Warning"] * 3)
    assert "slack is no longer configured, or of another kind: 1 open incident" in process.log.read_text()
    history = requests.get(f"{process.url}/history?format=json", timeout=5).json()["entries"]
    (retired,) = [entry for entry in history if entry["kind"] == "retired"]
    assert (retired["destination"], retired["detail"]) == ("slack", {"handed_on": 1})


def test_a_slow_slack_does_not_slow_the_intake(bridge: Bridge, live_slack: FakeSlack) -> None:
    """Alertmanager's answer never waits for anybody else's."""
    process = bridge(live_slack).start()
    live_slack.faults.add(Fault(delay_seconds=0.8, times=None))
    durations = []
    for number in range(20):
        started = time.monotonic()
        assert process.post(webhook(alert(str(number)), group_key=str(number))).status_code == 200
        durations.append(time.monotonic() - started)
    assert sorted(durations)[len(durations) // 2] < 0.3


def test_a_taken_port_is_one_line(bridge: Bridge, live_slack: FakeSlack, free_port: int) -> None:
    """With the address, and exit 2."""
    process = bridge(live_slack)
    with socket.create_server(("127.0.0.1", free_port)):
        done = run(process)
    assert done.returncode == 2
    assert done.stderr == (
        f"bridge: listen: found 127.0.0.1:{free_port} not usable (Address already in use),"
        " need a free port of this machine\n"
    )


def test_a_second_bridge_on_one_state_is_one_line(bridge: Bridge, live_slack: FakeSlack) -> None:
    """The first goes on as if nothing had been."""
    first = bridge(live_slack).start()
    second = bridge(live_slack, BRIDGE_LISTEN_PORT="0")
    done = run(second)
    assert done.returncode == 2
    assert "another active bridge" in done.stderr
    assert done.stderr.count("\n") == 1
    assert first.post(webhook(alert("a"))).status_code == 200


def test_the_address_of_everybody_needs_a_token(
    bridge: Bridge, live_slack: FakeSlack, free_port: int
) -> None:
    """It does not start without one, and with one it asks for it."""
    done = run(bridge(live_slack, BRIDGE_LISTEN_ADDRESS="0.0.0.0"))
    assert done.returncode == 2
    assert "no token" in done.stderr
    process = bridge(live_slack, BRIDGE_LISTEN_ADDRESS="0.0.0.0", BRIDGE_TOKENS="a-token-of-16-chars").start()
    assert process.post(webhook(alert("a"))).status_code == 401
    shown = {"authorization": "Bearer a-token-of-16-chars"}
    assert process.post(webhook(alert("a")), headers=shown).status_code == 200


def test_running_requests_are_finished_at_the_end(
    bridge: Bridge, live_slack: FakeSlack, free_port: int
) -> None:
    """A body that is half sent when SIGTERM comes is still stored and answered."""
    process = bridge(live_slack).start()
    raw = webhook(alert("a"))
    with socket.create_connection(("127.0.0.1", free_port)) as connection:
        head = f"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
        connection.sendall(head + raw[:100])
        time.sleep(0.2)  # until the server has seen the beginning, which nothing shows
        ended: list[int] = []
        ending = threading.Thread(target=lambda: ended.append(process.terminate()))
        ending.start()
        time.sleep(0.2)
        connection.sendall(raw[100:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    ending.join()
    assert ended == [0]


def run(process: BridgeProcess) -> subprocess.CompletedProcess[str]:
    """Run a bridge that should end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "alerting", "bridge", "--config", str(process.config)],
        cwd=process.folder,
        env=process.environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
