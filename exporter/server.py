"""HTTP of the exporter: /metrics for Prometheus, /healthz, and JSON pages for people and tools.

The standard library's threaded server, since it runs inside other people's serving processes. A scrape that
fails answers 500 with one line; it never reaches a prediction.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from .answers import Action, Answer, Answers, Page, error
from .errors import ConfigError, PortTakenError

logger = logging.getLogger("driftgauge.server")

DEFAULT_PORT = 9108
"""Among the ports of Prometheus exporters; the bridge has the next one."""

MAX_PORT = 65_535
"""Ports have 16 bits."""

SOCKET_TIMEOUT_SECONDS = 10.0
"""Prometheus' default scrape timeout: a slower reader has given up already."""

MAX_CONNECTIONS = 256
"""Answered at once, each in a thread of its own; one more is closed unanswered. Prometheus needs one or two,
and as many predictions at once wait for the interpreter's lock anyway."""


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

    Raises
    ------
    ConfigError
        If the port is none.
    """

    port: int = DEFAULT_PORT
    addr: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    certfile: str | None = None
    keyfile: str | None = None

    def __post_init__(self) -> None:
        port: object = self.port
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= MAX_PORT:
            raise ConfigError(f"serve: port: found {port!r:.60}, need an integer from 0 to {MAX_PORT}")


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
            answers = Answers(registry, pages or {}, actions or {}, options.token)
            self._server = _Server(answers, options, reuse_port)
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

    def __init__(self, answers: Answers, options: ServerOptions, reuse_port: bool) -> None:
        self.allow_reuse_port = reuse_port
        self.answers = answers
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in options.addr:
            self.address_family = socket.AF_INET6
        super().__init__((options.addr, options.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - its signature
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - its signature
        """A client that went away, or whose TLS handshake failed, is no news."""
        logger.debug("request of %s ended early", client_address, exc_info=True)  # noqa: LOG014 - called while handling


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "driftgauge"
    sys_version = ""
    timeout = SOCKET_TIMEOUT_SECONDS

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        headers = self._header("Authorization"), self._header("Accept")
        self._answer(self.server.answers.get(asked.path, *headers, asked.query))

    def do_POST(self) -> None:
        path, length = urlsplit(self.path).path, self._header("Content-Length")
        refusal = self.server.answers.refused(path, self._header("Authorization"), length)
        if refusal is None and self._header("Origin"):
            # A foreign page in a browser of this machine reaches loopback, and must not tell us outcomes.
            refusal = error(HTTPStatus.FORBIDDEN, "found a request of a web page, need one of a program")
        if refusal is None:
            self._answer(self.server.answers.post(path, self.rfile.read(int(length))))
            return
        # What it would have sent next is not read, and must not be taken for another request.
        self.close_connection = True
        self._answer(refusal)

    def _header(self, name: str) -> str:
        return self.headers.get(name, "")

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers().items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        logger.debug(format, *args)
