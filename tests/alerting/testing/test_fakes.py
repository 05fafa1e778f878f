from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from alerting import webhook_signature
from alerting.pacing import Pace
from alerting.testing import FakePagerDuty, FakeSMTP, FakeWebhook, Fault
from alerting.testing.pagerduty import ROUTING_KEY
from alerting.testing.programs import SECRET

NOW = 1_767_225_600


@pytest.fixture
def pager() -> Iterator[FakePagerDuty]:
    """A fake PagerDuty on a free port."""
    with FakePagerDuty() as fake:
        yield fake


def event(action: str = "trigger", key: str = "k", **fields: Any) -> dict[str, Any]:
    """An event that is accepted, unless a field says otherwise."""
    payload = {"summary": "s", "source": "x", "severity": "critical", "custom_details": {"incident": 1}}
    values = {"routing_key": ROUTING_KEY, "event_action": action, "dedup_key": key}
    return {**values, **({"payload": payload} if action == "trigger" else {}), **fields}


def send(pager: FakePagerDuty, body: object) -> requests.Response:
    """Post an event."""
    return requests.post(pager.url, json=body, timeout=5)


def test_a_pager_keeps_one_alert_for_a_key(pager: FakePagerDuty) -> None:
    """The same event again changes nothing; acknowledge and resolve of a key that is unknown neither."""
    answers = [send(pager, event()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["dedup_key"] == "k"
    send(pager, event("acknowledge"))
    send(pager, event("acknowledge", "absent"))
    states = [str(pager.alerts["k"].state)]
    for action in ("resolve", "trigger"):
        send(pager, event(action))
        states.append(pager.alerts["k"].state)
    assert states == ["acknowledged", "resolved", "triggered"]
    assert list(pager.alerts) == ["k"]
    assert pager.counters().doubled == 0


def test_a_pager_counts_an_incident_that_stands_there_twice(pager: FakePagerDuty) -> None:
    """Two keys for one incident are a double, and what no event says is lost."""
    send(pager, event(key="one"))
    send(pager, event(key="two"))
    assert pager.counters().doubled == 1
    assert pager.lost(["one", "three"]) == ["three"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"routing_key": "short"}, "Length of 'routing_key'"),
        ({"routing_key": "x" * 32}, "Invalid routing key"),
        ({"event_action": "page"}, "event_action"),
        ({"dedup_key": "x" * 256}, "dedup_key"),
        ({"dedup_key": ""}, "dedup_key"),
        ({"payload": None}, "payload"),
        ({"payload": {"summary": "x" * 1_025, "source": "s", "severity": "info"}}, "summary"),
        ({"payload": {"summary": " ", "source": "s", "severity": "info"}}, "summary"),
        ({"payload": {"summary": "s", "source": "s", "severity": "high"}}, "severity"),
        ({"payload": {"summary": "s", "source": "s", "severity": "info", "timestamp": "now"}}, "timestamp"),
        ({"payload": {"summary": "s", "source": "s", "severity": "info", "custom_details": 1}}, "details"),
        ({"links": [{"href": "javascript:x"}]}, "links"),
        ({"client": "x" * 600_000}, "too large"),
    ],
)
def test_a_pager_refuses_what_pagerduty_refuses(
    pager: FakePagerDuty, change: dict[str, Any], words: str
) -> None:
    """With 400 and words that say what."""
    answer = send(pager, event(**change))
    assert answer.status_code == 400
    assert words in str(answer.json()["errors"])
    assert pager.alerts == {}


def test_a_pager_keeps_a_pace_when_asked() -> None:
    """Three at once, then a 429 that says when to come again."""
    with FakePagerDuty(pace=Pace(per_second=0.1, burst=3.0), clock=lambda: float(NOW)) as pager:
        answers = [send(pager, event()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[3].headers["Retry-After"] == "10"


def test_a_program_takes_a_key_once_and_believes_nobody() -> None:
    """A wrong signature is 401, a key that is not the body's is 400, a known one is not taken again."""
    with FakeWebhook(clock=lambda: float(NOW)) as program:

        def post(body: dict[str, str], key: str, secret: str = SECRET) -> int:
            raw = json.dumps(body).encode()
            headers = {
                webhook_signature.KEY: key,
                webhook_signature.TIMESTAMP: str(NOW),
                webhook_signature.SIGNATURE: webhook_signature.sign(secret, NOW, raw),
            }
            return requests.post(program.url, data=raw, headers=headers, timeout=5).status_code

        statuses = [
            post({"id": "a"}, "a"),
            post({"id": "a"}, "a"),
            post({"id": "a"}, "b"),
            post({"id": "c"}, "c", "another secret"),
        ]
    assert statuses == [202, 200, 400, 401]
    counters = program.counters()
    assert (counters.taken, counters.repeated, counters.refused, counters.doubled) == (1, 1, 2, 0)
    assert program.lost(["a", "c"]) == ["c"]


def mail(name: str = "<1@x>", text: str = "hello") -> EmailMessage:
    """A mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x", "b@x", "subject"
    message["Message-ID"] = name
    message.set_content(text)
    return message


def test_a_mail_server_insists_on_its_rules(tmp_path: Path) -> None:
    """TLS with a certificate of its own, a login, and each mail as it was written."""
    with FakeSMTP(tmp_path, login=("me", "secret")) as server:
        with smtplib.SMTP(server.host, server.port, timeout=5) as client:
            with pytest.raises(smtplib.SMTPResponseException, match="530"):
                client.send_message(mail())
            client.starttls(context=ssl.create_default_context(cafile=server.ca_file))
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("me", "wrong")
            client.login("me", "secret")
            client.send_message(mail(text="one\n.\n..two"))
            client.send_message(mail())
        assert server.mails[0].part("plain") == "one\n.\n..two\n"
        assert server.mails[0].encrypted
        counters = server.counters()
        assert (counters.taken, counters.doubled, counters.logins) == (2, 1, 1)
        assert server.lost(["two", "three"]) == ["three"]


def test_a_mail_server_fails_as_scripted(tmp_path: Path) -> None:
    """At the named step, with the named answer, before or after the mail is taken."""
    with FakeSMTP(tmp_path, security="none") as server:
        server.faults.add(Fault(method="rcpt", status=450))
        server.faults.add(Fault(method="content", status=554))
        server.faults.add(Fault(method="content", drop=True, when="after"))
        for expected in (
            smtplib.SMTPRecipientsRefused,
            smtplib.SMTPDataError,
            smtplib.SMTPServerDisconnected,
        ):
            client = smtplib.SMTP(server.host, server.port, timeout=5)
            with pytest.raises(expected):
                client.send_message(mail())
            client.close()
        assert server.counters().taken == 1
