"""A file with a secret, read again when it has changed: a secret is replaced without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .errors import ConfigError
from .secret import Secret

logger = logging.getLogger(__name__)

MAX_SECRET_BYTES: Final = 64 << 10
"""A certificate chain has a few kilobytes; a file that is larger is the wrong one."""

_Mark = tuple[int, int, int]


class SecretFile:
    """The present contents of a file.

    Parameters
    ----------
    path : Path
    where : str
        The setting that names it, for messages.
    accepts : callable
        Whether a text can be the secret. What cannot is not used: the last one that could stays.

    Raises
    ------
    ConfigError
        If there is nothing usable in it to begin with.
    """

    def __init__(self, path: Path, where: str, accepts: Callable[[str], object] = bool) -> None:
        self._path, self._where, self._accepts = path, where, accepts
        self._lock = threading.Lock()
        self._mark = _mark(path)
        self._value = read(path, where)
        if not accepts(self._value):
            raise ConfigError(f"{where}: {path}: found something else, need a file with the secret")

    def __call__(self) -> str:
        """The secret as it stands in the file now, or as it last did."""
        with self._lock:
            mark = _mark(self._path)
            if mark != self._mark:
                self._mark = mark
                self._reread()
            return self._value

    def secret(self) -> Secret:
        """The file as a secret that follows it."""
        return Secret(self._value, self)

    def _reread(self) -> None:
        try:
            value = read(self._path, self._where)
        except ConfigError as error:
            logger.warning("%s; the last one is used", error)
            return
        if self._accepts(value):
            self._value = value
            logger.info("%s: %s: read again", self._where, self._path)
        else:
            logger.warning("%s: %s: found something else; the last one is used", self._where, self._path)


def read(path: Path, where: str) -> str:
    """What a file of secrets holds; an empty one is a mistake, not an absent secret.

    Raises
    ------
    ConfigError
        If it cannot be read, or is empty.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        text = raw.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: {path}: not readable, need a file with the secret") from error
    if len(raw) > MAX_SECRET_BYTES:
        raise ConfigError(
            f"{where}: {path}: found more than {MAX_SECRET_BYTES:,} bytes, need a file with the secret"
        )
    if not text:
        raise ConfigError(f"{where}: {path}: found it empty, need a file with the secret")
    return text


def _mark(path: Path) -> _Mark | None:
    """What changes whenever a file is written or replaced; None if it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
