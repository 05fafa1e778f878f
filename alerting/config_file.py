"""The shape of config/bridge.yaml: its sections, their bounds, and words for what does not fit.

A default that a policy has is written there; here are the checks, and the defaults that belong to the file
alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from . import config_words
from .config_actions import ActionsSection, AlertmanagerSection, MentionsSection
from .config_escalation import DailyDigestSection, HeartbeatSection, PolicySection, StormsSection
from .config_receivers import SECTIONS, DestinationSection, EmailSection
from .config_words import Location
from .delivery import DeliveryPolicy
from .incidents import StatePolicy
from .intake import IntakePolicy
from .slack import SlackPolicy


class Section(pydantic.BaseModel):
    """What all sections share: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Seconds = Annotated[float, Field(gt=0, le=365 * 86_400)]
_Port = Annotated[int, Field(ge=0, le=65_535)]
_NOT_OF_A_HOST: Final = frozenset(" \t\r\n*[]%")
"""What a URL's host may not have, or has only in a pattern, which is not understood here."""
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]

_STATE, _INTAKE = StatePolicy(), IntakePolicy()
_SLACK, _DELIVERY = SlackPolicy(), DeliveryPolicy()
MEBIBYTE: Final = 1 << 20


class ListenSection(Section):
    """Where the bridge listens."""

    address: _Text = "127.0.0.1"
    port: _Port = 9109
    tls_certificate_file: _Text | None = None
    tls_key_file: _Text | None = None


class AccessSection(Section):
    """Who may speak to it."""

    token_files: list[_Text] = []
    open_metrics: bool = False


class StateSection(Section):
    """Where the state lies, and how long it remembers."""

    directory: _Text = ".driftgauge/bridge"
    retention_days: Annotated[float, Field(gt=0, le=3_650)] = _STATE.retention_days
    reopen_after_seconds: _Seconds = _STATE.reopen_after_seconds
    unheard_after_seconds: _Seconds = _STATE.unheard_after_seconds
    gone_after_seconds: _Seconds = _STATE.gone_after_seconds


class IntakeSection(Section):
    """What a request may cost."""

    max_body_mebibytes: Annotated[int, Field(ge=1, le=1_024)] = _INTAKE.max_body_bytes // MEBIBYTE
    max_mebibytes_in_flight: Annotated[int, Field(ge=1, le=16_384)] = _INTAKE.max_bytes_in_flight // MEBIBYTE
    body_seconds: _Seconds = _INTAKE.body_seconds
    commit_seconds: _Seconds = _INTAKE.commit_seconds
    max_requests: Annotated[int, Field(ge=1, le=100_000)] = _INTAKE.max_requests


class SlackSection(Section):
    """How Slack is reached."""

    api_url: _Url = _SLACK.api_url
    connect_timeout_seconds: _Seconds = _SLACK.connect_timeout_seconds
    read_timeout_seconds: _Seconds = _SLACK.read_timeout_seconds


class DeliverySection(Section):
    """How fast and how patient."""

    posts_per_second: Annotated[float, Field(gt=0, le=1_000)] = _DELIVERY.posts_per_second
    post_burst: Annotated[float, Field(ge=1, le=1_000)] = _DELIVERY.post_burst
    updates_per_minute: Annotated[float, Field(gt=0, le=60_000)] = _DELIVERY.updates_per_minute
    reconcile_margin_seconds: Annotated[float, Field(ge=0, le=3_600)] = _DELIVERY.reconcile_margin_seconds
    parked_retry_seconds: _Seconds = _DELIVERY.parked_retry_seconds


def _host(text: str) -> str:
    """A host as it stands in a parsed address, in small letters; an address or a port would match no link."""
    name = text.lower()
    try:
        # An IPv6 address has brackets in a URL, and none here; nothing else has two colons.
        parts = urlsplit(f"//[{name}]" if name.count(":") > 1 else f"//{name}")
        bare = parts.hostname == name and not set(name) & _NOT_OF_A_HOST
    except ValueError:
        bare = False
    if not bare:
        raise PydanticCustomError(
            "host", "a bare host name such as grafana.example.org, without https:// or port"
        )
    return name


_Host = Annotated[_Text, AfterValidator(_host)]


class LinksSection(Section):
    """Where links may lead."""

    hosts: list[_Host] = []


class SourceSection(Section):
    """A sender."""

    destinations: Annotated[list[_Name], Field(min_length=1)]
    token_files: list[_Text] = []


class File(Section):
    """The whole file."""

    listen: ListenSection = ListenSection()
    access: AccessSection = AccessSection()
    state: StateSection = StateSection()
    intake: IntakeSection = IntakeSection()
    slack: SlackSection = SlackSection()
    delivery: DeliverySection = DeliverySection()
    email: EmailSection = EmailSection()
    links: LinksSection = LinksSection()
    mentions: MentionsSection = MentionsSection()
    actions: ActionsSection = ActionsSection()
    alertmanager: AlertmanagerSection = AlertmanagerSection()
    escalation: list[PolicySection] = []
    heartbeats: dict[_Name, HeartbeatSection] = {}
    storms: StormsSection = StormsSection()
    daily_digest: DailyDigestSection | None = None
    destinations: Annotated[dict[_Name, DestinationSection], Field(min_length=1)]
    sources: Annotated[dict[_Name, SourceSection], Field(min_length=1)]


def check(document: object, path: object) -> File:
    """A parsed file as sections.

    Raises
    ------
    ConfigError
        With every problem: key, what was found, what is needed; never a value that may be a secret.
    """
    return config_words.check(
        File,
        document,
        path,
        sections="destinations: and sources:",
        place=_place,
        known=_known,
        secrets="the environment",
    )


def _place(location: Location) -> tuple[Location, str | None]:
    """Of a destination, pydantic also names the kind that it was read as."""
    if location[0] == "destinations" and len(location) > 3:
        return (*location[:2], *location[3:]), str(location[2])
    return location, None


def _known(place: Location, kind: str | None) -> list[str]:
    """The keys that are allowed at a place in the file."""
    if kind is not None and kind in SECTIONS:
        return sorted(SECTIONS[kind].model_fields)
    section: Any = File
    for part in place:
        if isinstance(part, int):  # a place in a list
            continue
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        if annotation is None:
            break
        arguments = getattr(annotation, "__args__", ())
        sections = [entry for entry in arguments if hasattr(entry, "model_fields")]
        section = sections[0] if sections else annotation
    return sorted(field.alias or name for name, field in section.model_fields.items())
