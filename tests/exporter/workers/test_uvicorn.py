from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Serve, Server

UVICORN = ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "2", "--log-level", "warning")
GAUGE = "model_drift_state"


def drifted(server: Server) -> bool:
    return server.total(GAUGE, feature_name="income") == 2


@pytest.mark.slow
def test_another_worker_takes_over(serve: Serve) -> None:
    """One of two workers checks the rows of both; killed, its gauges vanish until the other has checked."""
    server = serve("two", *UVICORN, "starlette_app:app", interval=1.0)
    workers = {
        server.predict([400_000.0 + row for row in range(50)], [f"{call}-{row}" for row in range(50)])
        for call in range(20)
    }
    server.wait_for(drifted)
    assert server.total("driftgauge_window_rows", window="1d") == 1_000
    for _ in range(5):  # whichever worker answers
        page = server.get("monitoring/drift/income").json()
        assert (page["state"], page["windows"]["1d"]["state"]) == ("drift", "drift")
    checks = server.total("driftgauge_checks_total")
    leader = server.leader()
    assert leader is not None
    ids, truth = [f"0-{row}" for row in range(50)], [True] * 50
    assert server.post("monitoring/outcomes", {"ids": ids, "y_true": truth})["joined"] == 50
    server.kill(leader)
    server.wait_for(lambda server: server.leader() not in (None, leader))
    server.wait_for(lambda server: not server.gauges(leader))
    server.wait_for(drifted)
    assert server.total("driftgauge_checks_total") > checks
    # Outcomes reach the detectors of whoever checks, through the store.
    server.wait_for(lambda server: server.total("model_concept_drift_state", detector="adwin") == 0)
    assert server.total("model_predictions_total") == 1_000
    assert workers
    assert json.loads(next(server.directory.glob("*.json")).read_text())["memory"]
