"""With the real Alertmanager: what it sends is what the bridge understands."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from alerting.testing import FakeSlack
from alerting.testing.alertmanager import Alertmanager

if TYPE_CHECKING:
    from .conftest import BridgeProcess

pytestmark = pytest.mark.stack

TOKEN = "alertmanager-token-of-32-characters"
GROUP_INTERVAL = 1


@pytest.fixture
def stack(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    alertmanager_of: Callable[..., Alertmanager],
) -> Callable[..., tuple[Alertmanager, BridgeProcess]]:
    """Start a bridge and an Alertmanager that posts to it."""

    def start(*, webhook: bool = False, reopen: float = 360) -> tuple[Alertmanager, BridgeProcess]:
        process = bridge(live_slack, webhook=webhook, BRIDGE_TOKENS=TOKEN)
        config = yaml.safe_load(process.config.read_text())
        config["state"]["reopen_after_seconds"] = reopen
        process.config.write_text(yaml.safe_dump(config))
        process.start()
        return alertmanager_of(process.url, token=TOKEN).start(), process

    return start


def texts(slack: FakeSlack) -> list[str]:
    """First words of the root messages."""
    return [root.body["text"].split(":")[0] for root in slack.workspace.roots()]


def test_an_alert_becomes_a_message_grows_and_is_resolved(
    stack: Callable[..., tuple[Alertmanager, BridgeProcess]],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
) -> None:
    """Fired through Alertmanager's own API, with a token from a file; one message from beginning to end."""
    alertmanager, _ = stack()
    alertmanager.alert("dep_hour", starts=-30, ends=300)
    eventually(lambda: texts(live_slack) == ["🟠 Warning"])
    root = live_slack.workspace.roots()[0]
    said = str(root.body)
    for words in ("dep_hour has drifted", "`flight_delay`", "`1.2.0`", "|Runbook>", "|Alertmanager>"):
        assert words in said
    alertmanager.alert("carrier", starts=-10, ends=300, severity="critical")
    eventually(lambda: texts(live_slack) == ["🔴 Critical"])
    alertmanager.alert("carrier", starts=-10, ends=-1, severity="critical")
    alertmanager.alert("dep_hour", starts=-30, ends=-1)
    eventually(lambda: texts(live_slack) == ["🟢 Resolved"])
    eventually(lambda: len(live_slack.workspace.thread(root)) >= 2)
    thread = [reply.body["text"] for reply in live_slack.workspace.thread(root)]
    assert "`carrier`" in thread[0]
    assert "all resolved" in thread[-1]
    assert live_slack.workspace.counters().doubled == 0


def test_a_webhook_gets_the_firing_and_the_resolved_message(
    stack: Callable[..., tuple[Alertmanager, BridgeProcess]],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
) -> None:
    """The same without a bot token."""
    alertmanager, _ = stack(webhook=True)
    alertmanager.alert("dep_hour", starts=-30, ends=300)
    eventually(lambda: texts(live_slack) == ["🟠 Warning"])
    alertmanager.alert("dep_hour", starts=-30, ends=-1)
    eventually(lambda: texts(live_slack) == ["🟠 Warning", "🟢 Resolved"])


def test_a_bridge_that_was_away_is_told_by_alertmanager(
    stack: Callable[..., tuple[Alertmanager, BridgeProcess]],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
) -> None:
    """Killed before the alert, back after it: Alertmanager repeats, and nothing is missing."""
    alertmanager, process = stack()
    process.kill()
    alertmanager.alert("dep_hour", starts=-30, ends=300)
    time.sleep(GROUP_INTERVAL)  # until Alertmanager has tried in vain, which it does not show
    process.start()
    eventually(lambda: texts(live_slack) == ["🟠 Warning"], seconds=30)


def test_the_same_start_can_fire_again_after_alertmanager_said_it_ended(
    stack: Callable[..., tuple[Alertmanager, BridgeProcess]],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
) -> None:
    """An Alertmanager that misses Prometheus for a while ends an alert, then sends it with its old start."""
    alertmanager, _ = stack(reopen=0.1)
    starts = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=30)

    def fire(ends: float) -> None:
        alertmanager.alert("dep_hour", starts=(starts - dt.datetime.now(dt.UTC)).total_seconds(), ends=ends)

    fire(300)
    eventually(lambda: texts(live_slack) == ["🟠 Warning"])
    fire(-1)
    eventually(lambda: texts(live_slack) == ["🟢 Resolved"])
    fire(300)
    eventually(lambda: texts(live_slack) == ["🟢 Resolved", "🟠 Warning"])
