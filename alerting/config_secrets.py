"""What the bridge takes from the environment: secrets and addresses, each also from a file (NAME_FILE).

A secret from a file follows that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from . import config_receivers, secret_file
from .errors import ConfigError
from .secret import Secret
from .secret_file import SecretFile

MIN_TOKEN_LENGTH: Final = 16
"""Characters; 16 random ones of base 64 are 96 bits."""
_TOKENS_NEEDED: Final = f"found a short token, need at least {MIN_TOKEN_LENGTH} characters each"

VARIABLES: Final = (
    "SLACK_BOT_TOKEN",
    "SLACK_WEBHOOK_URL",
    "SLACK_SIGNING_SECRET",
    "SLACK_API_URL",
    "ALERTMANAGER_URL",
    "ALERTMANAGER_TOKEN",
    *config_receivers.VARIABLES,
    "BRIDGE_TOKENS",
    "BRIDGE_LISTEN_ADDRESS",
    "BRIDGE_LISTEN_PORT",
    "BRIDGE_STATE_DIRECTORY",
)
"""What is read from the environment, each also from a file that NAME_FILE names. Empty is the same as
absent."""

_SECRETS: Final = {
    "SLACK_BOT_TOKEN": (r"xox[bpe][a-z.]*-\S+", "a token that begins with xoxb-"),
    "SLACK_WEBHOOK_URL": (r"https?://\S+", "the URL of an incoming webhook"),
    "SLACK_SIGNING_SECRET": (r"\S+", "the app's signing secret"),
    "ALERTMANAGER_TOKEN": (r"\S+", "a bearer token"),
    "PAGERDUTY_ROUTING_KEY": (r"[A-Za-z0-9]{32}", "an integration key of 32 letters and digits"),
    "SMTP_PASSWORD": (r".+", "a password in one line"),
}
"""What each secret looks like, as a pattern and in words."""


def environment(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Path]]:
    """The variables that are set, or the contents of the files they name; and those files."""
    values: dict[str, str] = {}
    files: dict[str, Path] = {}
    for name in VARIABLES:
        value, file = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
        if value and file:
            raise ConfigError(f"environment: found both {name} and {name}_FILE, need one of them")
        if file:
            files[name] = Path(file)
            value = secret_file.read(files[name], f"{name}_FILE")
        if value:
            values[name] = value
    return values, files


def secrets(values: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, Secret]:
    """The secrets that are set; one from a file follows that file."""
    secrets = {}
    for name, (pattern, needed) in _SECRETS.items():
        if name in values:
            if not re.fullmatch(pattern, values[name]):
                raise ConfigError(f"{name}: found something else, need {needed}")
            secrets[name] = (
                SecretFile(files[name], f"{name}_FILE", re.compile(pattern).fullmatch).secret()
                if name in files
                else Secret(values[name])
            )
    return secrets


def shared_tokens(values: Mapping[str, str], files: Mapping[str, Path]) -> tuple[Secret, ...]:
    """The tokens of the environment, or of the file that it names."""
    if "BRIDGE_TOKENS" in files:
        return (_token_file(files["BRIDGE_TOKENS"], "BRIDGE_TOKENS_FILE"),)
    if "BRIDGE_TOKENS" not in values:
        return ()
    if not _are_tokens(values["BRIDGE_TOKENS"]):
        raise ConfigError(f"BRIDGE_TOKENS: {_TOKENS_NEEDED}")
    return (Secret(values["BRIDGE_TOKENS"]),)


def token_files(names: Iterable[str], path: Path) -> tuple[Secret, ...]:
    """The tokens of files that lie beside the configuration, one secret for each file."""
    return tuple(_token_file(path.parent / name, "token_files") for name in names)


def _token_file(path: Path, where: str) -> Secret:
    """The tokens of a file, one a line, as one secret that follows the file."""
    if not _are_tokens(secret_file.read(path, where)):
        raise ConfigError(f"{where}: {path}: {_TOKENS_NEEDED}")
    return SecretFile(path, where, _are_tokens).secret()


def _are_tokens(text: str) -> bool:
    """Whether a text holds tokens, all of them long enough."""
    return all(len(token) >= MIN_TOKEN_LENGTH for token in text.split())
