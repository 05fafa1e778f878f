from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from alerting.calls import Delivered, Outcome, Rejected, RetryLater, Uncertain
from alerting.email import ADDRESS_PATTERN, EmailPolicy, Mailbox
from alerting.look import LinkPolicy
from alerting.secret import Secret
from alerting.testing import FakeSMTP, Fault
from alerting.testing.certificate import make_certificate
from alerting.testing.letters import NOW, alert_view, group_view, letter, resolved_view
from alerting.views import ThreadLine

TO = ("ann@example.org", "bob@example.org")
PASSWORD = "planted-password"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeSMTP]:
    """A fake mail server that insists on STARTTLS and on a login."""
    with FakeSMTP(tmp_path, login=("bridge", PASSWORD)) as fake:
        yield fake


def mailbox(server: FakeSMTP, **fields: Any) -> Mailbox:
    """A mailbox behind the fake server; any field of the policy can be given or replaced."""
    values: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "security": server.security,
        "sender": "driftgauge@example.org",
        "username": "bridge" if server.login else None,
        "ca_file": server.ca_file,
        "timeout_seconds": 0.5,
    }
    return Mailbox(policy=EmailPolicy(**{**values, **fields}), to=TO, password=Secret(PASSWORD))


def test_a_mail_is_handed_over_encrypted_and_after_a_login(server: FakeSMTP) -> None:
    """To everybody at once, with a text part and an HTML part."""
    assert mailbox(server).send(letter()) == Delivered(ts="id-1")
    (mail,) = server.mails
    assert mail.encrypted
    assert server.counters().logins == 1
    assert (mail.sender, mail.recipients) == ("driftgauge@example.org", TO)
    assert mail.message["To"] == "ann@example.org, bob@example.org"
    assert mail.message["Subject"] == "ModelDriftDetected · flight_delay 1.2.0 (incident 7)"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.part("plain").startswith("Warning: 1 alert firing since 2025-12-31 23:50 UTC")
    for words in (
        "dep_hour of flight_delay 1.2.0 has drifted",
        "0.34, threshold 0.2",
        "https://docs.example",
    ):
        assert words in mail.part("plain")
    assert "<b>dep_hour, firing</b>" in mail.part("html")


@pytest.mark.parametrize("security", ["tls", "none"])
def test_a_server_may_speak_tls_from_the_start_or_be_this_machine(
    tmp_path: Path, security: Literal["tls", "none"]
) -> None:
    """Both are a setting; nothing is guessed."""
    with FakeSMTP(tmp_path, security=security) as server:
        assert isinstance(mailbox(server).send(letter()), Delivered)
        assert server.mails[0].encrypted is (security == "tls")


def test_an_incident_is_one_thread(server: FakeSMTP) -> None:
    """All mails refer to one name, have one subject, and each state has a Message-ID that stays."""
    told = mailbox(server)
    told.send(letter())
    told.send(letter(version=2, message_id="id-2", ts="id-1", group=resolved_view()))
    first, second = (mail.message for mail in server.mails)
    assert first["References"] == second["References"] == "<id-1@example.org>"
    assert first["Subject"] == second["Subject"]
    assert (first["Message-ID"], second["Message-ID"]) == ("<id-1.1@example.org>", "<id-1.2@example.org>")
    assert server.mails[1].part("plain").startswith("Resolved after 10 min")


def test_a_mail_of_unknown_fate_has_the_same_name_when_it_is_repeated(server: FakeSMTP) -> None:
    """The connection broke after the mail was taken: nobody can say, and a mailbox can tell the double."""
    server.faults.add(Fault(method="content", drop=True, when="after"))
    told = mailbox(server)
    assert told.send(letter()) == Uncertain(reason="dropped", detail="SMTPServerDisconnected")
    assert isinstance(told.find(letter()), Rejected)
    told.send(letter())
    assert server.counters().doubled == 1


def refused(reason: str, detail: str, scope: Any = "destination") -> Rejected:
    return Rejected(reason=reason, scope=scope, detail=detail)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(method="connect", status=421), RetryLater(reason="unavailable", detail="SMTP 421")),
        (
            Fault(method="connect", drop=True),
            RetryLater(reason="unreachable", detail="SMTPServerDisconnected"),
        ),
        (Fault(method="connect", delay_seconds=0.9), RetryLater(reason="unreachable", detail="timeout")),
        (Fault(method="auth", status=535), refused("auth", "SMTP 535")),
        (Fault(method="auth", status=454), RetryLater(reason="unavailable", detail="SMTP 454")),
        (Fault(method="mail", status=451), RetryLater(reason="unavailable", detail="SMTP 451 for sender")),
        (Fault(method="mail", status=553), refused("address", "SMTP 553 for sender")),
        (Fault(method="rcpt", status=550, times=2), refused("address", "SMTP 550 for every recipient")),
        (
            Fault(method="rcpt", status=450),
            RetryLater(reason="unavailable", detail="SMTP 450 for a recipient"),
        ),
        (Fault(method="data", status=452), RetryLater(reason="unavailable", detail="SMTP 452 for content")),
        (
            Fault(method="content", status=451),
            RetryLater(reason="unavailable", detail="SMTP 451 for content"),
        ),
        (Fault(method="content", status=554), refused("content", "SMTP 554", "content")),
        (Fault(method="data", drop=True), Uncertain(reason="dropped", detail="SMTPServerDisconnected")),
        (Fault(method="content", delay_seconds=0.9), Uncertain(reason="timeout")),
    ],
)
def test_every_way_to_fail_has_its_outcome(server: FakeSMTP, fault: Fault, expected: Outcome) -> None:
    """4xx passes, 5xx does not, and only what breaks after the content began is uncertain."""
    server.faults.add(fault)
    assert mailbox(server).send(letter()) == expected


def test_one_wrong_address_does_not_silence_the_others(
    server: FakeSMTP, caplog: pytest.LogCaptureFixture
) -> None:
    """The mail goes to those who exist, and the log says that somebody does not."""
    server.faults.add(Fault(method="rcpt", status=550))
    assert isinstance(mailbox(server).send(letter()), Delivered)
    assert server.mails[0].recipients == ("bob@example.org",)
    assert "1 of 2 recipients refused" in caplog.text


def test_a_certificate_of_somebody_else_is_not_trusted(server: FakeSMTP, tmp_path: Path) -> None:
    """Neither a password nor an alert is sent to it."""
    other = make_certificate(tmp_path, "other.example")
    for ca_file in (None, other.certificate):
        outcome = mailbox(server, ca_file=ca_file).send(letter())
        assert outcome == RetryLater(reason="tls", detail="certificate not trusted or no TLS")
    assert (server.mails, server.counters().logins) == ([], 0)


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    """It may be somebody in between who takes the offer away: no password, no alert in the clear."""
    with FakeSMTP(tmp_path, security="none", login=("bridge", PASSWORD)) as server:
        outcome = mailbox(server, security="starttls").send(letter())
        assert outcome == refused("tls", "the server offers no STARTTLS or no login")
        assert (server.mails, server.counters().logins) == ([], 0)


def test_no_server_is_trouble_that_passes(free_port: int, server: FakeSMTP) -> None:
    """A refused connection has had no effect."""
    outcome = mailbox(server, port=free_port).send(letter())
    assert outcome == RetryLater(reason="unreachable", detail="ConnectionRefusedError")
    assert isinstance(mailbox(server, host="absent.invalid").send(letter()), RetryLater)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_byte_now_and_then_does_not_hold_the_loop(server: FakeSMTP, security: str) -> None:
    """The time limit is of a whole answer, not of each of its bytes."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def answer() -> None:
            connection, _ = slow.accept()
            with connection, contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    connection.sendall(b"2")

        thread = threading.Thread(target=answer)
        thread.start()
        started = time.monotonic()
        outcome = mailbox(server, port=slow.getsockname()[1], security=security).send(letter())
        taken = time.monotonic() - started
        ended.set()
        thread.join()
    assert isinstance(outcome, RetryLater)
    assert taken < 6 * 0.5


def test_an_authority_that_has_gone_is_trouble_that_passes(server: FakeSMTP, tmp_path: Path) -> None:
    """Its file may be replaced at this moment; until then nothing is sent."""
    outcome = mailbox(server, ca_file=tmp_path / "absent").send(letter())
    assert outcome == RetryLater(reason="unreachable", detail="FileNotFoundError")
    assert server.mails == []


HOSTILE = "x\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>\u202e & .\r\n.\r\n"


def test_no_label_can_write_a_header_or_markup(server: FakeSMTP) -> None:
    """Names of headers come from us, foreign text is one cleaned line, and in HTML it is escaped."""
    labels = {"alertname": HOSTILE, "model_name": HOSTILE, "window": HOSTILE}
    view = group_view(
        labels=labels,
        features=[HOSTILE],
        annotations={"summary": HOSTILE, "score": HOSTILE, "runbook_url": "javascript:alert(1)"},
        alerts=[alert_view(HOSTILE, annotations={"description": HOSTILE})],
        acknowledged_by=HOSTILE,
        acknowledged_at=NOW,
    )
    lines = [ThreadLine(kind="acknowledged", at=NOW, by=HOSTILE, reason=HOSTILE, names=[HOSTILE], count=1)]
    mailbox(server).send(letter(group=view, lines=lines))
    (mail,) = server.mails
    assert mail.message["Bcc"] is None
    assert set(mail.message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
        "X-Driftgauge-Incident", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert mail.recipients == TO
    assert "<script>" not in mail.part("html")
    assert "\u202e" not in mail.part("html") + mail.part("plain") + mail.message["Subject"]
    assert re.findall(r'(?:href|src)="([^"]*)"', mail.part("html")) == ["http://alertmanager:9093"]


def test_dots_and_long_lines_arrive_as_they_are(server: FakeSMTP) -> None:
    """A line that is one dot ends nothing, and a line of any length fits."""
    words = ". " + "x" * 1_500
    view = group_view(annotations={"summary": words}, alerts=[])
    mailbox(server).send(letter(group=view))
    assert words in server.mails[0].part("plain")


def test_what_was_refused_is_sent_again_as_text_alone(server: FakeSMTP) -> None:
    """Some servers do not like HTML."""
    mailbox(server).send(letter(plain=True))
    assert server.mails[0].part("html") == ""
    assert "Warning: 1 alert" in server.mails[0].part("plain")


def test_links_lead_only_where_they_may(server: FakeSMTP) -> None:
    """As in Slack: the hosts of `links.hosts`."""
    told = dataclasses.replace(mailbox(server), links=LinkPolicy(hosts=("grafana.example",)))
    told.send(letter())
    assert re.findall(r'href="https?://([^/"]*)', server.mails[0].part("html")) == ["grafana.example"]


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("a@b.example", True),
        ("a.b+c@host", True),
        ("a@b\r\nBcc: c@d", False),
        ("a@b.example\n", False),
        ("Ann <a@b.example>", False),
        ("a@b,c@d", False),
        ('"a b"@c', False),
        ("a@", False),
        ("a@-..", False),
    ],
)
def test_an_address_is_an_address_and_nothing_more(address: str, fits: bool) -> None:
    """Nothing in it can end a header or name a second person."""
    assert (re.fullmatch(ADDRESS_PATTERN.strip("^$"), address) is not None) is fits


def test_the_password_is_in_no_repr(server: FakeSMTP) -> None:
    """Whoever logs a receiver logs no secret."""
    assert PASSWORD not in repr(mailbox(server))
