"""An hour without Slack, on a clock that goes as told: the whole bridge in one process, with real servers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from alerting import app
from alerting.config import load_config
from alerting.testing import FakePagerDuty, FakeSlack, Fault, alert, webhook
from alerting.testing.pagerduty import ROUTING_KEY

from .conftest import STARTED, Clock

MINUTE = 60.0
LOOK_SECONDS = 5.0
"""Between two looks of the timekeeper; it really looks every two seconds."""
CONFIG = """
slack: {{connect_timeout_seconds: 1, read_timeout_seconds: 1}}
storms: {{backlog: {backlog}}}
escalation: [{{name: all, steps: [{{to: [slack]}}, {{after: 2h, to: [pager]}}]}}]
destinations:
  slack: {{channel: C0123456789}}
  pager: {{kind: pagerduty, url: "{pager}"}}
sources: {{default: {{destinations: [slack]}}}}
"""


@dataclass
class Accelerated:
    """A bridge whose loops are stepped while its clock is moved."""

    bridge: app.Bridge
    clock: Clock

    def post(self, raw: bytes) -> None:
        """Post a webhook body, as Alertmanager does."""

        async def call() -> int:
            transport = httpx.ASGITransport(self.bridge.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return (await client.post("/alertmanager", content=raw)).status_code

        assert asyncio.run(call()) == 200

    def live(self, seconds: float) -> None:
        """Let the loops run for so long."""
        end = self.clock() + seconds
        looked_at = -LOOK_SECONDS
        while self.clock() < end:
            if self.clock() - looked_at >= LOOK_SECONDS:
                while self.bridge.timekeeper.step() == 0:
                    pass
                looked_at = self.clock()
            pauses = [sender.step() for sender in self.bridge.senders]
            if min(pauses) > 0:
                self.clock.now = min(end, self.clock() + min(*pauses, LOOK_SECONDS))

    def waiting(self) -> int:
        """What is not told."""
        return sum(backlog.pending for backlog in self.bridge.backlog().values())


@pytest.fixture
def accelerated_of(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Accelerated]]:
    """Make a bridge from a configuration."""
    made: list[app.Bridge] = []

    def make(text: str, slack: FakeSlack) -> Accelerated:
        (tmp_path / "bridge.yaml").write_text(text)
        environment = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_API_URL": slack.api_url,
            "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
            "BRIDGE_STATE_DIRECTORY": str(tmp_path / "state"),
        }
        bridge = app.build_bridge(load_config(tmp_path / "bridge.yaml", environment), clock=clock)
        bridge.timekeeper.monotonic = clock
        for sender in bridge.senders:
            sender.database.write(sender.enroll).result()
            sender.draw = lambda: 0.0
        bridge.timekeeper.start()
        made.append(bridge)
        return Accelerated(bridge, clock)

    yield make
    for bridge in made:
        bridge.database.close()


@pytest.mark.parametrize("folded", [True, False], ids=["in a digest", "one by one"])
@pytest.mark.parametrize("groups", [12, pytest.param(200, marks=pytest.mark.stress)])
def test_after_an_hour_without_slack_the_newest_state_is_told_in_five_minutes(
    accelerated_of: Callable[..., Accelerated],
    clock: Clock,
    slack: FakeSlack,
    record_property: Callable[[str, object], None],
    groups: int,
    folded: bool,
) -> None:
    """Groups that flap cost no more than a message and a line each; the pager is told meanwhile."""
    backlog = min(groups // 3, 20) if folded else 100_000
    with FakePagerDuty() as pager:
        bridge = accelerated_of(CONFIG.format(backlog=backlog, pager=pager.url), slack)
        slack.workspace.channel_id("C0123456789")
        slack.faults.add(Fault(status=503, times=None))
        rounds = 12  # every five minutes
        paged_after = 0.0
        for turn in range(rounds):
            for number in range(groups):
                # Odd ones end and begin anew all the time; in the end every fourth is over.
                over = number % 2 == 1 and (turn % 2 == 1 if turn < rounds - 1 else number % 4 == 3)
                starts = datetime.fromtimestamp(STARTED + (turn // 2 if number % 2 else 0) * 600.0, UTC)
                ends = datetime.fromtimestamp(clock(), UTC)
                entry = alert(
                    f"f{number}_",
                    "resolved" if over else "firing",
                    starts_at=starts.isoformat(),
                    ends_at=ends.isoformat(),
                )
                bridge.post(webhook(entry, group_key=str(number)))
            for _ in range(5):
                bridge.live(MINUTE)
                if pager.alerts and not paged_after:
                    paged_after = clock() - STARTED
        assert slack.workspace.roots() == []
        slack.faults.clear()
        mended_at = clock()
        before = Counter(slack.workspace.calls)
        while bridge.waiting() and clock() < mended_at + 10 * MINUTE:
            bridge.live(LOOK_SECONDS)
        calls = Counter(slack.workspace.calls) - before
        caught_up = clock() - mended_at
    roots = slack.workspace.roots()
    counters = slack.workspace.counters()
    record_property(
        f"T5 {groups} groups {'in a digest' if folded else 'one by one'}",
        f"caught up {caught_up:.0f} s after Slack was back by {sum(calls.values())} calls:"
        f" {counters.posted} messages, {counters.replied} lines in threads;"
        f" pager told after {paged_after / MINUTE:.0f} min",
    )
    assert caught_up <= 5 * MINUTE
    assert 0 < paged_after <= 6 * MINUTE
    assert counters.doubled == counters.refused == 0
    assert counters.replied <= counters.posted
    still = {number for number in range(groups) if number % 4 != 3}
    own = [root for root in roots if "drifted. 1 alert" in root.body["text"]]
    firing = {
        int(match[1])
        for root in own
        for match in re.finditer(r"`f(\d+)_`", str(root.body))
        if root.body["text"][0] == "🟠"
    }
    if folded:
        assert any("Many alerts at once" in root.body["text"] for root in roots)
        assert len(roots) <= 10
        assert firing <= still
    else:
        assert firing == still
        assert len(roots) <= groups
