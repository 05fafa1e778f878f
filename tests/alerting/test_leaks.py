"""Planted secrets are looked for wherever the bridge speaks."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import requests

from alerting import app
from alerting.config import load_config
from alerting.testing import FakeSlack, Fault, alert, webhook
from alerting.testing.clicks import headers

if TYPE_CHECKING:
    from .conftest import BridgeProcess

PLANTED = "PLANTED"
TOKEN = f"{PLANTED}-token-of-16-chars"
SECRETS = {
    "SLACK_BOT_TOKEN": f"xoxb-1-{PLANTED}",
    "SLACK_SIGNING_SECRET": f"{PLANTED}signing",
    "BRIDGE_TOKENS": TOKEN,
    "ALERTMANAGER_TOKEN": f"{PLANTED}-alertmanager",
    "ALERTMANAGER_URL": "http://127.0.0.1:1",
}
SHOWN = {"authorization": f"Bearer {TOKEN}"}
PRESS = {
    "type": "block_actions",
    "user": {"id": "U0ANA", "username": "ana"},
    "actions": [{"action_id": "silence_1h", "value": "1"}],
    "response_url": f"https://hooks.slack.com.invalid/actions/{PLANTED}",
}
TROUBLES = (
    Fault(error="invalid_auth"),
    Fault(status=500, error="x"),
    Fault(drop=True, when="after"),
    Fault(status=429, retry_after="0.01"),
    Fault(error=f"xoxb-{PLANTED}"),
    Fault(error="invalid_blocks", times=2),
)


@pytest.mark.parametrize("way", ["bot", "webhook", "unreachable webhook"])
def test_no_secret_leaves_the_bridge(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    free_port: int,
    way: str,
) -> None:
    """Not in its log, metrics, history, answers or state, through every kind of trouble."""
    secrets = dict(SECRETS)
    if way != "bot":
        secrets["SLACK_BOT_TOKEN"] = ""
        there = live_slack.url if way == "webhook" else "http://127.0.0.1:1"
        secrets["SLACK_WEBHOOK_URL"] = f"{there}/services/T0/B0/{PLANTED}"
    for fault in TROUBLES:
        live_slack.faults.add(fault)
    process = bridge(live_slack, **secrets).start()
    answers = [
        process.post(raw, headers=shown)
        for raw in (webhook(alert("a")), b"nonsense", webhook(alert("b"), group_key="two"))
        for shown in (SHOWN, {"authorization": f"Bearer {PLANTED}"}, {})
    ]
    answers += [
        requests.get(f"{process.url}{path}", headers=SHOWN, timeout=5)
        for path in ("/metrics", "/history", "/history?format=json", "/readyz", "/healthz", "/absent")
    ]
    body = urlencode({"payload": json.dumps(PRESS)}).encode()
    for secret in (SECRETS["SLACK_SIGNING_SECRET"], "another"):
        signed = headers(body, secret, time.time())
        answers.append(requests.post(f"{process.url}/slack/actions", data=body, headers=signed, timeout=5))
    action = {"by": "ana", "seconds": 60}
    silence = f"{process.url}/incidents/1/silence"
    answers += [requests.post(silence, json=action, headers=shown, timeout=5) for shown in (SHOWN, {})]
    eventually(lambda: "slack: " in process.log.read_text())
    assert process.terminate() == 0
    said = "".join(f"{answer.headers} {answer.text}" for answer in answers) + process.log.read_text()
    assert PLANTED not in said
    for path in (process.folder / "state").iterdir():
        assert PLANTED.encode() not in path.read_bytes(), path.name


def test_no_secret_is_logged_at_the_lowest_level(
    tmp_path: Path, live_slack: FakeSlack, caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP library would log the path of a webhook; it is not allowed to."""
    (tmp_path / "bridge.yaml").write_text(
        "destinations: {slack: {channel: x}}\nsources: {default: {destinations: [slack]}}\n"
    )
    config = load_config(
        tmp_path / "bridge.yaml",
        {
            "SLACK_WEBHOOK_URL": f"{live_slack.url}/services/T0/B0/{PLANTED}",
            "BRIDGE_STATE_DIRECTORY": str(tmp_path / "state"),
        },
    )
    with caplog.at_level(logging.DEBUG):
        bridge = app.build_bridge(config)
        (sender,) = bridge.senders
        sender.register()
        for fault in (None, *TROUBLES):
            if fault is not None:
                live_slack.faults.add(fault)
            sender.step()
        bridge.database.close()
    assert PLANTED not in caplog.text
    assert PLANTED not in repr(bridge)
