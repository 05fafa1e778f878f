"""The composition root: state, runners, controller and addresses become one program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.applications import Starlette

from ..access import Gate
from ..errors import OutboxError, PortTakenError
from ..loop import Loop
from .api import Api
from .config import RetrainingConfig
from .controller import Controller
from .metrics import RetrainingMetrics
from .prometheus import Prometheus
from .state import Lead, State

logger = logging.getLogger(__name__)

RUNS_FOLDER: Final = "attempts"
SHUTDOWN_SECONDS: Final = 10
"""How long running requests and the present look may take to finish after SIGTERM."""
LISTEN_BACKLOG: Final = 128


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts, wired together and not yet running."""

    controller: Controller
    loop: Loop
    application: Starlette


def build(config: RetrainingConfig, *, clock: Callable[[], float] = time.time) -> Service:
    """The parts of a configuration.

    Raises
    ------
    OutboxError
        If the state cannot be used.
    """
    # At debug level it logs addresses, which may hold secrets.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    state = State(config.state_directory)
    metrics = RetrainingMetrics(state, tuple(config.models))
    controller = Controller(
        state=state,
        lead=Lead(config.state_directory),
        models=config.models,
        places=config.places,
        folder=config.state_directory / RUNS_FOLDER,
        see=Prometheus(config.prometheus, config.prometheus_token).see,
        metrics=metrics,
        clock=clock,
    )
    loop = Loop(name="retraining", step=controller.step, failed=metrics.error)
    thread = threading.Thread(target=loop.run, name="retraining", daemon=True)
    api = Api(
        state=state,
        models=config.models,
        metrics=metrics,
        gate=Gate(config.access.tokens),
        secrets=config.webhook_secrets,
        open_metrics=config.access.open_metrics,
        alive=thread.is_alive,
        told=loop.wake.set,
        clock=clock,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        thread.start()
        yield
        loop.stop()
        # Trainings go on: the next start finds them.
        await asyncio.to_thread(thread.join, SHUTDOWN_SECONDS)
        if not thread.is_alive():
            controller.lead.release()

    return Service(
        controller=controller, loop=loop, application=Starlette(routes=api.routes(), lifespan=lifespan)
    )


def run(config: RetrainingConfig) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; trainings go on.

    Raises
    ------
    OutboxError, PortTakenError
        If it cannot start.
    """
    with _listening(config) as listener:
        service = build(config)
        server = uvicorn.Server(
            uvicorn.Config(
                service.application,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                backlog=LISTEN_BACKLOG,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                ssl_certfile=config.listen.tls_certificate_file,
                ssl_keyfile=config.listen.tls_key_file,
            )
        )
        # uvicorn catches both while it runs and raises them again when it has stopped: old news by then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        logger.info("retraining: listening on %s:%d", *listener.getsockname()[:2])
        server.run(sockets=[listener])
        if not server.started:
            raise OutboxError("retraining: found it unable to start (see the log above), need a usable state")


@contextlib.contextmanager
def _listening(config: RetrainingConfig) -> Iterator[socket.socket]:
    """A socket on the configured address; taken now, so that a taken port is an error of one line."""
    address, port = config.listen.address, config.listen.port
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=LISTEN_BACKLOG)
    except OSError as error:
        lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if lookup or error.errno is None else os.strerror(error.errno)
        raise PortTakenError(
            f"listen: found {address}:{port} not usable ({reason}), need a free port of this machine"
        ) from error
    with listener:
        yield listener
