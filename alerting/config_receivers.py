"""The sections `destinations` and `email` of config/bridge.yaml, and the receivers they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag

from .email import ADDRESS_PATTERN, EmailPolicy, Mailbox
from .errors import ConfigError
from .look import LinkPolicy
from .matchers import Matcher
from .pagerduty import PagerDuty, PagerDutyPolicy
from .retraining_request import RetrainingPolicy, RetrainingService
from .secret import Secret
from .secret_file import SecretFile
from .web import is_loopback
from .webhook import Webhook, WebhookPolicy

KINDS: Final = ("slack", "pagerduty", "email", "webhook", "retraining")
ROUTING_KEY: Final = "PAGERDUTY_ROUTING_KEY"
PASSWORD: Final = "SMTP_PASSWORD"  # noqa: S105 - the name of a variable
ADDRESSES: Final = "ALERT_EMAILS"
VARIABLES: Final = (ROUTING_KEY, PASSWORD, ADDRESSES)

_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")
"""An integration key of PagerDuty's Events API v2."""
_MIN_SECRET: Final = 16
"""Characters of what requests are signed with; 16 random ones of base 64 are 96 bits."""
_EMAIL: Final = EmailPolicy()
_ANSWERED: Final = WebhookPolicy(url="").read_timeout_seconds
_CONNECTED: Final = WebhookPolicy(url="").connect_timeout_seconds

Receiver = PagerDuty | Mailbox | Webhook | RetrainingService


class _Section(pydantic.BaseModel):
    """What all sections share: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2_000)]
_Timeout = Annotated[float, Field(gt=0, le=300)]
_Address = Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN, max_length=254)]


class SlackDestination(_Section):
    """A channel."""

    kind: Literal["slack"] = "slack"
    channel: _Text


class PagerDutyDestination(_Section):
    """A service of PagerDuty."""

    kind: Literal["pagerduty"]
    url: _Url = PagerDutyPolicy().url
    routing_key_file: _Text | None = None
    timeout_seconds: _Timeout = PagerDutyPolicy().read_timeout_seconds


class EmailDestination(_Section):
    """People with mailboxes; without `to`, those of ALERT_EMAILS."""

    kind: Literal["email"]
    to: Annotated[list[_Address], Field(max_length=100)] = []


class WebhookDestination(_Section):
    """A program."""

    kind: Literal["webhook"]
    url: _Url
    secret_file: _Text
    timeout_seconds: _Timeout = _ANSWERED


class RetrainingDestination(_Section):
    """A service that retrains models."""

    kind: Literal["retraining"]
    url: _Url
    secret_file: _Text
    timeout_seconds: _Timeout = _ANSWERED
    alert_names: list[_Text] = []
    match: list[_Text] = []


class UnknownDestination(pydantic.BaseModel):
    """A kind that there is not; it is here so that the message names those that there are."""

    model_config = ConfigDict(strict=True)

    kind: Literal["slack", "pagerduty", "email", "webhook", "retraining"]


def _kind_of(value: Any) -> str:  # noqa: ANN401 - whatever stands in the file
    """Which section a destination is read as."""
    kind = value.get("kind", "slack") if isinstance(value, dict) else "slack"
    return kind if kind in KINDS else "unknown"


DestinationSection = Annotated[
    Annotated[SlackDestination, Tag("slack")]
    | Annotated[PagerDutyDestination, Tag("pagerduty")]
    | Annotated[EmailDestination, Tag("email")]
    | Annotated[WebhookDestination, Tag("webhook")]
    | Annotated[RetrainingDestination, Tag("retraining")]
    | Annotated[UnknownDestination, Tag("unknown")],
    Discriminator(_kind_of),
]

SECTIONS: Final[Mapping[str, type[pydantic.BaseModel]]] = {
    "slack": SlackDestination,
    "pagerduty": PagerDutyDestination,
    "email": EmailDestination,
    "webhook": WebhookDestination,
    "retraining": RetrainingDestination,
    "unknown": UnknownDestination,
}
"""By what pydantic puts into the place of a problem."""


class EmailSection(_Section):
    """The server that takes our mails."""

    host: _Text = _EMAIL.host
    port: Annotated[int, Field(ge=1, le=65_535)] = _EMAIL.port
    security: Literal["starttls", "tls", "none"] = _EMAIL.security
    sender: _Address = _EMAIL.sender
    username: _Text | None = _EMAIL.username
    ca_file: _Text | None = None
    timeout_seconds: _Timeout = _EMAIL.timeout_seconds


def receivers(
    destinations: Mapping[str, DestinationSection],
    email: EmailSection,
    *,
    links: LinkPolicy,
    path: Path,
    values: Mapping[str, str],
    secrets: Mapping[str, Secret],
) -> dict[str, Receiver]:
    """The destinations that are not Slack's, ready to be told.

    Parameters
    ----------
    destinations : mapping of str to section
    email : EmailSection
    links : LinkPolicy
    path : Path
        Of the file: what it names lies beside it.
    values : mapping of str to str
        Variables that are set.
    secrets : mapping of str to Secret
        Those of them that are secrets.

    Raises
    ------
    ConfigError
        If a secret or an address is missing or cannot be used.
    """
    made: dict[str, Receiver] = {}
    for name, section in destinations.items():
        where = f"destinations.{name}"
        if isinstance(section, PagerDutyDestination):
            key = secrets.get(ROUTING_KEY)
            if section.routing_key_file is not None:
                file = SecretFile(
                    path.parent / section.routing_key_file, f"{where}.routing_key_file", is_routing_key
                )
                key = file.secret()
            if key is None:
                raise ConfigError(f"{where}: found no key, need routing_key_file or {ROUTING_KEY}")
            pager = PagerDutyPolicy(url=section.url, **_limits(section.timeout_seconds))
            made[name] = PagerDuty(policy=pager, routing_key=key, links=links)
        elif isinstance(section, EmailDestination):
            to = tuple(section.to) or tuple(_addresses(values.get(ADDRESSES, "")))
            if not to:
                raise ConfigError(f"{where}.to: found no address, need one here or in {ADDRESSES}")
            made[name] = Mailbox(
                policy=_email_policy(email, path), to=to, password=secrets.get(PASSWORD), links=links
            )
        elif isinstance(section, WebhookDestination | RetrainingDestination):
            secret = SecretFile(
                path.parent / section.secret_file, f"{where}.secret_file", is_signing_secret
            ).secret()
            policy = WebhookPolicy(url=section.url, **_limits(section.timeout_seconds))
            made[name] = (
                Webhook(policy=policy, secret=secret, links=links)
                if isinstance(section, WebhookDestination)
                else RetrainingService(
                    policy=RetrainingPolicy(
                        alert_names=tuple(section.alert_names),
                        matchers=tuple(_matchers(section.match, f"{where}.match")),
                    ),
                    place=policy,
                    secret=secret,
                    links=links,
                )
            )
    return made


def contradictions(
    destinations: Mapping[str, DestinationSection], email: EmailSection, values: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong between these sections and the environment."""
    if email.username is not None and PASSWORD not in values:
        yield f"email.username: found {email.username} and no password, need {PASSWORD}"
    if email.security == "none" and not is_loopback(email.host):
        mails = any(isinstance(section, EmailDestination) for section in destinations.values())
        if email.username is not None or mails:
            yield f"email.security: found none for {email.host}, need starttls or tls for another machine"


def is_routing_key(text: str) -> bool:
    """Whether a text looks like an integration key of PagerDuty."""
    return _ROUTING_KEY.fullmatch(text) is not None


def is_signing_secret(text: str) -> bool:
    """Whether a text is long enough to sign with."""
    return len(text) >= _MIN_SECRET


def _limits(seconds: float) -> dict[str, float]:
    """The time limits of a call: for its answer, and for connecting, which is quick or not at all."""
    return {"connect_timeout_seconds": min(seconds, _CONNECTED), "read_timeout_seconds": seconds}


def _matchers(texts: Iterable[str], where: str) -> Iterator[Matcher]:
    for number, text in enumerate(texts):
        try:
            yield Matcher(text)
        except ConfigError as error:
            raise ConfigError(f"{where}.{number}: {error}") from None


def _addresses(text: str) -> Iterator[str]:
    """The addresses of ALERT_EMAILS, separated by commas or spaces."""
    for number, address in enumerate(text.replace(",", " ").split(), 1):
        if not re.fullmatch(ADDRESS_PATTERN, address):
            raise ConfigError(f"{ADDRESSES}: found something else in place {number}, need addresses a@b.c")
        yield address


def _email_policy(section: EmailSection, path: Path) -> EmailPolicy:
    settings = section.model_dump(exclude={"ca_file"})
    ca_file = None if section.ca_file is None else path.parent / section.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise ConfigError(f"email.ca_file: {ca_file}: not readable, need a file with certificates")
    return EmailPolicy(**settings, ca_file=ca_file)
