"""What the bridge tells of its own intake: a notification that it had to refuse.

Alertmanager does not repeat what it gets a 4xx for, and a log alone is read by nobody. So the refusal opens
an incident of the bridge's own, as if Alertmanager had told of it: one for each source, which ends after an
hour without another refusal. Whoever cannot show a token causes none.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import episodes
from .database import Database
from .escalation import Policy
from .heartbeats import OWN_SOURCE
from .incidents import StatePolicy
from .payload import NANOSECONDS, Alert, Notification
from .timers import Told

ALERT_NAME: Final = "BridgeNotificationsRefused"
"""The same as the alert on our own counter: one runbook for both."""
QUIET_SECONDS: Final = 3_600.0
"""How long after the last refusal the incident ends; so there is at most one for a source and hour."""
LOOK_SECONDS: Final = 60.0
SOURCE_LABEL: Final = "bridge_source"
"""The label that names whose notifications were refused."""
_KEY: Final = "refused "


@dataclass(kw_only=True)
class Notices:
    """The incidents of refused notifications.

    Parameters
    ----------
    database : Database
    destinations : mapping of str to sequence of str
        Source to those who are told of it.
    state : StatePolicy
    policies : sequence of Policy
        The escalation's.
    told : callable
        Called after a commit that gives somebody something to send.
    clock : callable
        Seconds since 1970.
    """

    database: Database
    destinations: Mapping[str, Sequence[str]]
    state: StatePolicy = field(default_factory=StatePolicy)
    policies: Sequence[Policy] = ()
    told: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time

    def refused(self, connection: sqlite3.Connection, source: str, message: str, now: float) -> Told:
        """Tell that a notification of a source was refused, in the transaction of `connection`."""
        opened = connection.execute(
            "SELECT starts_at_ns FROM episodes WHERE source = ? AND fingerprint = ? AND closed_at IS NULL",
            (OWN_SOURCE, _KEY + source),
        ).fetchone()
        starts_at_ns = int(now * NANOSECONDS) if opened is None else opened["starts_at_ns"]
        return self._record(connection, _notification(source, message, starts_at_ns, None), source, now)

    def step(self) -> float:
        """End what has been quiet for long enough; seconds until the next look."""
        if self.database.write(self._end).result():
            self.told()
        return LOOK_SECONDS

    def _end(self, connection: sqlite3.Connection) -> int:
        now = self.clock()
        rows = connection.execute(
            "SELECT fingerprint, starts_at_ns FROM episodes WHERE source = ? AND closed_at IS NULL"
            " AND fingerprint LIKE ? AND seen_at <= ?",
            (OWN_SOURCE, f"{_KEY}%", now - QUIET_SECONDS),
        ).fetchall()
        for row in rows:
            source = row["fingerprint"].removeprefix(_KEY)
            over = _notification(source, "", row["starts_at_ns"], int(now * NANOSECONDS))
            self._record(connection, over, source, now)
        return len(rows)

    def _record(
        self, connection: sqlite3.Connection, notification: Notification, source: str, now: float
    ) -> Told:
        return episodes.record(
            connection,
            notification,
            source=OWN_SOURCE,
            destinations=self.destinations.get(source, ()),
            now=now,
            policy=self.state,
            policies=self.policies,
        ).told


def _notification(source: str, message: str, starts_at_ns: int, ends_at_ns: int | None) -> Notification:
    """The alert about a source's refused notifications, as if Alertmanager had sent it."""
    labels = {"alertname": ALERT_NAME, "severity": "warning", SOURCE_LABEL: source}
    alert = Alert(
        status="firing" if ends_at_ns is None else "resolved",
        fingerprint=_KEY + source,
        starts_at_ns=starts_at_ns,
        ends_at_ns=ends_at_ns,
        labels=labels,
        annotations={
            "summary": f"The bridge cannot take notifications of source {source}: alerts do not arrive",
            "description": message,
            "runbook_url": "docs/runbooks.md#bridgenotificationsrefused",
        },
        generator_url="",
    )
    return Notification(
        group_key=_KEY + source,
        receiver=OWN_SOURCE,
        group_labels=labels,
        external_url="",
        alerts=(alert,),
        truncated_alerts=0,
        unreadable=(),
    )
