"""/healthz, /readyz, /metrics and /history: what people, probes and Prometheus read."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import audit, database, outbox
from .access import CHALLENGE, Gate
from .audit import Entry
from .database import Database
from .errors import ConfigError, OutboxError
from .incident_list import listing
from .outbox import Backlog

DEFAULT_SINCE: Final = "24h"
PAGE_ENTRIES: Final = 500
"""Entries on the page; JSON has up to `audit.MAX_ENTRIES`."""
PAGE_INCIDENTS: Final = 100
"""Open incidents on the page; /incidents has up to a thousand."""
READY_SECONDS: Final = 2.0
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_SINCE: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; }
h1 { font-size: 1.2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid #8884; vertical-align:
top; } td { overflow-wrap: anywhere; } td:first-child, td:nth-child(4) { white-space: nowrap; } .quiet {
opacity: .7; } .scroll { overflow-x: auto; } .bad { color: #d7263d; }
"""


def parse_since(text: str) -> float:
    """Seconds of a span such as 90m, 24h or 7d.

    Raises
    ------
    ConfigError
        If it is not one.

    Examples
    --------
    >>> parse_since("90m")
    5400.0
    """
    match = _SINCE.fullmatch(text)
    if match is None:
        raise ConfigError(f"since: found {text[:20]!r}, need a number with s, m, h, d or w, such as 24h")
    return int(match[1]) * _SECONDS[match[2]]


def as_json(entry: Entry) -> dict[str, object]:
    """An entry of the audit log with its time as text."""
    return {**asdict(entry), "at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")}


@dataclass(kw_only=True)
class Pages:
    """The handlers.

    Parameters
    ----------
    database : Database
    exposition : callable
        The text of /metrics.
    receivers : sequence of str
        Names of the destinations.
    gate : Gate
        Who may read /metrics and /history.
    open_metrics : bool
        Whether /metrics is open to everybody.
    alive : callable
        Whether every delivery loop runs.
    clock : callable
    """

    database: Database
    exposition: Callable[[], bytes]
    receivers: Sequence[str]
    gate: Gate
    open_metrics: bool
    alive: Callable[[], bool]
    clock: Callable[[], float] = time.time

    def routes(self) -> list[Route]:
        """The reading paths."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/history", self.history),
        ]

    async def health(self, _: Request) -> Response:
        """200 while the process works; a restart would help if it does not."""
        if self.alive():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("a delivery loop has ended\n", status_code=503)

    async def ready(self, _: Request) -> Response:
        """200 if a notification could be stored now, with what waits for whom.

        A receiver that refuses everything does not make the bridge unready: what comes in is still kept.
        """
        try:
            read = self.database.write(lambda connection: outbox.backlog(connection, self.receivers))
            waiting = await asyncio.wait_for(asyncio.wrap_future(read), READY_SECONDS)
        except (OutboxError, TimeoutError):
            return JSONResponse({"ready": False, "reason": "the state cannot be written"}, status_code=503)
        return JSONResponse({"ready": True, "receivers": {name: _waits(waiting[name]) for name in waiting}})

    async def metrics(self, request: Request) -> Response:
        """The bridge's own metrics."""
        if not self.open_metrics and not self._admits(request):
            return _unauthorized()
        text = await asyncio.to_thread(self.exposition)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def history(self, request: Request) -> Response:
        """The audit log as a page, or as JSON with `format=json`."""
        if not self._admits(request):
            return _unauthorized()
        query = request.query_params
        model = query.get("model") or None
        wants_json = query.get("format") == "json"
        try:
            since = self.clock() - parse_since(query.get("since", DEFAULT_SINCE))
            limit = audit.MAX_ENTRIES if wants_json else PAGE_ENTRIES
            entries, opened = await asyncio.to_thread(self._entries, since, model, limit)
        except ConfigError as error:
            return PlainTextResponse(f"{error}\n", status_code=400, headers=_HEADERS)
        except OutboxError:
            return PlainTextResponse("the state cannot be read now\n", status_code=503, headers=_HEADERS)
        if wants_json:
            return JSONResponse({"entries": [as_json(entry) for entry in entries]}, headers=_HEADERS)
        return HTMLResponse(
            _page(entries, opened, query.get("since", DEFAULT_SINCE), model), headers=_HEADERS
        )

    def _entries(
        self, since: float, model: str | None, limit: int
    ) -> tuple[list[Entry], list[dict[str, object]]]:
        """What happened, and what is open now."""
        with database.reader(self.database.path) as connection:
            entries = audit.read(connection, since=since, model=model, limit=limit)
            opened = listing(connection, limit=PAGE_INCIDENTS)
        return entries, [incident for incident in opened if model in (None, incident["model"])]

    def _admits(self, request: Request) -> bool:
        return self.gate.admits(request.headers.get("authorization", ""))


def _waits(backlog: Backlog) -> Mapping[str, object]:
    return {"pending": backlog.pending, "parked": backlog.parked}


def _unauthorized() -> Response:
    return PlainTextResponse("need a token\n", status_code=401, headers={"WWW-Authenticate": CHALLENGE})


def _page(
    entries: Sequence[Entry], opened: Sequence[Mapping[str, object]], since: str, model: str | None
) -> str:
    """What is open and what happened, as two tables."""
    about = f"The last {escape(since)}" + (f", model {escape(model)}" if model else "")
    rows = "".join(_row(entry) for entry in entries) or '<tr><td class="quiet">Nothing happened.</td></tr>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>driftgauge history</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{_opened(opened)}<h1>What happened</h1>"
        f'<p class="quiet">{about}, newest first, times in UTC. As JSON: add <code>?format=json</code>;'
        " also <code>?since=7d</code> and <code>?model=NAME</code>.</p>"
        '<div class="scroll"><table><tr><th>When</th><th>What</th><th>Incident</th><th>Model</th>'
        f"<th>Details</th></tr>{rows}</table></div></body></html>"
    )


def _opened(incidents: Sequence[Mapping[str, object]]) -> str:
    """The open incidents: which, since when, and who has taken them on."""
    if not incidents:
        return "<h1>Nothing is open</h1>"
    rows = "".join(
        f"<tr><td>{_minute(incident['began_at'])}</td><td>{_text(incident['severity'])}</td>"
        f"<td>{_text(incident['id'])} {_text(incident['title'])}</td>"
        f"<td>{_text(incident['model'])} {_text(incident['version'])}</td><td>{_taken(incident)}</td></tr>"
        for incident in incidents
    )
    return (
        "<h1>Open incidents</h1>"
        '<p class="quiet">As JSON, and for acting: <code>/incidents</code>; see docs/bridge.md.</p>'
        '<div class="scroll"><table><tr><th>Since</th><th>Severity</th><th>Incident</th><th>Model</th>'
        f"<th>State</th></tr>{rows}</table></div>"
    )


def _taken(incident: Mapping[str, object]) -> str:
    """Who has taken an incident on, until when it is silenced, and how many of its alerts fire."""
    parts = [f"{_text(incident['firing'])} firing"]
    if incident["acknowledged_at"] is not None:
        name = _text(incident["acknowledged_by"])
        parts.append(f"acknowledged by {name} at {_minute(incident['acknowledged_at'])}")
    else:
        parts.append('<b class="bad">not acknowledged</b>')
    if incident["silenced_until"] is not None:
        parts.append(f"silenced until {_minute(incident['silenced_until'])}")
    return ", ".join(parts)


def _text(value: object) -> str:
    return escape(str(value))


def _minute(value: object) -> str:
    """A time as JSON has it, to the minute."""
    return _text(value)[:16].replace("T", " ")


_BAD: Final = ("parked", "refused", "repeated", "quarantined", "action_refused", "silence_failed")


def _row(entry: Entry) -> str:
    incident = f"{entry.incident_id} {entry.title}" if entry.incident_id is not None else ""
    detail = {name: value for name, value in entry.detail.items() if value not in ([], "", None)}
    words = ", ".join(
        f"{name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in detail.items()
    )
    where = " ".join(part for part in (entry.source, entry.destination) if part)
    kind = (
        f'<b class="bad">{escape(entry.kind)}</b>' if entry.kind in _BAD else f"<b>{escape(entry.kind)}</b>"
    )
    return (
        f"<tr><td>{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S}</td>"
        f'<td>{kind} <span class="quiet">{escape(where)}</span></td><td>{escape(incident)}</td>'
        f"<td>{escape(', '.join(entry.models))}</td><td>{escape(words)}</td></tr>"
    )
