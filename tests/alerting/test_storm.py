"""Load: storms of groups from the real Alertmanager, notifications of many alerts, and many notifications.

The short forms show that nothing is lost; the long ones (`make stress`) hold the bridge to its numbers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting import database, pacing
from alerting.testing import FakeSlack

if TYPE_CHECKING:
    from alerting.testing.alertmanager import Alertmanager

    from .conftest import BridgeProcess

LOAD = Path(__file__).resolve().parents[2] / "benchmarks" / "bridge_load.py"
CONFIG = """
state: {directory: state}
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""
"""The defaults: the pace of a real channel, storms in digests."""


@pytest.fixture
def paced_slack() -> Iterator[FakeSlack]:
    """A fake Slack with the limits of the real one."""
    with FakeSlack(pace=pacing.Pace(per_second=1, burst=3)) as slack:
        yield slack


def _load(url: str, *arguments: str) -> dict[str, Any]:
    """What the load program has seen, from a process of its own."""
    command = [sys.executable, str(LOAD), "--url", url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _metric(url: str, beginning: str) -> float:
    """The sum of the samples that begin so."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(beginning))


def _peak_mib(process: BridgeProcess) -> float:
    """The most memory that a process has had so far."""
    assert process.process is not None
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _stored(process: BridgeProcess) -> int:
    """Incidents in the state, without those of the bridge's own."""
    with database.reader(process.folder / "state" / database.FILE_NAME) as connection:
        row = connection.execute("SELECT COUNT(*) AS n FROM incidents WHERE source = 'default'").fetchone()
        return int(row["n"])


@pytest.mark.stack
@pytest.mark.parametrize(
    ("groups", "seconds"), [(200, 5.0), pytest.param(10_000, 300.0, marks=pytest.mark.stress)]
)
def test_a_storm_of_groups_is_stored_and_told_in_few_calls(
    bridge: Callable[..., BridgeProcess],
    alertmanager_of: Callable[..., Alertmanager],
    eventually: Callable[..., Any],
    paced_slack: FakeSlack,
    record_property: Callable[[str, object], None],
    groups: int,
    seconds: float,
) -> None:
    """Every group is in the state after one try, and people read a digest instead of a flood."""
    process = bridge(paced_slack, config=CONFIG).start()
    # A long interval: what is refused would come again within it, and nothing else does.
    alertmanager = alertmanager_of(process.url, group_by=["feature_name"], group_interval="10m").start()
    begun = time.monotonic()
    for first in range(0, groups, 1_000):
        alertmanager.alert(*(f"feature_{number}" for number in range(first, min(first + 1_000, groups))))
    posted = time.monotonic() - begun

    eventually(lambda: _stored(process) >= groups, seconds=120)
    stored = time.monotonic() - begun - posted
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    calls = sum(paced_slack.workspace.calls.values())
    refused = _metric(process.url, "bridge_notifications_refused_total")
    failed = _metric(alertmanager.url, 'alertmanager_notifications_failed_total{integration="webhook"')
    latency = 'alertmanager_notification_latency_seconds_bucket{integration="webhook",le="5"}'
    quick = _metric(alertmanager.url, latency) / groups
    peak = _peak_mib(process)
    record_property(
        f"T1 {groups} groups",
        f"all answered 200 {stored:.1f} s after Alertmanager had them,"
        f" {quick:.1%} of the answers within 5 s, {refused:.0f} refused, {peak:.0f} MiB at most,"
        f" {calls} calls of Slack in {seconds:.0f} s, {_stored(process)} incidents",
    )
    assert _stored(process) == groups
    assert failed == 0
    assert calls <= 40
    told = [str(root.body) for root in paced_slack.workspace.roots()]
    assert any("Many alerts at once" in text for text in told)
    assert paced_slack.workspace.counters().rate_limited == 0
    if groups == 10_000:
        assert stored <= 10
        assert quick >= 0.99
        assert peak <= 250


@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.stress)])
def test_ten_thousand_alerts_in_one_notification_hold_up_nobody(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    strict: bool,
) -> None:
    """7 MB are one message that Slack takes, and other requests are answered meanwhile."""
    process = bridge(live_slack, config=CONFIG).start()
    seen = _load(process.url, "--groups", "1", "--alerts", "10000")
    assert seen["statuses"] == {"200": 1}
    eventually(live_slack.workspace.roots)
    (root,) = live_slack.workspace.roots()
    assert "and 9990 more" in str(root.body)
    assert live_slack.workspace.counters().refused == 0
    assert seen["slowest_probe"] < seen["slowest"]
    if strict:
        record_property(
            "T2 one notification of 10,000 alerts",
            f"200 after {seen['slowest']:.2f} s, slowest health check meanwhile"
            f" {seen['slowest_probe'] * 1000:.0f} ms, {_peak_mib(process):.0f} MiB at most",
        )
        assert seen["slowest"] <= 1.0
        assert seen["slowest_probe"] <= 0.1


@pytest.mark.parametrize("seconds", [1, pytest.param(20, marks=pytest.mark.stress)])
def test_a_steady_load_is_stored_request_by_request(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    record_property: Callable[[str, object], None],
    seconds: int,
) -> None:
    """New groups over 64 connections, as fast as they are taken: each 200 is an incident."""
    process = bridge(live_slack, config=CONFIG).start()
    seen = _load(process.url, "--seconds", str(seconds), "--connections", "64")
    assert set(seen["statuses"]) == {"200"}
    assert _stored(process) == seen["notifications"]
    if seconds > 1:
        record_property(
            "T3 single alerts over 64 connections",
            f"{seen['per_second']:.0f} a second for {seconds} s, median {seen['median'] * 1000:.0f} ms,"
            f" p99 {seen['p99'] * 1000:.0f} ms, {_peak_mib(process):.0f} MiB at most",
        )
        assert seen["per_second"] >= 1_500
        assert seen["p99"] <= 0.2
