"""A Starlette application with the exporter mounted below /monitoring.

uvicorn --app-dir examples/serving starlette_app:app
PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) uvicorn --app-dir examples/serving --workers 4 starlette_app:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from model import measured_model, rows_of
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from exporter.adapters.asgi import monitoring_app

predictor = measured_model()


async def predict(request: Request) -> JSONResponse:
    """Probability that each loan is paid back."""
    table, ids = rows_of(await request.json())
    answer = await run_in_threadpool(predictor.predict_proba, table, ids=ids)
    return JSONResponse({"paid_back": answer[:, 1].tolist(), "worker": os.getpid()})


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """What still waits is folded when the server stops."""
    yield
    predictor.close()


app = Starlette(
    routes=[
        Route("/predict", predict, methods=["POST"]),
        Mount("/monitoring", monitoring_app(predictor)),
    ],
    lifespan=lifespan,
)
