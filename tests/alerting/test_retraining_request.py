from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from alerting import reading
from alerting.calls import Delivered, Rejected, Uncertain, Unneeded
from alerting.matchers import Matcher
from alerting.message import ALERTS_SHOWN
from alerting.retraining_request import ALERTS_READ, RetrainingPolicy, RetrainingService
from alerting.secret import Secret
from alerting.testing import FakeWebhook, Fault, alert, webhook
from alerting.testing.letters import NOW, alert_view, group_view, letter, resolved_view
from alerting.testing.programs import SECRET
from alerting.views import AlertView, ThreadLine
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
    assert isinstance(receiver(service).send(letter(group=view)), Delivered)
    (body,) = service.taken
    assert (body["kind"], body["version"]) == ("retraining", 1)
    assert body["id"].startswith("id-1.")
    assert body["cause"] == {
        "key": body["id"],
        "trigger": "alert",
        "by": None,
        "since": "2025-12-31T23:50:00.000Z",
    }
    assert (body["model_name"], body["model_version"]) == ("flight_delay", "1.2.0")
    assert (body["severity"], body["alert_names"]) == ("warning", ["ModelDriftDetected"])
    assert (body["features"], body["quality"]) == (["dep_hour"], "ok")


def asked_of(asked: RetrainingService, *, ts: str | None = None, **fields: Any) -> str | None:
    """What the state keeps after a letter: as before if nothing was asked."""
    outcome = asked.send(letter(ts=ts, **fields))
    assert isinstance(outcome, Delivered | Unneeded)
    return outcome.ts if isinstance(outcome, Delivered) else ts


def of_model(model: str, feature: str = "dep_hour", **labels: str) -> AlertView:
    """A firing alert about drift of a model."""
    given = {"alertname": "ModelDriftDetected", "model_name": model, "feature_name": feature, **labels}
    return alert_view(labels=given)


def listed(body: Mapping[str, Any], name: str) -> list[str]:
    """What the alerts of a request have in a label."""
    return [entry["labels"][name] for entry in body["alerts"]]


def test_a_cause_is_asked_for_once(service: FakeWebhook) -> None:
    """Later changes of the same incident ask for nothing more, nor does its end."""
    asked = receiver(service)
    ts = asked_of(asked)
    assert asked.send(letter(version=2, ts=ts, message_id="id-2")) == Unneeded()
    assert asked.send(letter(version=3, ts=ts, group=resolved_view())) == Unneeded()
    assert service.counters().taken == 1


def test_a_feature_that_joins_is_another_question(service: FakeWebhook) -> None:
    """The service may have refused the first, which named no critical feature; the second names all."""
    asked = receiver(service)
    first, both = [alert_view("unimportant")], [alert_view("unimportant"), alert_view("critical")]
    ts = asked_of(asked, group=group_view(alerts=first))
    ts = asked_of(asked, group=group_view(alerts=both), ts=ts, message_id="id-2")
    assert [body["features"] for body in service.taken] == [["unimportant"], ["critical", "unimportant"]]
    keys = [body["cause"]["key"] for body in service.taken]
    assert keys[0] != keys[1]
    assert all(key.startswith("id-1.") for key in keys)
    assert listed(service.taken[1], "feature_name") == ["unimportant", "critical"]
    for alerts in (both, both[::-1], first, both[1:]):
        assert asked.send(letter(group=group_view(alerts=alerts), ts=ts)) == Unneeded()


def test_another_alert_of_the_same_feature_is_another_question_and_a_new_severity_is_none(
    service: FakeWebhook,
) -> None:
    """What is asked for is a model, the name of an alert, and a feature."""
    asked = receiver(service, RetrainingPolicy())
    ts = asked_of(asked, group=group_view(alerts=[of_model("m", severity="warning")]))
    worse = [of_model("m", severity="critical")]
    assert asked.send(letter(group=group_view(alerts=worse), ts=ts)) == Unneeded()
    other = [*worse, of_model("m", alertname="ModelConceptDrift")]
    asked_of(asked, group=group_view(alerts=other), ts=ts)
    assert service.taken[1]["alert_names"] == ["ModelConceptDrift", "ModelDriftDetected"]


def test_a_model_that_joins_asks_for_itself_alone(service: FakeWebhook) -> None:
    """The others have been asked for; an alert without a model is about each of them."""
    asked = receiver(service)
    models = [of_model("a"), of_model("b"), of_model("")]
    ts = asked_of(asked, group=group_view(alerts=models))
    asked_of(asked, group=group_view(alerts=[*models, of_model("late")]), ts=ts)
    assert [listed(body, "model_name") for body in service.taken] == [["a", "b", ""], ["", "late"]]


def test_every_model_and_feature_is_named_however_many_there_are(service: FakeWebhook) -> None:
    """Those that a message would not list have their labels, without their annotations."""
    alerts = [of_model(f"model_{number:02}", f"f{number}") for number in range(ALERTS_SHOWN + 2)]
    asked = receiver(service)
    asked.send(letter(group=group_view(alerts=alerts)))
    (body,) = service.taken
    assert listed(body, "model_name") == [alert.labels["model_name"] for alert in alerts]
    assert len(body["features"]) == len(alerts)
    assert [bool(entry["annotations"]) for entry in body["alerts"]] == [True] * ALERTS_SHOWN + [False] * 2


def test_the_smallest_form_still_says_which_models(service: FakeWebhook) -> None:
    """One model is named without its alerts; several are named by what their alerts are about."""
    asked = receiver(service)
    asked.send(letter(plain=True))
    asked.send(letter(plain=True, group=group_view(alerts=[of_model("a", x="y"), of_model("b")])))
    assert service.taken[0]["alerts"] == []
    assert service.taken[0]["model_name"] == "flight_delay"
    assert [entry["labels"] for entry in service.taken[1]["alerts"]] == [
        {"model_name": model, "alertname": "ModelDriftDetected", "feature_name": "dep_hour"} for model in "ab"
    ]


def test_what_an_older_bridge_has_asked_for_is_not_asked_for_again(service: FakeWebhook) -> None:
    """It kept the thread alone, so nobody knows what joined since then; a person may still ask."""
    asked = receiver(service)
    assert asked.send(letter(ts="id-1", version=2)) == Unneeded()
    assert asked.send(letter(ts="id-1", version=3, lines=[WISH])) != Unneeded()
    assert service.taken[0]["id"] == f"id-1.{int(NOW)}"


def test_an_incident_asks_for_so_many_things_and_no_more(service: FakeWebhook) -> None:
    """Labels that never repeat must not make the state grow without end."""
    asked = receiver(service)
    ts = asked_of(asked, group=group_view(alerts=[of_model("m", f"f{n}") for n in range(ALERTS_READ)]))
    more = group_view(alerts=[of_model("m", "another")])
    assert asked.send(letter(group=more, ts=ts)) == Unneeded()


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
    assert [body["id"] for body in service.taken[1:]] == [f"id-1.{int(NOW)}", f"id-9.{int(NOW)}"]
    assert service.taken[1]["cause"]["trigger"] == "manual"
    assert service.taken[1]["cause"]["by"] == "ann"


def test_what_a_person_asked_for_is_not_asked_for_again_by_itself(service: FakeWebhook) -> None:
    """It is the same retraining; what joins later is another question."""
    asked = receiver(service)
    ts = asked_of(asked, lines=[WISH])
    assert asked.send(letter(ts=ts, version=2)) == Unneeded()
    more = group_view(alerts=[alert_view(), alert_view("carrier")])
    assert isinstance(asked.send(letter(ts=ts, version=3, group=more)), Delivered)


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
