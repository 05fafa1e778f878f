from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from alerting import pagerduty, web
from alerting.calls import Delivered, Outcome, Rejected, RetryLater, Uncertain
from alerting.look import LinkPolicy
from alerting.pagerduty import PagerDuty, PagerDutyPolicy
from alerting.secret import Secret
from alerting.testing import FakePagerDuty, Fault
from alerting.testing.letters import NOW, alert_view, group_view, letter, resolved_view
from alerting.testing.pagerduty import ROUTING_KEY
from alerting.views import ThreadLine


@pytest.fixture
def pager() -> Iterator[FakePagerDuty]:
    """A fake PagerDuty on a free port."""
    with FakePagerDuty() as fake:
        yield fake


def receiver(pager: FakePagerDuty, key: str = ROUTING_KEY) -> PagerDuty:
    """A service of the fake."""
    policy = PagerDutyPolicy(url=pager.url, read_timeout_seconds=0.5)
    return PagerDuty(policy=policy, routing_key=Secret(key), clock=lambda: NOW)


def test_an_incident_is_one_alert_from_trigger_to_resolution(pager: FakePagerDuty) -> None:
    """Trigger, acknowledge and resolve carry one key, the one of the first letter."""
    service = receiver(pager)
    first = service.send(letter())
    assert first == Delivered(ts="id-1")
    taken = group_view(acknowledged_at=NOW, acknowledged_by="ann")
    assert isinstance(service.send(letter(group=taken, message_id="id-2", ts="id-1")), Delivered)
    (alert,) = pager.alerts.values()
    assert (alert.key, alert.state) == ("id-1", "acknowledged")
    service.send(letter(group=resolved_view(), message_id="id-3", ts="id-1"))
    assert alert.state == "resolved"
    assert [event["event_action"] for event in alert.events] == ["trigger", "acknowledge", "resolve"]


def test_a_trigger_says_what_somebody_who_was_woken_needs(pager: FakePagerDuty) -> None:
    """Summary, severity, model, score, first commands, links to runbook and dashboard."""
    receiver(pager).send(letter(lines=[ThreadLine(kind="fired", at=NOW, count=1, names=["dep_hour"])]))
    event = pager.alerts["id-1"].events[0]
    payload = event["payload"]
    assert payload["summary"].startswith(
        "ModelDriftDetected · flight_delay 1.2.0: dep_hour of flight_delay 1.2.0 has drifted"
    )
    assert (payload["severity"], payload["component"]) == ("warning", "flight_delay")
    assert payload["timestamp"] == "2025-12-31T23:50:00.000Z"
    details = payload["custom_details"]
    assert details["firing"] == ["dep_hour: dep_hour moved"]
    assert (details["score"], details["threshold"]) == ("0.34", "0.2")
    assert details["what_happened"] == ["fired: dep_hour"]
    assert details["first_commands"]
    assert {link["text"] for link in event["links"]} == {"Runbook", "Dashboard", "Alertmanager"}
    assert event["client_url"].startswith("https://grafana.example/d/drift")


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        ("critical", "critical"),
        ("warning", "warning"),
        ("info", "info"),
        ("error", "error"),
        ("p9", "warning"),
    ],
)
def test_severities_become_the_four_that_pagerduty_knows(severity: str, told: str) -> None:
    """An unknown word neither wakes anybody nor is overlooked."""
    event = pagerduty.event(letter(group=group_view(severity=severity)), LinkPolicy())
    assert event["payload"]["severity"] == told


def test_the_largest_incident_fits(pager: FakePagerDuty) -> None:
    """Ten alerts of the longest texts, in a script of four bytes a character: the event is still taken."""
    words = "😀" * 16_000
    alerts = [alert_view("😀" * 300, annotations={"description": words}) for _ in range(10)]
    labels = {"alertname": words, "model_name": words}
    view = group_view(alerts=alerts, labels=labels, annotations={"summary": words}, features=[words] * 200)
    written = pagerduty.event(letter(group=view), LinkPolicy())
    assert len(web.encode(written)) <= pagerduty.MAX_EVENT_BYTES
    assert len(written["payload"]["summary"]) == pagerduty.MAX_SUMMARY
    assert isinstance(receiver(pager).send(letter(group=view)), Delivered)


def test_what_was_refused_is_sent_again_without_details() -> None:
    """A pager must ring even if something of the details is not liked."""
    event = pagerduty.event(letter(plain=True), LinkPolicy())
    assert "custom_details" not in event["payload"]
    assert event["payload"]["summary"]


def test_links_lead_only_where_they_may() -> None:
    """A script address or a foreign host in an annotation is no link."""
    annotations = {"runbook_url": "javascript:alert(1)", "dashboard_url": "https://evil.example/"}
    view = group_view(annotations=annotations, external_url="http://alertmanager:9093")
    event = pagerduty.event(letter(group=view), LinkPolicy(hosts=("alertmanager",)))
    assert event["links"] == [{"href": "http://alertmanager:9093", "text": "Alertmanager"}]
    assert "client_url" not in event


def later(reason: str, detail: str, scope: Any = "destination", after: float | None = None) -> RetryLater:
    return RetryLater(reason=reason, detail=detail, scope=scope, after_seconds=after)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(status=429, retry_after="7"), later("rate_limited", "HTTP 429", "channel", 7)),
        (Fault(status=400, error="x"), Rejected(reason="content", scope="content", detail="HTTP 400")),
        (
            Fault(status=400, error="Invalid routing key"),
            Rejected(reason="auth", scope="destination", detail="routing key refused"),
        ),
        (Fault(status=403), Rejected(reason="auth", scope="destination", detail="HTTP 403")),
        (Fault(status=404), Rejected(reason="address", scope="destination", detail="HTTP 404")),
        (Fault(status=302), Rejected(reason="address", scope="destination", detail="HTTP 302")),
        (Fault(status=500), Uncertain(reason="server_error", detail="HTTP 500")),
        (Fault(status=503, retry_after="3"), later("unavailable", "HTTP 503", after=3)),
        (Fault(drop=True, when="after"), Uncertain(reason="dropped", detail="ConnectionError")),
        (Fault(delay_seconds=0.8), Uncertain(reason="timeout")),
        (Fault(status=418), later("other", "HTTP 418", "message")),
    ],
)
def test_every_way_to_fail_has_its_outcome(pager: FakePagerDuty, fault: Fault, expected: Outcome) -> None:
    """An invalid event is not sent again as it is, a wrong key parks, trouble that passes is tried again."""
    pager.faults.add(fault)
    assert receiver(pager).send(letter()) == expected


def test_a_wrong_key_is_told_from_a_wrong_event(pager: FakePagerDuty) -> None:
    """The service is parked and says why, without the key."""
    outcome = receiver(pager, "W" * 32).send(letter())
    assert outcome == Rejected(reason="auth", scope="destination", detail="routing key refused")


def test_the_key_is_in_no_repr(pager: FakePagerDuty) -> None:
    """Whoever logs a receiver logs no secret."""
    assert ROUTING_KEY not in repr(receiver(pager))
    assert ROUTING_KEY not in json.dumps(pagerduty.event(letter(), LinkPolicy()))
