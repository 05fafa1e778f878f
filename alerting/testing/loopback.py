"""A small HTTP server on this machine that fakes of programs are."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from .faults import Fault, Script

POLL_SECONDS: Final = 0.05
"""How long `stop` may have to wait."""
MAX_BODY_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; `content` None drops the connection."""

    status: int
    content: Mapping[str, Any] | None
    headers: Mapping[str, str] | None = None


class Loopback:
    """A server in a thread of its own, while its context lasts.

    Parameters
    ----------
    answer : callable
        From a request to its true answer.
    method : str
        What faults call the requests.
    seed : int
        Of the faults that happen with a probability.

    Attributes
    ----------
    faults : Script
        What is to go wrong.
    url : str
        Where it listens.
    """

    def __init__(self, answer: Callable[[Request], Reply], method: str, seed: int = 0) -> None:
        self.faults = Script(seed)
        self._true, self._method = answer, method
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name=f"fake-{method}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: Request) -> Reply:
        """What a request gets: a fault if one is scripted, before or after the true answer has its effect."""
        fault = self.faults.draw(self._method)
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault is not None and fault.answers and fault.when == "before":
            return _failed(fault)
        true = self._true(request)
        return _failed(fault) if fault is not None and fault.answers else true


def _failed(fault: Fault) -> Reply:
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if fault.status is not None and 300 <= fault.status < 400:
        headers["Location"] = "/elsewhere"
    content = None if fault.drop else {"status": fault.error or "fault", "errors": [fault.error or "fault"]}
    return Reply(fault.status or 200, content, headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], loopback: Loopback) -> None:
        self.loopback = loopback
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Every request."""
        size = min(int(self.headers.get("Content-Length") or 0), MAX_BODY_BYTES)
        request = Request(self.path, dict(self.headers.items()), self.rfile.read(size))
        reply = self.server.loopback.reply(request)
        if reply.content is None:
            self.close_connection = True
            self.connection.close()
            return
        data = json.dumps(reply.content).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **(reply.headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Nothing: the fake shows what arrived."""
