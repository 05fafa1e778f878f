"""The real Alertmanager stops in the middle of a restart of the bridge: one page, in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from alerting.testing import FakePagerDuty, FakeSlack
from alerting.testing.pagerduty import ROUTING_KEY

if TYPE_CHECKING:
    from alerting.testing.alertmanager import Alertmanager

    from .conftest import BridgeProcess

pytestmark = [pytest.mark.stack, pytest.mark.stress]

DEADLINE_SECONDS = 30.0
GRACE_SECONDS = 30.0
CONFIG = """
state: {{directory: state}}
heartbeats: {{watchdog: {{match: ['feature_name="watchdog"'], deadline: 30s}}}}
escalation: [{{name: all, steps: [{{to: [pager]}}]}}]
destinations: {{pager: {{kind: pagerduty, url: "{pager}"}}}}
sources: {{default: {{destinations: [pager]}}}}
"""


def test_a_watchdog_that_stops_while_the_bridge_restarts_is_one_page(
    bridge: Callable[..., BridgeProcess],
    alertmanager_of: Callable[..., Alertmanager],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
) -> None:
    """Within the deadline and half a minute after its last sign; the page ends when it is back."""
    with FakePagerDuty() as pager:
        config = CONFIG.format(pager=pager.url)
        process = bridge(live_slack, config=config, PAGERDUTY_ROUTING_KEY=ROUTING_KEY).start()
        # The least that Alertmanager repeats is a group_interval later.
        alertmanager = alertmanager_of(process.url, group_interval="2s", repeat_interval="1s").start()
        alertmanager.alert("watchdog")
        time.sleep(6.0)
        alertmanager.kill()
        stopped = time.monotonic()
        time.sleep(5.0)
        process.kill()
        time.sleep(5.0)
        process.start()
        eventually(lambda: pager.alerts, seconds=DEADLINE_SECONDS + GRACE_SECONDS)
        paged = time.monotonic() - stopped
        time.sleep(GRACE_SECONDS)
        assert [page.state for page in pager.alerts.values()] == ["triggered"]
        alertmanager.start()
        alertmanager.alert("watchdog")
        eventually(lambda: [page.state for page in pager.alerts.values()] == ["resolved"], seconds=30)
    record_property(
        "T13 Watchdog stops", f"one page {paged:.0f} s after Alertmanager was killed, with a deadline of 30 s"
    )
    assert DEADLINE_SECONDS - 5 < paged <= DEADLINE_SECONDS + GRACE_SECONDS
