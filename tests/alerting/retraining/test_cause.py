from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerting.errors import PayloadError
from alerting.retraining import runs
from alerting.retraining.cause import Cause, by_hand, from_report, from_webhook
from alerting.retraining.decision import Facts, decide
from alerting.retraining.policy import ModelPolicy, Trigger
from alerting.retraining.state import State
from alerting.retraining_request import RetrainingPolicy, RetrainingService
from alerting.secret import Secret
from alerting.testing import FakeWebhook
from alerting.testing.letters import NOW, alert_view, group_view, letter
from alerting.testing.programs import SECRET
from alerting.views import ThreadLine
from alerting.webhook import WebhookPolicy
from exporter import Reference, check


def sent(*, policy: RetrainingPolicy | None = None, **options: Any) -> bytes:
    """The body that the bridge really sends."""
    with FakeWebhook(clock=lambda: NOW) as program:
        RetrainingService(
            policy=policy or RetrainingPolicy(),
            place=WebhookPolicy(url=program.url),
            secret=Secret(SECRET),
            clock=lambda: NOW,
        ).send(letter(**options))
        (body,) = program.taken
        return json.dumps(body).encode()


def changed(body: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The body with a change."""
    document = json.loads(body)
    change(document)
    return json.dumps(document).encode()


def test_a_request_of_the_bridge_is_a_cause() -> None:
    """Key, model, version, severity, features, since when, and what it says of the data."""
    (cause,) = from_webhook(sent(group=group_view(annotations={"quality": "ok"})), now=NOW)
    assert (cause.origin, cause.model_name, cause.model_version) == ("alert", "flight_delay", "1.2.0")
    assert cause.key.startswith("id-1.")
    assert (cause.severity, cause.features, cause.quality) == ("warning", ("dep_hour",), "ok")
    assert cause.alert_names == ("ModelDriftDetected",)
    assert cause.since == group_view().opened_at
    assert Cause.from_json(cause.to_json()) == cause


def test_a_button_is_the_wish_of_a_person() -> None:
    """With the person's name, and a key of its own."""
    wish = ThreadLine(kind="retraining_requested", at=NOW, by="ann")
    (cause,) = from_webhook(sent(lines=[wish]), now=NOW)
    assert (cause.origin, cause.by, cause.key) == ("manual", "ann", f"id-1.{int(NOW)}")


def test_a_group_of_several_models_is_a_cause_for_each() -> None:
    """Each with the alerts of its own model."""
    other = alert_view("carrier", labels={"alertname": "ModelConceptDrift", "model_name": "other"})
    found = from_webhook(sent(group=group_view(alerts=[alert_view(), other])), now=NOW)
    assert [(cause.model_name, cause.alert_names) for cause in found] == [
        ("flight_delay", ("ModelDriftDetected",)),
        ("other", ("ModelConceptDrift",)),
    ]
    assert len({cause.key for cause in found}) == 1


def test_what_joins_an_incident_is_a_new_question_and_a_repetition_is_none(tmp_path: Path) -> None:
    """A trigger for one feature hears it although the incident began with another."""
    state, trigger = (
        State(tmp_path),
        Trigger(name="drift", kind="data_drift", alert_names=("ModelDriftDetected",), features=("critical",)),
    )
    policy = ModelPolicy(name="flight_delay", runner="r", triggers=(trigger,))
    taken = []
    for features in (["unimportant"], ["unimportant"], ["unimportant", "critical"]):
        view = group_view(alerts=[alert_view(feature) for feature in features])
        (cause,) = from_webhook(sent(group=view), now=NOW)
        with state.write() as connection:
            _, new = runs.request(connection, cause, NOW)
        taken.append((new, decide(Facts(cause=cause, requested_at=NOW), policy, NOW).reasons[0].code))
    assert taken == [(True, "no_trigger"), (False, "no_trigger"), (True, "quality_unknown")]


def test_no_model_of_a_large_group_is_forgotten() -> None:
    """Each of a dozen is a cause, and so is each when the bridge leaves out what it can."""
    alerts = [
        alert_view(labels={"alertname": "ModelDriftDetected", "model_name": f"model_{number:02}"})
        for number in range(12)
    ]
    for plain in (False, True):
        found = from_webhook(sent(group=group_view(alerts=alerts), plain=plain), now=NOW)
        assert [cause.model_name for cause in found] == [f"model_{number:02}" for number in range(12)]


def test_a_request_without_its_alerts_still_says_what_it_says() -> None:
    """The bridge leaves them out when a receiver refused the body for its size."""
    body = changed(sent(), lambda document: document.update(alerts=[]))
    (cause,) = from_webhook(body, now=NOW)
    assert (cause.model_name, cause.features) == ("flight_delay", ("dep_hour",))
    assert cause.alert_names == ("ModelDriftDetected",)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(kind="incident"),
        lambda document: document.update(version=2),
        lambda document: document.update(cause=None),
        lambda document: document.update(id="another"),
        lambda document: document["cause"].update(key="x" * 201),
        lambda document: document["cause"].update(trigger="cat"),
    ],
)
def test_what_is_no_request_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    """It says which key and what it needs."""
    with pytest.raises(PayloadError, match="need"):
        from_webhook(changed(sent(), change), now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"1", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Also what is nested without end."""
    with pytest.raises(PayloadError):
        from_webhook(body, now=NOW)
    with pytest.raises(PayloadError):
        by_hand(body, key="k", now=NOW)


def test_a_report_with_drift_is_a_cause_once() -> None:
    """What `check` returns, as it is: the same report has the same key, one without drift is none."""
    rng = np.random.default_rng(3)
    reference = Reference.fit(
        {"age": rng.normal(size=2_000), "debt": rng.normal(size=2_000)},
        model_name="credit",
        model_version="4",
    )
    moved = {"age": rng.normal(3, 1, 1_000), "debt": rng.normal(size=1_000)}
    report = check(reference, moved).to_dict()
    cause = from_report(json.loads(json.dumps(report)))
    assert cause is not None
    assert (cause.origin, cause.model_name, cause.model_version) == ("report", "credit", "4")
    assert (cause.features, cause.severity) == (("age",), "critical")
    assert from_report(report) == cause
    quiet = {"age": rng.normal(size=1_000), "debt": rng.normal(size=1_000)}
    assert from_report(check(reference, quiet).to_dict()) is None
    with pytest.raises(PayloadError, match="need reference, window and features"):
        from_report({"drift_detected": True})


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"by": "ana"}, "model_name, by"),
        ({"model_name": "m"}, "model_name, by"),
        ({"model_name": "m", "by": "ana", "severity": "huge"}, "severity"),
        ({"model_name": "m", "by": "ana", "strategy": "guess"}, "strategy"),
        ({"model_name": "m", "by": "ana", "force": True}, "force"),
    ],
)
def test_a_wish_says_who_and_what(wish: dict[str, Any], words: str) -> None:
    """There is no key that gets around a brake."""
    with pytest.raises(PayloadError, match=words):
        by_hand(json.dumps(wish).encode(), key="k", now=NOW)
