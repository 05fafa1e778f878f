"""What the retraining service has done for the demo's model: asked over HTTP, as anybody could."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .status import Fetch, fetch_text

LOOK_SECONDS = 0.5
"""Half a day of the replay."""

UNDER_WAY = ("requested", "running", "evaluating")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The retraining that the demo is about: the first that was not refused.

    Attributes
    ----------
    state : str
        requested, running, evaluating, succeeded, refused or failed.
    since : float
        When the change began, in real seconds since 1970.
    requested_at, decided_at, ended_at : float or None
        In real seconds since 1970.
    alerts, features : tuple of str
        What the alerts were, and about which features.
    waits, runs_because : str
        Words of the first decision that waited, and of the one to run; empty before.
    reasons : str
        Why it stands where it stands.
    result : mapping
        Paths, metrics and comparison of a candidate that passed.
    """

    state: str
    since: float
    requested_at: float
    decided_at: float | None = None
    ended_at: float | None = None
    alerts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    waits: str = ""
    runs_because: str = ""
    reasons: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


def read_run(text: str) -> Run | None:
    """The run in an answer of /retraining/history that the demo is about; None before there is one."""
    runs = json.loads(text)["runs"]
    if not runs:
        return None
    # A cause that was refused, since no trigger answers it for example, is not what the demo waits for.
    first = min(runs, key=lambda run: (run["state"] == "refused", run["run_id"]))
    events = first.get("events", [])
    cause = first["cause"]
    since, requested = _seconds(cause["since"]), _seconds(first["requested_at"])
    assert since is not None and requested is not None  # noqa: PT018 - the service always has both
    return Run(
        state=first["state"],
        since=since,
        requested_at=requested,
        decided_at=_seconds(first["started_at"]),
        ended_at=_seconds(first["ended_at"]),
        alerts=tuple(cause["alert_names"]),
        features=tuple(cause["features"]),
        waits=_words_of(events, "wait"),
        runs_because=_words_of(events, "run"),
        reasons="; ".join(reason["words"] for reason in first["reasons"]),
        result=first["result"] or {},
    )


class RunWatcher:
    """Looks at the retraining service now and then, in a thread of its own.

    Parameters
    ----------
    url : str
        The service's base address.
    fetch : callable
        Replaced in tests.
    """

    def __init__(self, url: str, fetch: Fetch = fetch_text) -> None:
        self._url = f"{url}/retraining/history?since=1d"
        self._fetch = fetch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="demo-retraining", daemon=True)
        self.run: Run | None = None

    def look(self) -> None:
        """Ask once; no answer leaves things as they were."""
        text = self._fetch(self._url)
        if text is not None:
            self.run = read_run(text) or self.run

    def start(self) -> Callable[[], None]:
        """Look until the returned function is called."""
        self._thread.start()
        return self._stop.set

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()


def _words_of(events: list[dict[str, Any]], kind: str) -> str:
    """Words of the reasons of the first event of a kind."""
    found = next((event for event in events if event["kind"] == kind), {})
    return "; ".join(reason["words"] for reason in found.get("reasons", ()))


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
