"""The report as a page and as images: what `check` and `compare` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..rendering import write_html, write_png
from ..rendering.packages import require_packages
from .output import STANDARD_OUTPUT, require_folder
from .progress import reading

if TYPE_CHECKING:
    from ..rendering import About
    from ..report import Report


def require_rendering(arguments: argparse.Namespace, json: str | None) -> None:
    """Refuse what cannot be written, or made without a package, before the work for it begins.

    Raises
    ------
    ConfigError
        That names the option or the path.
    """
    html, png = arguments.html, arguments.png
    if html is not None:
        require_packages("--html", "jinja2")
        if html == STANDARD_OUTPUT:
            raise ConfigError("--html: found '-', need the path of a file")
        require_folder(html)
        if html == json:
            raise ConfigError(f"{html}: found it for JSON and for --html, need a path for each")
    if png is not None:
        require_packages("--png", "matplotlib")
        _require_place(png)


def write_rendered(arguments: argparse.Namespace, report: Report, about: About) -> None:
    """Write what was asked for."""
    if arguments.html is not None:
        write_html(report, arguments.html, about)
    if arguments.png is not None:
        with reading("drawing", len(report.columns) + 1, unit="images") as on_image:
            write_png(report, arguments.png, on_image=on_image)


def _require_place(folder: str) -> None:
    path = Path(folder)
    try:
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{folder}: found a file, need a folder for images")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{folder}: found no folder {str(path.parent)!r}, need it for this one")
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}, need a path that can be written") from None
