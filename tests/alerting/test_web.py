from __future__ import annotations

import email.utils
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from alerting import web
from alerting.calls import RetryLater, Uncertain
from alerting.secret import Secret
from alerting.web import Answer, Timeouts

QUICK = Timeouts(connect=1.0, read=0.3)


@contextmanager
def answering(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server whose every connection is treated by a function; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    behave(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/planted-secret-path"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def reply(text: str) -> Callable[[socket.socket], None]:
    """Answer with these bytes."""
    return lambda connection: connection.sendall(text.encode())


def until_closed(connection: socket.socket) -> None:
    """Read on, in however many pieces the request comes, and never answer."""
    while connection.recv(65_536):
        pass


def test_an_answer_that_arrives_whole_is_passed_on() -> None:
    """Whatever its status: what it means is for the caller to say."""
    with answering(reply('HTTP/1.1 418 x\r\nContent-Length: 9\r\nX-A: b\r\n\r\n{"a": 12}')) as url:
        answer = web.exchange("POST", url, timeouts=QUICK, body={"x": "ü"}, token=Secret("t"))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers["x-a"], answer.document()) == (418, "b", {"a": 12})


def test_no_connection_means_that_nothing_was_sent(free_port: int) -> None:
    """A refused connection and a name that does not exist may be tried again without a thought."""
    for url in (
        f"http://127.0.0.1:{free_port}/x",
        "http://no-such-host.invalid/x",
        "ftp://host/x",
        "http://[/x",
    ):
        outcome = web.exchange("POST", url, timeouts=QUICK, body={})
        assert isinstance(outcome, RetryLater), url
        assert outcome.reason == "unreachable"


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (lambda _: None, "dropped"),
        (reply("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "dropped"),
        (reply("garbage\r\n\r\n"), "dropped"),
        (until_closed, "timeout"),
    ],
    ids=["closed without an answer", "closed in the middle", "not HTTP", "no answer"],
)
def test_a_broken_answer_means_that_nobody_knows(
    behave: Callable[[socket.socket], None], reason: str
) -> None:
    """The request was sent; whether it was heard cannot be told."""
    with answering(behave) as url:
        outcome = web.exchange("POST", url, timeouts=QUICK, body={})
    assert isinstance(outcome, Uncertain)
    assert outcome.reason == reason
    assert "planted" not in repr(outcome)


def test_a_trickling_answer_ends_at_the_deadline() -> None:
    """A byte now and then must not hold the loop for ever."""
    ended = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            if ended.wait(0.05):
                return
            try:
                connection.sendall(b"1\r\nx\r\n")
            except OSError:
                return

    with answering(trickle) as url:
        outcome = web.exchange("GET", url, timeouts=Timeouts(connect=0.2, read=0.2))
        ended.set()
    assert isinstance(outcome, Uncertain)
    assert outcome.reason == "timeout"


def test_nothing_is_repeated_and_no_redirect_followed() -> None:
    """One call is one request, whatever comes back."""
    requests_seen: list[int] = []

    def count(connection: socket.socket) -> None:
        requests_seen.append(1)
        connection.sendall(b"HTTP/1.1 307 x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with answering(count) as url:
        answer = web.exchange("POST", url, timeouts=QUICK, body={})
    assert isinstance(answer, Answer)
    assert (answer.status, len(requests_seen)) == (307, 1)
    requests_seen.clear()

    def drop(_: socket.socket) -> None:
        requests_seen.append(1)

    with answering(drop) as url:
        web.exchange("POST", url, timeouts=QUICK, body={})
    assert len(requests_seen) == 1


def test_an_answer_without_end_is_cut_off() -> None:
    """Memory has a limit."""
    with answering(reply("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + "x" * 2_000)) as url:
        assert isinstance(web.exchange("GET", url, timeouts=QUICK, max_bytes=1_000), Uncertain)


NOW = 1_767_225_600.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("-3", 0.0),
        (email.utils.formatdate(NOW + 90, usegmt=True), 90.0),
        (email.utils.formatdate(NOW - 90, usegmt=True), 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(header: str, seconds: float | None) -> None:
    """A number, a decimal, a date; anything else is as if it were not there."""
    assert Answer(status=429, headers={"Retry-After": header}, text="").retry_after(NOW) == seconds


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_known_from_everything_else(host: str, loopback: bool) -> None:
    """0.0.0.0 is every address of the machine, not its own alone."""
    assert web.is_loopback(host) is loopback
