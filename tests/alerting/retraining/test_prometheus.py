from __future__ import annotations

from collections.abc import Iterator
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
