from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alerting.retraining.prometheus import Prometheus, PrometheusPolicy, Seen

from .http_fake import Asked, Server, Told


class FakePrometheus:
    """Answers queries by what they begin with, as Prometheus 2.42 does."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.asked: list[str] = []
        self.http = Server(self.answer)

    def answer(self, request: Asked) -> Told:
        """One query."""
        (query,) = parse_qs(urlsplit(request.path).query)["query"]
        self.asked.append(query)
        found: Any = next((value for start, value in self.values.items() if query.startswith(start)), [])
        return Told(200, {"status": "success", "data": {"resultType": "vector", "result": found}})


def number(value: str) -> list[dict[str, Any]]:
    """A vector of one sample."""
    return [{"metric": {}, "value": [1767225600, value]}]


@pytest.fixture
def fake() -> Iterator[FakePrometheus]:
    """A fake Prometheus on a free port."""
    found = FakePrometheus()
    with found.http:
        yield found


def see(fake: FakePrometheus, model: str = "delay", since: float = 7_200.0) -> Seen:
    """What is seen of a model."""
    return Prometheus(PrometheusPolicy(url=fake.http.url, read_timeout_seconds=2.0)).see(model, since)


def test_it_is_asked_about_data_labels_and_alerts(fake: FakePrometheus) -> None:
    """With the model's name and the time since the change filled in."""
    fake.values = {
        "max(model_quality_state": number("0"),
        "sum(increase(": number("1234.5"),
        "ALERTS": [{"metric": {"alertname": "ModelConceptDrift"}, "value": [1, "1"]}],
    }
    assert see(fake) == Seen(quality="ok", labelled_rows=1234.5, firing=frozenset({"ModelConceptDrift"}))
    assert fake.asked == [
        'ALERTS{alertstate="firing", model_name="delay"}',
        'max(model_quality_state{model_name="delay"})',
        'sum(increase(model_outcomes_total{model_name="delay", outcome="joined"}[7200s]))',
    ]


@pytest.mark.parametrize(
    ("value", "quality"), [("0", "ok"), ("2", "broken"), ("-1", "unknown"), ("1", "unknown"), ("NaN", None)]
)
def test_the_state_of_the_data_is_read_as_it_is_exported(
    fake: FakePrometheus, value: str, quality: str | None
) -> None:
    """0 is sound, 2 broken; nothing else passes for sound."""
    fake.values = {"max(model_quality_state": number(value)}
    assert see(fake).quality == quality


def test_no_series_and_no_answer_are_no_knowledge(fake: FakePrometheus) -> None:
    """No alert that fires is knowledge, though."""
    assert see(fake) == Seen(firing=frozenset())
    for status in (500, 0, 404):
        fake.http.instead = [status]
        before = len(fake.asked)
        assert see(fake) == Seen()
        assert len(fake.asked) == before + 1
    fake.values = {"ALERTS": [3, {"metric": 4}], "max(": [{"value": "odd"}], "sum(": [1, 2]}
    assert see(fake) == Seen(firing=frozenset())
    assert Prometheus(PrometheusPolicy()).see("delay", 60.0) == Seen()


def test_a_name_cannot_leave_its_place_in_a_query(fake: FakePrometheus) -> None:
    """Quotation marks and backslashes stay part of the name; a range has bounds."""
    see(fake, 'a"} or vector(0) #\\', 1.0)
    assert fake.asked[1] == 'max(model_quality_state{model_name="a\\"} or vector(0) #\\\\"})'
    assert fake.asked[2].endswith("[60s]))")
    see(fake, since=1e12)
    assert fake.asked[5].endswith("[7776000s]))")


RULES = """
groups:
  - name: as_exported
    interval: 1s
    rules:
      - {record: model_quality_state, expr: "vector(2)", labels: {model_name: delay, instance: a}}
      - {record: model_quality_state, expr: "vector(0)", labels: {model_name: delay, instance: b}}
      - {record: model_outcomes_total, expr: "10 * time()", labels: {model_name: delay, outcome: joined}}
      - {record: model_outcomes_total, expr: "99 * time()", labels: {model_name: delay, outcome: late}}
      - {alert: ModelDriftDetected, expr: "vector(1)", labels: {model_name: delay}}
      - {alert: ModelConceptDrift, expr: "vector(1)", for: 1h, labels: {model_name: delay}}
"""
"""The series that the default queries read, made by Prometheus itself: ten outcomes a second."""


@pytest.mark.stack
def test_the_real_prometheus_answers_the_default_queries(tmp_path: Path, free_port: int) -> None:
    """The worst of two replicas, joined outcomes alone, and no alert that is only pending."""
    program = shutil.which("prometheus")
    assert program, "need prometheus (Debian: prometheus)"
    (tmp_path / "as_exported.rules.yaml").write_text(RULES)
    (tmp_path / "prometheus.yaml").write_text("rule_files: [as_exported.rules.yaml]\n")
    address = f"127.0.0.1:{free_port}"
    arguments = [f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *arguments, f"--web.listen-address={address}"], stdout=log, stderr=log
        )
    try:
        there = Prometheus(PrometheusPolicy(url=f"http://{address}"))
        deadline = time.monotonic() + 60
        while not (seen := there.see("delay", 60.0)).labelled_rows or not seen.firing:
            assert time.monotonic() < deadline, (seen, (tmp_path / "log").read_text())
            time.sleep(0.2)
        assert seen.quality == "broken"
        assert seen.firing == {"ModelDriftDetected"}
        # Prometheus extends what it has seen by half a step at either end, and not to the whole minute.
        assert 0 < seen.labelled_rows < 700
        assert there.see("other", 60.0) == Seen(firing=frozenset())
    finally:
        process.terminate()
        process.wait(20)
