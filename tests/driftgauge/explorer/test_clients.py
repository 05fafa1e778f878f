from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from driftgauge.errors import SourceError
from driftgauge.explorer import transport
from driftgauge.explorer.clients import Alertmanager, Bridge, Exporter, Prometheus, drift_of
from driftgauge.explorer.transport import Place

VECTOR = {"status": "success", "data": {"resultType": "vector", "result": []}}


class Program:
    """A program on loopback that answers everything alike and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps(VECTOR).encode()
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        program = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length).decode()
                program.asked.append((self.command, self.path, dict(self.headers), body))
                self.send_response(program.status)
                for name, value in program.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(program.body)))
                self.end_headers()
                self.wfile.write(program.body)

            do_GET = do_POST = _answer  # noqa: N815 - the server looks for these names

            def log_message(self, *arguments: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = Place(name="program", url=f"http://127.0.0.1:{self.server.server_port}")

    def says(self, content: Any, status: int = 200) -> None:
        """Answer with JSON from now on."""
        self.status, self.body = status, json.dumps(content).encode()


@pytest.fixture
def program() -> Iterator[Program]:
    """A program that runs."""
    found = Program()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()
    found.place.session.close()


def test_prometheus_is_asked_by_post(program: Program) -> None:
    """An expression of any length and content arrives as it is."""
    expression = 'up{a="' + "ü&=" * 5_000 + '"}'
    assert Prometheus(program.place).query(expression, 12.5) == []
    ((method, path, _, body),) = program.asked
    assert (method, path) == ("POST", "/api/v1/query")
    assert parse_qs(body) == {"query": [expression], "time": ["12.500"]}


def test_alertmanager_is_asked_for_one_version(program: Program) -> None:
    """Matchers are quoted: a name cannot widen them."""
    program.says([])
    assert Alertmanager(program.place).alerts(model_name='a" or "b', model_version="1") == []
    query = parse_qs(urlsplit(program.asked[0][1]).query)
    assert query["filter"] == ['model_name="a\\" or \\"b"', 'model_version="1"']


def test_an_acknowledgement_is_one_request_of_json(program: Program) -> None:
    """With who, and a key by which a repetition would be known."""
    program.says({"outcome": "done", "message": "Acknowledged."})
    assert Bridge(program.place).acknowledge(7, "  Ada  ") == "Acknowledged."
    ((method, path, headers, body),) = program.asked
    assert (method, path) == ("POST", "/incidents/7/acknowledge")
    assert json.loads(body) == {"by": "Ada", "via": "http"}
    assert headers["Content-Type"] == "application/json"
    assert len(headers["Idempotency-Key"]) == 32
    assert "Origin" not in headers


def test_a_feature_is_quoted_in_a_path(program: Program) -> None:
    """A slash or a question mark in its name is part of the name."""
    program.says({"model_name": "m"})
    Exporter(program.place).drift("a/b?c", "x y")
    parts = urlsplit(program.asked[0][1])
    assert (unquote(parts.path), parse_qs(parts.query)) == ("/drift/a/b?c", {"segment": ["x y"]})
    assert parts.path == "/drift/a%2Fb%3Fc"


def test_the_page_of_a_version_is_that_of_its_exporter(program: Program) -> None:
    """Others are passed over; without the right one the message names the option."""
    program.says({"model_name": "m", "model_version": "1"})
    exporters = [Exporter(program.place)] * 2
    labels = {"model_name": "m", "model_version": "1"}
    assert drift_of(exporters, labels, "f")["model_name"] == "m"
    with pytest.raises(SourceError, match=r"found no page of m 2 at .*need its address in --exporter"):
        drift_of(exporters, {**labels, "model_version": "2"}, "f")
    program.says({"error": "feature: found 'f', need one of g"}, 404)
    with pytest.raises(SourceError, match=r"HTTP 404 .*need one of g$"):
        drift_of(exporters, labels, "f")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, b'{"status": "error", "error": "parse error"}', "found HTTP 400 at .*: parse error"),
        (503, b"oops", "found HTTP 503 at .*query$"),
        (500, b'{"error": {"deep": 1}}', "found HTTP 500 at .*query$"),
        (200, b"<html>", "found no JSON at"),
        (200, b"[" * 100_000, "found no JSON at"),
        (200, b"\xff\xfe\x00", "found no JSON at"),
        (200, b"[]", "found an answer of an unknown shape"),
        (200, b'{"data": null}', "found an answer of an unknown shape"),
        (200, b'{"data": {"resultType": "vector", "result": [{"metric": {}}]}}', "of an unknown shape"),
        (200, b'{"data": {"resultType": "matrix", "result": []}}', "of an unknown shape"),
    ],
)
def test_every_bad_answer_becomes_a_sentence(
    program: Program, status: int, body: bytes, message: str
) -> None:
    """It names the program and where it was asked, and repeats what it said."""
    program.status, program.body = status, body
    with pytest.raises(SourceError, match=message):
        Prometheus(program.place).query("up", 0.0)


def test_answers_are_bounded(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than the limit is not read to its end."""
    monkeypatch.setattr(transport, "MAX_BYTES", 10)
    with pytest.raises(SourceError, match="need a shorter time range"):
        Prometheus(program.place).query("up", 0.0)


def test_a_redirect_is_not_followed(program: Program) -> None:
    """A token must not be sent elsewhere."""
    program.status, program.headers, program.body = 302, {"Location": "http://127.0.0.1:1/"}, b""
    with pytest.raises(SourceError, match="found no JSON at"):
        Prometheus(program.place).query("up", 0.0)
    assert len(program.asked) == 1


def test_silence_and_absence_become_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that takes the connection and says nothing, and one that is not there."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Place(name="silent", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(SourceError, match=r"silent: found no answer at .* within 0.05 s"):
            place.ask("/")
        place.session.close()
    with pytest.raises(SourceError, match="silent: found nothing that answers at"):
        place.ask("/")
    place.session.close()


def test_a_token_is_read_at_each_call_and_never_said(program: Program, tmp_path: Path) -> None:
    """It can be replaced; one that is missing or of another shape is named by its file alone."""
    path = tmp_path / "token"
    place = Place(name="program", url=program.place.url, token_file=path)
    for token in ("first", "second"):
        path.write_text(f"{token}\n")
        place.ask("/")
        assert program.asked[-1][2]["Authorization"] == f"Bearer {token}"
    path.write_text("a secret\nwith lines")
    with pytest.raises(SourceError) as found:
        place.ask("/")
    assert "secret" not in str(found.value).replace(str(path), "")
    path.unlink()
    with pytest.raises(SourceError, match="found no readable token in"):
        place.ask("/")
    place.session.close()
