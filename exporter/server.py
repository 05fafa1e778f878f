"""HTTP of the exporter: /metrics for Prometheus, /healthz, and JSON pages for people and tools.

The standard library's threaded server, since it runs inside other people's serving processes. A scrape that
fails answers 500 with one line; it never reaches a prediction.
"""

from __future__ import annotations

import hmac
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from .errors import ConfigError, ExporterError, PortTakenError

logger = logging.getLogger("driftgauge.server")

DEFAULT_PORT = 9108
"""Among the ports of Prometheus exporters; the bridge has the next one."""

SOCKET_TIMEOUT_SECONDS = 10.0
"""Prometheus' default scrape timeout: a slower reader has given up already."""

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Of a POST; 100,000 rows of 20 numbers as JSON. More belongs into several requests."""

Page = Callable[[str], Mapping[str, Any] | None]
"""Answer to the rest of a path; None where there is nothing of that name, or a `NotThereError`."""

Action = Callable[[Any], Mapping[str, Any]]
"""Answer to a JSON body. An `ExporterError` is the client's fault (400), anything else the model's (500)."""


class NotThereError(LookupError):
    """Nothing of that name; the message says which names there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How the exporter's HTTP server listens.

    Attributes
    ----------
    port : int
        0 takes a free one.
    addr : str
        Loopback unless told otherwise.
    token : str or None
        Bearer token that every path but /healthz then asks for. Not part of the repr.
    certfile, keyfile : str or None
        PEM files for TLS; both or neither.
    """

    port: int = DEFAULT_PORT
    addr: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    certfile: str | None = None
    keyfile: str | None = None


class MetricsServer:
    """A running HTTP server in a daemon thread.

    Parameters
    ----------
    registry : CollectorRegistry
        What /metrics shows.
    options : ServerOptions
        Where it listens and what it asks for.
    pages : mapping of str to callable
        First part of a path to the function that answers a GET of it with JSON.
    actions : mapping of str to callable
        Path to the function that answers a POST of JSON to it.
    reuse_port : bool
        Whether other workers of the same user listen on this port too; whichever is asked answers for all.

    Raises
    ------
    PortTakenError
        If something else listens there.
    ConfigError
        If the address or a certificate cannot be used.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        options: ServerOptions,
        pages: Mapping[str, Page] | None = None,
        actions: Mapping[str, Action] | None = None,
        *,
        reuse_port: bool = False,
    ) -> None:
        try:
            self._server = _Server(registry, options, dict(pages or {}), dict(actions or {}), reuse_port)
        except OSError as error:
            where = f"serve: {options.addr}:{options.port}"
            if error.errno in (98, 48, 10048):  # EADDRINUSE of Linux, macOS and Windows
                raise PortTakenError(f"{where}: found the port taken, need a free one") from error
            raise ConfigError(
                f"{where}: {error.strerror or error}, need an address of this machine"
            ) from error
        self.scheme = "http"
        if options.certfile is not None:
            self._server.socket = _tls(self._server, options)
            self.scheme = "https"
        self.addr = options.addr
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name=f"driftgauge-http-{self.port}", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the server."""
        host = f"[{self.addr}]" if ":" in self.addr else self.addr
        return f"{self.scheme}://{host}:{self.port}"

    def close(self) -> None:
        """Stop listening; requests that are being answered end by themselves."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=SOCKET_TIMEOUT_SECONDS)


def _tls(server: _Server, options: ServerOptions) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert options.certfile is not None
    try:
        context.load_cert_chain(options.certfile, options.keyfile)
    except (OSError, ssl.SSLError) as error:
        server.server_close()
        raise ConfigError(
            f"serve: certfile {options.certfile}: {error}, need a PEM certificate and its key"
        ) from error
    return context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        registry: CollectorRegistry,
        options: ServerOptions,
        pages: Mapping[str, Page],
        actions: Mapping[str, Action],
        reuse_port: bool,
    ) -> None:
        self.allow_reuse_port = reuse_port
        self.registry = registry
        self.expected = None if options.token is None else f"Bearer {options.token}".encode()
        self.pages = pages
        self.actions = actions
        if ":" in options.addr:
            self.address_family = socket.AF_INET6
        super().__init__((options.addr, options.port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - its signature
        """A client that went away, or whose TLS handshake failed, is no news."""
        logger.debug("request of %s ended early", client_address, exc_info=True)  # noqa: LOG014 - called while handling


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "driftgauge"
    sys_version = ""
    timeout = SOCKET_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        first, _, rest = unquote(urlsplit(self.path).path).strip("/").partition("/")
        if first == "healthz":
            self._text(HTTPStatus.OK, "ok")
        elif not self._allowed():
            self._text(HTTPStatus.UNAUTHORIZED, "need a bearer token")
        elif first == "metrics":
            self._metrics()
        elif first in self.server.pages:
            self._page(self.server.pages[first], rest)
        else:
            self._not_found(("metrics", "healthz", *self.server.pages))

    def _page(self, page: Page, rest: str) -> None:
        try:
            self._json(page(rest))
        except NotThereError as error:
            self._error(HTTPStatus.NOT_FOUND, str(error))

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        if not self._allowed():
            self._text(HTTPStatus.UNAUTHORIZED, "need a bearer token")
        elif path not in self.server.actions:
            self._not_found(tuple(self.server.actions))
        else:
            self._act(self.server.actions[path])

    def _act(self, action: Action) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self._error(HTTPStatus.LENGTH_REQUIRED, "body: found no Content-Length, need one")
            return
        if int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            message = f"body: found {int(length):,} bytes, need at most {MAX_BODY_BYTES:,}"
            self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
            return
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            self._error(HTTPStatus.BAD_REQUEST, f"body: {error}, need JSON")
            return
        try:
            answer = action(body)
        except ExporterError as error:
            self._error(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:
            logger.exception("the model failed")
            self._error(HTTPStatus.INTERNAL_SERVER_ERROR, f"the model raised {type(error).__name__}")
        else:
            self._json(answer)

    def _not_found(self, known: Sequence[str]) -> None:
        names = ", ".join(f"/{name}" for name in known)
        self._text(HTTPStatus.NOT_FOUND, f"not found; here are {names}")

    def _error(self, status: HTTPStatus, message: str) -> None:
        self._answer(status, "application/json", json.dumps({"error": message}).encode() + b"\n")

    def _allowed(self) -> bool:
        if self.server.expected is None:
            return True
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        return hmac.compare_digest(given, self.server.expected)

    def _metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            body = encode(self.server.registry)
        except Exception:
            logger.exception("scrape failed")
            self._text(HTTPStatus.INTERNAL_SERVER_ERROR, "scrape failed; the exporter's log says why")
        else:
            self._answer(HTTPStatus.OK, content_type, body)

    def _json(self, content: Mapping[str, Any] | None) -> None:
        status = HTTPStatus.OK if content is not None else HTTPStatus.NOT_FOUND
        body = json.dumps(content or {"error": "nothing of this name"}, indent=2, allow_nan=False)
        self._answer(status, "application/json", body.encode() + b"\n")

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", text.encode() + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        logger.debug(format, *args)
