"""One signed request to a program -> what became of it.

The body is JSON of version `document.VERSION`; docs/bridge.md describes it. The same state carries the same
`Idempotency-Key`, so a request of unknown fate is simply sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from . import document, http_verdict, web, webhook_signature
from .calls import Letter, NotFound, Outcome, Search, Verdict
from .look import LinkPolicy
from .pacing import Pace
from .secret import Secret

PACE: Final = Pace(per_second=5.0, burst=20.0)
"""Our own choice: a program is faster than people, and a 429 slows it down."""
USER_AGENT: Final = "driftgauge-bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPolicy:
    """Where a program listens, and how long it may take.

    Attributes
    ----------
    url : str
    connect_timeout_seconds, read_timeout_seconds : float
        Of one call.
    """

    url: str
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 10.0

    @property
    def timeouts(self) -> web.Timeouts:
        """The limits of one exchange."""
        return web.Timeouts(connect=self.connect_timeout_seconds, read=self.read_timeout_seconds)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A program that takes signed requests, told every change.

    Parameters
    ----------
    policy : WebhookPolicy
    secret : Secret
        What the requests are signed with.
    links : LinkPolicy
    clock : callable
        Seconds since 1970, for the signature and for a Retry-After that is a date.
    """

    editable: ClassVar = False
    repeatable: ClassVar = True
    pace: ClassVar = PACE

    policy: WebhookPolicy
    secret: Secret
    links: LinkPolicy = field(default_factory=LinkPolicy)
    clock: Callable[[], float] = time.time

    @property
    def call_seconds(self) -> float:
        """The longest that one call takes."""
        return self.policy.timeouts.total

    def send(self, letter: Letter) -> Outcome:
        """Send the incident as it stands."""
        key = f"{letter.thread}.{letter.version}"
        body = {
            "version": document.VERSION,
            "kind": "incident",
            "id": key,
            "thread": letter.thread,
            "sequence": letter.version,
            "sent_at": document.moment(letter.at),
            "incident": document.incident(letter.group, self.links),
            "happened": [document.happened(line) for line in letter.lines],
            # What was refused, perhaps for its size, is sent again without them.
            "alerts": [] if letter.plain else document.alerts(letter.group.alerts),
        }
        return post(self.policy, self.secret, key, body, now=self.clock(), ts=letter.thread)

    def find(self, letter: Letter) -> Search:
        """There is nothing to look for: the same request again has no further effect."""
        del letter
        return NotFound()


def post(
    policy: WebhookPolicy, secret: Secret, key: str, body: Mapping[str, Any], *, now: float, ts: str
) -> Verdict:
    """Send one signed request.

    Parameters
    ----------
    policy : WebhookPolicy
    secret : Secret
    key : str
        The same for what must be done once.
    body : mapping
        Becomes JSON.
    now : float
        Seconds since 1970.
    ts : str
        What `Delivered` is to carry.
    """
    raw, timestamp = web.encode(body), int(now)
    headers = {
        "User-Agent": USER_AGENT,
        webhook_signature.KEY: key,
        webhook_signature.TIMESTAMP: str(timestamp),
        webhook_signature.SIGNATURE: webhook_signature.sign(secret.reveal(), timestamp, raw),
    }
    answer = web.exchange("POST", policy.url, timeouts=policy.timeouts, body=raw, headers=headers)
    return http_verdict.judge(answer, now, ts=ts)
