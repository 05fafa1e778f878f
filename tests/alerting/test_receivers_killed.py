"""kill -9 at random moments, with receivers that fail in every way they can, in real processes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from alerting.testing import FakePagerDuty, FakeSlack, FakeSMTP, FakeWebhook, Fault, alert, webhook
from alerting.testing.pagerduty import ROUTING_KEY
from alerting.testing.programs import SECRET

if TYPE_CHECKING:
    from .conftest import BridgeProcess

KILLS = 5
SEED = 20130101

CONFIG = """
state: {{directory: state}}
delivery: {{reconcile_margin_seconds: 0.2}}
email: {{host: 127.0.0.1, port: {port}, sender: a@b.example, ca_file: {ca}, timeout_seconds: 0.3}}
storms: {{backlog: 1000}}
destinations:
  pager: {{kind: pagerduty, url: "{pager}", timeout_seconds: 0.4}}
  mail: {{kind: email, to: [ann@example.org]}}
  program: {{kind: webhook, url: "{program}", secret_file: hook.secret, timeout_seconds: 0.4}}
  retrain: {{kind: retraining, url: "{service}", secret_file: hook.secret, timeout_seconds: 0.4}}
sources: {{default: {{destinations: [pager, mail, program, retrain]}}}}
"""

FAULTS = (
    {"status": 429, "retry_after": "0.05", "probability": 0.05},
    {"status": 500, "when": "before", "probability": 0.05},
    {"status": 500, "when": "after", "probability": 0.05},
    {"drop": True, "when": "after", "probability": 0.05},
    {"delay_seconds": 0.2, "probability": 0.05},
)


def test_kills_and_faults_lose_nothing_and_double_nothing_but_counted_mails(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Every incident that got 200 is on the pager, in the mailbox and with both programs, each once."""
    (tmp_path / "hook.secret").write_text(SECRET)
    dice = random.Random(SEED)
    with (
        FakePagerDuty(seed=1) as pager,
        FakeSMTP(tmp_path, seed=2) as mail,
        FakeWebhook(seed=3) as program,
        FakeWebhook(seed=4) as service,
    ):
        for fault in FAULTS:
            for fake in (pager, program, service):
                fake.faults.add(Fault(times=None, **fault))
        mail.faults.add(Fault(method="content", drop=True, when="after", times=None, probability=0.05))
        mail.faults.add(Fault(method="rcpt", status=451, times=None, probability=0.05))
        config = CONFIG.format(
            port=mail.port, ca=mail.ca_file, pager=pager.url, program=program.url, service=service.url
        )
        process = bridge(live_slack, config=config, PAGERDUTY_ROUTING_KEY=ROUTING_KEY)
        taken: list[str] = []
        for life in range(KILLS):
            process.start()
            for number in range(dice.randrange(1, 4)):
                name = f"feature_{life}_{number}_"
                try:
                    if process.post(webhook(alert(name), group_key=name)).status_code == 200:
                        taken.append(name)
                except requests.ConnectionError:
                    break
            time.sleep(dice.uniform(0.0, 0.3))
            process.kill()
        fakes = (pager, mail, program, service)
        for told in fakes:
            told.faults.clear()
        process.start()
        eventually(lambda: not any(fake.lost(taken) for fake in fakes), seconds=60.0)
        eventually(lambda: _pending(process.url) == 0, seconds=60.0)
        assert process.terminate() == 0
    assert len(taken) >= KILLS
    assert len(pager.alerts) == len(taken)
    assert [fake.counters().doubled for fake in (pager, program, service)] == [0, 0, 0]
    names = [str(sent.message["Message-ID"]) for sent in mail.mails]
    assert len(set(names)) == len(taken)


def _pending(url: str) -> int:
    """Incidents that wait for any receiver."""
    text = requests.get(f"{url}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith("bridge_outbox_pending{")]
    assert lines
    return int(sum(float(line.split()[-1]) for line in lines))
