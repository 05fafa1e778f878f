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
from alerting.testing import FakePagerDuty, FakeSlack, FakeSMTP, FakeWebhook, Fault, alert, letters, webhook
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
        sender.database.write(sender.enroll).result()
        for fault in (None, *TROUBLES):
            if fault is not None:
                live_slack.faults.add(fault)
            sender.step()
        bridge.database.close()
    assert PLANTED not in caplog.text
    assert PLANTED not in repr(bridge)


EVERYTHING = """
state: {{directory: state}}
delivery: {{parked_retry_seconds: 0.05}}
email:
  {{host: 127.0.0.1, port: {port}, sender: a@b.example, username: bridge, ca_file: {ca}, timeout_seconds: 1}}
destinations:
  pager: {{kind: pagerduty, url: "{pager}"}}
  mail: {{kind: email, to: [ann@example.org]}}
  program: {{kind: webhook, url: "{program}", secret_file: hook.secret}}
  retrain: {{kind: retraining, url: "{program}", secret_file: hook.secret}}
sources: {{default: {{destinations: [pager, mail, program, retrain]}}}}
"""
KEY = f"{PLANTED}{'0' * 25}"
PASSWORD = f"{PLANTED} password"
HOOK = f"{PLANTED}-secret-of-a-webhook"


@pytest.mark.parametrize("right", [True, False], ids=["right secrets", "wrong secrets"])
def test_no_secret_of_a_receiver_leaves_the_bridge(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    tmp_path: Path,
    right: bool,
) -> None:
    """Of PagerDuty, mail and webhooks, through refusals, broken connections and servers that repeat them."""
    (tmp_path / "hook.secret").write_text(HOOK)
    with (
        FakePagerDuty(routing_key=KEY if right else "0" * 32) as pager,
        FakeSMTP(tmp_path, login=("bridge", PASSWORD if right else "x")) as mail,
        FakeWebhook(secret=HOOK if right else "another") as program,
    ):
        for words in (KEY, f"invalid routing_key {KEY}"):
            pager.faults.add(Fault(status=400, error=words))
            pager.faults.add(Fault(status=500, error=words))
        pager.faults.add(Fault(drop=True, when="after"))
        mail.faults.add(Fault(method="auth", status=535, error=PASSWORD))
        mail.faults.add(Fault(method="content", status=554, error=PASSWORD))
        mail.faults.add(Fault(method="content", drop=True, when="after"))
        program.faults.add(Fault(status=422, error=HOOK))
        program.faults.add(Fault(status=307, error=HOOK))
        config = EVERYTHING.format(port=mail.port, ca=mail.ca_file, pager=pager.url, program=program.url)
        secrets = {"PAGERDUTY_ROUTING_KEY": KEY, "SMTP_PASSWORD": PASSWORD, "BRIDGE_TOKENS": TOKEN}
        process = bridge(live_slack, config=config, **secrets).start()
        assert process.post(webhook(alert("a")), headers=SHOWN).status_code == 200
        names = ("pager", "mail", "program", "retrain")
        eventually(lambda: all(f": {name}: " in process.log.read_text() for name in names))
        if right:
            eventually(lambda: pager.alerts and mail.mails and len(program.taken) == 2)
        said = "".join(
            requests.get(f"{process.url}{path}", headers=SHOWN, timeout=5).text
            for path in ("/metrics", "/history", "/history?format=json", "/readyz")
        )
        assert process.terminate() == 0
    assert PLANTED not in said + process.log.read_text()
    for path in (process.folder / "state").iterdir():
        assert PLANTED.encode() not in path.read_bytes(), path.name
    for name in names:
        assert f'receiver="{name}"' in said


def test_no_secret_of_a_receiver_is_logged_at_the_lowest_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither by the libraries underneath nor in a repr of the whole program."""
    (tmp_path / "hook.secret").write_text(HOOK)
    with (
        FakePagerDuty(routing_key=KEY) as pager,
        FakeSMTP(tmp_path, login=("bridge", PASSWORD)) as mail,
        FakeWebhook(secret=HOOK) as program,
    ):
        text = EVERYTHING.format(port=mail.port, ca=mail.ca_file, pager=pager.url, program=program.url)
        (tmp_path / "bridge.yaml").write_text(text)
        config = load_config(
            tmp_path / "bridge.yaml",
            {
                "PAGERDUTY_ROUTING_KEY": KEY,
                "SMTP_PASSWORD": PASSWORD,
                "BRIDGE_STATE_DIRECTORY": str(tmp_path / "state"),
            },
        )
        with caplog.at_level(logging.DEBUG):
            bridge = app.build_bridge(config)
            for sender in bridge.senders:
                receiver = sender.destination.receiver
                receiver.send(letters.letter())
            bridge.database.close()
        assert pager.alerts
        assert mail.mails
        assert len(program.taken) == 2
    assert PLANTED not in caplog.text + "".join(capfd.readouterr())
    assert PLANTED not in repr(bridge) + repr(config)


AT_DEBUG = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from alerting.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_whole_run_at_the_lowest_level_tells_no_secret(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Every receiver, presses, troubles and a restart: none in its log, its answers or its state."""
    (tmp_path / "hook.secret").write_text(HOOK)
    with (
        FakePagerDuty(routing_key=KEY) as pager,
        FakeSMTP(tmp_path, login=("bridge", PASSWORD)) as mail,
        FakeWebhook(secret=HOOK) as program,
    ):
        config = EVERYTHING.format(port=mail.port, ca=mail.ca_file, pager=pager.url, program=program.url)
        config = config.replace("destinations:\n", "destinations:\n  slack: {channel: C0123456789}\n", 1)
        config = config.replace("[pager, mail", "[slack, pager, mail")
        own = {"PAGERDUTY_ROUTING_KEY": KEY, "SMTP_PASSWORD": PASSWORD}
        process = bridge(live_slack, config=config, **SECRETS, **own)
        process.program = ["-c", AT_DEBUG]
        said = ""
        for life in range(2):
            for fault in TROUBLES:
                live_slack.faults.add(fault)
            pager.faults.add(Fault(status=500, error=KEY))
            program.faults.add(Fault(status=503, error=HOOK))
            mail.faults.add(Fault(method="content", status=451, error=PASSWORD))
            process.start()
            for shown in (SHOWN, {"authorization": f"Bearer {PLANTED}"}):
                said += process.post(webhook(alert(f"f{life}"), group_key=str(life)), headers=shown).text
                said += process.post(b"nonsense", headers=shown).text
            eventually(lambda life=life: len(pager.alerts) > life and len(mail.mails) > life, seconds=60)
            body = urlencode({"payload": json.dumps(PRESS)}).encode()
            signed = headers(body, SECRETS["SLACK_SIGNING_SECRET"], time.time())
            said += requests.post(f"{process.url}/slack/actions", data=body, headers=signed, timeout=5).text
            for page in ("/metrics", "/history", "/history?format=json", "/readyz", "/incidents?all=1"):
                said += requests.get(f"{process.url}{page}", headers=SHOWN, timeout=5).text
            assert process.terminate() == 0
    log = process.log.read_text()
    record_property("T14 a run at debug level", f"{len(log.splitlines())} lines of log, 0 planted secrets")
    assert "DEBUG:" in log
    assert PLANTED not in said + log
    for path in (process.folder / "state").iterdir():
        assert PLANTED.encode() not in path.read_bytes(), path.name
