from __future__ import annotations

from pathlib import Path

import pytest

from alerting.config import BridgeConfig, load_config
from alerting.errors import ConfigError

SMALL = """
destinations: {slack: {channel: "#alerts"}}
sources: {default: {destinations: [slack]}}
"""


def load(tmp_path: Path, host: str) -> BridgeConfig:
    """A configuration whose links may lead to one host."""
    path = tmp_path / "bridge.yaml"
    path.write_text(f"links: {{hosts: ['{host}']}}\n{SMALL}")
    return load_config(path, {})


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("grafana.example.org", "https://grafana.example.org/d/x"),
        ("Grafana.Example.org", "https://grafana.example.org:3000/d/x"),
        ("grafana", "http://GRAFANA:3000/d/x"),
        ("10.0.0.7", "http://10.0.0.7/d/x"),
        ("::1", "http://[::1]:3000/d/x"),
    ],
)
def test_a_link_to_a_host_that_was_named_is_shown(tmp_path: Path, host: str, url: str) -> None:
    """However either of them is written, and on whichever port."""
    links = load(tmp_path, host).look.links
    assert links.allows(url)
    assert not links.allows("https://other.example/d/x")


@pytest.mark.parametrize(
    "host",
    [
        "https://grafana.example.org", "grafana:3000", "grafana.example.org/d", "ana@grafana", "[::1]",
        "*.example.org", "grafana example", "a?b", "a#b", "//grafana",
    ],
)  # fmt: skip
def test_what_is_no_bare_host_is_refused(tmp_path: Path, host: str) -> None:
    """It would match no link, and every link would be gone from the messages without a word."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, host)
    assert f"links.hosts.0: found '{host}', need a bare host name such as" in str(error.value)
