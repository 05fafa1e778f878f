"""The state of a rollout in a small JSON file that several workers share.

Who holds the lock reads what all others have written, adds what it has seen itself, decides and writes: so
each decision is made once, on everything that is known. The file is replaced as a whole; a process that is
killed leaves the one before, and its lock goes with it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..durable import replace_file
from ..errors import ConfigError, StoreError
from ..reference.document import dumps
from .state import RolloutState, decode, encode

FORMAT: Final = "driftgauge-rollout"
FORMAT_VERSION: Final = 1


class StateFile:
    """A state file and its lock, which is a file beside it.

    Parameters
    ----------
    path : path
        On a local disk; the folder must be there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; others wait.

        Raises
        ------
        StoreError
            If the folder is not there or may not be written to.
        """
        try:
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be locked ({error.strerror}), need a folder to write to"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> RolloutState | None:
        """What the file holds; None if there is none.

        Raises
        ------
        ConfigError
            If it is damaged, or no state of a rollout.
        StoreError
            If it cannot be read.
        """
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read ({error.strerror}), need a state file") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"{self.path}: damaged (no JSON: {error}), need the file as it was saved"
            ) from error
        found = (
            (document.get("format"), document.get("format_version")) if isinstance(document, dict) else None
        )
        if found != (FORMAT, FORMAT_VERSION):
            raise ConfigError(f"{self.path}: found {found}, need {FORMAT} of version {FORMAT_VERSION}")
        try:
            return decode(document)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from error

    def write(self, state: RolloutState) -> None:
        """Replace the file; only under the lock.

        Raises
        ------
        StoreError
            If it cannot be written; the file is then as it was.
        """
        try:
            replace_file(
                self.path, dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **encode(state)})
            )
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be written ({error.strerror}), need room and a folder to write to"
            ) from error
