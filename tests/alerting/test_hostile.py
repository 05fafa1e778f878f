"""Whatever is posted to a running bridge, it neither fails nor says anything that Slack would act on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

from alerting.testing import FakeSlack, alert, blockkit, webhook

if TYPE_CHECKING:
    from .conftest import BridgeProcess

SEED = 20130101
NASTY = (
    "<!channel>",
    "<!here> @everyone",
    "<@U0ANA>",
    "<!subteam^S0TEAM>",
    "<https://evil.example|Runbook>",
    "javascript:alert(1)",
    "&lt;!channel&gt; & < >",
    "\u202egnp.exe\u2066",
    "\ud800 half a character",
    "`*_~",
    "\x00\x07\r\n\x1b[31m",
    "x" * 20_000,
    "\U0001f4a9" * 2_000,
    "",
    "{{ .Value }} ${jndi:ldap://x} '; DROP TABLE audit; --",
)
REFUSED = (
    b"",
    b"nonsense",
    b"[" * 5_000,
    b'{"a":' * 5_000,
    b'{"version":"4"}',
    b"\xff\xfe\x00",
    b'{"version":"4","groupKey":"g","status":"firing","alerts":' + b"9" * 5_000 + b"}",
)


def _bodies(rng: random.Random, count: int) -> Iterator[bytes]:
    """Notifications of which any part may be anything, and bodies with bytes changed or cut off."""
    for number in range(count):
        entry = alert(
            rng.choice(NASTY) + str(number),
            severity=rng.choice(("critical", "warning", rng.choice(NASTY))),
            fingerprint=f"p{number}",
            labels={rng.choice(NASTY)[:40] or "a": rng.choice(NASTY) for _ in range(rng.randrange(6))},
            annotations={
                name: rng.choice(NASTY)
                for name in (
                    "summary",
                    "description",
                    "runbook_url",
                    "dashboard_url",
                    "score",
                    "first_commands",
                )
            },
        )
        if rng.random() < 0.05:
            entry["labels"] |= {f"l{index}": "v" for index in range(64_000)}
        if rng.random() < 0.2:
            entry[rng.choice(list(entry))] = rng.choice((None, 5, [], {}, float("nan"), "2026-13-45"))
        raw = webhook(entry, group_key=f"g{number}", externalURL=rng.choice(NASTY))
        if rng.random() < 0.1:
            raw = raw[: rng.randrange(len(raw))]
        elif rng.random() < 0.1:
            changed = bytearray(raw)
            changed[rng.randrange(len(raw))] = rng.randrange(256)
            raw = bytes(changed)
        yield raw


@pytest.mark.parametrize("count", [80, pytest.param(3_000, marks=pytest.mark.stress)])
def test_hostile_notifications_are_stored_or_refused_and_never_believed(
    bridge: Callable[..., BridgeProcess],
    live_slack: FakeSlack,
    eventually: Callable[..., Any],
    record_property: Callable[[str, object], None],
    count: int,
) -> None:
    """200, 400 or 413, never 5xx; every message passes Slack's checks and mentions nobody."""
    process = bridge(live_slack).start()
    statuses = [process.post(raw).status_code for raw in REFUSED]
    assert set(statuses) == {400}
    statuses += [process.post(raw).status_code for raw in _bodies(random.Random(SEED), count)]
    assert set(statuses) <= {200, 400}

    def all_told() -> bool:
        waiting = requests.get(f"{process.url}/readyz", timeout=10).json()["receivers"]
        return all(place["pending"] == 0 for place in waiting.values())

    eventually(all_told, seconds=120)
    for path in ("/history", "/history?format=json", "/incidents?all=1", "/metrics"):
        assert requests.get(f"{process.url}{path}", timeout=10).status_code == 200
    messages = live_slack.workspace.messages
    assert len(messages) >= statuses.count(200) / 2
    assert live_slack.workspace.counters().refused == 0
    assert [problem for message in messages for problem in blockkit.unescaped(message.body)] == []
    assert process.process is not None
    assert process.process.poll() is None
    text = requests.get(f"{process.url}/metrics", timeout=10).text
    assert 'bridge_delivery_loop_errors_total{receiver="slack"} 0.0' in text
    record_property(
        f"T10 {len(statuses)} hostile notifications",
        f"{statuses.count(200)} stored, {statuses.count(400)} refused, no 5xx;"
        f" {len(messages)} messages, all taken by the Block Kit check, none with foreign markup",
    )
