"""A fake mail server: real SMTP on this machine with STARTTLS or TLS, logins, faults, and mails to read."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from .certificate import Certificate, make_certificate
from .faults import Fault, Script

POLL_SECONDS: Final = 0.05
"""How long `stop` may have to wait."""
CLIENT_SECONDS: Final = 10.0
MAX_LINE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it was handed over."""

    sender: str
    recipients: tuple[str, ...]
    encrypted: bool
    message: EmailMessage

    def part(self, kind: Literal["plain", "html"]) -> str:
        """The text of a part, or nothing without one."""
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCounters:
    """What happened so far. `doubled` counts mails whose Message-ID was there before."""

    taken: int
    doubled: int
    logins: int
    refused: int


class FakeSMTP:
    """A mail server on this machine; a context manager.

    Parameters
    ----------
    folder : Path
        Where its certificate is made, if it needs one.
    security : "starttls", "tls" or "none"
    login : tuple of str, optional
        The user name and password without which it takes no mail.
    seed : int
        Of the faults that happen with a probability. Their methods are `connect`, `ehlo`, `starttls`, `auth`,
        `mail`, `rcpt`, `data` and `content`, which is what follows `data`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        security: Literal["starttls", "tls", "none"] = "starttls",
        login: tuple[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        self.security, self.login, self.faults = security, login, Script(seed)
        self.mails: list[Mail] = []
        self.events: Counter[str] = Counter()
        self.context: ssl.SSLContext | None = None
        self.ca_file: Path | None = None
        if security != "none":
            made: Certificate = make_certificate(folder)
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(made.certificate, made.key)
            self.ca_file = made.certificate
        self._server = _Server(("127.0.0.1", 0), self)
        self.host, self.port = "127.0.0.1", int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="fake-smtp", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def counters(self) -> MailCounters:
        """What happened so far."""
        names = Counter(str(mail.message["Message-ID"]) for mail in self.mails)
        return MailCounters(
            taken=len(self.mails),
            doubled=sum(count - 1 for count in names.values()),
            logins=self.events["logins"],
            refused=self.events["refused"],
        )

    def lost(self, expected: Iterable[str]) -> list[str]:
        """Of some words that should have been told, those that no mail says."""
        said = "\n".join(f"{mail.message['Subject']}\n{mail.part('plain')}" for mail in self.mails)
        return [words for words in expected if words not in said]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], fake: FakeSMTP) -> None:
        self.fake = fake
        super().__init__(address, _Session)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or does not trust us, is its own affair."""


class _Dropped(Exception):  # noqa: N818 - it ends a session, as a cut line would
    """The connection is closed without an answer."""


@dataclass(slots=True)
class _Envelope:
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class _Session(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One connection, from the greeting to the end."""
        fake = self.server.fake
        self.request.settimeout(CLIENT_SECONDS)
        self.encrypted = False
        try:
            if fake.security == "tls":
                self._encrypt()
            self.lines = self.request.makefile("rb")
            self.envelope, self.known = _Envelope(), fake.login is None
            self._answer("connect", "220 fake ESMTP")
            while line := self.lines.readline(MAX_LINE):
                if not self._obey(line.decode("utf-8", "replace").rstrip("\r\n")):
                    return
        except (_Dropped, OSError, ssl.SSLError):
            return
        finally:
            # What makefile opened keeps the connection open, too.
            if hasattr(self, "lines"):
                self.lines.close()
            self.request.close()

    def _obey(self, line: str) -> bool:
        """Answer one command; False after the last one."""
        fake = self.server.fake
        verb, _, rest = line.partition(" ")
        verb = verb.lower()
        if verb == "quit":
            self._say("221 bye")
            return False
        if verb == "ehlo":
            offers = ["fake", "8BITMIME"]
            offers += ["STARTTLS"] if fake.security == "starttls" and not self.encrypted else []
            offers += ["AUTH PLAIN"] if fake.login else []
            kept = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
            self._answer("ehlo", "\r\n".join(kept))
        elif verb == "starttls" and fake.context is not None:
            self._answer("starttls", "220 go on")
            self.lines.close()
            self._encrypt()
            self.lines = self.request.makefile("rb")
        elif verb == "auth":
            self.known = _shown(rest) == fake.login
            fake.events["logins" if self.known else "refused"] += 1
            self._answer("auth", "235 welcome" if self.known else "535 who are you")
        elif verb == "mail" and not self.known:
            self._answer("mail", "530 log in first")
        elif verb == "mail":
            self.envelope = _Envelope(sender=_address(rest))
            self._answer("mail", "250 fine")
        elif verb == "rcpt":
            if self._answer("rcpt", "250 fine"):
                self.envelope.recipients.append(_address(rest))
        elif verb == "data":
            if self._answer("data", "354 go on"):
                self._content()
        else:
            self._say("250 fine" if verb in ("rset", "noop") else "502 what")
        return True

    def _content(self) -> None:
        """Take a mail, unless a fault forbids it."""
        fake = self.server.fake
        raw = bytearray()
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            raw += line[1:] if line.startswith(b".") else line
        fault = fake.faults.draw("content")
        if fault is None or fault.when == "after" or not fault.answers:
            message = email.message_from_bytes(bytes(raw), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            fake.mails.append(
                Mail(
                    sender=self.envelope.sender,
                    recipients=tuple(self.envelope.recipients),
                    encrypted=self.encrypted,
                    message=message,
                )
            )
        self._fail_or_say(fault, "250 taken")

    def _answer(self, method: str, text: str) -> bool:
        """Say what is true unless a fault says otherwise; whether it was true."""
        return self._fail_or_say(self.server.fake.faults.draw(method), text)

    def _fail_or_say(self, fault: Fault | None, text: str) -> bool:
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault is not None and fault.drop:
            raise _Dropped
        if fault is not None and fault.answers:
            self.server.fake.events["refused"] += 1
            self._say(f"{fault.status} {fault.error or 'fault'}")
            return False
        self._say(text)
        return True

    def _say(self, text: str) -> None:
        self.request.sendall(f"{text}\r\n".encode())

    def _encrypt(self) -> None:
        context = self.server.fake.context
        assert context is not None
        self.request = context.wrap_socket(self.request, server_side=True)
        self.encrypted = True


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


def _shown(text: str) -> tuple[str, str] | None:
    """The user name and password of AUTH PLAIN."""
    try:
        _, name, password = base64.b64decode(text.partition(" ")[2], validate=True).decode().split("\0")
    except (binascii.Error, ValueError):
        return None
    return name, password
