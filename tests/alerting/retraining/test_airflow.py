from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alerting import web
from alerting.retraining.airflow import AirflowRunner
from alerting.retraining.order import Absent, Broken, Busy, Done, Order
from alerting.secret import Secret

from .http_fake import Asked, Server, Told

RUNS = "/api/v2/dags/retrain%20it/dagRuns"


@dataclass
class FakeAirflow:
    """As much of Airflow's API of version 2 as is called, on this machine."""

    states: dict[str, str] = field(default_factory=dict)
    confs: list[dict[str, Any]] = field(default_factory=list)
    returned: Any = None
    token: str = "first"
    logins: int = 0
    http: Server = field(init=False)

    def __post_init__(self) -> None:
        self.http = Server(self.answer)

    def answer(self, request: Asked) -> Told:
        """One call."""
        if request.path == "/auth/token":
            self.logins += 1
            good = json.loads(request.body) == {"username": "dg", "password": "pass"}
            return Told(201, {"access_token": self.token}) if good else Told(401, {})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Told(401, {"detail": "Invalid JWT token"})
        if not request.path.startswith(RUNS):
            return Told(404, {"detail": "DAG not found"})
        name = request.path.removeprefix(RUNS).strip("/").partition("/")[0]
        if request.method == "POST":
            body = json.loads(request.body)
            assert set(body) == {"dag_run_id", "logical_date", "conf"}
            if body["dag_run_id"] in self.states:
                return Told(409, {"detail": "DAGRun already exists"})
            self.states[body["dag_run_id"]] = "queued"
            self.confs.append(body["conf"])
            return Told(200, {"dag_run_id": body["dag_run_id"], "state": "queued"})
        if name not in self.states:
            return Told(404, {"detail": "DAGRun not found"})
        if request.method == "PATCH":
            self.states[name] = json.loads(request.body)["state"]
        if request.path.endswith("/taskInstances/train/xcomEntries/return_value"):
            return Told(200, {"key": "return_value", "value": self.returned})
        return Told(200, {"dag_run_id": name, "state": self.states[name]})


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    """A fake Airflow on a free port."""
    fake = FakeAirflow()
    with fake.http:
        yield fake


def runner(airflow: FakeAirflow, **options: Any) -> AirflowRunner:
    """A runner that Airflow knows."""
    values: dict[str, Any] = {
        "url": airflow.http.url,
        "dag_id": "retrain it",
        "result_task": "train",
        "token": Secret("first"),
        "timeouts": web.Timeouts(connect=2.0, read=2.0),
        **options,
    }
    return AirflowRunner(**values)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """An attempt."""
    return Order(name="driftgauge-delay-0123456789ab-1", folder=tmp_path / "a", document={"run_id": 1})


def test_a_dag_is_triggered_once_for_an_order(airflow: FakeAirflow, order: Order) -> None:
    """Its run has the attempt's name, so that Airflow itself refuses a second one."""
    there = runner(airflow)
    assert there.look(order) == Absent()
    assert there.start(order) is None
    assert there.start(order) is None
    assert airflow.confs == [{"run_id": 1}]
    assert there.look(order) == Busy()


@pytest.mark.parametrize("as_text", [False, True])
def test_the_result_is_what_the_task_returned(airflow: FakeAirflow, order: Order, as_text: bool) -> None:
    """As JSON or as text with JSON in it, as releases differ."""
    there = runner(airflow)
    there.start(order)
    airflow.states[order.name] = "success"
    airflow.returned = json.dumps({"metrics": {}}) if as_text else {"metrics": {}}
    assert there.look(order) == Done(result={"metrics": {}})
    airflow.returned = None
    assert there.look(order) == Done(result=None)


def test_without_a_task_the_result_is_a_file(airflow: FakeAirflow, order: Order) -> None:
    """On a volume that both see."""
    there = runner(airflow, result_task=None)
    there.start(order)
    order.result_path.write_text('{"a": 1}')
    airflow.states[order.name] = "success"
    assert there.look(order) == Done(result={"a": 1})


def test_a_dag_run_that_failed_is_a_failed_attempt(airflow: FakeAirflow, order: Order) -> None:
    """And one that takes too long is ended there."""
    there = runner(airflow)
    there.start(order)
    there.stop(order)
    assert airflow.states[order.name] == "failed"
    look = there.look(order)
    assert isinstance(look, Broken)
    assert look.reason == "exit_code"


def test_a_request_of_unknown_fate_is_looked_for(airflow: FakeAirflow, order: Order) -> None:
    """The connection broke after Airflow had taken it: nothing is begun twice."""
    airflow.http.instead.append(0)
    there = runner(airflow)
    assert there.start(order) is None
    assert there.look(order) == Busy()
    assert len(airflow.confs) == 1


def test_airflow_that_does_not_answer_decides_nothing(airflow: FakeAirflow, order: Order) -> None:
    """Nor does a token that is no longer taken while the DAG run goes on."""
    there = runner(airflow)
    there.start(order)
    airflow.http.instead.append(503)
    assert there.look(order) is None
    assert runner(airflow, token=Secret("old")).look(order) is None
    refused = runner(airflow, token=Secret("old")).start(order)
    assert refused is not None
    assert (refused.reason, refused.lasting) == ("rejected", False)
    unknown = runner(airflow, dag_id="another").start(order)
    assert unknown is not None
    assert (unknown.reason, unknown.lasting) == ("rejected", True)
    away = runner(airflow, url="http://127.0.0.1:9").start(order)
    assert away is not None
    assert (away.reason, away.lasting) == ("unreachable", False)


def test_a_password_fetches_tokens_as_they_run_out(airflow: FakeAirflow, order: Order) -> None:
    """A token of Airflow lasts a day; a training may outlast it."""
    there = runner(airflow, token=None, username="dg", password=Secret("pass"))
    assert there.start(order) is None
    airflow.token = "second"
    assert there.look(order) == Busy()
    assert airflow.logins == 2
