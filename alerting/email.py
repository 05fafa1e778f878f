"""One e-mail by SMTP -> what became of it.

Nobody can be asked whether an e-mail has arrived, so one of unknown fate is sent again with the same
Message-ID, by which many mailboxes know a double, and counted. All mails of an incident refer to one name
that stands in no mail of its own, so programs show them as one thread.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import ClassVar, Final, Literal

from . import email_text
from .calls import Delivered, Letter, Outcome, Rejected, RetryLater, Search, Uncertain, Verdict
from .look import LinkPolicy
from .pacing import Pace
from .secret import Secret

logger = logging.getLogger(__name__)

PACE: Final = Pace(per_second=0.5, burst=10.0)
"""Our own choice: more than thirty mails a minute are read by nobody, and taken for spam."""
CALLS_AT_MOST: Final = 12
"""Answers that are waited for in one delivery with few recipients: each can take the whole time limit."""
ADDRESS_PATTERN: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$"
"""An address without a name, a comment or anything quoted; so nothing in it can end a header."""

_PERMANENT: Final = 500
_AUTH_CODES: Final = frozenset({530, 534, 535, 538})
_MIME: Final = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailPolicy:
    """How mails are handed over.

    Attributes
    ----------
    host, port : str, int
        Of the mail server that takes our mails.
    security : "starttls", "tls" or "none"
        `none` is for a server on this machine: no password is ever sent without TLS.
    sender : str
        An address; what mails come from.
    username : str or None
        With a password in SMTP_PASSWORD; None does not log in.
    ca_file : Path or None
        Certificates to trust instead of the system's.
    timeout_seconds : float
        For connecting and for each answer.
    """

    host: str = "localhost"
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = "driftgauge@localhost"
    username: str | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 10.0


class _Timed(smtplib.SMTP):
    """Gives a whole answer twice the time of its next byte: one now and then must not hold the loop."""

    def getreply(self) -> tuple[int, bytes]:
        """The server's answer, or its end."""
        cut = threading.Timer(2 * self.timeout, self._cut)
        cut.start()
        try:
            return super().getreply()
        finally:
            cut.cancel()

    def _cut(self) -> None:
        with contextlib.suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _TimedTLS(_Timed, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte on."""


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """People who are told by e-mail.

    Parameters
    ----------
    policy : EmailPolicy
    to : tuple of str
        Addresses, from the configuration alone.
    password : Secret, optional
    links : LinkPolicy
    """

    editable: ClassVar = False
    repeatable: ClassVar = False
    pace: ClassVar = PACE

    policy: EmailPolicy
    to: tuple[str, ...]
    password: Secret | None = None
    links: LinkPolicy = field(default_factory=LinkPolicy)

    @property
    def call_seconds(self) -> float:
        """The longest that one delivery takes."""
        return self.policy.timeout_seconds * CALLS_AT_MOST

    def send(self, letter: Letter) -> Outcome:
        """Hand over one mail."""
        message = self.write(letter)
        with contextlib.ExitStack() as ending:
            connection = self._connect()
            if not isinstance(connection, smtplib.SMTP):
                return connection
            ending.callback(_leave, connection)
            return self._transfer(connection, message, letter.thread)

    def find(self, letter: Letter) -> Search:
        """Nobody can say whether a mail has arrived."""
        return Rejected(reason="other", scope="message", detail=f"e-mail cannot look for a {letter.kind}")

    def write(self, letter: Letter) -> EmailMessage:
        """The mail: headers from the configuration and from cleaned text, a text part, an HTML part."""
        domain = self.policy.sender.rpartition("@")[2]
        message = EmailMessage(policy=_MIME)
        message["From"] = Address("driftgauge", addr_spec=self.policy.sender)
        message["To"] = [Address(addr_spec=address) for address in self.to]
        message["Subject"] = email_text.subject(letter.group)
        message["Date"] = format_datetime(datetime.fromtimestamp(letter.at, UTC))
        message["Message-ID"] = f"<{letter.thread}.{letter.version}@{domain}>"
        message["In-Reply-To"] = message["References"] = f"<{letter.thread}@{domain}>"
        # RFC 3834: nobody's holiday notice should answer.
        message["Auto-Submitted"] = "auto-generated"
        message["X-Driftgauge-Incident"] = str(letter.group.incident_id)
        if letter.group.severity == "critical" and letter.group.closed_at is None:
            message["Importance"] = "high"
        message.set_content(email_text.plain(letter, self.links), cte="quoted-printable")
        if not letter.plain:
            html = email_text.rich(letter, self.links)
            message.add_alternative(html, subtype="html", cte="quoted-printable")
        return message

    def _connect(self) -> smtplib.SMTP | RetryLater | Rejected:
        """A connection on which mails may be sent; nothing has had an effect when there is none."""
        policy = self.policy
        connection: smtplib.SMTP | None = None
        try:
            trust = ssl.create_default_context(cafile=policy.ca_file)
            if policy.security == "tls":
                connection = _TimedTLS(
                    policy.host, policy.port, timeout=policy.timeout_seconds, context=trust
                )
            else:
                connection = _Timed(policy.host, policy.port, timeout=policy.timeout_seconds)
                if policy.security == "starttls":
                    connection.starttls(context=trust)
            if policy.username is not None and self.password is not None:
                connection.login(policy.username, self.password.reveal())
        # Their words may hold what was sent, so only their kind is passed on.
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if connection is not None:
                connection.close()
            return _refusal(error)
        return connection

    def _transfer(self, connection: smtplib.SMTP, message: EmailMessage, thread: str) -> Verdict:
        """Sender, recipients, content; only from the content on can there be an effect."""
        try:
            connection.ehlo_or_helo_if_needed()
            code, _ = connection.mail(self.policy.sender)
            if code >= 400:
                return _judge(code, "sender", thread)
            answers = [connection.rcpt(address)[0] for address in self.to]
        except (smtplib.SMTPException, OSError) as error:
            return _refusal(error)
        refused = [code for code in answers if code >= 400]
        if len(refused) == len(answers):
            return _judge(min(refused), "every recipient", thread)
        if any(code < _PERMANENT for code in refused):
            # All or nothing: who is taken now would get it twice when the others are.
            return _judge(min(refused), "a recipient", thread)
        if refused:
            logger.warning("e-mail: %d of %d recipients refused for good", len(refused), len(answers))
        try:
            code, _ = connection.data(message.as_bytes())
        except smtplib.SMTPDataError as error:
            code = error.smtp_code
        except (smtplib.SMTPException, OSError) as error:
            if _is_timeout(error):
                return Uncertain(reason="timeout")
            return Uncertain(reason="dropped", detail=type(error).__name__)
        if code >= _PERMANENT:
            return Rejected(reason="content", scope="content", detail=f"SMTP {code}")
        return _judge(code, "content", thread)


def _judge(code: int, what: str, thread: str) -> Verdict:
    """What an answer means: 2xx is done, 4xx passes, 5xx does not."""
    if code < 400:
        return Delivered(ts=thread)
    detail = f"SMTP {code} for {what}"
    if code < _PERMANENT:
        return RetryLater(reason="unavailable", detail=detail)
    reason = "auth" if code in _AUTH_CODES else "address"
    return Rejected(reason=reason, scope="destination", detail=detail)


def _refusal(error: Exception) -> RetryLater | Rejected:
    """Why there is no connection that mails may be sent on."""
    if isinstance(error, ssl.SSLError):
        return RetryLater(reason="tls", detail="certificate not trusted or no TLS")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        # A password or an alert in the clear is worse than none: somebody must look.
        return Rejected(reason="tls", scope="destination", detail="the server offers no STARTTLS or no login")
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= _PERMANENT:
        return Rejected(reason="auth", scope="destination", detail=f"SMTP {error.smtp_code}")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return RetryLater(reason="unavailable", detail=f"SMTP {error.smtp_code}")
    if _is_timeout(error):
        return RetryLater(reason="unreachable", detail="timeout")
    if isinstance(error, socket.gaierror):
        return RetryLater(reason="unreachable", detail="unknown host")
    return RetryLater(reason="unreachable", detail=type(error).__name__)


def _is_timeout(error: BaseException) -> bool:
    """Whether time ran out; smtplib calls that a disconnection, too, and keeps the cause."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _leave(connection: smtplib.SMTP) -> None:
    """Say goodbye if there is still somebody; it changes nothing about what was taken."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()
