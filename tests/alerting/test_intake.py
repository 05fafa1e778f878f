from __future__ import annotations

import asyncio
import gzip
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette

from alerting import episodes
from alerting.access import Gate
from alerting.intake import Intake, IntakePolicy, Source
from alerting.metrics import BridgeMetrics
from alerting.secret import Secret
from alerting.testing import FakeSlack, alert, webhook

if TYPE_CHECKING:
    from .conftest import BridgeProcess, State

TOKEN, OTHER = "token-of-16-chars-", "another-of-16-chars"


class Door:
    """The intake with everything it needs, called in process."""

    def __init__(
        self, state: State, policy: IntakePolicy | None = None, tokens: tuple[str, ...] = ()
    ) -> None:
        self.state = state
        self.metrics = BridgeMetrics(["default", "east"], ["slack"])
        self.told = 0
        gates = {"default": Gate(Secret(token) for token in tokens), "east": Gate([Secret(OTHER)])}
        self.intake = Intake(
            sources={
                name: Source(name=name, destinations=("slack",), gate=gate) for name, gate in gates.items()
            },
            database=state.database,
            metrics=self.metrics,
            policy=policy or IntakePolicy(),
            told=self._tell,
            clock=state.clock,
        )
        self.app = Starlette(routes=list(self.intake.routes()))

    def _tell(self) -> None:
        self.told += 1

    def post(
        self, content: bytes | AsyncIterator[bytes], path: str = "/alertmanager", **headers: str
    ) -> httpx.Response:
        """Post to the intake."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return await client.post(path, content=content, headers=headers)

        return asyncio.run(call())

    def refused(self, reason: str, source: str = "default") -> float | None:
        """How many were refused for a reason."""
        return self.metrics.registry.get_sample_value(
            "bridge_notifications_refused_total", {"source": source, "reason": reason}
        )

    def quarantine(self) -> list[dict[str, Any]]:
        """What was kept of what could not be read."""
        return self.state.rows("SELECT source, reason, excerpt FROM quarantine ORDER BY id")


def test_two_hundred_means_that_it_is_on_the_disk(state: State) -> None:
    """The answer comes after the commit, and the senders are woken."""
    door = Door(state)
    answer = door.post(webhook(alert("a")))
    assert answer.status_code == 200
    assert len(state.incidents()) == 1
    assert door.told == 1
    assert door.post(webhook(alert("a"))).status_code == 200
    assert door.told == 1, "a duplicate wakes nobody"
    counts = [
        door.metrics.registry.get_sample_value(
            "bridge_notifications_received_total", {"source": "default", "outcome": outcome}
        )
        for outcome in ("news", "update", "duplicate")
    ]
    assert counts == [1, 0, 1]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"hello", "not_json"),
        (b"{}", "not_alertmanager"),
        (webhook(), "no_alerts"),
        (b"[" * 5_000, "too_deep"),
    ],
)
def test_what_can_never_be_read_is_400_counted_and_kept(state: State, raw: bytes, reason: str) -> None:
    """Nobody will send it again, so somebody must be able to see what it was."""
    door = Door(state)
    answer = door.post(raw)
    assert answer.status_code == 400
    assert "need" in answer.text
    assert door.refused(reason) == 1
    assert door.quarantine() == [{"source": "default", "reason": reason, "excerpt": raw[:2_048].decode()}]
    assert state.incidents() == []


def test_one_unreadable_alert_is_kept_beside_the_good_ones(state: State) -> None:
    """200 for the group, the bad one in quarantine and counted in the message."""
    door = Door(state)
    assert door.post(webhook(alert("good"), {"status": "odd"})).status_code == 200
    assert "status" in door.quarantine()[0]["reason"]
    assert state.incidents()[0]["unreadable"] == 1


def test_a_source_that_nobody_configured_is_404(state: State) -> None:
    """Its name becomes no label."""
    door = Door(state)
    assert door.post(webhook(alert()), "/alertmanager/planted").status_code == 404
    assert door.refused("unknown_source", "unknown") == 1
    assert b"planted" not in door.metrics.exposition()


def test_a_token_is_asked_for_where_there_is_one(state: State) -> None:
    """Two are valid at once, as bearer or as a password; nothing else is."""
    door = Door(state, tokens=(TOKEN, OTHER))
    good = [f"Bearer {TOKEN}", f"bearer {OTHER}", "Basic YW55Ym9keTp0b2tlbi1vZi0xNi1jaGFycy0="]
    bad = ["", TOKEN, "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", "Basic !!!", "Basic dG9rZW4=", "Digest x"]
    for header in good:
        assert door.post(webhook(alert()), authorization=header).status_code == 200, header
    for header in bad:
        answer = door.post(webhook(alert()), authorization=header)
        assert answer.status_code == 401, header
        assert "www-authenticate" in answer.headers
    assert door.refused("unauthorized") == len(bad)
    assert {row["excerpt"] for row in door.quarantine()} == {""}, "a stranger's body is not read"


def test_a_token_of_one_source_does_not_open_another(state: State) -> None:
    """It speaks for its own source alone."""
    door = Door(state, tokens=(TOKEN,))
    assert (
        door.post(webhook(alert()), "/alertmanager/east", authorization=f"Bearer {OTHER}").status_code == 200
    )
    assert (
        door.post(webhook(alert()), "/alertmanager/east", authorization=f"Bearer {TOKEN}").status_code == 401
    )
    assert door.post(webhook(alert()), authorization=f"Bearer {OTHER}").status_code == 401
    assert {incident["source"] for incident in state.incidents()} == {"east"}


async def _chunks(count: int, size: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause)
        yield b"x" * size


def test_too_large_a_body_is_413_declared_or_not(state: State) -> None:
    """Reading stops at the limit; nothing stays accounted for."""
    door = Door(state, IntakePolicy(max_body_bytes=1_000))
    assert door.post(b"x" * 1_001).status_code == 413
    assert door.post(_chunks(20, 100)).status_code == 413
    assert door.refused("too_large") == 2
    assert door.intake._bytes_in_flight == 0


def test_too_much_at_once_is_told_to_come_again(state: State) -> None:
    """503, which Alertmanager repeats; never 429, which it does not."""
    door = Door(state, IntakePolicy(max_bytes_in_flight=100))
    assert door.post(webhook(alert())).status_code == 503
    assert door.refused("busy") == 1
    assert door.intake._bytes_in_flight == 0


def test_too_many_requests_at_once_are_told_to_come_again(state: State) -> None:
    """Before their body is read; probes and pages are not counted with them."""
    door = Door(state, IntakePolicy(max_requests=2))
    gate, entered = threading.Event(), threading.Event()

    def block(_: sqlite3.Connection) -> None:
        entered.set()
        gate.wait()

    blocker = state.database.write(block)
    entered.wait()

    async def storm() -> list[int]:
        transport = httpx.ASGITransport(door.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            calls = [
                asyncio.create_task(client.post("/alertmanager", content=webhook(alert(str(number)))))
                for number in range(5)
            ]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 3:
                done, _ = await asyncio.wait(calls, timeout=0.01)
            gate.set()
            return sorted([(await call).status_code for call in calls])

    assert asyncio.run(storm()) == [200, 200, 503, 503, 503]
    blocker.result()
    assert door.refused("busy") == 3
    assert door.post(webhook(alert("a"))).status_code == 200


def test_a_body_that_does_not_come_is_told_to_come_again(state: State) -> None:
    """A slow sender cannot hold a connection for ever."""
    door = Door(state, IntakePolicy(body_seconds=0.05))
    assert door.post(_chunks(100, 1, 0.01)).status_code == 503
    assert door.refused("too_slow") == 1


def test_a_compressed_body_is_refused(state: State) -> None:
    """A few bytes must not become gigabytes; Alertmanager never compresses."""
    door = Door(state)
    answer = door.post(gzip.compress(webhook(alert())), **{"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert door.refused("encoding") == 1


def test_a_locked_database_is_503_and_passes_by_itself(state: State) -> None:
    """While another program holds the lock nothing is taken; then the repeat is stored."""
    door = Door(state)
    other = sqlite3.connect(state.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = door.post(webhook(alert("a")))
    other.execute("ROLLBACK")
    other.close()
    assert (answer.status_code, door.refused("unavailable")) == (503, 1)
    assert state.incidents() == []
    assert door.post(webhook(alert("a"))).status_code == 200


def test_a_commit_that_takes_too_long_is_503_and_not_done_behind_our_back(state: State) -> None:
    """What was not begun when the limit passed is not done at all."""
    door = Door(state, IntakePolicy(commit_seconds=0.05))
    gate, entered = threading.Event(), threading.Event()

    def block(_: sqlite3.Connection) -> None:
        entered.set()
        gate.wait()

    blocker = state.database.write(block)
    entered.wait()
    assert door.post(webhook(alert("a"))).status_code == 503
    gate.set()
    blocker.result()
    assert state.incidents() == []


def test_a_defect_is_503_too(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The alert stays alive at the sender until the defect is mended."""

    def fails(*_: object, **__: object) -> None:
        message = "a defect"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(episodes, "record", fails)
    with caplog.at_level("ERROR"):
        assert Door(state).post(webhook(alert("a"))).status_code == 503
    assert "ZeroDivisionError" in caplog.text


def test_a_closed_bridge_is_503(state: State) -> None:
    """While it shuts down, Alertmanager keeps what it has."""
    state.database.close()
    assert Door(state).post(webhook(alert("a"))).status_code == 503


def test_a_flood_of_nonsense_does_not_fill_the_disk(state: State) -> None:
    """All of it is counted, the first sixty are kept."""
    door = Door(state)

    async def flood() -> None:
        transport = httpx.ASGITransport(door.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            for _ in range(100):
                await client.post("/alertmanager", content=b"nonsense")

    asyncio.run(flood())
    assert door.refused("not_json") == 100
    assert len(door.quarantine()) == 60


def test_only_post_is_taken(state: State) -> None:
    """A browser that comes by changes nothing."""

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(Door(state).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            return await client.get("/alertmanager")

    assert asyncio.run(get()).status_code == 405


def test_a_storm_over_real_http_is_stored_whole(
    bridge: Callable[..., BridgeProcess], live_slack: FakeSlack, eventually: Callable[..., Any]
) -> None:
    """Two hundred groups over eight connections at once: each 200, each in Slack once."""
    process = bridge(live_slack).start()
    answers: list[int] = []

    def send(worker: int) -> None:
        for number in range(25):
            raw = webhook(alert(f"f-{worker}-{number}"), group_key=f"{worker}-{number}")
            answers.append(process.post(raw).status_code)

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 200
    eventually(lambda: len(live_slack.workspace.roots()) == 200, seconds=30)
    expected = [f"`f-{worker}-{number}`" for worker in range(8) for number in range(25)]
    assert live_slack.workspace.lost(expected) == []
    assert live_slack.workspace.counters().doubled == 0


def test_the_bridge_says_why_it_refuses_without_saying_anything_else(state: State) -> None:
    """Alertmanager logs the whole answer: it is short, useful and holds no secret."""
    door = Door(state, tokens=(TOKEN,))
    for answer in (door.post(b"x"), door.post(b"x", authorization=f"Bearer {TOKEN}")):
        assert len(answer.text) < 200
        assert TOKEN not in answer.text
