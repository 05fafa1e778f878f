"""Two versions of a model of which it is known when each is right, and a rollout of the second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Reference
from exporter.rollout import RolloutPolicy, RolloutPredictor, Stage

# A server's module, which reads its configuration when it is imported: no doctests to look for.
collect_ignore = ["served_app.py"]


class Knowing:
    """Answers the truth, which is its first column, but for the rows where its own column says 1."""

    def __init__(self, column: int) -> None:
        self.column = column
        self.fault: Exception | None = None
        self.rows = 0

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        if self.fault is not None:
            raise self.fault
        self.rows += len(X)
        return np.asarray(X[:, 0] != X[:, self.column]).astype(np.int64)


class SettableClock(Protocol):
    now: float

    def __call__(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


QUICK = RolloutPolicy(
    stages=(
        Stage(kind="shadow", min_rows=200, min_seconds=60.0),
        Stage(kind="canary", share=0.2, min_rows=500, min_seconds=60.0),
        Stage(kind="ab", share=0.5, min_rows=500, min_seconds=60.0),
    ),
    max_rows=10_000,
)
"""Small enough for a unit test, with one stage of each kind."""


def reference_of(version: str) -> Reference:
    """Reference of a version of the model `m`."""
    rng = np.random.default_rng(5)
    X = (rng.random((500, 3)) < 0.5).astype(float)
    truth = X[:, 0].astype(int)
    return Reference.fit(X, model_name="m", model_version=version, predictions=truth, labels=truth)


@pytest.fixture(scope="session")
def references() -> tuple[Reference, Reference]:
    return reference_of("1"), reference_of("2")


@pytest.fixture
def models() -> tuple[Knowing, Knowing]:
    """Models of champion and challenger."""
    return Knowing(1), Knowing(2)


Make = Callable[..., RolloutPredictor]


@pytest.fixture
def roll(
    registry: CollectorRegistry,
    clock: SettableClock,
    models: tuple[Knowing, Knowing],
    references: tuple[Reference, Reference],
    tmp_path: Path,
) -> Iterator[Make]:
    """A rollout without threads of versions 1 and 2 of the model `m`, on one state file."""

    def make(**options: Any) -> RolloutPredictor:
        pair = options.pop("models", models)
        settings: dict[str, Any] = {"registry": registry, "clock": clock, "background": False}
        settings.update(options.pop("predictors", {}))
        champion, challenger = (
            InstrumentedPredictor(
                model, name="m", version=reference.model_version, reference=reference, **settings
            )
            for model, reference in zip(pair, references, strict=True)
        )
        settings = {"policy": QUICK, "clock": clock, "background": False, "state_path": tmp_path / "r.json"}
        return RolloutPredictor(champion, challenger, **{**settings, **options})

    yield make  # noqa: PT022 - nothing runs in the background


class Traffic:
    """Rows with ids of their own whose truth is known, and how often each version is wrong about them."""

    def __init__(self, rng: np.random.Generator, clock: SettableClock) -> None:
        self.rng = rng
        self.clock = clock
        self.sent = 0

    def rows(self, n_rows: int, wrong: tuple[float, float]) -> tuple[NDArray[np.float64], list[str]]:
        """Table and ids of rows that champion and challenger get wrong at these rates."""
        truth = (self.rng.random(n_rows) < 0.5).astype(float)
        columns = [truth, *((self.rng.random(n_rows) < share).astype(float) for share in wrong)]
        ids = [f"row {self.sent + i}" for i in range(n_rows)]
        self.sent += n_rows
        return np.column_stack(columns), ids

    def send(self, rollout: RolloutPredictor, n_rows: int, wrong: tuple[float, float]) -> None:
        """Predict, record the truth, let a minute pass and look."""
        X, ids = self.rows(n_rows, wrong)
        self.clock.advance(30.0)
        rollout.predict(X, ids=ids)
        rollout.sync()
        rollout.record_outcomes(ids, X[:, 0].astype(int))
        self.clock.advance(31.0)
        rollout.sync()


@pytest.fixture
def traffic(rng: np.random.Generator, clock: SettableClock) -> Traffic:
    return Traffic(rng, clock)


LIMIT_SECONDS = 60.0
"""Until a state is reached; a busy machine takes its time."""


class Client:
    """Sends rows and their truth to a server over HTTP, as a team's own service would.

    With a lag the truth of a batch comes so many batches later.
    """

    def __init__(self, url: str, lag: int = 0) -> None:
        self.url = url
        self.sent = 0
        self.truths: deque[dict[str, Any]] = deque()
        self.lag = lag
        self.rng = np.random.default_rng(20130101)

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}/{path}", timeout=LIMIT_SECONDS)
        answer.raise_for_status()
        return answer.text if path == "metrics" else answer.json()

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self.url}/{path}", json=body, timeout=LIMIT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def send(self, n_rows: int = 200, wrong: tuple[float, float] = (0.3, 0.1)) -> None:
        """Predict rows that the two versions get wrong at these rates, then tell their truth."""
        truth = (self.rng.random(n_rows) < 0.5).astype(float)
        first, second = ((self.rng.random(n_rows) < share).astype(float) for share in wrong)
        ids = [f"row {self.sent + i}" for i in range(n_rows)]
        self.sent += n_rows
        rows = np.column_stack([truth, first, second]).tolist()
        self.post("predict", {"rows": rows, "ids": ids})
        self.truths.append({"ids": ids, "y_true": truth.astype(int).tolist()})
        if len(self.truths) > self.lag:
            self.post("outcomes", self.truths.popleft())

    def answers_of(self, version: str) -> bool:
        """Whether rows that only this version gets right are all answered rightly."""
        wrong = [1.0, 0.0] if version == "2" else [0.0, 1.0]
        body = {"rows": [[float(i % 2), *wrong] for i in range(20)]}
        return bool(self.post("predict", body)["predictions"] == [i % 2 for i in range(20)])

    def until(
        self, reached: Callable[[dict[str, Any]], bool], wrong: tuple[float, float] = (0.3, 0.1)
    ) -> dict[str, Any]:
        """Send rows until the rollout has come so far."""
        end = time.monotonic() + LIMIT_SECONDS
        while not reached(status := self.get("rollout")):
            assert time.monotonic() < end, status
            self.send(wrong=wrong)
        return dict(status)
