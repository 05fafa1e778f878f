"""One of several processes does what only one should: a lock on a file, which dies with its holder.

A POSIX record lock, not `flock`: a forked child has none of its parent's, so that what a preloading server
holds never counts as its workers'.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from .errors import StoreError


class Election:
    """Stands for one office among the processes of a machine.

    Parameters
    ----------
    path : Path
        File of the lock, on a local disk; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._process = 0

    @property
    def leading(self) -> bool:
        """Whether this process holds the office; a child that was forked does not."""
        return self._file is not None and self._process == os.getpid()

    def stand(self) -> bool:
        """Take the office if nobody has it; whether this process holds it now.

        Raises
        ------
        StoreError
            If the file cannot be made.
        """
        if self.leading:
            return True
        self._let_go()
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path}: cannot be locked ({error.strerror}), need a folder to write to"
            ) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody has it
            os.close(file)
            return False
        self._file, self._process = file, os.getpid()
        return True

    def resign(self) -> None:
        """Give the office up, if this process holds it."""
        self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            # In a child this closes what it inherited; the parent's lock stays.
            with suppress(OSError):
                os.close(self._file)
            self._file = None
