from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from alerting.app import Bridge, build_bridge
from alerting.config import load_config
from alerting.testing import alert, webhook

TOKEN = "token-of-16-chars-"
CONFIG = """
destinations: {slack: {channel: "#a"}}
sources: {default: {destinations: [slack]}}
"""
ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-test",
    "SLACK_API_URL": "http://127.0.0.1:1",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
}
READ = ("/incidents", "/history", "/history?format=json", "/metrics", "/readyz", "/healthz")

Built = Callable[..., Bridge]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    """Make whole bridges, whose loops do not run."""
    made: list[Bridge] = []

    def make(config: str = CONFIG, **environment: str) -> Bridge:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        (folder / "bridge.yaml").write_text(config)
        (folder / "tokens").write_text(TOKEN)
        environ = {**ENVIRONMENT, "BRIDGE_STATE_DIRECTORY": str(folder / "state"), **environment}
        made.append(build_bridge(load_config(folder / "bridge.yaml", environ)))
        return made[-1]

    yield make
    for bridge in made:
        bridge.database.close()


def ask(
    bridge: Bridge,
    path: str,
    host: str | None,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """The status of an answer to a request under a name."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(bridge.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            request = client.build_request("GET" if body is None else "POST", path, content=body)
            del request.headers["host"]
            request.headers.update(dict(headers) if host is None else {"host": host, **headers})
            return await client.send(request)

    return asyncio.run(call()).status_code


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9109", "127.0.0.1.evil.example", "10.0.0.7", "[", ""]
)
def test_a_foreign_name_reads_nothing_on_loopback(built: Built, host: str) -> None:
    """A page under a name that was made to point here is, for its browser, one of ours."""
    bridge = built()
    assert {ask(bridge, path, host) for path in READ} == {403}
    wish = b'{"by": "ana"}'
    json = {"content-type": "application/json"}
    assert ask(bridge, "/incidents/1/acknowledge", host, body=wish, headers=json) == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9109", "localhost:9109", "localhost", "[::1]:9109", "127.0.0.2", None]
)
def test_names_of_loopback_are_answered(built: Built, host: str | None) -> None:
    """With any port, as a forwarded one is another; and none at all, which no browser sends."""
    bridge = built()
    assert {ask(bridge, path, host) for path in READ} == {200}


def test_what_alertmanager_and_slack_send_needs_no_name(built: Built) -> None:
    """A refusal is never repeated, so an alert would be lost; a press comes through a proxy."""
    bridge = built()
    told = [
        ask(bridge, path, "bridge", body=webhook(alert("a")))
        for path in ("/alertmanager", "/alertmanager/default")
    ]
    assert told == [200, 200]
    assert ask(bridge, "/slack/actions", "hooks.example.org", body=b"payload=%7B%7D") == 401


def test_with_a_token_or_another_address_no_name_is_asked_for(built: Built) -> None:
    """Whoever reads has to show the token, and others know the bridge by names of their own."""
    shown = {"authorization": f"Bearer {TOKEN}"}
    for bridge in (
        built(BRIDGE_TOKENS=TOKEN),
        built(CONFIG.replace("[slack]}", "[slack], token_files: [tokens]}")),
        built(BRIDGE_TOKENS=TOKEN, BRIDGE_LISTEN_ADDRESS="0.0.0.0"),
    ):
        assert {ask(bridge, path, "bridge:9109", headers=shown) for path in READ} == {200}
        assert ask(bridge, "/incidents", "evil.example") == 401
