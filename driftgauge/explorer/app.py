"""The page as a WSGI application: Dash, and who may see it.

A page that acts must not be made to act by another one. On loopback the name in the Host header has to be
one of loopback, so that no foreign name can be made to point here (DNS rebinding), and a request with an
Origin has to come from the page itself. With a password everybody has to show it.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from dash import Dash
from flask import Flask, Response, request

from .callbacks import register
from .layout import layout
from .reader import Reader

TITLE: Final = "driftgauge explorer"
CHALLENGE: Final = 'Basic realm="driftgauge explorer", charset="UTF-8"'

MAX_BODY_BYTES: Final = 1 << 20
"""Of a request of the page; its largest are the names of its controls."""

_INDEX: Final = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>
"""


def build(reader: Reader, *, loopback: bool = True, password: str | None = None) -> Flask:
    """The application.

    Parameters
    ----------
    reader : Reader
    loopback : bool
        Whether it listens on loopback alone, and therefore has no other name.
    password : str or None
        What everybody has to show, with any user name.
    """
    flask: Any = Flask("driftgauge.explorer")  # Dash's types know only bool here
    app = Dash(
        TITLE,
        server=flask,
        assets_folder=str(Path(__file__).resolve().parent / "assets"),
        serve_locally=True,
        title=TITLE,
        update_title=TITLE,  # the title is no place to blink
        index_string=_INDEX,
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = layout()
    register(app, reader)
    server: Flask = flask
    server.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    policy = _policy(app)

    @server.before_request
    def admit() -> Response | None:
        return _refusal(loopback=loopback, password=password)

    @server.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return server


def _policy(app: Dash) -> str:
    """Nothing from elsewhere, no inline script but Dash's own, no frame around it."""
    scripts = " ".join(app.csp_hashes())
    return (
        f"default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
        "form-action 'self'"
    )


def _refusal(*, loopback: bool, password: str | None) -> Response | None:
    """Why a request is not answered; None if it is."""
    if loopback and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        return _plain(HTTPStatus.FORBIDDEN, "host: found a foreign name, need 127.0.0.1 or localhost")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return _plain(HTTPStatus.FORBIDDEN, "origin: found another page, need this one")
    if password is not None and not _shows(password):
        refused = _plain(HTTPStatus.UNAUTHORIZED, "need a password")
        refused.headers["WWW-Authenticate"] = CHALLENGE
        return refused
    return None


def is_loopback(host: str) -> bool:
    """Whether a name or an address is one of loopback.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("::1"), is_loopback("rebind.example")
    (True, True, True, False)
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _shows(password: str) -> bool:
    shown: Any = request.authorization
    given = (shown.password or "") if shown is not None and shown.type == "basic" else ""
    return hmac.compare_digest(given.encode("utf-8", "replace"), password.encode())


def _plain(status: HTTPStatus, message: str) -> Response:
    return Response(f"{message}\n", status=status, content_type="text/plain; charset=utf-8")
