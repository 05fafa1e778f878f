from __future__ import annotations

import json
import math

import pytest

from driftgauge.demo.status import Alert, Status, Tally, Watcher, fetch_text, read_alerts

MODEL = """\
# TYPE demo_simulated_timestamp_seconds gauge
demo_simulated_timestamp_seconds 1.3648e+09
# TYPE demo_replay_progress_ratio gauge
demo_replay_progress_ratio 0.25
# TYPE model_predictions_total counter
model_predictions_total{model_name="m",model_version="1"} 5000.0
# TYPE model_outcomes_total counter
model_outcomes_total{model_name="m",model_version="1",outcome="joined"} 4000.0
model_outcomes_total{model_name="m",model_version="1",outcome="duplicate"} 7.0
# TYPE model_drift_state gauge
model_drift_state{feature_name="wind",model_name="m",model_version="1"} 2.0
model_drift_state{feature_name="age",model_name="m",model_version="1"} 2.0
model_drift_state{feature_name="hour",model_name="m",model_version="1"} 1.0
model_drift_state{feature_name="dest",model_name="m",model_version="1"} -1.0
"""

BRIDGE = """\
# TYPE bridge_deliveries_total counter
bridge_deliveries_total{receiver="slack",outcome="delivered"} 3.0
bridge_deliveries_total{receiver="pager",outcome="delivered"} 1.0
bridge_deliveries_total{receiver="slack",outcome="rejected"} 9.0
"""


def alert(name: str, state: str = "firing", **labels: str) -> dict[str, object]:
    """An alert as Prometheus tells it."""
    return {"labels": {"alertname": name, **labels}, "state": state, "activeAt": "2026-01-01T00:00:00Z"}


def answer(*alerts: dict[str, object]) -> str:
    """An answer of /api/v1/alerts."""
    return json.dumps({"status": "success", "data": {"alerts": alerts}})


ALERTS = answer(
    alert("Watchdog", severity="none"),
    alert("ModelDriftDetected", severity="warning", feature_name="wind"),
    alert("ModelDriftDetected", state="pending", severity="warning", feature_name="age"),
    alert("ModelTargetDown", severity="warning", instance="127.0.0.1:9108"),
)


def test_a_status_is_what_the_parts_answer() -> None:
    """Numbers come from the model's and the bridge's metrics, alerts from Prometheus."""
    pages: dict[str, str | None] = {"m": MODEL, "b": BRIDGE, "p/api/v1/alerts": ALERTS}
    status = Watcher(model_url="m", bridge_url="b", prometheus_url="p", fetch=pages.get).look()
    assert status == Status(
        simulated_at=1.3648e9,
        progress=0.25,
        rows=5000,
        outcomes=4000,
        features=3,
        drifted=("age", "wind"),
        firing=frozenset(
            [
                Alert("ModelDriftDetected", "wind", "warning"),
                Alert("ModelTargetDown", "127.0.0.1:9108", "warning"),
            ]
        ),
        delivered=4,
    )


def test_an_inbox_tells_its_messages_and_their_updates() -> None:
    """Where the inbox stands for Slack, what it shows counts: messages, replies in threads, and updates."""
    counters = {"posted": 2, "replied": 1, "updated": 5, "refused": 4}
    pages = {"i/api/messages": json.dumps({"counters": counters, "messages": []})}
    status = Watcher(model_url="m", bridge_url="b", inbox_url="i", fetch=pages.get).look()
    assert (status.delivered, status.updated) == (3, 5)


def test_a_part_that_does_not_answer_leaves_its_numbers() -> None:
    """One missed answer does not turn numbers back to nothing."""
    pages: dict[str, str | None] = {"m": MODEL, "b": BRIDGE, "p/api/v1/alerts": ALERTS}
    watcher = Watcher(model_url="m", bridge_url="b", prometheus_url="p", fetch=pages.get)
    before = watcher.look()
    pages.clear()
    assert watcher.look() == before


def test_without_prometheus_alerts_are_unknown_rather_than_none() -> None:
    """No one to ask is not the same as nothing firing."""
    status = Watcher(model_url="m", bridge_url="b", fetch={"m": MODEL}.get).look()
    assert status.firing is None
    assert status.rows == 5000
    assert status.delivered == 0


def test_the_watchdog_and_pending_alerts_do_not_count_as_firing() -> None:
    """One always fires, the other does not fire yet."""
    waiting = alert("ModelDriftDetected", state="pending")
    assert read_alerts(answer(alert("Watchdog"), waiting)) == frozenset()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ModelDriftDetected", True),
        ("ModelManyFeaturesDrifted", True),
        ("ModelPredictionDrift", True),
        ("ModelDriftUnknown", False),
        ("ModelTargetDown", False),
    ],
)
def test_drift_alerts_are_those_that_say_something_drifts(name: str, *, expected: bool) -> None:
    """Not to know whether something drifts is not a drift alert."""
    assert Alert(name, "", "warning").is_drift is expected


def test_a_drift_alert_counts_once_however_often_and_severely_it_fires() -> None:
    """Warning, critical and back again are one alert; another feature is another."""
    tally = Tally()
    for firing in (
        [Alert("ModelDriftDetected", "wind", "warning")],
        [Alert("ModelDriftDetected", "wind", "warning"), Alert("ModelDriftDetected", "wind", "critical")],
        [],
        [Alert("ModelDriftDetected", "wind", "warning"), Alert("ModelDriftDetected", "age", "warning")],
        [Alert("ModelTargetDown", "", "warning")],
    ):
        tally.add(Status(firing=frozenset(firing)), 1.0)
    assert list(tally.drift_alerts) == [("ModelDriftDetected", "wind"), ("ModelDriftDetected", "age")]


def test_the_first_message_is_remembered() -> None:
    """It is when a delivered message was first seen, not the latest."""
    tally = Tally()
    for seconds, delivered in ((5.0, 0), (31.0, 2), (40.0, 3)):
        tally.add(Status(delivered=delivered), seconds)
    assert tally.first_message_seconds == 31.0
    assert math.isnan(tally.last.simulated_at)


def test_an_address_where_nobody_listens_gives_no_text(free_port: int) -> None:
    """A refused connection is an absent answer, not an exception."""
    assert fetch_text(f"http://127.0.0.1:{free_port}/") is None
