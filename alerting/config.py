"""config/bridge.yaml and the environment -> one frozen value. Nothing else reads either.

The file holds structure, the environment secrets and addresses. Every default stands in the policy it
belongs to; here are only the checks. All problems of a file are told together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import config_escalation, config_receivers, config_secrets
from .actions import ActionPolicy
from .alertmanager import AlertmanagerPolicy
from .config_escalation import EscalationConfig
from .config_file import MEBIBYTE, File, check
from .config_receivers import Receiver, SlackDestination
from .delivery import DeliveryPolicy
from .errors import ConfigError
from .heartbeats import OWN_SOURCE
from .incidents import StatePolicy
from .intake import DEFAULT_SOURCE, IntakePolicy
from .look import LinkPolicy, Look
from .secret import Secret, mask
from .slack import SlackPolicy
from .web import is_loopback
from .yaml_file import read_yaml

DEFAULT_PATH: Final = Path("config/bridge.yaml")
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the bridge listens, and its certificate if it speaks TLS itself."""

    address: str
    port: int
    tls_certificate_file: Path | None
    tls_key_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may speak to the bridge.

    Attributes
    ----------
    tokens : tuple of Secret
        One or more tokens in each. Each lets its bearer post to every source and read everything.
    open_metrics : bool
        Whether /metrics, which holds numbers and names of receivers, is open to everybody.
    """

    tokens: tuple[Secret, ...]
    open_metrics: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One sender: the destinations it may reach, and tokens that are its own."""

    destinations: tuple[str, ...]
    tokens: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSecrets:
    """How to get into Slack; with a token the webhook is not used."""

    bot_token: Secret | None = None
    webhook_url: Secret | None = None
    signing_secret: Secret | None = None
    alertmanager_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """Everything that is set from outside.

    Attributes
    ----------
    channels : mapping of str to str
        Destination to channel, or to its kind if it is not Slack's.
    receivers : mapping of str to receiver
        The destinations that are not Slack's.
    retraining : tuple of str
        The destinations that retrain.
    """

    path: Path
    listen: Listen
    access: Access
    state_directory: Path
    state: StatePolicy
    intake: IntakePolicy
    slack: SlackPolicy
    secrets: SlackSecrets
    delivery: DeliveryPolicy
    look: Look
    actions: ActionPolicy
    alertmanager: AlertmanagerPolicy
    escalation: EscalationConfig
    retraining: tuple[str, ...]
    channels: Mapping[str, str]
    receivers: Mapping[str, Receiver]
    sources: Mapping[str, SourceConfig]


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> BridgeConfig:
    """The configuration in a file, with what the environment overrides.

    Parameters
    ----------
    path : Path
    environ : mapping of str to str, optional
        Default: that of the process.

    Raises
    ------
    ConfigError
        If something is unknown, missing or out of range; the message names all of it, and no secret.
    """
    file = _read(path)
    values, files = config_secrets.environment(os.environ if environ is None else environ)
    problems = [
        *_contradictions(file),
        *config_receivers.contradictions(file.destinations, file.email, values),
    ]
    address = values.get("BRIDGE_LISTEN_ADDRESS", file.listen.address)
    shared = config_secrets.shared_tokens(values, files) + config_secrets.token_files(
        file.access.token_files, path
    )
    sources = {
        name: SourceConfig(
            destinations=tuple(source.destinations),
            tokens=config_secrets.token_files(source.token_files, path),
        )
        for name, source in file.sources.items()
    }
    if not is_loopback(address) and not all(shared or source.tokens for source in sources.values()):
        problems.append(
            f"listen.address: found {address}, which others can reach, and no token; need access.token_files"
            " or BRIDGE_TOKENS_FILE, or a loopback address"
        )
    channels = sum(isinstance(place, SlackDestination) for place in file.destinations.values())
    if "SLACK_BOT_TOKEN" not in values and "SLACK_WEBHOOK_URL" in values and channels > 1:
        problems.append(
            f"destinations: found {channels} and an incoming webhook, which has one channel; need one of"
            " kind slack, or SLACK_BOT_TOKEN"
        )
    if problems:
        raise ConfigError("; ".join(f"{path}: {problem}" for problem in problems))
    secrets = config_secrets.secrets(values, files)
    links = LinkPolicy(hosts=tuple(file.links.hosts))
    return BridgeConfig(
        path=path,
        listen=Listen(
            address=address,
            port=_port(values) if "BRIDGE_LISTEN_PORT" in values else file.listen.port,
            tls_certificate_file=_beside(path, file.listen.tls_certificate_file),
            tls_key_file=_beside(path, file.listen.tls_key_file),
        ),
        access=Access(tokens=shared, open_metrics=file.access.open_metrics),
        state_directory=Path(values.get("BRIDGE_STATE_DIRECTORY", file.state.directory)),
        state=StatePolicy(**file.state.model_dump(exclude={"directory"})),
        intake=IntakePolicy(
            max_body_bytes=file.intake.max_body_mebibytes * MEBIBYTE,
            max_bytes_in_flight=file.intake.max_mebibytes_in_flight * MEBIBYTE,
            **file.intake.model_dump(exclude={"max_body_mebibytes", "max_mebibytes_in_flight"}),
        ),
        slack=SlackPolicy(**{**file.slack.model_dump(), "api_url": _api_url(values, file.slack.api_url)}),
        secrets=SlackSecrets(
            bot_token=secrets.get("SLACK_BOT_TOKEN"),
            webhook_url=secrets.get("SLACK_WEBHOOK_URL"),
            signing_secret=secrets.get("SLACK_SIGNING_SECRET"),
            alertmanager_token=secrets.get("ALERTMANAGER_TOKEN"),
        ),
        delivery=DeliveryPolicy(**file.delivery.model_dump()),
        look=Look(
            links=links,
            mentions={name: tuple(ids) for name, ids in file.mentions.model_dump().items() if ids},
            actions=_offered(file, values),
            silenceable=frozenset(
                file.alertmanager.sources if _alertmanager(file, values).url is not None else ()
            ),
        ),
        actions=_actions(file),
        alertmanager=_alertmanager(file, values),
        escalation=config_escalation.compose(
            file.escalation,
            file.heartbeats,
            file.storms,
            file.daily_digest,
            destinations={name: source.destinations for name, source in sources.items()},
        ),
        retraining=_retraining(file),
        channels={
            name: place.channel if isinstance(place, SlackDestination) else place.kind
            for name, place in file.destinations.items()
        },
        receivers=config_receivers.receivers(
            file.destinations, file.email, links=links, path=path, values=values, secrets=secrets
        ),
        sources=sources,
    )


def require_slack(config: BridgeConfig) -> None:
    """Refuse a configuration that is to tell Slack and cannot reach it.

    Raises
    ------
    ConfigError
        If there is neither a bot token nor a webhook.
    """
    if (
        len(config.receivers) < len(config.channels)
        and config.secrets.bot_token is None
        and config.secrets.webhook_url is None
    ):
        raise ConfigError(
            "environment: found neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL (nor one of them with _FILE),"
            " need one"
        )


def describe(config: BridgeConfig) -> str:
    """What a configuration means, in a few lines and without secrets."""
    listen, secrets = config.listen, config.secrets
    scheme = "https" if listen.tls_certificate_file else "http"
    if secrets.bot_token is not None:
        way = f"bot token, through {mask(config.slack.api_url)}: messages are updated and have threads"
    else:
        way = "incoming webhook: no updates, no threads, doubles possible after trouble"
    shared = sum(len(tokens.reveal().split()) for tokens in config.access.tokens)
    lines = [
        f"{config.path}: in order",
        f"listens on {scheme}://{listen.address}:{listen.port}, {shared} shared tokens",
        f"state in {config.state_directory}",
        f"Slack by {way}",
        _describe_actions(config),
    ]
    for name, source in config.sources.items():
        place = "/alertmanager" if name == DEFAULT_SOURCE else f"/alertmanager/{name}"
        told = ", ".join(
            f"{destination} ({config.channels[destination]})" for destination in source.destinations
        )
        lines.append(f"POST {place} goes to {told}")
    return "\n".join(lines) + "\n"


def _describe_actions(config: BridgeConfig) -> str:
    """Which buttons there are, or why there are none, and whether silences can be made."""
    offered = ", ".join(sorted(config.look.actions))
    if not offered and config.secrets.signing_secret is None:
        offered = "none (they need SLACK_SIGNING_SECRET and a bot token)"
    there = mask(config.alertmanager.url) if config.alertmanager.url is not None else "not known: no silences"
    return f"buttons: {offered or 'none'}; Alertmanager: {there}"


def _read(path: Path) -> File:
    """The file as checked sections."""
    return check(read_yaml(path, "the bridge's configuration"), path)


def _contradictions(file: File) -> Iterator[str]:
    """What is wrong between sections."""
    for name, source in file.sources.items():
        for destination in source.destinations:
            if destination not in file.destinations:
                known = ", ".join(sorted(file.destinations))
                yield f"sources.{name}.destinations: found {destination}, need one of {known}"
    if DEFAULT_SOURCE not in file.sources:
        yield f"sources: found no {DEFAULT_SOURCE}, need it for POST /alertmanager"
    for name in file.alertmanager.sources:
        if name not in file.sources:
            yield f"alertmanager.sources: found {name}, need one of {', '.join(sorted(file.sources))}"
    if OWN_SOURCE in file.sources:
        yield f"sources: found {OWN_SOURCE}, need another name: it is that of the bridge's own alerts"
    yield from config_escalation.contradictions(
        file.escalation,
        file.heartbeats,
        file.daily_digest,
        destinations=file.destinations,
        sources=[*file.sources, OWN_SOURCE],
    )
    if (file.listen.tls_certificate_file is None) != (file.listen.tls_key_file is None):
        yield "listen: found one of tls_certificate_file and tls_key_file, need both or neither"


def _port(values: Mapping[str, str]) -> int:
    port = values["BRIDGE_LISTEN_PORT"]
    if not port.isdecimal() or int(port) > MAX_PORT:
        raise ConfigError(f"BRIDGE_LISTEN_PORT: found {port[:20]!r}, need a number from 0 to {MAX_PORT}")
    return int(port)


def _actions(file: File) -> ActionPolicy:
    return ActionPolicy(**{name: tuple(ids) for name, ids in file.actions.model_dump().items()})


def _alertmanager(file: File, values: Mapping[str, str]) -> AlertmanagerPolicy:
    url = values.get("ALERTMANAGER_URL", file.alertmanager.url)
    if url is not None and not re.fullmatch(r"https?://\S+", url):
        raise ConfigError(f"ALERTMANAGER_URL: found {mask(url)[:60]!r}, need an http or https address")
    sources = tuple(file.alertmanager.sources)
    settings = file.alertmanager.model_dump(exclude={"url", "sources"})
    return AlertmanagerPolicy(url=url, sources=sources, **settings)


def _retraining(file: File) -> tuple[str, ...]:
    """The destinations that retrain."""
    places = file.destinations.items()
    return tuple(name for name, place in places if getattr(place, "kind", "") == "retraining")


def _offered(file: File, values: Mapping[str, str]) -> frozenset[str]:
    """What has buttons: what somebody may do and what can work, where Slack can be believed."""
    if "SLACK_SIGNING_SECRET" not in values or "SLACK_BOT_TOKEN" not in values:
        return frozenset()
    works = {
        "acknowledge": True,
        "silence": _alertmanager(file, values).url is not None,
        "retrain": bool(_retraining(file)),
    }
    policy = _actions(file)
    return frozenset(name for name, can in works.items() if can and getattr(policy, name))


def _api_url(values: Mapping[str, str], configured: str) -> str:
    url = values.get("SLACK_API_URL", configured)
    if not re.fullmatch(r"https?://\S+", url):
        raise ConfigError(f"SLACK_API_URL: found {mask(url)[:60]!r}, need an http or https address")
    return url if url.endswith("/") else f"{url}/"


def _beside(path: Path, name: str | None) -> Path | None:
    """A path in the file means beside the file, unless it is absolute."""
    return None if name is None else path.parent / name
