"""GET /incidents and POST /incidents/{id}/{action}: the same actions for people and programs without Slack.

Whoever shows a token of `access` may act; with no tokens at all, whoever reaches the loopback address. A
browser on that machine must not be made to act by a foreign page: a request with an Origin, or with a body
that is not declared as JSON, is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import actions, clicks, database
from .access import CHALLENGE, Gate
from .actions import VIAS, Result
from .buttons import ACTIONS, HOUR, MAX_SILENCE_SECONDS, Action
from .desk import Desk
from .errors import OutboxError
from .incident_list import MAX_LISTED, listing

MAX_BODY_BYTES: Final = 16 << 10
BODY_SECONDS: Final = 10.0
MAX_KEY_LENGTH: Final = 200
MAX_INCIDENT_DIGITS: Final = 18
_STATUS: Final = {"done": 200, "already": 200, "refused": 409}


class _BadRequestError(Exception):
    """A request that cannot be taken: its HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(kw_only=True)
class ActionApi:
    """The handlers.

    Parameters
    ----------
    desk : Desk
    gate : Gate or None
        Who may act; None if nobody may, since others reach the address and there is no shared token.
    readers : Gate
        Who may read.
    """

    desk: Desk
    gate: Gate | None
    readers: Gate

    def routes(self) -> list[Route]:
        """The list, and an address for each action."""
        return [
            Route("/incidents", self.incidents, methods=["GET"]),
            Route("/incidents/{incident}/{action}", self.act, methods=["POST"]),
        ]

    async def incidents(self, request: Request) -> Response:
        """What is open, and with `all=1` what has ended too, newest first."""
        if not self.readers.admits(request.headers.get("authorization", "")):
            return _unauthorized()
        with_closed = request.query_params.get("all") == "1"
        try:
            found = await asyncio.to_thread(self._list, with_closed)
        except OutboxError:
            return _error(503, "the state cannot be read now")
        return JSONResponse({"incidents": found}, headers={"Cache-Control": "no-store"})

    async def act(self, request: Request) -> Response:
        """Take one action."""
        try:
            wish, key, digest = await self._wish(request)
            result = await self.desk.take(lambda connection: self._take(connection, wish, key, digest))
        except _BadRequestError as error:
            return _unauthorized() if error.status == 401 else _error(error.status, error.message)
        except ClientDisconnect:
            return _error(400, "the sender went away")
        except TimeoutError:
            return _error(408, "the body did not come in time")
        except OutboxError:
            return _error(503, "cannot store now, come again")
        self.desk.done(wish.action, wish.via, result)
        return JSONResponse(
            {"outcome": result.outcome, "message": result.words, "incident": wish.incident_id},
            status_code=_STATUS[result.outcome],
        )

    async def _wish(self, request: Request) -> tuple[actions.Request, str, str]:
        """What is asked for, its idempotency key, and a digest that tells it from another wish."""
        self._admit(request)
        incident, action = request.path_params["incident"], request.path_params["action"]
        if not (incident.isascii() and incident.isdecimal() and len(incident) <= MAX_INCIDENT_DIGITS):
            raise _BadRequestError(404, "incident: found no number, need one of /incidents")
        if action not in ACTIONS:
            raise _BadRequestError(404, f"action: found an unknown one, need one of {', '.join(ACTIONS)}")
        key = request.headers.get("idempotency-key", "")
        if len(key) > MAX_KEY_LENGTH:
            raise _BadRequestError(400, f"idempotency-key: need at most {MAX_KEY_LENGTH} characters")
        wish = _read(await asyncio.wait_for(_json(request), BODY_SECONDS), int(incident), action)
        digest = hashlib.sha256(json.dumps(asdict(wish), sort_keys=True).encode()).hexdigest()
        return wish, f"http:{hashlib.sha256(key.encode()).hexdigest()}" if key else "", digest

    def _admit(self, request: Request) -> None:
        """Refuse who may not act, and what a web page could send."""
        headers = request.headers
        if self.gate is None:
            raise _BadRequestError(403, "found no token in access, need one: others can reach this address")
        if not self.gate.admits(headers.get("authorization", "")):
            raise _BadRequestError(401, "found no valid token")
        if "origin" in headers:
            raise _BadRequestError(403, "found a request of a web page, need one of a program")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise _BadRequestError(415, "content-type: need application/json")

    def _take(self, connection: sqlite3.Connection, wish: actions.Request, key: str, digest: str) -> Result:
        """Act on a wish, inside its transaction; one that was taken before gets the answer of then."""
        known = clicks.recall(connection, key) if key else None
        if known is not None:
            before = json.loads(known)
            if before["digest"] != digest:
                raise _BadRequestError(
                    409, "idempotency-key: found it used for another request, need a new one"
                )
            return Result(outcome=before["outcome"], words=before["words"])
        now = self.desk.clock()
        result = actions.perform(connection, wish, now=now, means=self.desk.means)
        if key:
            clicks.remember(connection, key, json.dumps({**asdict(result), "digest": digest}), now)
        return result

    def _list(self, with_closed: bool) -> list[dict[str, object]]:
        with database.reader(self.desk.database.path) as connection:
            return listing(connection, with_closed=with_closed, limit=MAX_LISTED)


async def _json(request: Request) -> Mapping[str, Any]:
    """The JSON object in a body."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _BadRequestError(
                413, f"found a body of more than {MAX_BODY_BYTES} bytes, need a smaller one"
            )
        chunks.append(chunk)
    try:
        document = json.loads(b"".join(chunks).decode("utf-8"))
    except (ValueError, RecursionError):
        raise _BadRequestError(400, "body: found no valid JSON, need an object with the key by") from None
    if not isinstance(document, dict):
        raise _BadRequestError(400, "body: found no object, need one with the key by")
    return document


def _read(body: Mapping[str, Any], incident_id: int, action: Action) -> actions.Request:
    """The wish in a body."""
    by, via, seconds = body.get("by"), body.get("via", "http"), body.get("seconds")
    if not isinstance(by, str) or not by.strip():
        raise _BadRequestError(400, "by: found nothing, need a name")
    if via not in VIAS[1:]:
        raise _BadRequestError(400, f"via: need one of {', '.join(VIAS[1:])}")
    if action == "silence":
        seconds = HOUR if seconds is None else seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _BadRequestError(400, "seconds: need a number")
        try:
            float(seconds)  # an integer of JSON can be larger than any float
        except OverflowError:
            limit = f"{MAX_SILENCE_SECONDS:.0f}"
            raise _BadRequestError(
                400, f"seconds: found a number of hundreds of digits, need {limit} at most"
            ) from None
    elif seconds is not None:
        raise _BadRequestError(400, "seconds: found them, need none but for a silence")
    return actions.Request(action=action, incident_id=incident_id, by=by, via=via, seconds=seconds)


def _unauthorized() -> Response:
    return JSONResponse({"error": "need a token"}, status_code=401, headers={"WWW-Authenticate": CHALLENGE})


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
