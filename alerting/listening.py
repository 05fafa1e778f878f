"""An address is taken, and an application is served on it until it is told to end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from .config import Listen
from .errors import OutboxError, PortTakenError

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS: Final = 10
"""How long running requests and loops may take to finish after SIGTERM."""


@contextlib.contextmanager
def listening(listen: Listen, *, backlog: int) -> Iterator[socket.socket]:
    """A socket on the configured address; taken first, so that a taken port is an error of one line.

    Raises
    ------
    PortTakenError
        If the address is not this machine's, or not free.
    """
    address, port = listen.address, listen.port
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=backlog)
    except OSError as error:
        # create_server repeats the address in its words; a name that cannot be looked up has only its own.
        lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if lookup or error.errno is None else os.strerror(error.errno)
        raise PortTakenError(
            f"listen: found {address}:{port} not usable ({reason}), need a free port of this machine"
        ) from error
    with listener:
        yield listener


def serve(
    application: Starlette, listener: socket.socket, listen: Listen, *, name: str, backlog: int
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way.

    Raises
    ------
    OutboxError
        If the application cannot start.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            backlog=backlog,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ssl_certfile=listen.tls_certificate_file,
            ssl_keyfile=listen.tls_key_file,
        )
    )
    # uvicorn catches both while it runs and raises them again when it has stopped: old news by then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    logger.info("%s: listening on %s:%d", name, *listener.getsockname()[:2])
    server.run(sockets=[listener])
    if not server.started:
        raise OutboxError(f"{name}: found it unable to start (see the log above), need a usable state")
