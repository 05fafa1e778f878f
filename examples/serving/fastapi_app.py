"""A FastAPI application whose requests are checked by its types, with the exporter's paths beside its own.

uvicorn --app-dir examples/serving fastapi_app:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from model import measured_model, rows_of
from pydantic import BaseModel, Field

from exporter.adapters.asgi import MonitoringMiddleware

predictor = measured_model()


class Loan(BaseModel):
    """A loan that is asked for."""

    income: float = Field(gt=0)
    age: float = Field(ge=18)


class Request(BaseModel):
    """Loans, and the names by which their outcomes will come."""

    rows: list[Loan] = Field(min_length=1)
    ids: list[str] | None = None


class Response(BaseModel):
    """Probability of each that it is paid back."""

    paid_back: list[float]
    worker: int


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """What still waits is folded when the server stops."""
    yield
    predictor.close()


app = FastAPI(title="Loans", lifespan=lifespan)
app.add_middleware(MonitoringMiddleware, predictor=predictor)


@app.post("/predict")
def predict(request: Request) -> Response:
    """Not `async`: FastAPI then runs it in a thread, and the event loop goes on answering."""
    table, ids = rows_of(request.model_dump())
    answer = predictor.predict_proba(table, ids=ids)
    return Response(paid_back=answer[:, 1].tolist(), worker=os.getpid())
