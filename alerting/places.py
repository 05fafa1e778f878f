"""Destinations as the configuration names them, each with the receiver that reaches it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from .calls import Receiver
from .config import BridgeConfig, require_slack
from .delivery import Destination
from .email import Mailbox
from .message import ALERTS_SHOWN
from .retraining_request import ALERTS_READ, RetrainingService
from .slack import BotClient, WebhookClient


def destinations(config: BridgeConfig, clock: Callable[[], float]) -> list[Destination]:
    """All destinations, in the order of the file.

    Raises
    ------
    ConfigError
        If one is Slack's and Slack cannot be reached with what is configured.
    """
    require_slack(config)
    slack = _slack(config, clock)
    made = []
    for name, channel in config.channels.items():
        own = config.receivers.get(name)
        if own is not None:
            # A mail has no use for a clock: its time is the letter's.
            receiver = own if isinstance(own, Mailbox) else dataclasses.replace(own, clock=clock)
            made.append(
                Destination(
                    name=name,
                    channel=channel,
                    receiver=receiver,
                    call_seconds=own.call_seconds,
                    kind=channel,  # of what is not Slack's, the configuration says no more
                    pace=own.pace,
                    alerts=ALERTS_READ if isinstance(own, RetrainingService) else ALERTS_SHOWN,
                )
            )
        elif slack is not None:
            call_seconds = config.slack.timeouts.total
            made.append(Destination(name=name, channel=channel, receiver=slack, call_seconds=call_seconds))
    return made


def _slack(config: BridgeConfig, clock: Callable[[], float]) -> Receiver | None:
    """Slack with a bot token if there is one, else with the incoming webhook."""
    secrets = config.secrets
    if secrets.bot_token is not None:
        return BotClient(config.slack, secrets.bot_token, clock, config.look)
    if secrets.webhook_url is not None:
        return WebhookClient(config.slack, secrets.webhook_url, clock, config.look)
    return None
