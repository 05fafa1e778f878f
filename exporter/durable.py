"""A file that is there as a whole or as it was before, whatever happens while it is written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_file(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file: beside its final name, forced to disk, and renamed over it."""
    target = Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for their owner alone; these are read by other users' processes.
        os.chmod(name, 0o644)  # noqa: PTH101 - the name is text
        os.replace(name, target)  # noqa: PTH105 - same
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - same
        raise
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
