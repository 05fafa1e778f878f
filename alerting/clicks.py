"""A press of a button as Slack posts it, and the memory of those that were taken.

Slack posts a form with one field, `payload`, that holds JSON
(https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
"""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from .buttons import BUTTONS, Button
from .errors import PayloadError
from .web import is_loopback

KEPT_SECONDS: Final = 86_400.0
"""How long a press or an idempotency key is remembered. A signature is believed for ten minutes at most;
whoever repeats a request by hand may do so after lunch."""
MAX_FIELDS: Final = 16
MAX_INCIDENT_DIGITS: Final = 18
"""A row's number fits 63 bits."""
_USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody pressed a button.

    Attributes
    ----------
    user, name : str
        Slack's id of the person, and a name for people.
    message_ts : str
        Slack's id of the message that has the button; empty if it was not said.
    response_url : str
        Where Slack takes an answer that only this person sees; foreign until `answerable`.
    """

    button: Button
    incident_id: int
    user: str
    name: str
    message_ts: str
    response_url: str


def parse(body: bytes) -> Click:
    """The press in a body whose signature is good.

    Raises
    ------
    PayloadError
        If it is not a press of one of our buttons.
    """
    document = _document(body)
    if document.get("type") != "block_actions":
        raise PayloadError("not_a_click", "payload: type: found another one, need block_actions")
    listed, user = document.get("actions"), document.get("user")
    action = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(action, dict) or not isinstance(user, dict):
        raise PayloadError("not_a_click", "payload: found no action or no user, need both")
    button = BUTTONS.get(str(action.get("action_id")))
    if button is None:
        raise PayloadError("not_a_click", "payload: action_id: found an unknown one, need one of ours")
    value = str(action.get("value"))
    if not (value.isascii() and value.isdecimal() and len(value) <= MAX_INCIDENT_DIGITS):
        raise PayloadError("not_a_click", "payload: value: found no number, need an incident's")
    user_id = user.get("id")
    if not isinstance(user_id, str) or not _USER.fullmatch(user_id):
        raise PayloadError("not_a_click", "payload: user.id: found nothing, need Slack's id of a person")
    container = document.get("container")
    name = user.get("username") or user.get("name") or user_id
    return Click(
        button=button,
        incident_id=int(value),
        user=user_id,
        name=f"@{name}",
        message_ts=str(container.get("message_ts") or "") if isinstance(container, dict) else "",
        response_url=str(document.get("response_url") or ""),
    )


def answerable(url: str, api_url: str) -> bool:
    """Whether an answer may be sent to a response_url: Slack's own host, or that of the configured API."""
    try:
        parts, api = urlsplit(url), urlsplit(api_url)
        port, api_port = parts.port, api.port
    except ValueError:
        return False
    if not url.isascii() or not parts.hostname or "@" in parts.netloc:
        return False
    if parts.scheme == "https" and parts.hostname in SLACK_HOSTS and port is None:
        return True
    # The gateway or the fake that the configuration names in Slack's place.
    same = (parts.scheme, parts.hostname, port) == (api.scheme, api.hostname, api_port)
    return same and (parts.scheme == "https" or is_loopback(parts.hostname))


def belongs(connection: sqlite3.Connection, click: Click) -> bool:
    """Whether the message that was pressed tells of the incident its button names.

    The numbers of a state that was lost begin anew, and old messages keep theirs.
    """
    rows = connection.execute(
        "SELECT ts FROM deliveries WHERE incident_id = ? AND ts IS NOT NULL", (click.incident_id,)
    ).fetchall()
    return not click.message_ts or not rows or any(row["ts"] == click.message_ts for row in rows)


def recall(connection: sqlite3.Connection, key: str) -> str | None:
    """What became of something that was taken before, or None if it is new."""
    row = connection.execute("SELECT outcome FROM clicks WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row["outcome"])


def remember(connection: sqlite3.Connection, key: str, outcome: str, now: float) -> None:
    """Keep what became of something, and forget what is old."""
    connection.execute("DELETE FROM clicks WHERE at < ?", (now - KEPT_SECONDS,))
    connection.execute("INSERT INTO clicks (key, at, outcome) VALUES (?, ?, ?)", (key, now, outcome))


def _document(body: bytes) -> dict[str, Any]:
    """The JSON in the form's field `payload`."""
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=MAX_FIELDS)
        document = json.loads(fields["payload"][0])
    except (ValueError, KeyError, RecursionError):
        raise PayloadError("not_a_click", "body: found no form with a JSON payload, need Slack's") from None
    if not isinstance(document, dict):
        raise PayloadError("not_a_click", "payload: found no JSON object, need Slack's")
    return document
