"""Pages and images as files that are there as a whole, or as they were before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .page import to_html
from .png import to_png

if TYPE_CHECKING:
    from ..report import Report
    from .about import About


def write_html(report: Report, path: str | os.PathLike[str], about: About | None = None) -> None:
    """Write a report as one HTML page; see `to_html`.

    Raises
    ------
    ConfigError
        If the file cannot be written, or Jinja is not installed. A file that was there stays as it was.
    """
    _write({Path(path): to_html(report, about).encode()})


def write_png(
    report: Report, folder: str | os.PathLike[str], *, on_image: Callable[[int], None] | None = None
) -> None:
    """Write `summary.png` and an image of every column into a folder, which is made if its parent is there.

    Parameters
    ----------
    report : Report
        Of `check`, in the process that made it.
    folder : path
        Images of the same names are replaced, other files stay.
    on_image : callable, optional
        Told 1 after each image, for progress.

    Raises
    ------
    ConfigError
        If a file cannot be written, or Matplotlib is not installed. Images that were there stay as they were.
    """
    target = Path(folder)
    if not target.parent.is_dir():
        raise ConfigError(f"{folder}: found no folder {str(target.parent)!r}, need it for this one")
    images = {}
    for name, image in to_png(report):
        images[target / name] = image
        if on_image is not None:
            on_image(1)
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}, need a folder that can be written") from None
    _write(images)


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write files: all of them beside their names, and when that succeeded, over them."""
    beside: dict[Path, Path] = {}
    target = Path()
    try:
        for target, content in contents.items():
            if target.exists() and not target.is_file():  # a pipe or a device, which no file may replace
                target.write_bytes(content)
                continue
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=".report-", suffix=".tmp")
            beside[target] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            beside[target].chmod(0o644)  # mkstemp's files are for their owner alone
        for target, temporary in beside.items():
            temporary.replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}, need a file that can be written") from None
    finally:
        for temporary in beside.values():
            with suppress(FileNotFoundError):
                temporary.unlink()
