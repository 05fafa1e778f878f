"""POST /slack/actions: a press of a button in Slack.

The signature is checked over the raw body before anything is read from it; then the press is remembered,
judged and carried out in one transaction, and answered at once. What takes longer is done afterwards by
others. A press that changes nothing is answered to the presser alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import actions, clicks, markup, signature, web
from .actions import ActionPolicy, Result
from .clicks import Click
from .desk import Desk
from .errors import OutboxError, PayloadError
from .secret import Secret
from .slack import SlackPolicy

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 1 << 20
"""A press carries the whole message with it: 13,200 characters, each of some bytes more for its escaping."""
BODY_SECONDS: Final = 10.0
"""For reading a body; Slack itself waits three seconds for the answer."""
MAX_ANSWERS: Final = 100
"""Answers that may wait; an answer is a courtesy, and the audit log has what it says."""
IDLE_SECONDS: Final = 30.0
_REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """A sentence for the presser alone; its address opens a message to them, so it is a secret."""

    url: Secret
    words: str


@dataclass(kw_only=True)
class Interactivity:
    """The handler, and the errand that answers.

    Parameters
    ----------
    desk : Desk
    secret : Secret
        The app's signing secret.
    policy : ActionPolicy
    admits : callable
        Whether a list of people and groups holds a person; see `usergroups`.
    slack : SlackPolicy
    """

    desk: Desk
    secret: Secret
    policy: ActionPolicy
    admits: Callable[[str, tuple[str, ...]], bool]
    slack: SlackPolicy = field(default_factory=SlackPolicy)
    answered: Callable[[], None] = lambda: None
    _answers: queue.Queue[Answer] = field(default_factory=lambda: queue.Queue(MAX_ANSWERS))

    def routes(self) -> list[Route]:
        """POST /slack/actions."""
        return [Route("/slack/actions", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """Take one press."""
        try:
            body = await asyncio.wait_for(_body(request), BODY_SECONDS)
        except ClientDisconnect:
            return _plain("the sender went away", 400)
        except TimeoutError:
            return _plain("the body did not come in time", 408)
        if body is None:
            return _plain("found a body that is too large", 413)
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        shown = request.headers.get("x-slack-signature", "")
        now = self.desk.clock()
        fault = signature.fault(self.secret, timestamp=timestamp, signature=shown, body=body, now=now)
        if fault is not None:
            return self._unbelieved(fault)
        try:
            click = clicks.parse(body)
        except PayloadError as error:
            return _plain(str(error), 400)
        key = signature.key(timestamp, body)
        try:
            result = await self.desk.take(lambda connection: self._take(connection, click, key))
        except OutboxError:
            return _plain("cannot store now", 503)
        if result is None:
            return self._unbelieved("replay")
        self.desk.done(click.button.action, "slack", result)
        if result.outcome != "done":
            self._answer(click, result)
        return Response(status_code=200)

    def step(self) -> float:
        """Send at most one answer; seconds until there may be another."""
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return IDLE_SECONDS
        body = {"response_type": "ephemeral", "replace_original": False, "text": answer.words}
        sent = web.exchange("POST", answer.url.reveal(), timeouts=self.slack.timeouts, body=body)
        if not isinstance(sent, web.Answer) or sent.status >= 300:
            logger.info("slack: an answer to a press did not arrive")
        return 0.0

    def _take(self, connection: sqlite3.Connection, click: Click, key: str) -> Result | None:
        """Act on a press, inside its transaction; None for one that was taken before."""
        if clicks.recall(connection, key) is not None:
            return None
        now = self.desk.clock()
        request = actions.Request(
            action=click.button.action,
            incident_id=click.incident_id,
            by=click.name,
            via="slack",
            user=click.user,
            seconds=click.button.seconds,
        )
        if not clicks.belongs(connection, click):
            reason = "this message does not tell of that incident; look for a newer one"
            result = actions.refuse(connection, request, reason, now)
        elif self.admits(click.user, self.policy.allowed(click.button.action)):
            result = actions.perform(connection, request, now=now, means=self.desk.means)
        else:
            reason = f"you may not {click.button.action} here; the bridge's configuration says who may"
            result = actions.refuse(connection, request, reason, now)
        clicks.remember(connection, key, result.outcome, now)
        return result

    def _answer(self, click: Click, result: Result) -> None:
        """Let the presser know, if Slack itself is where the answer would go."""
        if not clicks.answerable(click.response_url, self.slack.api_url):
            return
        words = "Not done" if result.outcome == _REFUSED else "Nothing to do"
        try:
            self._answers.put_nowait(
                Answer(Secret(click.response_url), f"{words}: {markup.escape(result.words, 400)}.")
            )
        except queue.Full:
            return
        self.answered()

    def _unbelieved(self, reason: str) -> Response:
        """Answer a request that is not from Slack, or not from now; in the same words for every reason."""
        logger.warning("slack: found a press that is not believed (%s)", reason)
        self.desk.counted("unknown", "slack", "unbelieved")
        return _plain("found no valid signature", 401)


async def _body(request: Request) -> bytes | None:
    """The whole body as it arrived; None if it is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _plain(words: str, status: int) -> Response:
    return PlainTextResponse(f"{words}\n", status_code=status)
