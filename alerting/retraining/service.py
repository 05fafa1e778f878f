"""The composition root: state, runners, controller and addresses become one program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette

from ..access import Gate
from ..listening import SHUTDOWN_SECONDS, listening, serve
from ..loop import Loop
from .api import Api
from .config import RetrainingConfig
from .controller import Controller
from .metrics import RetrainingMetrics
from .mlflow import Mlflow
from .prometheus import Prometheus
from .recorder import Recording
from .state import Lead, State

logger = logging.getLogger(__name__)

RUNS_FOLDER: Final = "attempts"
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
    mlflow = Mlflow(config.mlflow, config.mlflow_token)
    controller = Controller(
        state=state,
        lead=Lead(config.state_directory),
        models=config.models,
        places=config.places,
        folder=config.state_directory / RUNS_FOLDER,
        keep_attempts=config.keep_attempts,
        see=Prometheus(config.prometheus, config.prometheus_token).see,
        metrics=metrics,
        clock=clock,
        trained_at=None if config.mlflow.tracking_uri is None else mlflow.trained_at,
    )
    registered = {
        name: model.registered_model
        for name, model in config.models.items()
        if model.registered_model is not None
    }
    recording = Recording(
        state=state, lead=controller.lead, recorder=mlflow, registered=registered, clock=clock
    )
    recorder = Loop(name="recorder", step=recording.step, failed=metrics.error)
    recording_thread = threading.Thread(target=recorder.run, name="recorder", daemon=True)
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
        if registered:
            recording_thread.start()
        yield
        loop.stop()
        recorder.stop()
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
    with listening(config.listen, backlog=LISTEN_BACKLOG) as listener:
        service = build(config)
        serve(service.application, listener, config.listen, name="retraining", backlog=LISTEN_BACKLOG)
