"""Which name a request must have used: on loopback, where nobody needs a token, one of loopback.

A foreign name can be made to point to 127.0.0.1 (DNS rebinding). For a browser a page under that name and the
bridge are then the same site, so the page may read whatever the bridge answers without a token. Only the name
in the Host header tells such a request from others. Where a token is needed, or others reach the address and
therefore call it by names of their own, nothing is asked of the name.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .config import BridgeConfig
from .web import is_loopback

OPEN_PATHS: Final = ("/alertmanager", "/slack/actions")
"""Addresses that take something and show nothing, with whatever is below them. Alertmanager does not repeat
what was refused, and Slack's presses come through a proxy under a name of the world outside; a page can use
neither of the two, since its POST has an Origin or lacks Slack's signature."""


def middleware(config: BridgeConfig) -> list[Middleware]:
    """The check, where a configuration calls for it."""
    tokens = (
        *config.access.tokens,
        *(token for source in config.sources.values() for token in source.tokens),
    )
    return [Middleware(HostCheck)] if is_loopback(config.listen.address) and not tokens else []


class HostCheck:
    """Refuses requests whose Host is not a name of loopback.

    Parameters
    ----------
    app : ASGI application
        What is behind the check.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or _is_open(scope["path"]) or _is_ours(scope):
            await self._app(scope, receive, send)
            return
        refused = PlainTextResponse(
            "host: found a foreign name, need 127.0.0.1 or localhost, or a bridge with a token in access\n",
            status_code=HTTPStatus.FORBIDDEN,
        )
        await refused(scope, receive, send)


def _is_open(path: str) -> bool:
    return any(path == known or path.startswith(f"{known}/") for known in OPEN_PATHS)


def _is_ours(scope: Scope) -> bool:
    """Whether the Host header, without its port, names loopback; no browser leaves it out."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    try:
        return all(is_loopback(urlsplit(f"//{host}").hostname or "") for host in hosts)
    except ValueError:
        return False
