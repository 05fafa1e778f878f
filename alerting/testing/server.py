"""The fake Slack as a real HTTP server: the Web API's calls a bridge needs, an incoming webhook, a page."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from .. import pacing
from ..errors import PortTakenError
from . import blockkit, page
from .faults import Fault, Script
from .workspace import Posted, Reply, Workspace

WEBHOOK_CHANNEL: Final = "#alerts"
POLL_SECONDS: Final = 0.05
"""How long `stop` may have to wait."""
MAX_BODY_BYTES: Final = 1 << 20
MAX_LENGTH_DIGITS: Final = 18
SOCKET_TIMEOUT_SECONDS: Final = 30.0
"""Of a connection that says nothing; the bridge opens one for each call."""
_PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'"


class FakeSlack:
    """A Slack on this machine, for tests and demonstrations; a context manager.

    Parameters
    ----------
    port : int
        0 takes a free one.
    address : str
        Loopback unless told otherwise: it asks nobody who they are.
    token : str, optional
        The one bot token that is accepted; without it, any.
    pace : pacing.Pace, optional
        Posts a channel takes before it answers 429; Slack's own is about one a second.
    seed : int
        Of the faults that happen with a probability.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    PortTakenError
        If another program listens on the port.

    Examples
    --------
    >>> with FakeSlack() as slack:
    ...     slack.workspace.post({"channel": "#alerts", "text": "hello"})["ok"]
    True
    """

    def __init__(
        self,
        port: int = 0,
        *,
        address: str = "127.0.0.1",
        token: str | None = None,
        pace: pacing.Pace | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.workspace = Workspace(pace=pace, clock=clock)
        self.faults = Script(seed)
        self.answers: list[Mapping[str, Any]] = []
        """What was sent to a response_url, for the eyes of one person; see `clicks`."""
        self.presser: Callable[[Posted, str], int] | None = None
        """Presses a button by its `action_id` and gives the bridge's status; what the page's buttons call."""
        self._token = token
        try:
            self._server = _Server((address, port), self)
        except OSError as error:
            raise PortTakenError(
                f"fake Slack: {address}:{port}: found it taken ({error.strerror}), need a free port"
            ) from error
        self.port = int(self._server.server_address[1])
        self.url = f"http://{address}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="fake-slack", daemon=True
        )

    @property
    def api_url(self) -> str:
        """For `slack.api_url` in config/bridge.yaml, or SLACK_API_URL."""
        return f"{self.url}/api/"

    @property
    def webhook_url(self) -> str:
        """For SLACK_WEBHOOK_URL."""
        return f"{self.url}/services/T00000000/B00000000/fake"

    def start(self) -> Self:
        """Serve in a thread of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving; what was said stays readable in `workspace`."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def listing(self) -> dict[str, Any]:
        """Everything said, newest first, as the page and /api/messages show it."""
        workspace = self.workspace
        return {
            "counters": asdict(workspace.counters()),
            "messages": [
                {
                    **_described(root, workspace),
                    "replies": [_described(reply, workspace) for reply in workspace.thread(root)],
                }
                for root in reversed(workspace.roots())
            ],
        }

    def pressed(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """Press a button of a message on the page; status and words for who pressed it."""
        found = [message for message in self.workspace.roots() if message.ts == body.get("ts")]
        if self.presser is None or not found:
            return 404, "found no such message, or no bridge to tell (--bridge)"
        before = len(self.answers)
        try:
            status = self.presser(found[0], str(body.get("action_id")))
        except (KeyError, OSError) as error:  # of a message that has changed, or of a bridge that is away
            return 409, f"not pressed ({type(error).__name__})"
        words = " ".join(str(answer.get("text", "")) for answer in self.answers[before:])
        return (200, words) if status == 200 else (502, f"the bridge answers {status}")

    def answer(self, method: str, body: Mapping[str, Any], token: str) -> _Answer:
        """What a call gets: faults first, then pace, then the workspace."""
        self.workspace.calls[method] += 1
        fault = self.faults.draw(method)
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault is not None and fault.answers and fault.when == "before":
            return _failed(fault)
        answer = self._true_answer(method, body, token)
        return _failed(fault) if fault is not None and fault.answers else answer

    def _true_answer(self, method: str, body: Mapping[str, Any], token: str) -> _Answer:
        workspace = self.workspace
        if method == "webhook":
            return self._webhook(body)
        if not token or (self._token is not None and token != self._token):
            return _Answer(200, {"ok": False, "error": "invalid_auth" if token else "not_authed"})
        if method == "chat.postMessage":
            if wait := workspace.wait(workspace.channel_id(str(body.get("channel", "")))):
                return _Answer(429, {"ok": False, "error": "ratelimited"}, retry_after=str(wait))
            return _Answer(200, workspace.post(body))
        if method == "chat.update":
            return _Answer(200, workspace.update(body))
        if method in ("conversations.history", "conversations.replies"):
            return _Answer(200, workspace.history(body, replies=method == "conversations.replies"))
        if method == "auth.test":
            return _Answer(200, {"ok": True, "team": "fake", "user": "driftgauge", "bot_id": "B1"})
        return _Answer(200, {"ok": False, "error": "unknown_method"})

    def _webhook(self, body: Mapping[str, Any]) -> _Answer:
        """The incoming webhook: text in and out, and the error as text."""
        channel = self.workspace.channel_id(WEBHOOK_CHANNEL)
        if wait := self.workspace.wait(channel):
            return _Answer(429, "rate_limited", retry_after=str(wait))
        shown = {name: value for name, value in body.items() if name != "thread_ts"}
        reply = self.workspace.post({**shown, "channel": channel})
        return _Answer(200, "ok") if reply["ok"] else _Answer(400, str(reply["error"]))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An HTTP answer: JSON for a mapping, text for a string, nothing at all for None."""

    status: int
    content: Reply | str | None
    retry_after: str | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], slack: FakeSlack) -> None:
        self.slack = slack
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_TIMEOUT_SECONDS
    server: _Server

    def do_GET(self) -> None:
        """The page, its parts, the messages as JSON, or one of the reading calls."""
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        slack = self.server.slack
        if path == "/":
            self._send(200, page.document(slack.listing()), "text/html")
        elif path == "/messages":
            self._send(200, page.messages(slack.listing()), "text/html")
        elif path == "/refresh.js":
            self._send(200, page.SCRIPT, "text/javascript")
        elif path == "/api/messages":
            self._send(200, json.dumps(slack.listing()), "application/json")
        elif path.startswith("/api/"):
            self._reply(slack.answer(path.removeprefix("/api/"), query, self._token()))
        else:
            self._send(404, "not found", "text/plain")

    def do_POST(self) -> None:
        """One of the writing calls, or the incoming webhook."""
        said = self.headers.get("Content-Length") or "0"
        if not (said.isascii() and said.isdecimal()):
            self.close_connection = True
            self._send(411, "need a Content-Length", "text/plain")
            return
        if len(said) > MAX_LENGTH_DIGITS or int(said) > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(413, "too large", "text/plain")
            return
        raw = self.rfile.read(int(said))
        path = urlsplit(self.path).path
        slack = self.server.slack
        try:
            body = json.loads(raw) if raw else {}
        except (ValueError, RecursionError):
            body = dict(parse_qsl(raw.decode("utf-8", "replace")))
        if not isinstance(body, dict):
            body = {}
        if path == "/press":
            # A page of somebody else would have to ask before it sends JSON, and gets no answer to that.
            if self.headers.get_content_type() == "application/json":
                status, words = slack.pressed(body)
                self._send(status, words, "text/plain")
            else:
                self._send(415, "need JSON", "text/plain")
        elif path.startswith("/services/"):
            self._reply(slack.answer("webhook", body, ""))
        elif path.startswith("/actions/"):
            slack.answers.append(body)
            self._send(200, "ok", "text/plain")
        elif path.startswith("/api/"):
            self._reply(slack.answer(path.removeprefix("/api/"), body, self._token()))
        else:
            self._send(404, "not found", "text/plain")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Nothing: the page shows what arrived."""

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ").strip()

    def _reply(self, answer: _Answer) -> None:
        if answer.content is None:
            self.close_connection = True
            self.connection.close()
        elif isinstance(answer.content, str):
            self._send(answer.status, answer.content, "text/plain", answer.retry_after)
        else:
            self._send(answer.status, json.dumps(answer.content), "application/json", answer.retry_after)

    def _send(self, status: int, text: str, kind: str, retry_after: str | None = None) -> None:
        data = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _PAGE_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(data)


def _failed(fault: Fault) -> _Answer:
    if fault.drop:
        return _Answer(0, None)
    content = {"ok": False, "error": fault.error or "internal_error"}
    return _Answer(fault.status or 200, content, retry_after=fault.retry_after)


def _described(message: Posted, workspace: Workspace) -> dict[str, Any]:
    return {
        "channel": message.channel,
        "channel_name": workspace.channel_names[message.channel],
        "ts": message.ts,
        "posted_at": message.versions[0][0],
        "changed_at": message.versions[-1][0],
        "updates": len(message.versions) - 1,
        "earlier": [{"at": at, "text": body.get("text", "")} for at, body in message.versions[:-1]],
        "problems": blockkit.unescaped(message.body),
        **message.body,
    }
