from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerting import webhook_signature
from alerting.calls import Delivered, Outcome, Rejected, RetryLater, Uncertain
from alerting.secret import Secret
from alerting.testing import FakeWebhook, Fault
from alerting.testing.letters import NOW, group_view, letter, resolved_view
from alerting.testing.programs import SECRET
from alerting.webhook import Webhook, WebhookPolicy


@pytest.fixture
def program() -> Iterator[FakeWebhook]:
    """A fake program on a free port, on the clock of the letters."""
    with FakeWebhook(clock=lambda: NOW) as fake:
        yield fake


def receiver(program: FakeWebhook, **fields: Any) -> Webhook:
    """A receiver that the program believes."""
    values: dict[str, Any] = {
        "policy": WebhookPolicy(url=program.url, read_timeout_seconds=0.5),
        "secret": Secret(SECRET),
        "clock": lambda: NOW,
    }
    return Webhook(**{**values, **fields})


def test_every_change_is_a_request_with_a_key_of_its_own(program: FakeWebhook) -> None:
    """Thread and sequence say which incident it is and what is newer."""
    told = receiver(program)
    assert told.send(letter()) == Delivered(ts="id-1")
    told.send(letter(group=resolved_view(), version=2, message_id="id-2", ts="id-1"))
    first, second = program.taken
    assert (first["id"], second["id"]) == ("id-1.1", "id-1.2")
    assert first["thread"] == second["thread"] == "id-1"
    assert (first["incident"]["state"], second["incident"]["state"]) == ("firing", "resolved")
    assert second["incident"]["ended_at"] == "2026-01-01T00:00:00.000Z"
    assert first["alerts"][0]["labels"]["feature_name"] == "dep_hour"
    assert first["version"] == 1
    assert first["kind"] == "incident"


def test_the_same_request_again_has_no_further_effect(program: FakeWebhook) -> None:
    """A call of unknown fate is repeated with its key, and the program knows it."""
    program.faults.add(Fault(drop=True, when="after"))
    told = receiver(program)
    assert isinstance(told.send(letter()), Uncertain)
    assert isinstance(told.send(letter()), Delivered)
    counters = program.counters()
    assert (counters.taken, counters.repeated, counters.doubled) == (1, 1, 0)


def test_a_wrong_secret_is_refused_and_parks(program: FakeWebhook) -> None:
    """The program answers 401, and nothing was taken."""
    outcome = receiver(program, secret=Secret("another-secret-of-enough")).send(letter())
    assert outcome == Rejected(reason="auth", scope="destination", detail="HTTP 401")
    assert program.taken == []


def test_a_redirect_is_not_followed(program: FakeWebhook) -> None:
    """What is signed goes to the configured address and nowhere else."""
    program.faults.add(Fault(status=307))
    outcome = receiver(program).send(letter())
    assert outcome == Rejected(reason="address", scope="destination", detail="HTTP 307")
    assert program.taken == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault(status=429, retry_after="2"),
            RetryLater(reason="rate_limited", scope="channel", after_seconds=2, detail="HTTP 429"),
        ),
        (Fault(status=409), RetryLater(reason="unavailable", detail="HTTP 409")),
        (Fault(status=502), Uncertain(reason="server_error", detail="HTTP 502")),
        (Fault(status=422), Rejected(reason="content", scope="content", detail="HTTP 422")),
        (Fault(status=413), Rejected(reason="content", scope="content", detail="HTTP 413")),
        (Fault(status=410), Rejected(reason="address", scope="destination", detail="HTTP 410")),
        (Fault(delay_seconds=0.8), Uncertain(reason="timeout")),
    ],
)
def test_every_way_to_fail_has_its_outcome(program: FakeWebhook, fault: Fault, expected: Outcome) -> None:
    """What passes is tried again, what does not is not."""
    program.faults.add(fault)
    assert receiver(program).send(letter()) == expected


def test_what_was_refused_is_sent_again_without_its_alerts(program: FakeWebhook) -> None:
    """Perhaps it was too large; which incident it is and how it stands is still told."""
    receiver(program).send(letter(plain=True))
    assert program.taken[0]["alerts"] == []
    assert program.taken[0]["incident"]["id"] == 7


def test_foreign_text_cannot_hide_in_the_body(program: FakeWebhook) -> None:
    """Control and direction marks are gone; what the labels hold stays text in JSON."""
    view = group_view(labels={"alertname": "a\u202eb\r\nX", "x": "\ud800"})
    receiver(program).send(letter(group=view))
    assert program.taken[0]["incident"]["labels"] == {"alertname": "ab X", "x": "?"}


def test_the_secret_is_in_no_repr(program: FakeWebhook) -> None:
    """Whoever logs a receiver logs no secret."""
    assert SECRET not in repr(receiver(program))


SIGNED = {
    webhook_signature.TIMESTAMP: str(int(NOW)),
    webhook_signature.SIGNATURE: webhook_signature.sign(SECRET, int(NOW), b"{}"),
}


@pytest.mark.parametrize(
    ("change", "body", "now", "good"),
    [
        ({}, b"{}", NOW, True),
        ({}, b"{}", NOW + 300, True),
        ({}, b"{}", NOW + 301, False),
        ({}, b"{}", NOW - 301, False),
        ({}, b"{} ", NOW, False),
        ({webhook_signature.TIMESTAMP: str(int(NOW) + 1)}, b"{}", NOW, False),
        ({webhook_signature.TIMESTAMP: "abc"}, b"{}", NOW, False),
        ({webhook_signature.TIMESTAMP: "²"}, b"{}", NOW, False),
        ({webhook_signature.TIMESTAMP: "9" * 5_000}, b"{}", NOW, False),
        ({webhook_signature.SIGNATURE: ""}, b"{}", NOW, False),
        ({webhook_signature.SIGNATURE: "v1=é\udcff"}, b"{}", NOW, False),
    ],
)
def test_a_signature_holds_for_its_body_its_time_and_five_minutes(
    change: dict[str, str], body: bytes, now: float, good: bool
) -> None:
    """Anything else is refused and never an error."""
    assert webhook_signature.verify([SECRET], {**SIGNED, **change}, body, now) is good


def test_two_secrets_are_valid_while_one_is_replaced() -> None:
    """And a header's name counts in any case."""
    shown = {name.lower(): value for name, value in SIGNED.items()}
    assert webhook_signature.verify(["new-secret", SECRET], shown, b"{}", NOW)
    assert not webhook_signature.verify(["new-secret"], shown, b"{}", NOW)


def test_the_documented_body_has_every_key(program: FakeWebhook) -> None:
    """What docs/bridge.md promises to a reader is what is sent."""
    receiver(program).send(letter())
    text = (Path(__file__).resolve().parents[2] / "docs" / "bridge.md").read_text()
    (body,) = program.taken
    for key in [*body, *body["incident"], *body["incident"]["counts"], *body["alerts"][0]]:
        assert f'"{key}"' in text, key
