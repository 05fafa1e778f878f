"""The options of `driftgauge explore`. Imports nothing heavy, since every command line builds this parser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # its only name

DEFAULT_PORT: Final = 8050
DEFAULT_ADDRESS: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65_535

PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
BRIDGE, EXPORTER = "http://127.0.0.1:9109", "http://127.0.0.1:9108"
"""Where the demo, and a stack with our defaults, has them."""

_EPILOG = """\
Needs the extra `explore`. What does not answer is said in the page, which shows the rest. Tokens are files
with one line, read again at each call.
"""


def register(subparsers: Subparsers) -> None:
    """Add the command `explore`."""
    parser = subparsers.add_parser(
        "explore",
        help="look into drift in the browser: which feature, since when, how far, and who is on it",
        description="One page over Prometheus, Alertmanager, the bridge and the exporter.",
        epilog=_EPILOG,
    )
    parser.add_argument("--prometheus", type=_url, metavar="URL", default=PROMETHEUS, help=_DEFAULT)
    parser.add_argument("--alertmanager", type=_url, metavar="URL", default=ALERTMANAGER, help=_DEFAULT)
    parser.add_argument("--bridge", type=_url, metavar="URL", default=BRIDGE, help=_DEFAULT)
    parser.add_argument(
        "--exporter",
        type=_url,
        metavar="URL",
        action="append",
        help=f"of a model; may be given for each (default: {EXPORTER})",
    )
    for name in ("prometheus", "alertmanager", "bridge", "exporter"):
        parser.add_argument(
            f"--{name}-token-file", type=Path, metavar="FILE", help=f"bearer token for --{name}"
        )
    parser.add_argument(
        "--listen", metavar="ADDRESS", default=DEFAULT_ADDRESS, help="address (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, metavar="PORT", default=DEFAULT_PORT, help="port (default: %(default)s)"
    )
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="what everybody has to show; needed on any address but loopback, since the page can acknowledge",
    )
    parser.set_defaults(run=_run)


_DEFAULT: Final = "(default: %(default)s)"


def _run(arguments: argparse.Namespace) -> int:
    from .command import run  # noqa: PLC0415  # the heavy half

    return run(arguments)


def _url(text: str) -> str:
    """A base address, without the slash at its end."""
    try:
        parts = urlsplit(text)
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        )
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"found {text!r}, need a URL such as {PROMETHEUS}")
    return text.rstrip("/")


def _port(text: str) -> int:
    """A port; 0 is any that is free."""
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"found {text!r}, need a port from 0 to {HIGHEST_PORT}")
    return int(text)
