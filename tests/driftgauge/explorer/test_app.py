from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from driftgauge.explorer.app import build
from driftgauge.explorer.clients import Alertmanager, Bridge, Exporter, Prometheus
from driftgauge.explorer.layout import REFRESHES, interval_of
from driftgauge.explorer.reader import Reader
from driftgauge.explorer.transport import Place

NOWHERE = Place(name="nobody", url="http://127.0.0.1:1")
READER = Reader(
    prometheus=Prometheus(NOWHERE),
    alertmanager=Alertmanager(NOWHERE),
    bridge=Bridge(NOWHERE),
    exporters=[Exporter(NOWHERE)],
)


def client(**options: Any) -> FlaskClient:
    """Somebody who asks the page."""
    return build(READER, **options).test_client()


def test_the_page_comes_whole_from_here_and_says_so() -> None:
    """Nothing of another host in the page, and the policy forbids it; Dash's script is known by hash."""
    answer = client().get("/", base_url="http://127.0.0.1:8050")
    page = answer.get_data(as_text=True)
    assert "//cdn" not in page
    assert "https://" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'; script-src 'self' 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8050", None, 200),
        ("localhost:8050", "http://localhost:8050", 200),
        ("[::1]:8050", None, 200),
        ("rebound.example:8050", None, 403),
        ("127.0.0.1.example", None, 403),
        ("127.0.0.1:8050", "http://evil.example", 403),
        ("127.0.0.1:8050", "null", 403),
    ],
)
def test_a_foreign_page_cannot_ask(host: str, origin: str | None, status: int) -> None:
    """Neither under a name of its own that leads here, nor from its own place."""
    headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
    assert client().get("/_dash-layout", headers=headers).status_code == status


def test_a_password_is_asked_of_everybody() -> None:
    """As that of any user; on another address than loopback any name may be asked for."""
    asking = client(loopback=False, password="pässword")
    base = "http://explorer.example"
    refused = asking.get("/", base_url=base)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    for shown, status in (("x:pässword", 200), ("x:wrong", 401), ("pässword", 401)):
        token = base64.b64encode(shown.encode()).decode()
        answer = asking.get("/", base_url=base, headers={"Authorization": f"Basic {token}"})
        assert answer.status_code == status, shown


def test_a_body_is_bounded() -> None:
    """Nothing that the page sends is a megabyte."""
    answer = client().post(
        "/_dash-update-component", data=b"x" * (2 << 20), content_type="application/json",
        base_url="http://127.0.0.1",
    )  # fmt: skip
    assert answer.status_code == 413


def test_an_interval_of_nothing_is_off() -> None:
    """Any other is in milliseconds."""
    assert interval_of("off") == (1_000, True)
    assert interval_of(None) == (1_000, True)
    assert interval_of("30 s") == (30_000, False)
    assert all(seconds >= 0 for seconds in REFRESHES.values())
