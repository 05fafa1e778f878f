"""What a predictor answers when something behind it is away, refuses, or fails."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client import CollectorRegistry

from exporter import InstrumentedPredictor, Reference
from exporter.answers import Answers, QueriedPage
from exporter.errors import ConfigError, ObservationError, StoreError
from exporter.observation import Observations
from exporter.server import MetricsServer, ServerOptions
from exporter.stores.buffering import BufferingStore
from exporter.stores.memory import MemoryStore

SENTINEL = -1.7976931348623157e308
"""What some databases write for a missing number: the lowest of all."""


class Away(MemoryStore):
    """A store that is away, or holds something else."""

    def __init__(self, trouble: Exception) -> None:
        super().__init__()
        self.trouble = trouble

    def append(self, observations: Observations) -> None:
        raise self.trouble


def answered(predictor: InstrumentedPredictor, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    answers = Answers(predictor.registry, predictor.pages, predictor.actions)
    answer = answers.post(path, json.dumps(body).encode())
    return answer.status, json.loads(answer.body)


def regression(store: MemoryStore | BufferingStore | None = None) -> InstrumentedPredictor:
    """A model that doubles its only feature, and predicted 200 rows."""
    table = np.random.default_rng(7).normal(size=(200, 1))
    reference = Reference.fit(
        table, features=["a"], model_name="m", model_version="1",
        predictions=2.0 * table[:, 0], labels=2.0 * table[:, 0] + 0.1 * np.sin(np.arange(200.0)),
    )  # fmt: skip
    predictor = InstrumentedPredictor(
        lambda rows: 2.0 * rows[:, 0],
        name="m", version="1", reference=reference, store=store, background=False,
    )  # fmt: skip
    predictor(table, ids=range(200))
    return predictor


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (StoreError("store: found it away, need it here"), 503),
        (ObservationError("ids: found nothing, need a list"), 400),
        (ConfigError("catalog: found nothing, need one"), 400),
        (TypeError("a fault"), 500),
    ],
)
def test_a_status_says_whether_to_send_again(problem: Exception, status: int) -> None:
    """A store that is away is no fault of whoever sends: they keep what they have, and send it again."""

    def fails(_: Any) -> Mapping[str, Any]:
        raise problem

    answer = Answers(CollectorRegistry(), {}, {"outcomes": fails}).post("/outcomes", b"{}")
    told = json.loads(answer.body)["error"]
    assert (answer.status, told) == (status, "the model raised TypeError" if status == 500 else str(problem))


@pytest.mark.parametrize("trouble", [StoreError("place: found it away"), ConfigError("place: found another")])
def test_outcomes_for_a_store_that_cannot_be_used_are_to_be_sent_again(trouble: Exception) -> None:
    """None of them is lost by an answer that says they were wrong."""
    predictor = regression(BufferingStore(Away(trouble)))
    status, told = answered(predictor, "/outcomes", {"ids": [1], "y_true": [1.0]})
    assert (status, told) == (503, {"error": str(trouble)})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"ids": [["a"]], "y_true": [1]},
            "outcomes: ids: found list ['a'] at 0, need text, numbers or tuples",
        ),
        (
            {"ids": ["a"], "y_true": [[1, 2]]},
            "outcomes: y_true: found list [1, 2] at 0, need a single value for each id",
        ),
    ],
)
def test_outcomes_that_are_none_are_their_senders_fault(body: Mapping[str, Any], message: str) -> None:
    """What was found and what is needed, where there is no reference that would make it None, too."""
    predictor = InstrumentedPredictor(
        lambda rows: rows, name="m", version="1", background=False, registry=CollectorRegistry()
    )
    assert answered(predictor, "/outcomes", body) == (400, {"error": message})


@pytest.mark.parametrize(
    "page",
    [
        lambda _: {"value": math.inf},
        lambda _: {"value": math.nan},
        lambda _: {"value": object()},
        lambda _: 1 / 0,
        QueriedPage(lambda _, query: {"value": query["missing"]}),
    ],
    ids=["infinity", "NaN", "no JSON", "a fault", "a fault with a query"],
)
def test_a_page_that_fails_answers_in_words(
    page: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong: a connection that is closed without an answer looks like a server that is down."""
    server = MetricsServer(CollectorRegistry(), ServerOptions(port=0), {"performance": page})
    try:
        with caplog.at_level(logging.ERROR, "driftgauge.server"):
            answer = requests.get(f"{server.url}/performance/x?y=z", timeout=5)
    finally:
        server.close()
    assert answer.status_code == 500
    assert "the exporter's log says why" in answer.json()["error"]
    assert caplog.records[-1].exc_info is not None


def test_one_outcome_that_stands_for_none_hides_nothing_else() -> None:
    """Measures that it makes impossible say so, no gauge is infinite, and every page answers."""
    predictor = regression()
    truth = 2.0 * np.random.default_rng(7).normal(size=(200, 1))[:, 0] + 0.1
    truth[5] = SENTINEL
    assert predictor.record_outcomes(range(200), truth).joined == 200
    predictor.check_now()
    answers = Answers(predictor.registry, predictor.pages, predictor.actions)
    for path in ("/drift", "/drift/a", "/performance", "/effects"):
        assert answers.get(path, "", "").status == 200, path
    measures = json.loads(answers.get("/performance", "", "").body)["windows"]["1h"]["performance"][
        "measures"
    ]
    assert measures["rmse"]["value"] is None
    assert measures["rmse"]["reason"] == "the numbers are too large to compute it"
    shown = [line for line in answers.get("/metrics", "", "").body.decode().splitlines() if line[:1] != "#"]
    assert not [
        line for line in shown if line.startswith("model_") and line.endswith((" +Inf", " NaN", " -Inf"))
    ]
