"""A pair of real Alertmanagers: doubles, a kill, an edited route and an old snapshot open nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting.testing import FakeSlack, webhook

if TYPE_CHECKING:
    from alerting.testing.alertmanager import Alertmanager

    from .conftest import BridgeProcess

pytestmark = [pytest.mark.stack, pytest.mark.stress]

QUIET_SECONDS = 3.0
"""Three times Alertmanager's group_interval here: what it still has to say is said by then."""


def _received(url: str) -> float:
    """Notifications that were stored."""
    text = requests.get(f"{url}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith("bridge_notifications_received_total{")]
    return sum(float(line.split()[-1]) for line in lines)


def _snapshot(alertmanager: Alertmanager) -> bytes:
    """What Alertmanager would send now, as one group of all its alerts."""
    found = requests.get(f"{alertmanager.url}/api/v2/alerts", timeout=5).json()
    keys = ("labels", "annotations", "startsAt", "endsAt", "fingerprint")
    return webhook(
        *({"status": "firing", **{key: entry[key] for key in keys}} for entry in found), group_key="old"
    )


@pytest.mark.parametrize("alerts", [3, 500])
def test_a_pair_with_a_kill_an_edited_route_and_an_old_snapshot_is_one_message(
    bridge: Callable[..., BridgeProcess],
    alertmanager_of: Callable[..., Alertmanager],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    alerts: int,
) -> None:
    """One root message from beginning to end; what is closed stays closed."""
    process = bridge(live_slack).start()
    names = [f"feature_{number}" for number in range(alerts)]
    first, second = alertmanager_of(process.url), alertmanager_of(process.url)
    first.start(second.cluster)
    second.start(first.cluster)
    pair = (first, second)
    for one in pair:  # as Prometheus does
        one.alert(*names)
    eventually(live_slack.workspace.roots, seconds=30)
    time.sleep(QUIET_SECONDS)
    # What the killed one knew of its notifications is gone, so it sends them again.
    first.kill()
    first.start(second.cluster)
    first.alert(*names)
    time.sleep(QUIET_SECONDS)
    # Another group key for the same alerts, which fire all the while.
    for one in pair:
        one.route(group_by=["alertname"])
        one.alert(*names)
    before = _received(process.url)
    eventually(lambda: _received(process.url) > before, seconds=60)
    old = _snapshot(second)
    for one in pair:
        one.alert(*names, ends=-1)

    def resolved() -> bool:
        return [root.body["text"][0] for root in live_slack.workspace.roots()] == ["🟢"]

    eventually(resolved, seconds=60)
    assert process.post(old).status_code == 200
    time.sleep(QUIET_SECONDS)
    assert resolved()
    record_property(
        f"T8 a pair, {alerts} alerts",
        f"{_received(process.url):.0f} notifications, {live_slack.workspace.counters().posted} message",
    )
    text = requests.get(f"{process.url}/metrics", timeout=5).text
    assert f'bridge_stale_alerts_total{{source="default"}} {alerts}.0' in text
    assert live_slack.workspace.counters().doubled == 0
