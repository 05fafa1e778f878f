from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from alerting.access import Gate
from alerting.intake import Intake, IntakePolicy, Source
from alerting.metrics import BridgeMetrics
from alerting.notices import QUIET_SECONDS, Notices
from alerting.secret import Secret
from alerting.testing import alert, webhook

if TYPE_CHECKING:
    from .conftest import Desk, State

TOKEN = "token-of-16-chars-"
SHOWN = {"authorization": f"Bearer {TOKEN}"}


class Door:
    """The intake with its notices, called in process."""

    def __init__(self, state: State) -> None:
        self.told = 0
        self.state = state
        sources = ("default", "east")
        self.notices = Notices(
            database=state.database,
            destinations=dict.fromkeys(sources, ("slack",)),
            told=self._tell,
            clock=state.clock,
        )
        intake = Intake(
            sources={
                name: Source(name=name, destinations=("slack",), gate=Gate([Secret(TOKEN)]))
                for name in sources
            },
            database=state.database,
            metrics=BridgeMetrics(sources, ["slack"]),
            policy=IntakePolicy(max_body_bytes=20_000),
            notices=self.notices,
            told=self._tell,
            clock=state.clock,
        )
        self.app = Starlette(routes=list(intake.routes()))

    def _tell(self) -> None:
        self.told += 1

    def post(self, content: bytes, path: str = "/alertmanager", **headers: str) -> int:
        """Post a body; the status. What it wrote is on the disk when this returns."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return await client.post(path, content=content, headers=headers)

        status = asyncio.run(call()).status_code
        self.state.rows("SELECT 1")
        return status


@pytest.fixture
def door(state: State) -> Door:
    """The intake of a state."""
    return Door(state)


@pytest.mark.parametrize(
    ("content", "headers", "status", "said"),
    [
        (b"x" * 20_001, SHOWN, 413, "more than 20000 bytes"),
        (b"{", SHOWN, 400, "no valid JSON"),
        (webhook(), SHOWN, 400, "empty list"),
        (b"x", {**SHOWN, "content-encoding": "gzip"}, 415, "compressed body"),
    ],
)
def test_a_refused_notification_is_told_in_the_channel(
    door: Door, desk: Desk, content: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    """With the source and what was wrong: Alertmanager will not repeat it."""
    assert door.post(content, **headers) == status
    desk.settle()
    (root,) = desk.slack.workspace.roots()
    assert root.body["text"].startswith("🟠 Warning: BridgeNotificationsRefused")
    assert "source default" in root.body["text"]
    assert said in str(root.body)
    assert door.told == 1


def test_a_flood_of_refusals_is_one_message_for_a_source(door: Door, desk: Desk) -> None:
    """And one more for another source."""
    for _ in range(10):
        door.post(b"{", **SHOWN)
        door.state.clock.pass_(60)
    door.post(b"{", "/alertmanager/east", **SHOWN)
    desk.settle()
    assert desk.slack.workspace.counters().posted == 2
    assert len(door.state.incidents()) == 2


def test_it_ends_an_hour_after_the_last_refusal(door: Door, desk: Desk) -> None:
    """The next one is a new message."""
    door.post(b"{", **SHOWN)
    door.state.clock.pass_(QUIET_SECONDS - 1)
    door.post(b"{", **SHOWN)
    door.state.clock.pass_(QUIET_SECONDS - 1)
    assert door.notices.step() > 0
    assert door.state.incidents()[0]["closed_at"] is None
    door.state.clock.pass_(1)
    door.notices.step()
    desk.settle()
    assert door.state.incidents()[0]["closed_at"] == door.state.clock()
    assert desk.slack.workspace.roots()[0].body["text"].startswith("🟢 Resolved")
    door.state.clock.pass_(1)
    door.post(b"{", **SHOWN)
    assert len(door.state.incidents()) == 2


@pytest.mark.parametrize(("path", "headers"), [("/alertmanager", {}), ("/alertmanager/unknown", SHOWN)])
def test_strangers_cannot_write_into_the_channel(door: Door, path: str, headers: dict[str, str]) -> None:
    """Without a token, or to a source that is not there, a refusal is only counted and kept."""
    door.post(b"{", path, **headers)
    assert door.state.incidents() == []
    assert len(door.state.rows("SELECT 1 FROM quarantine")) == 1


def test_what_was_refused_cannot_write_markup(door: Door, desk: Desk) -> None:
    """The reason quotes a little of it."""
    door.post(webhook(alert("a"), version="<!channel>"), **SHOWN)
    desk.settle()
    said = str(desk.slack.workspace.roots()[0].body)
    assert "&lt;!channel&gt;" in said
    assert "<!channel>" not in said
