"""What people do about an incident: acknowledge, silence, end a silence, retrain. One core for all entrances.

An action is taken inside one transaction with its audit entry, so it is done once and wholly or not at all,
and an escalation that looks at the same rows stops with it. What has to be asked of Alertmanager afterwards
is a row too (`silences`), which survives a restart.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from . import audit, incidents, timers
from .buttons import MAX_SILENCE_SECONDS, Action
from .markup import clean

EVERYONE: Final = "everyone"
"""In a list of who may do something: whoever can press the button."""
MIN_SILENCE_SECONDS: Final = 60.0
NAME_LENGTH: Final = 80

Via = Literal["slack", "http", "cli"]
VIAS: Final[tuple[Via, ...]] = ("slack", "http", "cli")

OUTCOMES: Final = ("done", "already", "refused")
"""How an action can end; a closed list, used as a metric label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPolicy:
    """Who may do what by a button: Slack's ids of people and user groups, or `EVERYONE`.

    Acknowledging hides nothing, so whoever sees the channel may. A silence hides what comes later and a
    retraining costs money, so nobody may until somebody is named; their buttons are not shown before.
    """

    acknowledge: tuple[str, ...] = (EVERYONE,)
    silence: tuple[str, ...] = ()
    retrain: tuple[str, ...] = ()

    def allowed(self, action: Action) -> tuple[str, ...]:
        """Who may do something; who may silence may end a silence."""
        return {
            "acknowledge": self.acknowledge,
            "silence": self.silence,
            "unsilence": self.silence,
            "retrain": self.retrain,
        }[action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody's wish.

    Attributes
    ----------
    by : str
        A name, for people.
    user : str
        Slack's id of the person; empty elsewhere.
    seconds : float or None
        How long to be silent.
    """

    action: Action
    incident_id: int
    by: str
    via: Via
    user: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a wish, and a sentence about it."""

    outcome: Literal["done", "already", "refused"]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What actions can be carried out with.

    Attributes
    ----------
    silenceable : frozenset of str
        Sources whose Alertmanager is known.
    retraining : sequence of str
        Destinations that retrain.
    """

    silenceable: frozenset[str] = frozenset()
    retraining: Sequence[str] = ()


def perform(
    connection: sqlite3.Connection,
    request: Request,
    *,
    now: float,
    means: Means,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Result:
    """Take an action, inside the transaction of `connection`.

    Parameters
    ----------
    connection : sqlite3.Connection
    request : Request
    now : float
        Seconds since 1970.
    means : Means
    new_id : callable
        An id that nobody else has.
    """
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (request.incident_id,)).fetchone()
    if incident is None:
        return _refused(connection, request, None, f"there is no incident {request.incident_id}", now)
    if incident["closed_at"] is not None and request.action != "unsilence":
        return _refused(connection, request, incident, "it is already over", now)
    if request.action == "acknowledge":
        return _acknowledge(connection, request, incident, now)
    if request.action == "retrain":
        return _retrain(connection, request, incident, now, means)
    return _silence(connection, request, incident, now, means, new_id())


def refuse(connection: sqlite3.Connection, request: Request, reason: str, now: float) -> Result:
    """Write down that somebody may not do what they wished."""
    incident = connection.execute("SELECT * FROM incidents WHERE id = ?", (request.incident_id,)).fetchone()
    return _refused(connection, request, incident, reason, now)


def _acknowledge(
    connection: sqlite3.Connection, request: Request, incident: sqlite3.Row, now: float
) -> Result:
    if incident["acknowledged_at"] is not None:
        return Result(outcome="already", words=f"already acknowledged by {incident['acknowledged_by']}")
    _take_on(connection, request, now)
    return Result(outcome="done", words=f"acknowledged by {_name(request)}")


def _take_on(connection: sqlite3.Connection, request: Request, now: float) -> None:
    """Write down who has taken an incident on; of a digest, all that it tells of."""
    told = connection.execute(
        "SELECT id, rank FROM incidents WHERE id = :id UNION ALL SELECT i.id, i.rank"
        " FROM members m JOIN incidents i ON i.id = m.incident_id"
        " WHERE m.digest_id = :id AND i.closed_at IS NULL AND i.acknowledged_at IS NULL",
        {"id": request.incident_id},
    ).fetchall()
    for incident in told:
        connection.execute(
            "UPDATE incidents SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ?",
            (now, _name(request), incident["id"]),
        )
        # How urgent it was is remembered: `timers` lifts what was said of something less urgent.
        detail = {**_signed(request), "severity": timers.severity_of(incident["rank"])}
        incidents.change(connection, incident["id"], "acknowledged", detail, now)


def _silence(
    connection: sqlite3.Connection,
    request: Request,
    incident: sqlite3.Row,
    now: float,
    means: Means,
    mark: str,
) -> Result:
    """Ask for a silence or its end; `silences` brings it to Alertmanager."""
    if incident["source"] not in means.silenceable:
        reason = "the bridge does not know an Alertmanager of this source (alertmanager.url)"
        return _refused(connection, request, incident, reason, now)
    wish = connection.execute(
        "SELECT until FROM silences WHERE incident_id = ?", (request.incident_id,)
    ).fetchone()
    until = None
    if request.action == "silence":
        seconds = request.seconds or 0.0
        if not MIN_SILENCE_SECONDS <= seconds <= MAX_SILENCE_SECONDS:
            reason = f"a silence lasts from 1 minute to 24 hours, found {seconds:g} seconds"
            return _refused(connection, request, incident, reason, now)
        if not labels_of(incident):
            reason = "its group has no labels, and a silence without any would silence everything"
            return _refused(connection, request, incident, reason, now)
        until = now + seconds
        if incident["acknowledged_at"] is None:
            # Whoever silences something has seen it: nobody else needs to be woken for it.
            _take_on(connection, request, now)
    elif wish is None or wish["until"] is None or wish["until"] <= now:
        return Result(outcome="already", words="it is not silenced")
    connection.execute(
        """
        INSERT INTO silences (incident_id, version, until, wanted_by, wanted_at, mark, settled, due_at)
        VALUES (:id, 1, :until, :by, :now, :mark, 0, 0)
        ON CONFLICT (incident_id) DO UPDATE SET
            version = version + 1, until = :until, wanted_by = :by, wanted_at = :now, settled = 0,
            failures = 0, due_at = 0
        """,
        {"id": request.incident_id, "until": until, "by": _name(request), "now": now, "mark": mark},
    )
    audit.write(
        connection,
        "silence_requested",
        at=now,
        incident_id=request.incident_id,
        source=incident["source"],
        detail={**_signed(request), "until": until},
    )
    words = "Alertmanager is asked for a silence" if until else "Alertmanager is asked to end the silence"
    return Result(outcome="done", words=words)


def _retrain(
    connection: sqlite3.Connection, request: Request, incident: sqlite3.Row, now: float, means: Means
) -> Result:
    """Ask the destinations that retrain, by a row of their own."""
    if not means.retraining:
        reason = "no destination retrains (destinations: kind: retraining)"
        return _refused(connection, request, incident, reason, now)
    asked = connection.execute(
        "SELECT 1 FROM audit WHERE incident_id = ? AND kind = 'retraining_requested'", (request.incident_id,)
    ).fetchone()
    if asked is not None:
        return Result(outcome="already", words="a retraining was requested for it already")
    incidents.change(connection, request.incident_id, "retraining_requested", _signed(request), now)
    for name in means.retraining:
        # One that is told of every incident anyway has a row already, and reads the wish from its lines.
        timers.show(connection, request.incident_id, name, now)
    return Result(outcome="done", words=f"retraining requested by {_name(request)}")


def labels_of(incident: sqlite3.Row) -> Mapping[str, str]:
    """What a silence of an incident has to match: the labels of its group."""
    labels = json.loads(incident["group_labels"])
    return {name: value for name, value in labels.items() if value} if isinstance(labels, dict) else {}


def _refused(
    connection: sqlite3.Connection,
    request: Request,
    incident: sqlite3.Row | None,
    reason: str,
    now: float,
) -> Result:
    audit.write(
        connection,
        "action_refused",
        at=now,
        incident_id=None if incident is None else request.incident_id,
        source="" if incident is None else incident["source"],
        detail={**_signed(request), "action": request.action, "reason": reason},
    )
    return Result(outcome="refused", words=reason)


def _signed(request: Request) -> dict[str, object]:
    """Who it was, for the audit log."""
    signed: dict[str, object] = {"by": _name(request), "via": request.via}
    return {**signed, "user": request.user} if request.user else signed


def _name(request: Request) -> str:
    # A lone surrogate passes through JSON and blows up at the first encoding.
    name = clean(request.by).encode("utf-8", "replace").decode("utf-8")
    return name[:NAME_LENGTH] or "somebody"
