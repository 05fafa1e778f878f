"""What the commands write: lines on standard output and error, and the report as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError
from ..rendering.text import plain

STANDARD_OUTPUT: Final = "-"

_ESCAPED: Final = "backslashreplace"
"""A path that is no UTF-8 comes as lone surrogates, which JSON too writes in this form."""


def warn(messages: Iterable[str]) -> None:
    """One line each on standard error."""
    for message in messages:
        sys.stderr.write(f"warning: {plain(message)}\n")


def say(lines: Iterable[str]) -> None:
    """Lines on standard output."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def require_folder(path: str) -> None:
    """Refuse a file that cannot be written, before the work for it begins.

    Raises
    ------
    ConfigError
        If its folder is not there, or it is a folder itself.
    """
    target = Path(path)
    if path == STANDARD_OUTPUT:
        return
    try:
        if target.is_dir():
            raise ConfigError(f"{path}: found a folder, need the path of a file")
        if not target.parent.is_dir():
            raise ConfigError(f"{path}: found no folder {str(target.parent)!r}, need it for this file")
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ConfigError(f"{path}: {error.strerror}, need a path that can be written") from None


def write_json(path: str, document: Mapping[str, Any]) -> None:
    """A document as strict JSON: a file all at once, or `-` for standard output.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    if path == STANDARD_OUTPUT:
        # ASCII alone, whatever the encoding of the terminal.
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
        return
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        _write(Path(path), text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}, need a file that can be written") from None


def _write(target: Path, text: str) -> None:
    if target.exists() and not target.is_file():  # a pipe or a device has no other name to be renamed from
        target.write_text(text, encoding="utf-8", errors=_ESCAPED)
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors=_ESCAPED) as file:
            file.write(text)
        beside.chmod(0o644)  # mkstemp's files are for their owner alone
        beside.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise
