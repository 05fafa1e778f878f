"""The section `stream` is refused early, with its key, what was found and what is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config import load_config
from exporter.errors import ConfigError
from exporter.stream_settings import Security, StreamSettings, consumer_options, producer_options

LEAST = "bootstrap_servers: 'kafka:9092', group: g, observations: [rows]"


def load(folder: Path, text: str, **environ: str) -> StreamSettings:
    path = folder / "exporter.yaml"
    path.write_text(f"stream: {{{text}}}\n", encoding="utf-8")
    found = load_config(path, environ).stream
    assert found is not None
    return found


def test_the_least_that_is_needed_is_enough(tmp_path: Path) -> None:
    """Everything else has a default."""
    found = load(tmp_path, LEAST)
    assert found == StreamSettings(bootstrap_servers="kafka:9092", group="g", observations=("rows",))


def test_the_environment_gives_address_and_password(tmp_path: Path) -> None:
    """Also from a file; the password is in no repr."""
    (tmp_path / "password").write_text("hunter2\n")
    found = load(
        tmp_path,
        LEAST + ", security: {protocol: sasl_ssl, username: u}",
        STREAM_BOOTSTRAP_SERVERS="other:9093,third:9093",
        STREAM_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert found.bootstrap_servers == "other:9093,third:9093"
    assert consumer_options(found)["sasl.password"] == "hunter2"
    assert producer_options(found)["security.protocol"] == "sasl_ssl"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group: g, observations: [rows]", r"stream.bootstrap_servers: found nothing, need a value"),
        (LEAST + ", topics: [a]", r"stream.topics: unknown key, need one of bootstrap_servers, group"),
        ("bootstrap_servers: kafka, group: g, observations: [rows]", r"found 'kafka', need host:port"),
        ("bootstrap_servers: 'k:99999', group: g, observations: [rows]", r"found 'k:99999', need host:port"),
        ("bootstrap_servers: 'k:1', group: g, observations: []", r"stream.observations: found no topic"),
        (
            "bootstrap_servers: 'k:1', group: g, observations: ['a b']",
            r"found the topic 'a b', need 1 to 249",
        ),
        (LEAST + ", alerts: rows", r"found a topic twice in \['rows', 'rows'\]"),
        (LEAST + ", batch_messages: 0", r"stream.batch_messages: found 0, need greater than or equal to 1"),
        (LEAST + ", security: {protocol: sasl_ssl, username: u}", r"stream.security.password: found nothing"),
        (LEAST + ", security: {protocol: sasl_ssl}", r"stream.security.username: found nothing"),
        (LEAST + ", security: {username: u}", r"found plaintext with a user or password, need sasl_ssl"),
        (LEAST + ", security: {ca_file: ca.pem}", r"found plaintext with a certificate file, need ssl"),
        (LEAST + ", security: {protocol: ssl, ca_file: ca.pem}", r"ca.pem: found no such file"),
        (LEAST + ", columns: {id: score}", r"stream.columns: found .*, need a name of its own for each"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    """Before any broker is asked."""
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    """A secret that was not mounted is no empty password."""
    (tmp_path / "password").write_text("\n")
    with pytest.raises(ConfigError, match=r"STREAM_PASSWORD_FILE: .*found an empty file"):
        load(
            tmp_path,
            LEAST + ", security: {protocol: sasl_ssl, username: u}",
            STREAM_PASSWORD_FILE=str(tmp_path / "password"),
        )


def test_errors_never_show_a_password() -> None:
    """Not even where user and protocol do not go together."""
    with pytest.raises(ConfigError) as caught:
        Security(protocol="ssl", username="u", password="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_window_by_rows_is_no_longer_than_the_longest_by_time(tmp_path: Path) -> None:
    """The newest rows of the day; the day's own window stays the last."""
    path = tmp_path / "exporter.yaml"
    path.write_text(
        "checks: {windows: {1h: 3600, 1d: 86400}, row_windows: {newest: 500}}\n", encoding="utf-8"
    )
    found = load_config(path, {}).windows
    assert [(one.name, one.seconds, one.rows) for one in found] == [
        ("1h", 3600.0, None),
        ("newest", 86400.0, 500),
        ("1d", 86400.0, None),
    ]
