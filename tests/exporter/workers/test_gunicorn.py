from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Series, Serve, Server

GUNICORN = ("gunicorn", "-b", "127.0.0.1:{port}", "-c", "examples/serving/gunicorn.conf.py")
CALLS, ROWS = 40, 5

COUNTED = (
    "model_predictions_total", "model_prediction_calls_total", "model_feature_bin_total",
    "model_feature_missing_total", "model_feature_out_of_range_total", "model_predicted_class_total",
    "model_prediction_score_bucket", "model_prediction_score_count", "model_outcomes_total",
    "model_outcome_lag_seconds_count", "model_errors_total", "driftgauge_observations_dropped_total",
)  # fmt: skip
"""What the same traffic must give whoever predicted it; only how long it took may differ."""


def counted(server: Server) -> dict[Series, float]:
    return {series: value for series, value in server.metrics().items() if series[0] in COUNTED}


def traffic(server: Server, calls: range) -> set[int]:
    """Workers that answered."""
    return {
        server.predict(
            [20_000.0 + 1_000 * call + 100 * row for row in range(ROWS)],
            [f"{call}-{row}" for row in range(ROWS)],
        )
        for call in calls
    }


@pytest.mark.slow
def test_eight_workers_count_as_one_does(serve: Serve) -> None:
    """Same traffic, same totals: of a preloaded model, over restarts by request count and a kill -9."""
    one = serve("one", *GUNICORN, "-w", "1", "--max-requests", "30", "flask_app:app")
    eight = serve("eight", *GUNICORN, "-w", "8", "--preload", "--max-requests", "5", "flask_app:app")
    workers = traffic(eight, range(CALLS // 2))
    # What a worker has not folded dies with it, at most half a second's; so it is killed after that.
    eight.wait_for(lambda server: server.total("model_predictions_total") == CALLS // 2 * ROWS)
    eight.kill(next(pid for pid in eight.workers() if pid != eight.process.pid))
    workers |= traffic(eight, range(CALLS // 2, CALLS))
    traffic(one, range(CALLS))
    for server in (one, eight):
        server.wait_for(lambda server: server.total("model_predictions_total") == CALLS * ROWS)
        ids = [f"{call}-0" for call in range(CALLS)]
        assert server.post("monitoring/outcomes", {"ids": ids, "y_true": [True] * CALLS})["joined"] == CALLS
        server.wait_for(lambda server: server.total("model_outcomes_total") == CALLS)
    assert len(workers) > 8
    assert counted(eight) == counted(one)
    assert not any(name.endswith("_created") for name, _ in eight.metrics())
    assert eight.process.pid not in workers
    assert eight.leader() != eight.process.pid
