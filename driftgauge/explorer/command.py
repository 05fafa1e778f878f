"""`driftgauge explore`: puts the page together and serves it until a signal ends it."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import logging
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ExplorerError

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.serving import BaseWSGIServer

    from .reader import Reader

NEEDS: Final = ("dash", "plotly", "requests")
BACKLOG: Final = 128
"""Connections that wait to be taken."""


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then.

    Raises
    ------
    ExplorerError
        If a package is missing, the address cannot be used, or anybody could reach a page without a password.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ExplorerError(
            f"found no {' and no '.join(missing)} in this Python, need the extra: "
            "pip install 'driftgauge[explore]'"
        )
    password = _password(arguments.password_file)
    from .app import build, is_loopback  # noqa: PLC0415 - Dash takes a second to import

    if password is None and not is_loopback(arguments.listen):
        raise ExplorerError(
            f"--listen {arguments.listen}: found no --password-file, need one on any address but loopback"
        )
    with listening(arguments.listen, arguments.port) as listener:
        application = build(reader_of(arguments), loopback=is_loopback(arguments.listen), password=password)
        server = _server(application, listener)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _end(server))
        host, port = listener.getsockname()[:2]
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(f"explorer: http://{where}", flush=True)  # noqa: T201 - a command line
        server.serve_forever()
        server.server_close()
    return 0


def reader_of(arguments: argparse.Namespace) -> Reader:
    """The programs that are asked, as the options name them."""
    from .clients import Alertmanager, Bridge, Exporter, Prometheus  # noqa: PLC0415 - they need requests
    from .options import EXPORTER  # noqa: PLC0415 - beside the others
    from .reader import Reader  # noqa: PLC0415 - as above
    from .transport import Place  # noqa: PLC0415 - as above

    def place(name: str, url: str, option: str) -> Place:
        return Place(name=name, url=url, token_file=getattr(arguments, f"{option}_token_file"))

    return Reader(
        prometheus=Prometheus(place("Prometheus", arguments.prometheus, "prometheus")),
        alertmanager=Alertmanager(place("Alertmanager", arguments.alertmanager, "alertmanager")),
        bridge=Bridge(place("bridge", arguments.bridge, "bridge")),
        exporters=[Exporter(place("exporter", url, "exporter")) for url in arguments.exporter or [EXPORTER]],
    )


def listening(address: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises
    ------
    ExplorerError
        Naming what is wrong with the address or the port, and the option that chooses another.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        found = "it is taken by another program" if error.errno == errno.EADDRINUSE else error.strerror
        raise ExplorerError(
            f"{address}:{port}: found that {found}, need a free one: choose it with --port or --listen"
        ) from error


def _server(application: Flask, listener: socket.socket) -> BaseWSGIServer:
    """A server on a socket that listens already; with its own it would end the process for a taken port."""
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - comes with Dash

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for each request
    host, port = listener.getsockname()[:2]

    class Handler(WSGIRequestHandler):
        def version_string(self) -> str:
            return "driftgauge"

    return make_server(
        host,
        port,
        application,
        threaded=True,
        request_handler=Handler,
        fd=listener.fileno(),
    )


def _end(server: BaseWSGIServer) -> None:
    # `shutdown` waits for the loop that this signal has interrupted, so that another thread has to call it.
    threading.Thread(target=server.shutdown, daemon=True).start()


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ExplorerError(
            f"--password-file {path}: found {type(error).__name__}, need a readable file"
        ) from error
    if not password:
        raise ExplorerError(f"--password-file {path}: found nothing, need a line with the password")
    return password
