from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.errors import ConfigError, PortTakenError
from exporter.server import MetricsServer, ServerOptions


@pytest.fixture
def server(registry: CollectorRegistry) -> Iterator[MetricsServer]:
    Counter("hits", "Hits.", registry=registry).inc()
    pages = {"drift": lambda rest: {"rest": rest} if rest != "nothing" else None}
    running = MetricsServer(registry, ServerOptions(port=0), pages)
    yield running
    running.close()


def test_metrics_are_served_in_the_format_that_is_asked_for(server: MetricsServer) -> None:
    """Prometheus' text by default, OpenMetrics on request."""
    plain = requests.get(f"{server.url}/metrics", timeout=5)
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert "hits_total 1.0" in plain.text
    asked = requests.get(
        f"{server.url}/metrics", headers={"Accept": "application/openmetrics-text"}, timeout=5
    )
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")


def test_pages_answer_json(server: MetricsServer) -> None:
    """The rest of the path goes to the page; nothing of that name is 404."""
    assert requests.get(f"{server.url}/drift/a%20b?x=1", timeout=5).json() == {"rest": "a b"}
    assert requests.get(f"{server.url}/drift", timeout=5).json() == {"rest": ""}
    missing = requests.get(f"{server.url}/drift/nothing", timeout=5)
    assert (missing.status_code, missing.json()) == (404, {"error": "nothing of this name"})


def test_an_unknown_path_says_which_are_known(server: MetricsServer) -> None:
    """A typing error in a path is easy to see."""
    answer = requests.get(f"{server.url}/measures", timeout=5)
    assert answer.status_code == 404
    assert answer.text == "not found; here are /metrics, /healthz, /drift\n"


def test_a_token_guards_all_but_health(registry: CollectorRegistry) -> None:
    """With a token, metrics need it; liveness probes do not; the repr does not show it."""
    options = ServerOptions(port=0, token="s3cret-token")
    assert "s3cret" not in repr(options)
    server = MetricsServer(registry, options, {"drift": lambda _: {}})
    try:
        assert requests.get(f"{server.url}/healthz", timeout=5).text == "ok\n"
        for path in ("metrics", "drift", "other"):
            refused = requests.get(f"{server.url}/{path}", timeout=5)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
            wrong = requests.get(
                f"{server.url}/{path}", headers={"Authorization": "Bearer é".encode()}, timeout=5
            )
            assert wrong.status_code == 401
        right = {"Authorization": "Bearer s3cret-token"}
        assert requests.get(f"{server.url}/metrics", headers=right, timeout=5).status_code == 200
    finally:
        server.close()


def test_a_taken_port_is_a_clear_error(registry: CollectorRegistry) -> None:
    """The error names address and port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortTakenError, match=f"serve: 127.0.0.1:{port}: found the port taken, need a free one"
        ):
            MetricsServer(registry, ServerOptions(port=port))


def test_a_foreign_address_is_a_clear_error(registry: CollectorRegistry) -> None:
    """An address that this machine does not have is refused."""
    with pytest.raises(ConfigError, match=r"serve: 192\.0\.2\.1:0: .*need an address of this machine"):
        MetricsServer(registry, ServerOptions(port=0, addr="192.0.2.1"))


def test_a_failing_collector_is_a_500(registry: CollectorRegistry) -> None:
    """A fault while collecting is one line to the scraper and the server goes on."""

    class Broken(Collector):
        def describe(self) -> list[Metric]:
            return []

        def collect(self) -> list[Metric]:
            raise RuntimeError("planted")

    registry.register(Broken())
    server = MetricsServer(registry, ServerOptions(port=0))
    try:
        answer = requests.get(f"{server.url}/metrics", timeout=5)
        assert (answer.status_code, answer.text) == (500, "scrape failed; the exporter's log says why\n")
        assert requests.get(f"{server.url}/healthz", timeout=5).status_code == 200
    finally:
        server.close()


def test_tls(registry: CollectorRegistry, tmp_path: Path) -> None:
    """With a certificate the server speaks TLS only, and a plain client does not stop it."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = MetricsServer(registry, ServerOptions(port=0, certfile=str(cert), keyfile=str(key)))
    try:
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://127.0.0.1:{server.port}/healthz", timeout=5)
        assert requests.get(f"{server.url}/healthz", verify=str(cert), timeout=5).text == "ok\n"
        assert server.url.startswith("https://")
    finally:
        server.close()


def test_a_bad_certificate_is_a_clear_error(registry: CollectorRegistry, tmp_path: Path) -> None:
    """A file that is no certificate is named."""
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(
        ConfigError, match=r"certfile .*bad\.pem: .*need a PEM certificate and its key"
    ) as info:
        MetricsServer(registry, ServerOptions(port=0, certfile=str(tmp_path / "bad.pem")))
    assert isinstance(info.value.__cause__, ssl.SSLError)


def test_json_pages_are_strict(server: MetricsServer) -> None:
    """What is served as JSON parses as JSON."""
    assert json.loads(requests.get(f"{server.url}/drift/x", timeout=5).text) == {"rest": "x"}
