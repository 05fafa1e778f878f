"""The loop from the outbox to a destination.

It knows what was promised; how a receiver is spoken to is the affair of `slack`, `pagerduty`, `email` and
`webhook`.

- One call at a time for a destination, written down before it is made and crossed out after it.
- A token bucket per channel for posts and one for updates, and one for each other receiver, kept in the
  state. A 429 empties it, closes it for as long as was asked, and halves its pace, which grows back; others
  go on.
- What fails for one message makes that message wait, what fails for all makes the destination wait: doubling,
  with jitter, for ever. A wrong token or channel parks the destination: one call every few minutes finds out
  whether it was mended.
- A post of unknown fate is looked for in the channel once it must have ended, and repeated only if it is not
  there. A receiver that knows a letter it has had (PagerDuty, a webhook with its key) is simply told again.
  Where neither is possible (e-mail, an incoming webhook, a missing scope) it is repeated and counted.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from . import digest, outbox, pacing
from .calls import (
    Delivered,
    Letter,
    NotFound,
    Outcome,
    Receiver,
    Rejected,
    RetryLater,
    Search,
    Uncertain,
    Unneeded,
)
from .database import Database
from .digest import StormPolicy
from .errors import OutboxError
from .message import ALERTS_SHOWN
from .metrics import BridgeMetrics
from .outbox import DestinationState, Work
from .pacing import Pace

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 30.0
"""How long the loop sleeps with nothing to do; new work wakes it, so this only bounds what a bug could
cost."""
STATE_TROUBLE_SECONDS: Final = 5.0
DEFAULT_RETRY_AFTER_SECONDS: Final = 30.0
"""After a 429 without Retry-After: half a minute, as Slack's limits are per minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How fast, how patient.

    Attributes
    ----------
    posts_per_second, post_burst : float
        Of one channel: Slack allows about one a second, with short bursts.
    updates_per_minute : float
        Of the workspace: Slack's tier 3 is 50 a minute and more.
    reconcile_margin_seconds : float
        How long after its time limit a post of unknown fate is looked for; Slack may show it late.
    parked_retry_seconds : float
        How often a parked destination is tried.
    """

    posts_per_second: float = 1.0
    post_burst: float = 3.0
    updates_per_minute: float = 45.0
    reconcile_margin_seconds: float = 5.0
    parked_retry_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place to tell.

    Attributes
    ----------
    channel : str
        Where a bot posts; for another receiver, a name for its pace.
    kind : str
        As in the configuration: a name that changes its kind is another destination.
    call_seconds : float
        The longest that one call takes.
    pace : Pace or None
        Of all calls; None takes the policy's, which is Slack's.
    alerts : int
        The most urgent ones of an incident, as many as the receiver looks at.
    """

    name: str
    channel: str
    receiver: Receiver
    call_seconds: float
    kind: str = outbox.SLACK
    pace: Pace | None = None
    alerts: int = ALERTS_SHOWN


@dataclass(kw_only=True)
class Sender:
    """The loop of one destination.

    Parameters
    ----------
    destination : Destination
    database : Database
    metrics : BridgeMetrics
    policy : DeliveryPolicy
    storms : StormPolicy or None
        When many messages become one; None: never.
    clock, draw, new_id : callable
        Seconds since 1970; a number in [0, 1); an id that nobody else has. Replaced in tests.
    """

    destination: Destination
    database: Database
    metrics: BridgeMetrics
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    storms: StormPolicy | None = None
    clock: Callable[[], float] = time.time
    draw: Callable[[], float] = random.random
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex
    wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _trouble: str = ""

    def enroll(self, connection: sqlite3.Connection) -> None:
        """Make the destination known to the state; before the first step."""
        place = self.destination
        outbox.register(
            connection, place.name, channel=place.channel, editable=place.receiver.editable, kind=place.kind
        )

    def run(self) -> None:
        """Step until stopped. New work sets `wake`."""
        while not self._stop.is_set():
            self.wake.clear()
            try:
                pause = self.step()
            except OutboxError as error:
                self._say(str(error))
                pause = STATE_TROUBLE_SECONDS
            except Exception:
                # What is not understood must not end the loop: nobody would be told of anything any more.
                self.metrics.loop_error(self.destination.name)
                logger.exception("%s: unexpected error in the delivery loop", self.destination.name)
                pause = STATE_TROUBLE_SECONDS
            if pause > 0:
                self.wake.wait(pause)

    def stop(self) -> None:
        """End `run` after the call that is under way."""
        self._stop.set()
        self.wake.set()

    def step(self) -> float:
        """Make at most one call; seconds until there is something to do again."""
        now = self.clock()
        begun = self.database.write(lambda connection: self._begin(connection, now)).result()
        if isinstance(begun, float):
            return begun
        work, letter = begun
        receiver = self.destination.receiver
        if work.finds:
            found = NotFound() if receiver.repeatable else receiver.find(letter)
            self.database.write(lambda connection: self._found(connection, work, found)).result()
        else:
            outcome = receiver.send(letter)
            ended = self.clock()
            self.database.write(lambda connection: self._sent(connection, work, outcome, ended)).result()
        return 0.0

    def _begin(self, connection: sqlite3.Connection, now: float) -> tuple[Work, Letter] | float:
        """The next letter, written down as begun; or seconds to wait."""
        name = self.destination.name
        state = outbox.destination(connection, name)
        if state.retry_at > now:
            return min(state.retry_at - now, IDLE_SECONDS)
        # A program and a pager know each incident by its key; a digest would leave theirs without an end.
        if self.storms is not None and not self.destination.receiver.repeatable:
            digest.fold(connection, name, now=now, policy=self.storms)
        waits = {
            kind: pacing.wait(outbox.bucket(connection, bucket, pace.burst), pace, now)
            for kind, (bucket, pace) in self._paces().items()
        }
        work = outbox.begin(
            connection,
            name,
            now=now,
            may_post=waits["post"] == 0,
            may_update=waits["update"] == 0,
            lease_seconds=self.destination.call_seconds + self.policy.reconcile_margin_seconds,
            new_id=self.new_id(),
            alerts=self.destination.alerts,
        )
        if work is None:
            return self._idle(outbox.next_due(connection, name), waits.values(), now)
        if not work.finds:
            bucket, pace = self._pace_of(work)
            value = pacing.take(outbox.bucket(connection, bucket, pace.burst), pace, now)
            outbox.save_bucket(connection, bucket, value)
        return work, self._letter(work, state, now)

    def _letter(self, work: Work, state: DestinationState, now: float) -> Letter:
        """What to send, from the state as it is now."""
        channel = self.destination.channel if work.kind == "post" else work.channel
        if work.finds and work.kind == "post":
            channel = state.channel_id or channel  # only posting takes a channel by its name
        return Letter(
            kind=work.kind,
            group=work.group,
            lines=work.lines,
            plain=work.plain,
            version=work.version,
            message_id=work.message_id,
            channel=channel or self.destination.channel,
            ts=work.ts,
            since=work.begun_at,
            at=now,
        )

    def _sent(self, connection: sqlite3.Connection, work: Work, outcome: Outcome, now: float) -> None:
        """Write down what became of a letter."""
        name = self.destination.name
        bucket, pace = self._pace_of(work)
        paced = pacing.answered(outbox.bucket(connection, bucket, pace.burst), now)
        outbox.save_bucket(connection, bucket, paced)
        if isinstance(outcome, Delivered):
            outbox.delivered(connection, name, work, channel=outcome.channel, ts=outcome.ts, now=now)
            self.metrics.delivery(name, "delivered", "ok")
            self._all_well()
            return
        if isinstance(outcome, Unneeded):
            outbox.unneeded(connection, work)
            return
        if isinstance(outcome, RetryLater):
            self.metrics.delivery(name, "retry", outcome.reason)
            self._later(connection, work, outcome, now)
        elif isinstance(outcome, Uncertain):
            self.metrics.delivery(name, "uncertain", outcome.reason)
            self._rest(connection, outcome.after_seconds, now)
            receiver, margin = self.destination.receiver, self.policy.reconcile_margin_seconds
            if work.kind == "update" or receiver.repeatable:
                # Harmless twice, but a call that is still on its way must not arrive after a newer one.
                outbox.unsent(connection, work, due_at=now + margin)
            else:
                outbox.unknown(connection, work, due_at=now + (margin if receiver.editable else 0.0))
        else:
            self.metrics.delivery(name, "rejected", outcome.reason)
            self._reject(connection, work, outcome, now)
        self._say(f"{outcome.reason} {outcome.detail}".strip())

    def _found(self, connection: sqlite3.Connection, work: Work, found: Search) -> None:
        """Write down whether a letter of unknown fate was found."""
        name, now = self.destination.name, self.clock()
        if isinstance(found, Delivered):
            self.metrics.reconciled(name, "found")
            outbox.delivered(connection, name, work, channel=found.channel, ts=found.ts, now=now)
        elif isinstance(found, NotFound):
            if not self.destination.receiver.repeatable:
                self.metrics.reconciled(name, "absent")
            outbox.resend(connection, name, work, doubtful=False, now=now)
        elif isinstance(found, RetryLater):
            after = max(found.after_seconds or 0.0, pacing.backoff(work.failures + 1, self.draw))
            outbox.unknown(connection, work, due_at=now + after)
            if found.scope == "destination":
                self._rest(connection, found.after_seconds, now)
            self._say(f"{found.reason} {found.detail}".strip())
        elif found.scope == "destination":
            outbox.unknown(connection, work, due_at=now)
            self._park(connection, found, now)
        else:
            self.metrics.reconciled(name, "unknown")
            self.metrics.double_suspected(name)
            outbox.resend(connection, name, work, doubtful=True, now=now)

    def _later(self, connection: sqlite3.Connection, work: Work, outcome: RetryLater, now: float) -> None:
        """A letter that surely did not arrive: wait as far as the trouble reaches."""
        due_at = now
        if outcome.scope == "channel":
            seconds = DEFAULT_RETRY_AFTER_SECONDS if outcome.after_seconds is None else outcome.after_seconds
            bucket, pace = self._pace_of(work)
            before = outbox.bucket(connection, bucket, pace.burst)
            outbox.save_bucket(connection, bucket, pacing.stop(before, seconds, now, self.draw))
        elif outcome.scope == "destination":
            self._rest(connection, outcome.after_seconds, now)
        else:
            due_at += max(outcome.after_seconds or 0.0, pacing.backoff(work.failures + 1, self.draw))
        outbox.unsent(connection, work, due_at=due_at)

    def _reject(self, connection: sqlite3.Connection, work: Work, outcome: Rejected, now: float) -> None:
        """A letter that would be refused again as it is."""
        name = self.destination.name
        left = outcome.reason == "channel" and self._has_left(connection, work)
        if outcome.scope == "destination" and not left:
            outbox.unsent(connection, work, due_at=now)
            self._park(connection, outcome, now)
        elif outcome.scope == "message" or left:
            due_at = now + pacing.backoff(work.failures + 1, self.draw)
            outbox.gone(connection, name, work, due_at=due_at, now=now)
        else:
            outbox.refused(connection, name, work, reason=outcome.detail, now=now)

    def _has_left(self, connection: sqlite3.Connection, work: Work) -> bool:
        """Whether a message stands in another channel than the destination's present one.

        What is wrong there is not for the present one to wait for: the incident gets a new message.
        """
        state = outbox.destination(connection, self.destination.name)
        return work.kind != "post" and work.channel not in (self.destination.channel, state.channel_id)

    def _rest(self, connection: sqlite3.Connection, after_seconds: float | None, now: float) -> None:
        """Let the destination as a whole wait: longer after each failure in a row."""
        failures = outbox.destination(connection, self.destination.name).failures + 1
        seconds = max(after_seconds or 0.0, pacing.backoff(failures, self.draw))
        outbox.pause(
            connection,
            self.destination.name,
            retry_at=now + min(seconds, pacing.MAX_RETRY_AFTER_SECONDS),
        )

    def _park(self, connection: sqlite3.Connection, outcome: Rejected, now: float) -> None:
        """Set the destination aside until somebody mends it."""
        reason = outcome.detail or outcome.reason
        retry_at = now + self.policy.parked_retry_seconds
        outbox.park(connection, self.destination.name, reason=reason, retry_at=retry_at, now=now)

    def _paces(self) -> dict[str, tuple[str, Pace]]:
        """The bucket and pace of posts (with replies) and of updates."""
        policy, own = self.policy, self.destination.pace
        if own is not None:
            return dict.fromkeys(("post", "update"), (f"receiver {self.destination.name}", own))
        posts = Pace(per_second=policy.posts_per_second, burst=policy.post_burst)
        # Slack counts updates over a minute: a small burst keeps well inside.
        updates = Pace(per_second=policy.updates_per_minute / 60.0, burst=policy.post_burst)
        return {"post": (f"post {self.destination.channel}", posts), "update": ("update", updates)}

    def _pace_of(self, work: Work) -> tuple[str, Pace]:
        return self._paces()["update" if work.kind == "update" else "post"]

    def _idle(self, due_at: float | None, waits: Iterable[float], now: float) -> float:
        """Seconds until a row is due or a bucket allows a call."""
        if due_at is None:
            return IDLE_SECONDS
        if due_at > now:
            return min(due_at - now, IDLE_SECONDS)
        return min([wait for wait in waits if wait > 0] or [IDLE_SECONDS])

    def _say(self, trouble: str) -> None:
        """Log a trouble once, not at every try."""
        if trouble != self._trouble:
            logger.warning("%s: %s", self.destination.name, trouble)
            self._trouble = trouble

    def _all_well(self) -> None:
        if self._trouble:
            logger.info("%s: delivered again after: %s", self.destination.name, self._trouble)
            self._trouble = ""
