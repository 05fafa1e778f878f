from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from alerting.config import load_config
from alerting.errors import ConfigError
from alerting.secret_file import MAX_SECRET_BYTES, SecretFile

SMALL = 'destinations: {slack: {channel: "#alerts"}}\nsources: {default: {destinations: [slack]}}\n'


def replace(path: Path, text: str) -> None:
    """Put another file in its place, as secret stores do."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_a_secret_follows_its_file(tmp_path: Path) -> None:
    """Whoever reveals it gets what stands there now, however the file was changed."""
    path = tmp_path / "token"
    path.write_text("one\n")
    secret = SecretFile(path, "TOKEN_FILE").secret()
    assert secret.reveal() == "one"
    replace(path, "two\n")
    assert secret.reveal() == "two"
    path.write_text("three, longer\n")
    assert secret.reveal() == "three, longer"
    link = tmp_path / "link"
    link.symlink_to(path)
    through = SecretFile(link, "TOKEN_FILE").secret()
    other = tmp_path / "other"
    other.write_text("four")
    link.unlink()
    link.symlink_to(other)
    assert through.reveal() == "four"


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    """It is looked at, which costs microseconds, and read when time, file or size are others."""
    path = tmp_path / "token"
    path.write_text("one")
    secret = SecretFile(path, "TOKEN_FILE").secret()
    status = path.stat()
    with path.open("r+") as file:
        file.write("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert secret.reveal() == "one"


@pytest.mark.parametrize("text", ["", "planted but not a token", "\udcff"])
def test_what_cannot_be_the_secret_does_not_replace_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """A file that is half written costs nothing: the last good one stays, and the log says so once."""
    path = tmp_path / "token"
    path.write_text("xoxb-good")
    secret = SecretFile(path, "TOKEN_FILE", re.compile(r"xoxb-\S+").fullmatch).secret()
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert [secret.reveal() for _ in range(3)] == ["xoxb-good"] * 3
    assert len(caplog.records) == 1
    assert "the last one is used" in caplog.text
    assert "planted" not in caplog.text.replace(str(tmp_path), "")
    replace(path, "xoxb-better")
    assert secret.reveal() == "xoxb-better"


def test_a_file_that_is_gone_leaves_its_secret(tmp_path: Path) -> None:
    """Between two files there may be none."""
    path = tmp_path / "token"
    path.write_text("one")
    secret = SecretFile(path, "TOKEN_FILE").secret()
    path.unlink()
    assert secret.reveal() == "one"
    path.write_text("two")
    assert secret.reveal() == "two"


def test_without_a_secret_nothing_begins(tmp_path: Path) -> None:
    """Absent, empty or of another kind: said with the setting, the file and what is needed."""
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match=r"TOKEN_FILE: .*token: not readable"):
        SecretFile(path, "TOKEN_FILE")
    path.write_text("\n")
    with pytest.raises(ConfigError, match="found it empty"):
        SecretFile(path, "TOKEN_FILE")
    path.write_text("x")
    with pytest.raises(ConfigError, match="found something else"):
        SecretFile(path, "TOKEN_FILE", str.isdigit)


def test_no_more_is_read_than_a_secret_has(tmp_path: Path) -> None:
    """A wrong path may name anything."""
    path = tmp_path / "token"
    path.write_text("x" * (MAX_SECRET_BYTES + 1))
    with pytest.raises(ConfigError, match=r"TOKEN_FILE: .*: found more than 65,536 bytes, need a file with"):
        SecretFile(path, "TOKEN_FILE")


def test_the_slack_token_of_a_file_is_followed(tmp_path: Path) -> None:
    """A token is replaced without a restart."""
    path = tmp_path / "token"
    path.write_text("xoxb-old")
    (tmp_path / "bridge.yaml").write_text(SMALL)
    config = load_config(tmp_path / "bridge.yaml", {"SLACK_BOT_TOKEN_FILE": str(path)})
    assert config.secrets.bot_token is not None
    replace(path, "xoxb-new")
    assert config.secrets.bot_token.reveal() == "xoxb-new"
