"""Presses of the buttons in a fake Slack's messages, signed as Slack signs them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import requests

from ..secret import Secret
from ..signature import sign
from .server import FakeSlack
from .workspace import Posted

TIMEOUT_SECONDS: Final = 3.0
"""Slack's own limit for an answer to a press."""


def buttons(message: Posted) -> dict[str, Mapping[str, Any]]:
    """The buttons of a message as it stands now, by their `action_id`."""
    return {str(element.get("action_id")): element for element in _elements(message.body)}


def press(
    slack: FakeSlack,
    message: Posted,
    action_id: str,
    *,
    url: str,
    signing_secret: str,
    user: str = "U0ANA",
    name: str = "ana",
    clock: Callable[[], float] = time.time,
) -> requests.Response:
    """Press a button that the message really has, and give the answer that Slack would get.

    Parameters
    ----------
    slack : FakeSlack
        Its `answers` take what is sent back to the presser alone.
    message : Posted
    action_id : str
    url : str
        The bridge's own address.
    signing_secret : str
    user, name : str
        Who presses.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    KeyError
        If the message has no such button.
    requests.Timeout
        If there is no answer within Slack's three seconds.
    """
    button = buttons(message)[action_id]
    body = form(slack, button, user=user, name=name, message_ts=message.ts)
    return requests.post(
        f"{url}/slack/actions",
        data=body,
        headers=headers(body, signing_secret, clock()),
        timeout=TIMEOUT_SECONDS,
    )


def form(
    slack: FakeSlack,
    button: Mapping[str, Any],
    *,
    user: str = "U0ANA",
    name: str = "ana",
    message_ts: str | None = None,
) -> bytes:
    """The body that Slack posts for a press."""
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": "T0"},
        "api_app_id": "A0",
        "container": {"type": "message", "message_ts": message_ts, "is_ephemeral": False},
        "response_url": f"{slack.url}/actions/T0/1/fake",
        "actions": [{**button, "action_ts": "1.0"}],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def headers(body: bytes, signing_secret: str, now: float) -> dict[str, str]:
    """What Slack sends with it, signed."""
    timestamp = str(int(now))
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": sign(Secret(signing_secret), timestamp, body),
    }


def _elements(value: object) -> Iterator[Mapping[str, Any]]:
    """The buttons in a message, at any depth."""
    if isinstance(value, dict):
        if value.get("type") == "button":
            yield value
        for entry in value.values():
            yield from _elements(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _elements(entry)
