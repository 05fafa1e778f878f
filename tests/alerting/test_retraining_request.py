from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from alerting import reading
from alerting.calls import Delivered, Rejected, Uncertain, Unneeded
from alerting.matchers import Matcher
from alerting.retraining_request import ALERTS_READ, RetrainingPolicy, RetrainingService
from alerting.secret import Secret
from alerting.testing import FakeWebhook, Fault, alert, webhook
from alerting.testing.letters import NOW, alert_view, group_view, letter, resolved_view
from alerting.testing.programs import SECRET
from alerting.views import ThreadLine
from alerting.webhook import WebhookPolicy

if TYPE_CHECKING:
    from .conftest import State


@pytest.fixture
def service() -> Iterator[FakeWebhook]:
    """A fake retraining service on a free port, on the clock of the letters."""
    with FakeWebhook(clock=lambda: NOW) as fake:
        yield fake


def receiver(service: FakeWebhook, policy: RetrainingPolicy | None = None) -> RetrainingService:
    """A receiver that the service believes."""
    return RetrainingService(
        policy=policy or RetrainingPolicy(alert_names=("ModelDriftDetected",)),
        place=WebhookPolicy(url=service.url, read_timeout_seconds=0.5),
        secret=Secret(SECRET),
        clock=lambda: NOW,
    )


WISH = ThreadLine(kind="retraining_requested", at=NOW, by="ann")


def test_a_request_says_what_is_to_be_retrained_and_why(service: FakeWebhook) -> None:
    """Cause, model, version, alert names, severity, features, and the quality of the data if it is known."""
    view = group_view(annotations={"quality": "ok"})
    assert receiver(service).send(letter(group=view)) == Delivered(ts="id-1")
    (body,) = service.taken
    assert (body["kind"], body["id"], body["version"]) == ("retraining", "id-1", 1)
    assert body["cause"] == {
        "key": "id-1",
        "trigger": "alert",
        "by": None,
        "since": "2025-12-31T23:50:00.000Z",
    }
    assert (body["model_name"], body["model_version"]) == ("flight_delay", "1.2.0")
    assert (body["severity"], body["alert_names"]) == ("warning", ["ModelDriftDetected"])
    assert (body["features"], body["quality"]) == (["dep_hour"], "ok")


def test_a_cause_is_asked_for_once(service: FakeWebhook) -> None:
    """Later changes of the same incident ask for nothing more, nor does its end."""
    asked = receiver(service)
    asked.send(letter())
    assert asked.send(letter(version=2, ts="id-1", message_id="id-2")) == Unneeded()
    assert asked.send(letter(version=3, ts="id-1", group=resolved_view())) == Unneeded()
    assert service.counters().taken == 1


def test_a_request_of_unknown_fate_is_repeated_with_its_key(service: FakeWebhook) -> None:
    """However often it is sent, the service starts one run."""
    service.faults.add(Fault(drop=True, when="after"))
    asked = receiver(service)
    assert isinstance(asked.send(letter()), Uncertain)
    assert isinstance(asked.send(letter(version=4)), Delivered)
    assert (service.counters().taken, service.counters().repeated) == (1, 1)


@pytest.mark.parametrize(
    ("policy", "asks"),
    [
        (RetrainingPolicy(), True),
        (RetrainingPolicy(alert_names=("ModelDriftDetected", "Other")), True),
        (RetrainingPolicy(alert_names=("Other",)), False),
        (RetrainingPolicy(matchers=(Matcher('severity="warning"'), Matcher("model_name=~flight_.+"))), True),
        (RetrainingPolicy(matchers=(Matcher('severity="critical"'),)), False),
    ],
)
def test_only_chosen_alerts_are_causes(service: FakeWebhook, policy: RetrainingPolicy, asks: bool) -> None:
    """By name and by label; an incident of others is nothing to this receiver."""
    outcome = receiver(service, policy).send(letter())
    assert isinstance(outcome, Delivered if asks else Unneeded)
    assert len(service.taken) == int(asks)


def test_what_is_over_or_silenced_asks_for_nothing(service: FakeWebhook) -> None:
    """A silence says that somebody knows better, and an end that there is nothing to learn."""
    asked = receiver(service)
    assert asked.send(letter(group=resolved_view())) == Unneeded()
    assert asked.send(letter(group=group_view(silenced_until=NOW + 60))) == Unneeded()
    assert asked.send(letter(group=group_view(alerts=[alert_view(state="silenced")]))) == Unneeded()
    assert service.taken == []


def test_the_wish_of_a_person_is_a_cause_of_its_own(service: FakeWebhook) -> None:
    """Also after a request that came by itself, also for an alert that was not chosen, and once."""
    asked = receiver(service)
    asked.send(letter())
    never = receiver(service, RetrainingPolicy(alert_names=("Other",)))
    for outcome in (
        asked.send(letter(lines=[WISH], ts="id-1", version=2)),
        asked.send(letter(lines=[WISH], ts="id-1", version=3)),
        never.send(letter(lines=[WISH], message_id="id-9")),
    ):
        assert isinstance(outcome, Delivered)
    assert [body["id"] for body in service.taken] == ["id-1", f"id-1.{int(NOW)}", f"id-9.{int(NOW)}"]
    assert service.taken[1]["cause"]["trigger"] == "manual"
    assert service.taken[1]["cause"]["by"] == "ann"


def test_causes_of_several_models_name_none(service: FakeWebhook) -> None:
    """A group over models leaves the choice to the service, which has the alerts."""
    other = alert_view("carrier", labels={"alertname": "ModelDriftDetected", "model_name": "other"})
    receiver(service).send(letter(group=group_view(alerts=[alert_view(), other])))
    assert service.taken[0]["model_name"] is None
    assert len(service.taken[0]["alerts"]) == 2


def test_a_refusal_is_a_refusal(service: FakeWebhook) -> None:
    """A wrong address parks the destination as with any webhook."""
    service.faults.add(Fault(status=404))
    assert receiver(service).send(letter()) == Rejected(
        reason="address", scope="destination", detail="HTTP 404"
    )


def test_a_cause_below_the_most_urgent_ten_is_seen(state: State) -> None:
    """An incident of many critical alerts of others hides no cause from the service."""
    others = [alert(f"f{number}", severity="critical") for number in range(30)]
    state.record(webhook(*others, alert("last", labels={"alertname": "ModelConceptDrift"})))
    view = state.database.write(lambda connection: reading.group(connection, 1, ALERTS_READ)).result()
    (cause,) = RetrainingPolicy(alert_names=("ModelConceptDrift",)).causes(view)
    assert cause.labels["feature_name"] == "last"
