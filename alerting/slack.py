"""One call to Slack -> what became of it.

The only user of Slack's secrets, and the only place that knows the names of its errors. Nothing is repeated
in here: whether a call may be made again is for `delivery` to say, which knows what was promised.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from . import message, web
from .calls import Delivered, Letter, NotFound, Outcome, Rejected, RetryLater, Search, Uncertain, Verdict
from .look import Look
from .message import Message
from .secret import Secret

API_URL: Final = "https://slack.com/api/"
METADATA_EVENT: Final = "driftgauge_message"
"""Name of the metadata that carries our id; everybody in the channel can read it, so it carries nothing
else."""
CLOCK_SKEW_SECONDS: Final = 300.0
"""How far Slack's clock may differ from ours when a message is looked for."""
PAGE: Final = 200
"""Messages a page; Slack advises no more (docs.slack.dev/reference/methods/conversations.history)."""
MAX_PAGES: Final = 10

_AUTH: Final = frozenset(
    {
        "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
        "no_permission", "access_denied", "org_login_required", "ekm_access_denied", "invalid_token",
        "team_access_not_granted", "not_allowed_token_type",
    }
)  # fmt: skip
_CHANNEL: Final = re.compile(
    r"channel_not_found|not_in_channel|(channel_)?is_archived|action_prohibited|restricted_action\w*"
    r"|no_service(_id)?|no_team|posting_to_general_channel_denied|user_not_found"
)
_GONE: Final = frozenset(
    {
        "message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found",
        "cannot_reply_to_message",
    }
)  # fmt: skip
_CONTENT: Final = re.compile(
    r"invalid_(blocks|attachments|arg|payload|metadata|json|form)\w*|msg_(blocks_)?too_long|no_text"
    r"|too_many_attachments|metadata_\w+"
)
_PACE: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_UNAVAILABLE: Final = frozenset({"service_unavailable", "team_added_to_org", "streaming_state_conflict"})
_MAYBE_DONE: Final = frozenset({"internal_error", "fatal_error", "request_timeout", "rollup_error"})
"""Slack says of these that some part may have succeeded."""
_MAY_NOT_READ: Final = frozenset({"missing_scope", "no_permission", "access_denied"})
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,60}")

_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPolicy:
    """How Slack is reached.

    Attributes
    ----------
    api_url : str
        Base of the Web API, with a slash at its end; another one for a gateway or a fake.
    connect_timeout_seconds, read_timeout_seconds : float
        Of one call.
    """

    api_url: str = API_URL
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 10.0

    @property
    def timeouts(self) -> web.Timeouts:
        """The limits of one exchange."""
        return web.Timeouts(connect=self.connect_timeout_seconds, read=self.read_timeout_seconds)


class BotClient:
    """Slack's Web API with a bot token: messages can be changed, answered in a thread, and found again.

    Needs the scope `chat:write` and, to find a message of unknown fate, `channels:history` or
    `groups:history`.

    Parameters
    ----------
    policy : SlackPolicy
    token : Secret
    clock : callable
        Seconds since 1970, for a Retry-After that is a date.
    look : Look, optional
        What the configuration adds to a message.
    """

    editable: Final = True
    repeatable: Final = False

    def __init__(
        self,
        policy: SlackPolicy,
        token: Secret,
        clock: Callable[[], float] = time.time,
        look: Look | None = None,
    ) -> None:
        self._policy, self._token, self._clock, self._look = policy, token, clock, look

    def send(self, letter: Letter) -> Outcome:
        """Post, reply or update, once; a post carries our id in its metadata."""
        fields: dict[str, Any] = {
            "channel": letter.channel,
            **_written(letter, self._look).body(),
            # Names in foreign text must not become mentions.
            "link_names": False,
            "parse": "none",
        }
        if letter.kind == "update":
            # Without metadata in the call, the message keeps the one it has.
            return self._call("chat.update", {**fields, "ts": letter.ts})
        if letter.kind == "reply":
            fields["thread_ts"] = letter.ts
        fields["metadata"] = {"event_type": METADATA_EVENT, "event_payload": {"id": letter.message_id}}
        return self._call("chat.postMessage", {**fields, "unfurl_links": False, "unfurl_media": False})

    def find(self, letter: Letter) -> Search:
        """Look for a post or reply by our id in its metadata, among those since it was first tried."""
        query = {
            "channel": letter.channel,
            "oldest": f"{letter.since - CLOCK_SKEW_SECONDS:.6f}",
            "include_all_metadata": "true",
            "limit": str(PAGE),
        }
        method = "conversations.history"
        if letter.kind == "reply" and letter.ts is not None:
            method, query["ts"] = "conversations.replies", letter.ts
        for _ in range(MAX_PAGES):
            answer = self._exchange("GET", method, query=query)
            outcome = judge(answer, self._clock())
            if isinstance(outcome, Uncertain):  # of a question there is no harm in asking again
                return RetryLater(
                    reason=outcome.reason, after_seconds=outcome.after_seconds, detail=outcome.detail
                )
            if isinstance(outcome, Rejected) and (
                outcome.reason == "channel" or outcome.detail in _MAY_NOT_READ
            ):
                # A bot may post where it may not read.
                return Rejected(reason=outcome.reason, scope="message", detail=outcome.detail)
            if not isinstance(outcome, Delivered):
                return outcome
            page = (answer.document() if isinstance(answer, web.Answer) else None) or {}
            for entry in page.get("messages") or ():
                if _id_of(entry) == letter.message_id:
                    return Delivered(channel=letter.channel, ts=str(entry["ts"]))
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return NotFound()
            query["cursor"] = str(cursor)
        # More was written in the channel than should be read through: it cannot be told.
        return Rejected(reason="other", scope="message", detail="too many messages to look through")

    def _call(self, method: str, fields: dict[str, Any]) -> Verdict:
        return judge(self._exchange("POST", method, body=fields), self._clock())

    def _exchange(
        self,
        verb: str,
        method: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> web.Answer | RetryLater | Uncertain:
        url = self._policy.api_url + method
        return web.exchange(
            verb, url, timeouts=self._policy.timeouts, token=self._token, body=body, query=query
        )


class WebhookClient:
    """An incoming webhook: posts into its one channel; no change, no thread, no way to find a message again.

    Parameters
    ----------
    policy : SlackPolicy
    url : Secret
        Whoever knows it can post, so it is a secret.
    clock : callable
        Seconds since 1970, for a Retry-After that is a date.
    look : Look, optional
        What the configuration adds to a message.
    """

    editable: Final = False
    repeatable: Final = False

    def __init__(
        self,
        policy: SlackPolicy,
        url: Secret,
        clock: Callable[[], float] = time.time,
        look: Look | None = None,
    ) -> None:
        self._policy, self._url, self._clock, self._look = policy, url, clock, look

    def send(self, letter: Letter) -> Outcome:
        """Post a message into the webhook's channel, once."""
        body = {**_written(letter, self._look).body(), "unfurl_links": False, "unfurl_media": False}
        answer = web.exchange("POST", self._url.reveal(), timeouts=self._policy.timeouts, body=body)
        if isinstance(answer, web.Answer) and answer.status == _OK and answer.text.strip() == "ok":
            return Delivered()
        return judge(answer, self._clock())

    def find(self, letter: Letter) -> Search:
        """A webhook can read nothing: whether it has posted a letter cannot be told."""
        return Rejected(reason="other", scope="message", detail=f"a webhook cannot look for a {letter.kind}")


def _written(letter: Letter, look: Look | None) -> Message:
    """A letter in Slack's terms."""
    text = (
        message.reply(letter.lines, letter.at)
        if letter.kind == "reply"
        else message.root(letter.group, letter.at, look)
    )
    return text.plain() if letter.plain else text


def judge(answer: web.Answer | RetryLater | Uncertain, now: float) -> Verdict:
    """What an answer of Slack means; errors stand in JSON (Web API) or are the text itself (webhook)."""
    if not isinstance(answer, web.Answer):
        return answer
    document = answer.document()
    if document is not None and document.get("ok") is True and answer.status == _OK:
        return Delivered(channel=_text(document.get("channel")), ts=_text(document.get("ts")))
    name = _error_name(answer, document)
    after = answer.retry_after(now)
    if answer.status == _TOO_MANY or name in _PACE:
        return RetryLater(reason="rate_limited", after_seconds=after, scope="channel", detail=name)
    if name in _UNAVAILABLE:
        return RetryLater(reason="unavailable", after_seconds=after, detail=name)
    if name in _MAYBE_DONE or answer.status >= _SERVER_ERRORS:
        return Uncertain(reason="server_error", after_seconds=after, detail=name or f"HTTP {answer.status}")
    if rejection := _rejection(name):
        return rejection
    if answer.status == _OK and (document is None or document.get("ok") is not False):
        # Perhaps a captive portal, perhaps Slack's answer cut short.
        return Uncertain(reason="unreadable")
    # An error nobody has heard of is kept apart from the other messages, and tried again ever more seldom.
    return RetryLater(reason="other", scope="message", detail=name or f"HTTP {answer.status}")


def _rejection(name: str) -> Rejected | None:
    """What is wrong for good, if Slack's error says so."""
    if name in _AUTH:
        return Rejected(reason="auth", scope="destination", detail=name)
    if _CHANNEL.fullmatch(name):
        return Rejected(reason="channel", scope="destination", detail=name)
    if name in _GONE:
        return Rejected(reason="message_gone", scope="message", detail=name)
    if _CONTENT.fullmatch(name):
        return Rejected(reason="content", scope="content", detail=name)
    return None


def _error_name(answer: web.Answer, document: dict[str, Any] | None) -> str:
    """Slack's name of an error, if it looks like one; anything else is not repeated anywhere."""
    name = document.get("error") if document is not None else answer.text.strip()
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _id_of(entry: object) -> object:
    """Our id in a message of a history, or None."""
    metadata = entry.get("metadata") if isinstance(entry, dict) else None
    if not isinstance(metadata, dict) or metadata.get("event_type") != METADATA_EVENT:
        return None
    payload = metadata.get("event_payload")
    return payload.get("id") if isinstance(payload, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
