"""Acknowledgements that race the escalation's timer, with kill -9 in between, in real processes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting import database
from alerting.testing import FakePagerDuty, FakeSlack, alert, webhook
from alerting.testing.pagerduty import ROUTING_KEY

if TYPE_CHECKING:
    from .conftest import BridgeProcess

SEED = 20130101
STEP_SECONDS = 4
CONFIG = """
state: {{directory: state}}
slack: {{connect_timeout_seconds: 1, read_timeout_seconds: 1}}
delivery: {{posts_per_second: 1000, post_burst: 1000, updates_per_minute: 60000}}
storms: {{backlog: 100000}}
escalation: [{{name: all, steps: [{{to: [slack]}}, {{after: {after}s, to: [pager]}}]}}]
destinations:
  slack: {{channel: C0123456789}}
  pager: {{kind: pagerduty, url: "{pager}", timeout_seconds: 1}}
sources: {{default: {{destinations: [slack]}}}}
"""


def _acknowledge(process: BridgeProcess, incident: int) -> None:
    """Ask until there is an answer; the bridge may just be starting again."""
    while True:
        try:
            answer = requests.post(
                f"{process.url}/incidents/{incident}/acknowledge", json={"by": "ana"}, timeout=5
            )
        except requests.ConnectionError:
            time.sleep(0.02)
            continue
        if answer.status_code == 200:
            return
        assert answer.status_code == 503, answer.text
        time.sleep(0.02)


def _paged(pager: FakePagerDuty) -> set[int]:
    """The incidents that somebody was woken for."""
    return {
        event["payload"]["custom_details"]["incident"]
        for found in list(pager.alerts.values())
        for event in list(found.events)
        if event["event_action"] == "trigger"
    }


@pytest.mark.parametrize(("incidents", "kills"), [(12, 2), pytest.param(300, 8, marks=pytest.mark.stress)])
def test_nobody_is_paged_after_an_acknowledgement_and_everybody_without_one(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    incidents: int,
    kills: int,
) -> None:
    """Two of three are acknowledged around the time of their step; the bridge is killed meanwhile."""
    rng = random.Random(SEED)
    with FakePagerDuty() as pager:
        config = CONFIG.format(pager=pager.url, after=STEP_SECONDS)
        process = bridge(live_slack, config=config, PAGERDUTY_ROUTING_KEY=ROUTING_KEY).start()
        for number in range(incidents):
            assert process.post(webhook(alert(f"f{number}"), group_key=str(number))).status_code == 200
        taken_on = [number for number in range(1, incidents + 1) if number % 3]
        threads = [
            threading.Timer(rng.uniform(0.5, 1.6) * STEP_SECONDS, _acknowledge, (process, number))
            for number in taken_on
        ]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(rng.uniform(0.2, 1.2) * 2 * STEP_SECONDS / kills)
            process.kill()
            process.start()
        for thread in threads:
            thread.join()
        with database.reader(process.folder / "state" / database.FILE_NAME) as connection:

            def entries(kind: str) -> dict[int, int]:
                rows = connection.execute("SELECT incident_id, id FROM audit WHERE kind = ?", (kind,))
                return {row["incident_id"]: row["id"] for row in rows}

            eventually(lambda: len(entries("escalated").keys() - set(taken_on)) == incidents // 3, seconds=60)
            acknowledged, escalated = entries("acknowledged"), entries("escalated")
        others = set(range(1, incidents + 1)) - set(taken_on)
        eventually(lambda: others <= _paged(pager), seconds=120)
        time.sleep(1.0)  # one too many would come now
        paged = _paged(pager)
        assert pager.counters().doubled == 0
    record_property(
        f"T12 {incidents} incidents, {kills} times kill -9",
        f"{len(acknowledged)} acknowledged, {len(set(acknowledged) - paged)} of them before their step:"
        " nobody paged for those, and one page for each that nobody took on",
    )
    assert set(acknowledged) == set(taken_on)
    assert paged <= set(escalated)
    assert [number for number in escalated if escalated[number] > acknowledged.get(number, 1e9)] == []
